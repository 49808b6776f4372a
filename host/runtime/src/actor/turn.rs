//! One turn of an actor: what it reads, what it changes, and how that becomes a batch.
//!
//! Nothing of a turn that fails is kept but the failure.

use std::collections::{BTreeMap, HashMap};

use host_base::{ActorKey, Digest, Entity, Failure, Outcome, Payload, Timestamp, WorkflowKey};
use host_engine::{Interrupt, LogLevel};
use host_store::records::{Call, EventRaised, MailKind, OutcomeRecord, Reply};

use crate::core::Core;
use crate::dedup::Calls;
use crate::draft::Draft;
use crate::observer::{Happening, Speaker};
use crate::start::NewWorkflow;
use crate::starts::StartPermit;
use crate::topics::TopicOp;

/// An actor's state in memory, and what its present turn has done so far.
#[derive(Default)]
pub(crate) struct Turn {
    /// Values as of the last turn; `None`: the store has none.
    state: HashMap<String, Option<Payload>>,
    state_bytes: usize,
    pub(crate) now: Timestamp,
    calls: Option<Calls>,
    writes: Writes,
    /// Why the host ended the turn, where that says more than that it did.
    stop: Option<Failure>,
}

/// What a turn changes.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) state: BTreeMap<String, Option<Payload>>,
    pub(crate) messages: Vec<(ActorKey, Call)>,
    pub(crate) events: Vec<(WorkflowKey, EventRaised)>,
    pub(crate) starts: Vec<(NewWorkflow, StartPermit)>,
    pub(crate) topics: Vec<TopicOp>,
    pub(crate) lines: Vec<(LogLevel, String)>,
    /// Of values and inputs, so far.
    pub(crate) bytes: usize,
}

impl Writes {
    /// Messages, events, starts, and what has to do with topics.
    pub(crate) fn sent(&self) -> usize {
        self.messages.len() + self.events.len() + self.starts.len() + self.topics.len()
    }
}

impl Turn {
    pub(crate) fn begin(&mut self, now: Timestamp, calls: Calls) {
        self.now = now;
        self.calls = Some(calls);
        self.writes = Writes::default();
        self.stop = None;
    }

    /// Ends the turn with this failure.
    pub(crate) fn stop(&mut self, failure: Failure) -> Interrupt {
        let text = failure.message.clone();
        self.stop = Some(failure);
        Interrupt(text)
    }

    /// What the host ended the turn with.
    pub(crate) fn take_stop(&mut self) -> Option<Failure> {
        self.stop.take()
    }

    /// Ends the turn. What it wrote is the actor's state from now on, if it succeeded.
    pub(crate) fn end(&mut self, succeeded: bool) -> Writes {
        let writes = std::mem::take(&mut self.writes);
        if !succeeded {
            return Writes {
                lines: writes.lines,
                ..Writes::default()
            };
        }
        for (key, value) in &writes.state {
            self.remember(key, value.clone());
        }
        writes
    }

    /// The value under a key, if it is known here: `Some(None)` where there is none.
    pub(crate) fn known(&self, key: &str) -> Option<Option<Payload>> {
        let written = self.writes.state.get(key);
        written.or_else(|| self.state.get(key)).cloned()
    }

    /// Keeps what was read or written.
    pub(crate) fn remember(&mut self, key: &str, value: Option<Payload>) {
        let size = |value: &Option<Payload>| value.as_ref().map_or(0, Vec::len);
        self.state_bytes += size(&value);
        match self.state.get_mut(key) {
            Some(held) => {
                self.state_bytes -= size(held);
                *held = value;
            }
            None => {
                self.state_bytes += key.len();
                self.state.insert(key.to_owned(), value);
            }
        }
    }

    /// Bytes of state in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.state_bytes
    }

    /// Drops all state from memory.
    pub(crate) fn forget(&mut self) {
        self.state = HashMap::new();
        self.state_bytes = 0;
    }

    /// What the present turn changes.
    pub(crate) fn writes(&mut self) -> &mut Writes {
        &mut self.writes
    }

    /// The key of the turn's next call.
    pub(crate) fn call_key(
        &mut self,
        target: &ActorKey,
        method: &str,
        input: &[u8],
    ) -> Option<Digest> {
        self.calls.as_mut()?.key(target, method, input)
    }
}

/// What one turn changes, in the making.
pub(crate) struct Change<'a> {
    core: &'a Core,
    actor: &'a ActorKey,
    pub(crate) draft: Draft,
}

impl Change<'_> {
    pub(crate) fn new<'a>(core: &'a Core, actor: &'a ActorKey) -> Change<'a> {
        Change {
            core,
            actor,
            draft: Draft::default(),
        }
    }

    /// All that the turn's method wrote, sent and started. Starts before messages: an event may be for what
    /// they start. Topics before starts: the turn may have subscribed to what they tell.
    pub(crate) fn write(&mut self, writes: Writes, now: Timestamp) {
        let Change { core, actor, draft } = self;
        for (key, value) in &writes.state {
            match value {
                Some(value) => draft.batch.put_state(actor, key, value),
                None => draft.batch.delete_state(actor, key),
            }
        }
        draft.topics.extend(writes.topics);
        for (new, permit) in writes.starts {
            draft.start(core, new, permit, now);
        }
        for (to, call) in writes.messages {
            draft.send(core, Entity::Actor(to), MailKind::Call(call));
        }
        for (to, event) in writes.events {
            draft.send(core, Entity::Workflow(to), MailKind::Raised(event));
        }
        draft.say(&Speaker::Actor(actor.clone()), writes.lines);
    }

    /// The message is handled; whoever waits for its result is sent it.
    pub(crate) fn finish_mail(&mut self, sequence: u64, call: Call, outcome: Outcome) {
        let Change { core, actor, draft } = self;
        let to = Entity::Actor((*actor).clone());
        draft.batch.delete_mail(&to, sequence);
        match (call.waiter, outcome) {
            (Some(waiter), outcome) => draft.resolve(core, &actor.tenant, waiter, outcome),
            (None, Ok(_)) => {}
            (None, Err(failure)) => draft.tell(Happening::MessageFailed {
                actor: (*actor).clone(),
                method: call.method,
                failure,
            }),
        }
    }

    /// Keeps the answer for a repeat, unless trying again may bring a better one. Says whether it did.
    pub(crate) fn keep_answer(&mut self, key: &Digest, outcome: &Outcome, now: Timestamp) -> bool {
        if outcome.as_ref().is_err_and(|failure| failure.retryable) {
            return false;
        }
        let reply = Reply {
            outcome: Some(OutcomeRecord::from(outcome.clone())),
            expires_ms: now.after(self.core.limits.reply_retention).0,
        };
        let tenant = &self.actor.tenant;
        self.draft.batch.put_reply(tenant, key, &reply);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Turn {
        let mut turn = Turn::default();
        turn.begin(Timestamp(1), Calls::of(None));
        turn
    }

    fn write(turn: &mut Turn, key: &str, value: Option<&str>) {
        let value = value.map(Payload::from);
        turn.writes().state.insert(key.to_owned(), value);
    }

    #[test]
    fn a_turn_sees_its_own_writes_and_a_failed_one_leaves_nothing() {
        let mut turn = begun();
        write(&mut turn, "a", Some("1"));
        assert_eq!(turn.known("a"), Some(Some("1".into())));
        assert!(turn.end(false).state.is_empty());
        assert_eq!(turn.known("a"), None);
    }

    #[test]
    fn the_next_turn_sees_what_was_written_and_deleted() {
        let mut turn = begun();
        write(&mut turn, "a", Some("1"));
        write(&mut turn, "b", None);
        assert_eq!(turn.end(true).state.len(), 2);
        turn.begin(Timestamp(2), Calls::of(None));
        assert_eq!(turn.known("a"), Some(Some("1".into())));
        assert_eq!(turn.known("b"), Some(None));
    }

    #[test]
    fn bytes_follow_what_is_kept() {
        let mut turn = begun();
        turn.remember("key", Some(vec![0; 10]));
        assert_eq!(turn.bytes(), 13);
        turn.remember("key", Some(vec![0; 4]));
        assert_eq!(turn.bytes(), 7);
        turn.forget();
        assert_eq!((turn.bytes(), turn.known("key")), (0, None));
    }
}

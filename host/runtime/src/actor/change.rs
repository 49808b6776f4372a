//! How what an actor's turn has changed becomes a batch and effects.

use std::time::Duration;

use host_base::{ActorKey, Digest, Entity, Outcome, Timestamp};
use host_store::records::{Call, Entered, MailKind, OutcomeRecord, Reminder, Reply};
use host_store::{StateValue, TimerKey, TimerOf};

use crate::actor::turn::Writes;
use crate::core::Core;
use crate::dedup::is_kept;
use crate::draft::Draft;
use crate::effect::Effect;
use crate::observer::{Happening, Speaker};

/// Expired values are deleted at the end of such a span, so that one whose time is put off again and again
/// costs a timer for each span only.
const EXPIRY_SPAN: Duration = Duration::from_secs(60);

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
        if writes.deleted {
            self.draft.batch.delete_actor(self.actor);
        }
        for (key, value) in writes.state {
            self.write_state(&key, value);
        }
        for (name, fires) in writes.disarmed {
            let timer = self.reminder_timer(name, fires);
            self.draft.batch.delete_timer(&timer);
        }
        for (name, reminder) in writes.reminders {
            self.write_reminder(name, reminder);
        }
        let Change { core, actor, draft } = self;
        draft.topics.extend(writes.topics);
        for (new, permit) in writes.starts {
            draft.start(core, new, permit, now);
        }
        for (id, delayed) in writes.delayed {
            draft.delay(id, &delayed);
        }
        for (to, kind) in writes.messages {
            draft.send(core, Entity::Actor(to), kind);
        }
        for (to, event) in writes.events {
            draft.send(core, Entity::Workflow(to), MailKind::Raised(event));
        }
        draft.say(&Speaker::Actor((*actor).clone()), writes.lines);
    }

    fn write_state(&mut self, key: &str, value: Option<StateValue>) {
        let batch = &mut self.draft.batch;
        let Some(value) = value else {
            return batch.delete_state(self.actor, key);
        };
        let expires = value.expires;
        batch.put_state(self.actor, key, value);
        if let Some(expires) = expires {
            let of = TimerOf::Expiry {
                actor: self.actor.clone(),
                key: key.to_owned(),
            };
            let due = span_end(expires);
            self.arm(TimerKey { due, of });
        }
    }

    fn write_reminder(&mut self, name: String, reminder: Option<Reminder>) {
        match reminder {
            Some(reminder) => {
                self.draft.batch.put_reminder(self.actor, &name, &reminder);
                let fires = Timestamp(reminder.fires_ms);
                let timer = self.reminder_timer(name, fires);
                self.arm(timer);
            }
            None => self.draft.batch.delete_reminder(self.actor, &name),
        }
    }

    fn reminder_timer(&self, name: String, due: Timestamp) -> TimerKey {
        let actor = self.actor.clone();
        let of = TimerOf::Reminder { actor, name };
        TimerKey { due, of }
    }

    fn arm(&mut self, timer: TimerKey) {
        self.draft.batch.put_timer(&timer);
        self.draft.effects.push(Effect::Arm(timer));
    }

    /// The message is handled; whoever waits for its result is sent it.
    pub(crate) fn finish_mail(&mut self, sequence: u64, call: Call, outcome: Outcome) {
        let to = Entity::Actor(self.actor.clone());
        self.draft.batch.delete_mail(&to, sequence);
        self.finish(call, outcome);
    }

    /// The delayed message is handled.
    pub(crate) fn finish_delayed(
        &mut self,
        id: &str,
        due: Timestamp,
        call: Call,
        outcome: Outcome,
    ) {
        self.take_delayed(id, due);
        self.finish(call, outcome);
    }

    /// The delayed message is not there any more.
    pub(crate) fn take_delayed(&mut self, id: &str, due: Timestamp) {
        let batch = &mut self.draft.batch;
        batch.delete_delayed(self.actor, id);
        let (actor, id) = (self.actor.clone(), id.to_owned());
        let of = TimerOf::Delayed { actor, id };
        batch.delete_timer(&TimerKey { due, of });
    }

    fn finish(&mut self, call: Call, outcome: Outcome) {
        let Change { core, actor, draft } = self;
        match call.waiter {
            Some(waiter) => draft.resolve(core, &actor.tenant, waiter, outcome),
            None => self.tell_failure(call.method, outcome),
        }
    }

    /// Nobody waits for the outcome: that it is a failure is told.
    pub(crate) fn tell_failure(&mut self, method: String, outcome: Outcome) {
        let actor = self.actor.clone();
        if let Err(failure) = outcome {
            self.draft.tell(Happening::MessageFailed {
                actor,
                method,
                failure,
            });
        }
    }

    /// Keeps the answer for a repeat, unless trying again may bring a better one. Says whether it did.
    pub(crate) fn keep_answer(
        &mut self,
        key: &Digest,
        outcome: &Outcome,
        entered: &[Entered],
        now: Timestamp,
    ) -> bool {
        if !is_kept(outcome) {
            return false;
        }
        let reply = Reply {
            outcome: Some(OutcomeRecord::from(outcome.clone())),
            expires_ms: now.after(self.core.limits.reply_retention).0,
            entered: entered.to_vec(),
        };
        let tenant = &self.actor.tenant;
        self.draft.batch.put_reply(tenant, key, &reply);
        true
    }
}

/// The end of the span in which `time` lies.
fn span_end(time: Timestamp) -> Timestamp {
    let span = Timestamp::default().after(EXPIRY_SPAN).0;
    Timestamp(time.0.checked_next_multiple_of(span).unwrap_or(u64::MAX))
}

//! One turn of an actor: what it reads and what it changes.
//!
//! Nothing of a turn that fails is kept but the failure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use host_base::{ActorKey, Digest, Entity, Failure, Payload, Timestamp, WorkflowKey};
use host_engine::{Interrupt, LogLevel, ReminderInfo};
use host_store::StateValue;
use host_store::records::{Delayed, EventRaised, MailKind, Reminder};

use crate::actor::reminders;
use crate::dedup::Calls;
use crate::locks::lock;
use crate::message_id::MessageId;
use crate::start::NewWorkflow;
use crate::starts::StartPermit;
use crate::topics::TopicOp;

/// An actor's state in memory, and what its present turn has done so far.
#[derive(Default)]
pub(crate) struct Turn {
    /// Values as of the last turn; `None`: the store has none.
    state: HashMap<String, Option<StateValue>>,
    /// Reminders as of the last turn; `None`: there is none.
    reminders: HashMap<String, Option<Reminder>>,
    /// Bytes of both.
    bytes: usize,
    /// Timers as of the last turn.
    timers: BTreeMap<String, Reminder>,
    pub(crate) now: Timestamp,
    /// Whether it may change nothing.
    pub(crate) only_reads: bool,
    /// How often the store was asked.
    pub(crate) store_reads: u32,
    calls: Option<Calls>,
    writes: Writes,
    /// Why the host ended the turn, where that says more than that it did.
    stop: Option<Failure>,
}

/// What a turn changes.
#[derive(Default)]
pub(crate) struct Writes {
    /// Whether all that the actor owned before is deleted.
    pub(crate) deleted: bool,
    pub(crate) state: BTreeMap<String, Option<StateValue>>,
    pub(crate) reminders: BTreeMap<String, Option<Reminder>>,
    pub(crate) timers: BTreeMap<String, Option<Reminder>>,
    pub(crate) messages: Vec<(ActorKey, MailKind)>,
    pub(crate) delayed: Vec<(MessageId, Delayed)>,
    pub(crate) events: Vec<(WorkflowKey, EventRaised)>,
    pub(crate) starts: Vec<(NewWorkflow, StartPermit)>,
    pub(crate) topics: Vec<TopicOp>,
    pub(crate) lines: Vec<(LogLevel, String)>,
    /// Of values and inputs, so far.
    pub(crate) bytes: usize,
    /// Whether the actor is to leave the memory.
    pub(crate) deactivate: bool,
    /// When the timers fire of reminders that are no more or have changed.
    pub(crate) disarmed: Vec<(String, Timestamp)>,
}

impl Writes {
    /// Messages, reminders, events, starts, and what has to do with topics.
    pub(crate) fn sent(&self) -> usize {
        let messages = self.messages.len() + self.delayed.len() + self.reminders.len();
        messages + self.events.len() + self.starts.len() + self.topics.len()
    }
}

impl Turn {
    pub(crate) fn begin(&mut self, now: Timestamp, calls: Calls) {
        self.now = now;
        self.only_reads = false;
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

    /// Ends the turn. What it wrote is the actor's state from now on, if it succeeded. `fired` is the
    /// reminder that caused it, as it is afterwards, unless the turn itself has changed it.
    pub(crate) fn end(
        &mut self,
        succeeded: bool,
        fired: Option<(String, Option<Reminder>)>,
    ) -> Writes {
        let mut writes = std::mem::take(&mut self.writes);
        if !succeeded {
            writes = Writes {
                lines: writes.lines,
                ..Writes::default()
            };
        }
        if let Some((name, next)) = fired
            && !writes.deleted
        {
            writes.reminders.entry(name).or_insert(next);
        }
        self.keep(&mut writes);
        writes
    }

    fn keep(&mut self, writes: &mut Writes) {
        if writes.deleted {
            writes.disarmed = self.armed();
            self.forget();
            self.timers.clear();
        }
        for (key, value) in &writes.state {
            self.remember(key, value.clone());
        }
        for (name, reminder) in &writes.reminders {
            if let Some(Some(before)) = self.reminders.get(name) {
                let fires = Timestamp(before.fires_ms);
                writes.disarmed.push((name.clone(), fires));
            }
            self.remember_reminder(name, reminder.clone());
        }
        for (name, timer) in std::mem::take(&mut writes.timers) {
            match timer {
                Some(timer) => self.timers.insert(name, timer),
                None => self.timers.remove(&name),
            };
        }
    }

    /// The reminders that are known here, each with when its timer fires.
    fn armed(&self) -> Vec<(String, Timestamp)> {
        let known = self.reminders.iter();
        let armed = known.filter_map(|(name, reminder)| {
            let fires = reminder.as_ref()?.fires_ms;
            Some((name.clone(), Timestamp(fires)))
        });
        armed.collect()
    }

    /// The value under a key, if it is known here: `Some(None)` where there is none.
    pub(crate) fn known(&self, key: &str) -> Option<Option<Payload>> {
        let written = self.writes.state.get(key);
        let held = match written {
            None if self.writes.deleted => return Some(None),
            None => self.state.get(key)?,
            Some(written) => written,
        };
        Some(self.present(held.as_ref()))
    }

    /// The value's bytes, if it has not expired.
    pub(crate) fn present(&self, value: Option<&StateValue>) -> Option<Payload> {
        let value = value.filter(|value| value.is_there(self.now))?;
        Some(value.bytes.clone())
    }

    /// All that is known of the values whose keys begin with `prefix`, which the store may not have yet.
    pub(crate) fn known_under(&self, prefix: &str) -> BTreeMap<String, Option<StateValue>> {
        let held = (!self.writes.deleted).then_some(&self.state);
        let held = held.into_iter().flatten();
        let known = held.chain(&self.writes.state);
        let under = known.filter(|(key, _)| key.starts_with(prefix));
        under
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// A reminder, if it is known here.
    pub(crate) fn known_reminder(&self, name: &str) -> Option<Option<Reminder>> {
        match self.writes.reminders.get(name) {
            None if self.writes.deleted => Some(None),
            None => self.reminders.get(name).cloned(),
            written => written.cloned(),
        }
    }

    /// A reminder between two turns, if it is known here.
    pub(crate) fn reminder_as_of_last_turn(&self, name: &str) -> Option<Option<Reminder>> {
        self.reminders.get(name).cloned()
    }

    /// A value between two turns, if it is known here.
    pub(crate) fn value_as_of_last_turn(&self, key: &str) -> Option<Option<StateValue>> {
        self.state.get(key).cloned()
    }

    /// Drops all timers.
    pub(crate) fn forget_timers(&mut self) {
        self.timers.clear();
    }

    /// All that is known of reminders, which the store may not have yet.
    pub(crate) fn known_reminders(&self) -> BTreeMap<String, Option<Reminder>> {
        let held = (!self.writes.deleted).then_some(&self.reminders);
        let known = held.into_iter().flatten().chain(&self.writes.reminders);
        known
            .map(|(name, one)| (name.clone(), one.clone()))
            .collect()
    }

    /// Whether the turn has deleted what the actor owned before.
    pub(crate) fn has_deleted(&self) -> bool {
        self.writes.deleted
    }

    /// Whether there is a timer of that name.
    pub(crate) fn has_timer(&self, name: &str) -> bool {
        match self.writes.timers.get(name) {
            None => !self.writes.deleted && self.timers.contains_key(name),
            Some(timer) => timer.is_some(),
        }
    }

    /// Its timers before this turn, in the order of their names.
    pub(crate) fn timers(&self) -> Vec<ReminderInfo> {
        let timers = self.timers.iter();
        timers
            .map(|(name, timer)| reminders::info(name, timer))
            .collect()
    }

    /// How many timers there may be after this turn.
    pub(crate) fn timers_max(&self) -> usize {
        self.timers.len() + self.writes.timers.len()
    }

    /// When the next timer is due.
    pub(crate) fn wakes(&self) -> Option<Timestamp> {
        let due = self.timers.values().map(|timer| timer.fires_ms).min();
        due.map(Timestamp)
    }

    /// Takes a timer that is due.
    pub(crate) fn take_due_timer(&mut self, now: Timestamp) -> Option<(String, Reminder)> {
        let due = self
            .timers
            .iter()
            .filter(|(_, timer)| timer.fires_ms <= now.0);
        let first = due.min_by_key(|(_, timer)| timer.fires_ms);
        let name = first.map(|(name, _)| name.clone())?;
        self.timers.remove_entry(&name)
    }

    /// Whether the present turn has set or cancelled the timer of that name.
    pub(crate) fn changes_timer(&self, name: &str) -> bool {
        self.writes.deleted || self.writes.timers.contains_key(name)
    }

    /// A timer that has fired goes on.
    pub(crate) fn put_back_timer(&mut self, name: String, timer: Reminder) {
        self.timers.insert(name, timer);
    }

    /// Deletes all that the actor owns.
    pub(crate) fn delete(&mut self, actor: &ActorKey) {
        let writes = &mut self.writes;
        writes.deleted = true;
        writes.state.clear();
        writes.reminders.clear();
        writes.timers.clear();
        writes.delayed.retain(|(id, _)| id.to != *actor);
        // Behind what the turn has subscribed to, and before what it will.
        let forget = TopicOp::Forget(Entity::Actor(actor.clone()));
        writes.topics.push(forget);
    }

    /// Keeps what was read or written.
    pub(crate) fn remember(&mut self, key: &str, value: Option<StateValue>) {
        let size = |value: &Option<StateValue>| value.as_ref().map_or(0, |one| one.bytes.len());
        self.bytes += size(&value);
        match self.state.get_mut(key) {
            Some(held) => {
                self.bytes -= size(held);
                *held = value;
            }
            None => {
                self.bytes += key.len();
                self.state.insert(key.to_owned(), value);
            }
        }
    }

    /// Keeps a reminder that was read or set.
    pub(crate) fn remember_reminder(&mut self, name: &str, reminder: Option<Reminder>) {
        let size = |reminder: &Option<Reminder>| {
            let held = reminder.as_ref();
            held.map_or(0, |one| size_of::<Reminder>() + one.input.len())
        };
        self.bytes += size(&reminder);
        match self.reminders.get_mut(name) {
            Some(held) => {
                self.bytes -= size(held);
                *held = reminder;
            }
            None => {
                self.bytes += name.len();
                self.reminders.insert(name.to_owned(), reminder);
            }
        }
    }

    /// Bytes of state in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops from memory all that the store has, too.
    pub(crate) fn forget(&mut self) {
        self.state = HashMap::new();
        self.reminders = HashMap::new();
        self.bytes = 0;
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

    /// The call of that key came to nothing, and no answer to it is kept.
    pub(crate) fn call_came_to_nothing(&mut self, key: Digest) {
        if let Some(calls) = &mut self.calls {
            calls.came_to_nothing(key);
        }
    }
}

/// What a turn has changed so far.
struct Savepoint {
    deleted: bool,
    state: BTreeMap<String, Option<StateValue>>,
    reminders: BTreeMap<String, Option<Reminder>>,
    timers: BTreeMap<String, Option<Reminder>>,
    delayed: Vec<(MessageId, Delayed)>,
    messages: usize,
    events: usize,
    starts: usize,
    topics: usize,
    bytes: usize,
    deactivate: bool,
}

impl Savepoint {
    fn of(writes: &Writes) -> Savepoint {
        Savepoint {
            deleted: writes.deleted,
            state: writes.state.clone(),
            reminders: writes.reminders.clone(),
            timers: writes.timers.clone(),
            delayed: writes.delayed.clone(),
            messages: writes.messages.len(),
            events: writes.events.len(),
            starts: writes.starts.len(),
            topics: writes.topics.len(),
            bytes: writes.bytes,
            deactivate: writes.deactivate,
        }
    }

    fn restore(self, writes: &mut Writes) {
        writes.deleted = self.deleted;
        writes.state = self.state;
        writes.reminders = self.reminders;
        writes.timers = self.timers;
        writes.delayed = self.delayed;
        writes.messages.truncate(self.messages);
        writes.events.truncate(self.events);
        writes.starts.truncate(self.starts);
        writes.topics.truncate(self.topics);
        writes.bytes = self.bytes;
        writes.deactivate = self.deactivate;
    }
}

/// A call that has entered a turn again. What it changes is taken back unless it is kept.
pub(crate) struct Entered<'a> {
    turn: &'a Mutex<Turn>,
    savepoint: Option<Savepoint>,
}

impl Entered<'_> {
    pub(crate) fn begin(turn: &Mutex<Turn>) -> Entered<'_> {
        let savepoint = Some(Savepoint::of(&lock(turn).writes));
        Entered { turn, savepoint }
    }

    /// What it has changed is part of the turn.
    pub(crate) fn keep(mut self) {
        self.savepoint = None;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(savepoint) = self.savepoint.take() {
            savepoint.restore(&mut lock(self.turn).writes);
        }
    }
}

#[cfg(test)]
mod tests {
    use host_base::TenantId;

    use super::*;

    fn begun() -> Turn {
        let mut turn = Turn::default();
        turn.begin(Timestamp(1), Calls::of(None));
        turn
    }

    fn write(turn: &mut Turn, key: &str, value: Option<&str>) {
        let value = value.map(|text| Payload::from(text).into());
        turn.writes().state.insert(key.to_owned(), value);
    }

    #[test]
    fn a_turn_sees_its_own_writes_and_a_failed_one_leaves_nothing() {
        let mut turn = begun();
        write(&mut turn, "a", Some("1"));
        assert_eq!(turn.known("a"), Some(Some("1".into())));
        assert!(turn.end(false, None).state.is_empty());
        assert_eq!(turn.known("a"), None);
    }

    #[test]
    fn the_next_turn_sees_what_was_written_and_deleted() {
        let mut turn = begun();
        write(&mut turn, "a", Some("1"));
        write(&mut turn, "b", None);
        assert_eq!(turn.end(true, None).state.len(), 2);
        turn.begin(Timestamp(2), Calls::of(None));
        assert_eq!(turn.known("a"), Some(Some("1".into())));
        assert_eq!(turn.known("b"), Some(None));
    }

    #[test]
    fn a_value_is_hidden_from_the_time_on_at_which_it_expires() {
        let mut turn = begun();
        let value = StateValue {
            bytes: "1".into(),
            expires: Some(Timestamp(2)),
        };
        turn.remember("a", Some(value));
        assert_eq!(turn.known("a"), Some(Some("1".into())));
        turn.begin(Timestamp(2), Calls::of(None));
        assert_eq!(turn.known("a"), Some(None));
    }

    #[test]
    fn bytes_follow_what_is_kept() {
        let mut turn = begun();
        turn.remember("key", Some(vec![0; 10].into()));
        assert_eq!(turn.bytes(), 13);
        turn.remember("key", Some(vec![0; 4].into()));
        assert_eq!(turn.bytes(), 7);
        turn.remember_reminder("r", Some(Reminder::default()));
        turn.remember_reminder("r", None);
        assert_eq!(turn.bytes(), 8);
        turn.forget();
        assert_eq!((turn.bytes(), turn.known("key")), (0, None));
    }

    #[test]
    fn a_deleted_actor_has_what_was_written_afterwards_alone() {
        let mut turn = begun();
        turn.remember("old", Some(vec![0].into()));
        turn.remember_reminder("r", Some(Reminder::default()));
        write(&mut turn, "before", Some("1"));
        let actor = ActorKey::new(TenantId::default(), "T", "a").unwrap();
        turn.delete(&actor);
        write(&mut turn, "later", Some("2"));
        for gone in ["old", "before", "never"] {
            assert_eq!(turn.known(gone), Some(None), "{gone}");
        }
        assert_eq!(turn.known_reminder("r"), Some(None));
        let writes = turn.end(true, None);
        assert_eq!(writes.disarmed, [("r".to_owned(), Timestamp(0))]);
        assert_eq!(
            (turn.known("later"), turn.known("old")),
            (Some(Some("2".into())), None)
        );
    }

    #[test]
    fn what_entered_a_turn_again_and_failed_leaves_nothing() {
        let turn = Mutex::new(begun());
        write(&mut lock(&turn), "a", Some("1"));
        let entered = Entered::begin(&turn);
        write(&mut lock(&turn), "a", Some("2"));
        lock(&turn).writes().deactivate = true;
        drop(entered);
        assert_eq!(lock(&turn).known("a"), Some(Some("1".into())));
        assert!(!lock(&turn).writes().deactivate);
        let entered = Entered::begin(&turn);
        write(&mut lock(&turn), "a", Some("3"));
        entered.keep();
        assert_eq!(lock(&turn).known("a"), Some(Some("3".into())));
    }

    #[test]
    fn a_reminder_that_fired_goes_on_unless_its_turn_has_changed_it() {
        let next = Some(Reminder {
            fires_ms: 9,
            ..Reminder::default()
        });
        let mut turn = begun();
        turn.remember_reminder("r", Some(Reminder::default()));
        let writes = turn.end(false, Some(("r".to_owned(), next.clone())));
        assert_eq!(writes.reminders.get("r"), Some(&next));
        assert_eq!(writes.disarmed, [("r".to_owned(), Timestamp(0))]);
        turn.begin(Timestamp(9), Calls::of(None));
        turn.writes().reminders.insert("r".to_owned(), None);
        let writes = turn.end(true, Some(("r".to_owned(), next)));
        assert_eq!(writes.reminders.get("r"), Some(&None));
        assert_eq!(writes.disarmed, [("r".to_owned(), Timestamp(9))]);
    }
}

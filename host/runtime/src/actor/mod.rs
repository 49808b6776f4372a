//! Actors: one method at a time over durable state.
//!
//! Owns the order of an actor's turns and which answers it still knows. What one turn reads and changes is
//! in [`turn`], how that becomes a batch in [`change`]; the contract's functions are in [`imports`].

mod alarms;
mod change;
mod imports;
mod list;
mod read;
mod reminders;
mod run;
mod turn;
mod values;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::failure::code;
use host_base::{ActorKey, Digest, Entity, Failure, Outcome, Payload, TenantId, Timestamp};
use host_engine::{Interrupt, Plugin};
use host_store::records::{Call, Entered, Mail, MailKind, Reminder};
use host_store::{ReadError, TimerKey, TimerOf};

use crate::actor::alarms::Alarms;
use crate::actor::change::Change;
use crate::actor::run::{Method, Place, run, run_farewell};
use crate::actor::turn::{Turn, Writes};
use crate::chain::Chain;
use crate::core::Core;
use crate::dedup::{Calls, Cause};
use crate::draft::Draft;
use crate::effect::{Deed, Effect, Message, Order, Progress, StateChange, WaitingCall};
use crate::entity::live::{Standing, Turns};
use crate::limits;
use crate::locks::lock;
use crate::plugins::no_actor;

pub(crate) use read::read;
pub(crate) use reminders::info as reminder_info;

/// State that an actor keeps in memory between turns, in bytes; more is read anew by key.
const CACHE_BYTES_MAX: usize = 1 << 20;

/// The turns of one actor.
pub(crate) struct ActorTurns {
    core: Arc<Core>,
    key: ActorKey,
    turn: Arc<Mutex<Turn>>,
    activated: bool,
    /// Whether it is to leave the memory.
    leaves: bool,
    /// How long the actor type may be idle, as its plugin said at the last turn.
    idle: Option<Duration>,
    turns: u64,
    progress: Progress,
    /// Kept answers of turns that are not known to be durable, with the turn's number.
    unsettled: VecDeque<(u64, Digest, Kept)>,
    /// Delayed messages that are over in such turns.
    delivered: VecDeque<(u64, String)>,
}

/// An answer that is kept for a repeat.
#[derive(Clone)]
struct Kept {
    outcome: Outcome,
    /// The calls by which whoever waited for it was entered again.
    entered: Vec<Entered>,
}

/// Who wants a turn.
enum Asker {
    /// A message in the inbox, of this number.
    Mail(u64, Call),
    /// A caller that waits.
    Caller(Box<WaitingCall>),
    /// A reminder.
    Reminder(String, Reminder),
    /// A timer.
    Timer(String, Reminder),
    /// A delayed message of this id, which was due then.
    Delayed(String, Timestamp, Call),
}

impl Asker {
    fn method(&self) -> &str {
        match self {
            Asker::Mail(_, call) | Asker::Delayed(_, _, call) => &call.method,
            Asker::Caller(call) => &call.method,
            Asker::Reminder(_, alarm) | Asker::Timer(_, alarm) => &alarm.method,
        }
    }

    fn input(&self) -> &Payload {
        match self {
            Asker::Mail(_, call) | Asker::Delayed(_, _, call) => &call.input,
            Asker::Caller(call) => &call.input,
            Asker::Reminder(_, alarm) | Asker::Timer(_, alarm) => &alarm.input,
        }
    }

    /// What makes the turn happen again after a crash, if anything does.
    fn cause(&self, actor: &ActorKey) -> Option<Cause> {
        match self {
            Asker::Mail(sequence, _) => Some(Cause::mail(&Entity::Actor(actor.clone()), *sequence)),
            Asker::Caller(call) => call.key.map(Cause::call),
            Asker::Reminder(name, alarm) => {
                Some(Cause::reminder(actor, name, Timestamp(alarm.due_ms)))
            }
            Asker::Delayed(id, ..) => Some(Cause::delayed(actor, id)),
            Asker::Timer(..) => None,
        }
    }

    /// Who can be entered again in the turn.
    fn chain(&self) -> Option<&Chain> {
        match self {
            Asker::Caller(call) => call.chain.as_ref(),
            Asker::Mail(..) | Asker::Reminder(..) | Asker::Timer(..) | Asker::Delayed(..) => None,
        }
    }

    /// Whether somebody can be told that it has to be tried again later.
    fn can_be_refused(&self) -> bool {
        matches!(self, Asker::Caller(_))
    }
}

impl Turns for ActorTurns {
    async fn handle(&mut self, messages: Vec<Message>) -> Result<(), ReadError> {
        for message in messages {
            match message {
                Message::Mail(sequence, mail) => self.mail(sequence, *mail).await?,
                Message::Call(call) => self.call(call).await?,
                Message::Timer(timer, firing) => {
                    firing.end();
                    self.fire(*timer).await?;
                }
                Message::Order(order) => self.order(*order).await,
                // Its timers are looked at below.
                Message::Tick => {}
                // Nobody sends these to an actor.
                Message::Activity(_)
                | Message::Move(_)
                | Message::Look
                | Message::Ask(_)
                | Message::Mailed => {}
            }
        }
        self.run_timers().await
    }

    async fn farewell(&mut self) -> Result<bool, ReadError> {
        self.leaves = false;
        lock(&self.turn).forget_timers();
        let was_active = std::mem::take(&mut self.activated);
        let Ok(plugin) = self.plugin() else {
            return Ok(false);
        };
        let definition = plugin.manifest().actor(&self.key.actor_type);
        let is_told = definition.is_some_and(|definition| definition.deactivates);
        if !is_told || !was_active {
            return Ok(false);
        }
        lock(&self.turn).begin(self.core.clock.now(), Calls::of(None));
        let outcome = run_farewell(&self.core, &self.key, &self.turn, &plugin).await;
        let writes = lock(&self.turn).end(outcome.is_ok(), None);
        let now = lock(&self.turn).now;
        let mut change = Change::new(&self.core, &self.key);
        change.write(writes, now);
        change.tell_failure("deactivate".to_owned(), outcome);
        let draft = change.draft;
        self.commit(draft).await;
        Ok(true)
    }

    /// It has an instance only while a method runs.
    fn standing(&self) -> Standing {
        let turn = lock(&self.turn);
        Standing {
            bytes: size_of::<Self>() + self.key.id.len() + turn.bytes(),
            idle: self.idle,
            holds_place: false,
            has_ended: self.leaves,
            wakes: turn.wakes(),
        }
    }
}

impl ActorTurns {
    pub(crate) fn new(core: Arc<Core>, key: ActorKey) -> ActorTurns {
        let progress = Progress::of_stay(core.sequences.next());
        ActorTurns {
            core,
            key,
            turn: Arc::default(),
            activated: false,
            leaves: false,
            idle: None,
            turns: 0,
            progress,
            unsettled: VecDeque::new(),
            delivered: VecDeque::new(),
        }
    }

    /// How far the turns are.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    async fn mail(&mut self, sequence: u64, mail: Mail) -> Result<(), ReadError> {
        match mail.kind {
            Some(MailKind::Call(call)) => {
                let plugin = self.plugin();
                // It waits in the store until the plugin is there.
                if plugin.is_ok() || !self.may_be_missing() {
                    self.take_turn(Asker::Mail(sequence, call), plugin).await;
                }
            }
            Some(MailKind::CancelDelayed(id)) => self.cancel_delayed(sequence, id).await?,
            // Only a workflow is sent these; a newer host may send what this one does not know.
            Some(MailKind::Resolved(_) | MailKind::Raised(_) | MailKind::Control(_)) | None => {}
        }
        Ok(())
    }

    async fn call(&mut self, call: Box<WaitingCall>) -> Result<(), ReadError> {
        if call.answer.is_closed() {
            return Ok(());
        }
        if let Some(key) = call.key
            && let Some(kept) = self.kept_answer(&key)?
        {
            let outcome = again(&self.key.tenant, call.chain.as_ref(), kept).await;
            // The turn that gave it may still be on its way to the disk.
            let effects = vec![Effect::Answer(call.answer, outcome)];
            self.core.commit(Default::default(), effects).await;
            return Ok(());
        }
        let plugin = self.plugin();
        self.take_turn(Asker::Caller(call), plugin).await;
        Ok(())
    }

    fn kept_answer(&mut self, key: &Digest) -> Result<Option<Kept>, ReadError> {
        let settled = self.progress.settled();
        self.unsettled.retain(|(turn, ..)| *turn > settled);
        let unsettled = self.unsettled.iter().find(|(_, other, _)| other == key);
        if let Some((.., kept)) = unsettled {
            return Ok(Some(kept.clone()));
        }
        let reply = self.core.reader.reply(&self.key.tenant, key)?;
        Ok(reply.map(|reply| Kept {
            outcome: Outcome::from(reply.outcome.unwrap_or_default()),
            entered: reply.entered,
        }))
    }

    async fn take_turn(&mut self, asker: Asker, plugin: Result<Plugin, Failure>) {
        let now = self.core.clock.now();
        lock(&self.turn).begin(now, Calls::of(asker.cause(&self.key)));
        let entered_before = asker.chain().map_or(0, Chain::entered);
        let outcome = match &plugin {
            Ok(plugin) => self.run(plugin, &asker).await,
            Err(failure) => Err(failure.clone()),
        };
        // A method that only reads does not bring the actor in.
        self.activated |= outcome.is_ok() && !lock(&self.turn).only_reads;
        let writes = self.end_turn(&asker, outcome.is_ok());
        let entered = asker
            .chain()
            .map(|chain| chain.entered_since(entered_before, &self.key));
        let entered = entered.unwrap_or_default();
        let answer = Kept { outcome, entered };
        self.finish(asker, answer, writes).await;
        self.bound_cache().await;
    }

    async fn run(&mut self, plugin: &Plugin, asker: &Asker) -> Outcome {
        let definition = plugin.manifest().actor(&self.key.actor_type);
        self.idle = definition.and_then(|definition| definition.idle);
        let only_reads = definition.is_some_and(|one| one.only_reads(asker.method()));
        lock(&self.turn).only_reads = only_reads;
        let method = Method {
            activate: !self.activated && !only_reads,
            name: asker.method(),
            input: asker.input(),
            may_wait: !asker.can_be_refused(),
            place: Place {
                chain: asker.chain().cloned(),
                depth: 0,
            },
        };
        run(&self.core, &self.key, &self.turn, plugin, &method).await
    }

    /// What the turn changes, and what becomes of the reminder or timer that caused it.
    fn end_turn(&self, asker: &Asker, succeeded: bool) -> Writes {
        let mut turn = lock(&self.turn);
        let now = self.core.clock.now();
        match asker {
            Asker::Mail(..) | Asker::Caller(_) | Asker::Delayed(..) => turn.end(succeeded, None),
            Asker::Reminder(name, reminder) => {
                let next = reminders::after(reminder, succeeded, now);
                turn.end(succeeded, Some((name.clone(), next)))
            }
            Asker::Timer(name, timer) => {
                let changed = succeeded && turn.changes_timer(name);
                let writes = turn.end(succeeded, None);
                if let Some(next) = reminders::after(timer, succeeded, now)
                    && !changed
                {
                    turn.put_back_timer(name.clone(), next);
                }
                writes
            }
        }
    }

    /// Whether the actor type may be one of a plugin that was deployed and is not loaded.
    fn may_be_missing(&self) -> bool {
        self.core.plugins.misses_any(&self.key.tenant)
    }

    fn plugin(&self) -> Result<Plugin, Failure> {
        let ActorKey {
            tenant, actor_type, ..
        } = &self.key;
        let plugin = self.core.plugins.of_actor(tenant, actor_type);
        plugin.ok_or_else(|| no_actor(actor_type))
    }

    /// Everything that the turn changes, in one batch.
    async fn finish(&mut self, asker: Asker, answer: Kept, writes: Writes) {
        let Kept { outcome, entered } = answer;
        self.leaves |= writes.deactivate;
        let deleted = writes.deleted;
        let (turn, now) = (self.turns + 1, lock(&self.turn).now);
        let mut change = Change::new(&self.core, &self.key);
        change.write(writes, now);
        match asker {
            Asker::Mail(sequence, call) => change.finish_mail(sequence, call, outcome),
            Asker::Delayed(id, due, call) => {
                change.finish_delayed(&id, due, call, outcome);
                self.delivered.push_back((turn, id));
            }
            Asker::Reminder(_, alarm) | Asker::Timer(_, alarm) => {
                change.tell_failure(alarm.method, outcome);
            }
            Asker::Caller(call) => {
                if let Some(key) = call.key
                    && change.keep_answer(&key, &outcome, &entered, now)
                {
                    let outcome = outcome.clone();
                    let kept = Kept { outcome, entered };
                    self.unsettled.push_back((turn, key, kept));
                }
                let answer = Effect::Answer(call.answer, outcome);
                change.draft.effects.push(answer);
            }
        }
        let draft = change.draft;
        self.commit(draft).await;
        self.forget_if(deleted).await;
    }

    async fn commit(&mut self, mut draft: Draft) {
        self.turns += 1;
        self.progress.begin(self.turns);
        let settle = Effect::Settle(self.progress.clone(), self.turns);
        draft.effects.push(settle);
        self.core.commit_draft(draft).await;
    }

    /// A reminder, a delayed message or the end of a value is due. It may be told more than once.
    async fn fire(&mut self, timer: TimerKey) -> Result<(), ReadError> {
        let due = timer.due;
        match timer.of {
            TimerOf::Reminder { name, .. } => self.remind(name, due).await,
            TimerOf::Delayed { id, .. } => self.deliver(id, due).await,
            TimerOf::Expiry { key, .. } => self.expire(key, due).await,
            // Nobody tells an actor of these.
            TimerOf::Workflow { .. } | TimerOf::Retention { .. } => Ok(()),
        }
    }

    async fn remind(&mut self, name: String, due: Timestamp) -> Result<(), ReadError> {
        let known = lock(&self.turn).reminder_as_of_last_turn(&name);
        let reminder = match known {
            Some(known) => known,
            None => self.core.reader.reminder(&self.key, &name)?,
        };
        let plugin = self.plugin();
        if plugin.is_err() && self.may_be_missing() {
            return Ok(());
        }
        lock(&self.turn).remember_reminder(&name, reminder.clone());
        match reminder.filter(|reminder| reminder.fires_ms == due.0) {
            None => {
                self.disarm(TimerKey {
                    due,
                    of: TimerOf::Reminder {
                        actor: self.key.clone(),
                        name,
                    },
                })
                .await
            }
            Some(reminder) if reminders::is_skipped(&reminder, self.core.opened) => {
                self.skip(name, reminder).await;
            }
            Some(reminder) => {
                self.take_turn(Asker::Reminder(name, reminder), plugin)
                    .await
            }
        }
        Ok(())
    }

    /// The reminder does not fire this time.
    async fn skip(&mut self, name: String, reminder: Reminder) {
        let now = self.core.clock.now();
        let next = reminders::next(reminder, now);
        let writes = {
            let mut turn = lock(&self.turn);
            turn.begin(now, Calls::of(None));
            turn.end(true, Some((name, next)))
        };
        let mut change = Change::new(&self.core, &self.key);
        change.write(writes, now);
        let draft = change.draft;
        self.commit(draft).await;
    }

    /// Deletes a timer for which there is nothing to do any more.
    async fn disarm(&mut self, timer: TimerKey) {
        let mut draft = Draft::default();
        draft.batch.delete_timer(&timer);
        self.commit(draft).await;
    }

    async fn deliver(&mut self, id: String, due: Timestamp) -> Result<(), ReadError> {
        if self.is_delivered(&id) {
            return Ok(());
        }
        let plugin = self.plugin();
        if plugin.is_err() && self.may_be_missing() {
            return Ok(());
        }
        let delayed = self.core.reader.delayed(&self.key, &id)?;
        match delayed.and_then(|delayed| delayed.call) {
            Some(call) => self.take_turn(Asker::Delayed(id, due, call), plugin).await,
            None => {
                let actor = self.key.clone();
                let of = TimerOf::Delayed { actor, id };
                self.disarm(TimerKey { due, of }).await;
            }
        }
        Ok(())
    }

    /// Whether it is over in a turn that may not be durable yet.
    fn is_delivered(&mut self, id: &str) -> bool {
        let settled = self.progress.settled();
        self.delivered.retain(|(turn, _)| *turn > settled);
        self.delivered.iter().any(|(_, other)| other == id)
    }

    async fn cancel_delayed(&mut self, sequence: u64, id: String) -> Result<(), ReadError> {
        let delayed = match self.is_delivered(&id) {
            true => None,
            false => self.core.reader.delayed(&self.key, &id)?,
        };
        let mut change = Change::new(&self.core, &self.key);
        let to = Entity::Actor(self.key.clone());
        change.draft.batch.delete_mail(&to, sequence);
        if let Some(delayed) = delayed {
            change.take_delayed(&id, Timestamp(delayed.due_ms));
            self.delivered.push_back((self.turns + 1, id));
        }
        let draft = change.draft;
        self.commit(draft).await;
        Ok(())
    }

    /// Deletes a value that has expired, unless it was written again meanwhile.
    async fn expire(&mut self, key: String, due: Timestamp) -> Result<(), ReadError> {
        let known = lock(&self.turn).value_as_of_last_turn(&key);
        let value = match known {
            Some(known) => known,
            None => self.core.reader.state(&self.key, &key)?,
        };
        let mut draft = Draft::default();
        if value.is_some_and(|value| !value.is_there(self.core.clock.now())) {
            draft.batch.delete_state(&self.key, &key);
            lock(&self.turn).remember(&key, None);
        }
        let actor = self.key.clone();
        let of = TimerOf::Expiry { actor, key };
        draft.batch.delete_timer(&TimerKey { due, of });
        self.commit(draft).await;
        Ok(())
    }

    async fn run_timers(&mut self) -> Result<(), ReadError> {
        // Each once: what is due again meanwhile waits until the messages have had their turn.
        let now = self.core.clock.now();
        loop {
            let due = lock(&self.turn).take_due_timer(now);
            let Some((name, timer)) = due else {
                return Ok(());
            };
            let plugin = self.plugin();
            self.take_turn(Asker::Timer(name, timer), plugin).await;
        }
    }

    /// Does what was asked for without running the actor's code.
    async fn order(&mut self, order: Order) {
        let Order { what, answer } = order;
        let now = self.core.clock.now();
        lock(&self.turn).begin(now, Calls::of(None));
        let outcome = self.carry_out(what);
        let writes = lock(&self.turn).end(outcome.is_ok(), None);
        let deleted = writes.deleted;
        let mut change = Change::new(&self.core, &self.key);
        change.write(writes, now);
        let answer = Effect::Answer(answer, outcome);
        change.draft.effects.push(answer);
        let draft = change.draft;
        self.commit(draft).await;
        self.forget_if(deleted).await;
        self.bound_cache().await;
    }

    fn carry_out(&self, what: Deed) -> Outcome {
        let alarms = Alarms {
            core: &self.core,
            actor: &self.key,
            turn: &self.turn,
        };
        let refused = |Interrupt(text)| {
            let stopped = lock(&self.turn).take_stop();
            stopped.unwrap_or_else(|| limits::over_limit(Interrupt(text)))
        };
        match what {
            Deed::WriteState(changes) => {
                self.plugin()?;
                let limits = &self.core.limits_of(&self.key.tenant);
                for StateChange { key, value, ttl } in changes {
                    let mut turn = lock(&self.turn);
                    let written = values::write(limits, &mut turn, &key, value, ttl);
                    drop(turn);
                    written.map_err(refused)?;
                }
                Ok(Payload::new())
            }
            Deed::SetReminder(new) => {
                self.check_method(&new.alarm.method)?;
                alarms.set_reminder(new).map_err(refused)??;
                Ok(Payload::new())
            }
            Deed::SetTimer(alarm) => {
                self.check_method(&alarm.method)?;
                alarms.set_timer(alarm).map_err(refused)??;
                Ok(Payload::new())
            }
            Deed::CancelTimer(name) => {
                let was_there = alarms.cancel_timer(&name);
                Ok(was_there.to_string().into_bytes())
            }
            Deed::TellTimers(asker) => {
                // Whoever no longer waits does not want to know.
                drop(asker.send(lock(&self.turn).timers()));
                Ok(Payload::new())
            }
            Deed::CancelReminder(name) => {
                let was_there = alarms.cancel_reminder(&name).map_err(refused)?;
                Ok(was_there.to_string().into_bytes())
            }
            Deed::Delete => {
                lock(&self.turn).delete(&self.key);
                Ok(Payload::new())
            }
        }
    }

    fn check_method(&self, method: &str) -> Result<(), Failure> {
        let ActorKey {
            tenant, actor_type, ..
        } = &self.key;
        let plugins = &self.core.plugins;
        plugins.check_method(tenant, actor_type, method)
    }

    /// What was deleted must be gone from the store before it is asked for what memory does not know. Who comes
    /// after it is another, and is brought in anew.
    async fn forget_if(&mut self, deleted: bool) {
        if deleted {
            self.activated = false;
            // That the store is closed is told by whoever wants to write next.
            drop(self.core.settle().await);
        }
    }

    /// State beyond the bound is read from the store again, which must have it by then.
    async fn bound_cache(&self) {
        if lock(&self.turn).bytes() > CACHE_BYTES_MAX && self.core.settle().await.is_ok() {
            lock(&self.turn).forget();
        }
    }
}

/// A kept answer, given again: whoever waited for it was entered again before it was given, in a turn that did
/// not become durable, and so it is now.
async fn again(tenant: &TenantId, chain: Option<&Chain>, kept: Kept) -> Outcome {
    for Entered {
        actor_type,
        actor_id,
        method,
        input,
    } in kept.entered
    {
        let actor = ActorKey::new(tenant.clone(), actor_type, actor_id)?;
        let entered = match chain {
            // What it answers, the kept answer has regarded already.
            Some(chain) => chain.enter(&actor, &method, &input).await.is_some(),
            None => false,
        };
        if !entered {
            let text = format!("{actor} was entered again by this call, and cannot be now");
            return Err(Failure::new(code::REFUSED, text));
        }
    }
    kept.outcome
}

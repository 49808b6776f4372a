//! What schedules do at one moment, put together as one batch.
//!
//! Decides whether a time is met, waits, or is left out; the rows that it is given move on with it. A backfill
//! never takes the place of a time that is due: that one waits for the workflow of the backfill that goes on,
//! and goes before the rest.

use std::collections::HashSet;

use host_base::failure::code;
use host_base::{ActorKey, Digest, Entity, Failure, TenantId, Timestamp, WorkflowKey};
use host_store::ReadError;
use host_store::records::{
    Call, Control, Instance, MailControl, MailKind, Overlap, Reply, Schedule, ScheduleTarget,
    ScheduledCall, ScheduledWorkflow,
};

use crate::core::Core;
use crate::dedup;
use crate::draft::Draft;
use crate::schedules::book::Name;
use crate::schedules::times::{self, Times};
use crate::schedules::{Fired, TIME, id_of};
use crate::start::{self, IdState, NewWorkflow};
use crate::view::is_active;

/// Times of one schedule that are met before others get their turn.
const TIMES_AT_ONCE: usize = 100;
/// Workflows that are started and actors that are called in one batch.
const STARTS_AT_ONCE: usize = 1_000;
/// A time is made up for if it is no longer ago than this, whatever the schedule says: no host wakes up at the
/// very millisecond.
const CATCH_UP_MS_MIN: u64 = 10_000;

/// One moment.
pub(crate) struct Turn<'a> {
    core: &'a Core,
    now: Timestamp,
    pub(crate) draft: Draft,
    /// What was started at this moment: the store does not know it yet.
    fresh: HashSet<WorkflowKey>,
    /// For which times actors were called at this moment.
    called: HashSet<Digest>,
    /// How much more the batch may start.
    left: usize,
}

/// What came of one time.
pub(crate) enum Came {
    Started,
    Queued,
    Skipped(String),
    /// Somebody else decides about the id at the moment, or the actor has too much to do.
    Later,
}

/// What waits to be met.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    /// Times that were due.
    Waiting,
    /// Times that are made up for.
    Backfill,
}

impl Line {
    fn of(self, row: &mut Schedule) -> &mut Vec<u64> {
        match self {
            Line::Waiting => &mut row.queued,
            Line::Backfill => &mut row.backfill,
        }
    }
}

/// Whether any of its times waits and may be met.
pub(crate) fn has_waiting(row: &Schedule) -> bool {
    let waits = !row.queued.is_empty() || !row.backfill.is_empty();
    waits && !row.paused
}

/// The workflow that a schedule started last.
enum Last {
    Ended,
    /// It goes on; none: since this moment.
    GoesOn(Option<Box<Instance>>),
}

impl Came {
    /// What is said of it.
    pub(crate) fn fired(&self) -> Fired {
        let mut fired = Fired::default();
        match self {
            Came::Started => fired.started = 1,
            Came::Queued => fired.queued = 1,
            Came::Skipped(_) => fired.skipped = 1,
            Came::Later => {}
        }
        fired
    }

    /// What is kept of it.
    pub(crate) fn note(self, row: &mut Schedule, time: Timestamp) {
        match self {
            Came::Started => {
                row.started += 1;
                row.last_ms = time.0;
                row.makes_up = false;
                row.problem.clear();
            }
            Came::Skipped(why) => {
                row.skipped += 1;
                row.problem = why;
            }
            Came::Queued | Came::Later => {}
        }
    }
}

/// Sets the next time behind `from`.
pub(crate) fn aim(name: &str, row: &mut Schedule, from: Timestamp) {
    let next = match Times::of(row) {
        Ok(times) => times.after(from),
        Err(failure) => {
            row.problem = failure.message;
            None
        }
    };
    put_next(name, row, next);
}

fn put_next(name: &str, row: &mut Schedule, next: Option<Timestamp>) {
    row.next_ms = next.map_or(0, |next| next.0);
    row.due_ms = next.map_or(0, |next| {
        next.0
            .saturating_add(times::put_off(name, next, row.jitter_ms))
    });
}

impl<'a> Turn<'a> {
    pub(crate) fn new(core: &'a Core, now: Timestamp) -> Turn<'a> {
        Turn {
            core,
            now,
            draft: Draft::default(),
            fresh: HashSet::new(),
            called: HashSet::new(),
            left: STARTS_AT_ONCE,
        }
    }

    /// When it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Makes all of it durable. False where the store takes no more changes.
    pub(crate) async fn commit(self) -> bool {
        if self.draft.batch.is_empty() {
            return true;
        }
        self.core.commit_draft_durably(self.draft).await.is_ok()
    }

    /// Whether there is anything to do for it.
    pub(crate) fn concerns(&self, row: &Schedule) -> bool {
        has_waiting(row) || self.is_due(row)
    }

    fn is_due(&self, row: &Schedule) -> bool {
        !row.paused && row.next_ms != 0 && row.due_ms <= self.now.0
    }

    /// Meets the times that are due. True where there is more to do soon.
    pub(crate) fn due(&mut self, name: &Name, row: &mut Schedule) -> Result<bool, ReadError> {
        if !self.is_due(row) {
            return Ok(false);
        }
        let patience = row.catch_up_ms.max(CATCH_UP_MS_MIN);
        let oldest = self.now.0.saturating_sub(patience);
        if row.due_ms < oldest {
            row.missed += 1;
            aim(&name.1, row, Timestamp(oldest - 1));
        }
        let Ok(times) = Times::of(row) else {
            // It says why.
            aim(&name.1, row, self.now);
            return Ok(false);
        };
        for _ in 0..TIMES_AT_ONCE {
            if !self.is_due(row) {
                return Ok(false);
            }
            if self.left == 0 {
                return Ok(true);
            }
            let time = Timestamp(row.next_ms);
            let next = times.after(time);
            let came = if replaces(row.overlap()) && next.is_some_and(|next| next <= self.now) {
                Came::Skipped("a later time was due as well".to_owned())
            } else {
                self.meet(name, row, time)?
            };
            if matches!(came, Came::Later) {
                return Ok(true);
            }
            came.note(row, time);
            put_next(&name.1, row, next);
        }
        Ok(true)
    }

    /// Meets the times that have waited, as far as they may be met. True where there is more to do soon.
    pub(crate) fn take(
        &mut self,
        name: &Name,
        row: &mut Schedule,
        line: Line,
    ) -> Result<bool, ReadError> {
        for _ in 0..TIMES_AT_ONCE {
            let first = line.of(row).first().copied();
            let Some(time) = first.filter(|_| !row.paused) else {
                return Ok(false);
            };
            if self.left == 0 {
                return Ok(true);
            }
            let beside = row.overlap() == Overlap::Allow;
            if !beside && matches!(self.last(&name.0, row)?, Last::GoesOn(_)) {
                return Ok(false);
            }
            let came = self.act(name, row, Timestamp(time))?;
            if matches!(came, Came::Later) {
                return Ok(true);
            }
            let makes_up = matches!((line, &came), (Line::Backfill, Came::Started));
            came.note(row, Timestamp(time));
            row.makes_up |= makes_up;
            line.of(row).remove(0);
        }
        Ok(true)
    }

    /// Makes up for the times from the one to the other, as far as they have come. Those of a schedule that is
    /// paused wait until it is resumed.
    pub(crate) fn backfill(
        &mut self,
        name: &Name,
        row: &mut Schedule,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Result<Fired, Failure>, ReadError> {
        let max = self.core.limits_of(&name.0).schedule_backfill_max;
        let times = match Times::of(row) {
            Ok(times) => times,
            Err(failure) => return Ok(Err(failure)),
        };
        let first = times.after(Timestamp(from.0.saturating_sub(1)));
        let all = std::iter::successors(first, |time| times.after(*time));
        let until = to.min(self.now);
        let wanted: Vec<_> = all
            .take_while(|time| *time <= until)
            .take(max + 1)
            .collect();
        let mut new = Vec::new();
        let mut met = 0;
        for time in &wanted[..wanted.len().min(max)] {
            if self.has_met(name, row, *time)? {
                met += 1;
            } else if !row.queued.contains(&time.0) && !row.backfill.contains(&time.0) {
                new.push(time.0);
            }
        }
        if wanted.len() > max || new.len() + row.backfill.len() > max {
            let text = format!(
                "more than {max} times would be made up for, which is `schedule_backfill_max`"
            );
            return Ok(Err(Failure::new(code::LIMIT, text)));
        }
        row.backfill.extend(new);
        let before = (row.started, row.skipped);
        self.take(name, row, Line::Waiting)?;
        self.take(name, row, Line::Backfill)?;
        Ok(Ok(Fired {
            started: row.started - before.0,
            queued: (row.queued.len() + row.backfill.len()) as u64,
            skipped: row.skipped - before.1 + met as u64,
        }))
    }

    /// Whether the time was met, so that a backfill that is repeated changes nothing.
    fn has_met(&self, name: &Name, row: &Schedule, time: Timestamp) -> Result<bool, ReadError> {
        match &row.target {
            Some(ScheduleTarget::Workflow(workflow)) => self.has_started(name, workflow, time),
            Some(ScheduleTarget::Actor(call)) => {
                let actor = ActorKey::new(name.0.clone(), &*call.actor_type, &*call.actor_id);
                match actor {
                    Ok(actor) => self.has_called(&name.1, &actor, &call.method, time),
                    Err(_) => Ok(false),
                }
            }
            None => Ok(false),
        }
    }

    fn has_started(
        &self,
        (tenant, schedule): &Name,
        workflow: &ScheduledWorkflow,
        time: Timestamp,
    ) -> Result<bool, ReadError> {
        let id = id_of(&workflow.id, schedule, time);
        let Ok(key) = WorkflowKey::new(tenant.clone(), id) else {
            return Ok(false);
        };
        let was_used = match start::id_state(self.core, &key)? {
            IdState::Active(_) => true,
            IdState::Free(former) => former.was_used(),
        };
        Ok(was_used && workflow.id.contains(TIME))
    }

    fn has_called(
        &self,
        schedule: &str,
        actor: &ActorKey,
        method: &str,
        time: Timestamp,
    ) -> Result<bool, ReadError> {
        let key = dedup::scheduled(schedule, actor, method, time);
        let kept = self.core.reader.reply(&actor.tenant, &key)?;
        Ok(kept.is_some() || self.called.contains(&key))
    }

    /// Meets one time, as the schedule has it where its last workflow still goes on.
    pub(crate) fn meet(
        &mut self,
        name: &Name,
        row: &mut Schedule,
        time: Timestamp,
    ) -> Result<Came, ReadError> {
        let last = match &row.target {
            Some(ScheduleTarget::Workflow(_)) => self.last(&name.0, row)?,
            Some(ScheduleTarget::Actor(_)) | None => Last::Ended,
        };
        let waiting = !row.queued.is_empty();
        match (row.overlap(), last) {
            (Overlap::Skip, Last::GoesOn(_)) if row.makes_up => Ok(enqueue(row, time)),
            (Overlap::Cancel | Overlap::Terminate, Last::GoesOn(_)) if row.makes_up => {
                Ok(replace(row, time))
            }
            (Overlap::Queue, Last::GoesOn(_)) => Ok(enqueue(row, time)),
            (Overlap::Queue, Last::Ended) if waiting => Ok(enqueue(row, time)),
            (Overlap::Skip, Last::GoesOn(_)) => Ok(Came::Skipped(format!(
                "workflow {} still went on",
                row.running
            ))),
            (Overlap::Cancel, Last::GoesOn(held)) => {
                self.end(&name.0, row, held.as_deref(), Control::Cancel);
                Ok(replace(row, time))
            }
            (Overlap::Terminate, Last::GoesOn(held)) => {
                self.end(&name.0, row, held.as_deref(), Control::Terminate);
                Ok(replace(row, time))
            }
            (Overlap::Allow, _) | (_, Last::Ended) => self.act(name, row, time),
        }
    }

    /// Starts or calls, whatever else goes on.
    fn act(&mut self, name: &Name, row: &mut Schedule, time: Timestamp) -> Result<Came, ReadError> {
        self.left = self.left.saturating_sub(1);
        match row.target.clone() {
            Some(ScheduleTarget::Workflow(workflow)) => self.start(name, row, workflow, time),
            Some(ScheduleTarget::Actor(call)) => self.call(name, row, call, time),
            None => Ok(Came::Skipped("it does nothing".to_owned())),
        }
    }

    fn start(
        &mut self,
        (tenant, schedule): &Name,
        row: &mut Schedule,
        workflow: ScheduledWorkflow,
        time: Timestamp,
    ) -> Result<Came, ReadError> {
        let id = id_of(&workflow.id, schedule, time);
        let key = match WorkflowKey::new(tenant.clone(), id) {
            Ok(key) => key,
            Err(error) => return Ok(Came::Skipped(error.to_string())),
        };
        let plugin = match start::plugin_of(&self.core.plugins, &key, &workflow.name) {
            Ok(plugin) => plugin,
            Err(failure) => return Ok(Came::Skipped(failure.message)),
        };
        if self.fresh.contains(&key) {
            return Ok(Came::Skipped(format!("workflow {} goes on", key.id)));
        }
        let Some(permit) = self.core.starts.try_permit(&key) else {
            return Ok(Came::Later);
        };
        let before = match start::id_state(self.core, &key)? {
            IdState::Active(_) => {
                return Ok(Came::Skipped(format!("workflow {} goes on", key.id)));
            }
            IdState::Free(former) if former.was_used() && workflow.id.contains(TIME) => {
                return Ok(Came::Skipped(format!("workflow {} has run", key.id)));
            }
            IdState::Free(before) => before,
        };
        row.running.clone_from(&key.id);
        self.fresh.insert(key.clone());
        let new = NewWorkflow {
            key,
            name: workflow.name,
            plugin,
            input: row.input.clone(),
            parent: None,
            detached: false,
            seed: self.core.random(),
            attributes: Vec::new(),
            starts: None,
            before,
        };
        self.draft.start(self.core, new, permit, self.now);
        Ok(Came::Started)
    }

    fn call(
        &mut self,
        (tenant, schedule): &Name,
        row: &Schedule,
        call: ScheduledCall,
        time: Timestamp,
    ) -> Result<Came, ReadError> {
        let actor = match ActorKey::new(tenant.clone(), call.actor_type, call.actor_id) {
            Ok(actor) => actor,
            Err(error) => return Ok(Came::Skipped(error.to_string())),
        };
        if self.has_called(schedule, &actor, &call.method, time)? {
            return Ok(Came::Skipped(format!("{actor} was called for it already")));
        }
        let to = Entity::Actor(actor.clone());
        if self.core.check_inbox(&to).is_err() {
            return Ok(Came::Later);
        }
        let key = dedup::scheduled(schedule, &actor, &call.method, time);
        let reply = Reply {
            expires_ms: self.now.after(self.core.limits.reply_retention).0,
            ..Reply::default()
        };
        self.draft.batch.put_reply(tenant, &key, &reply);
        self.called.insert(key);
        let kind = MailKind::Call(Call {
            method: call.method,
            input: row.input.clone(),
            ..Call::default()
        });
        self.draft.send(self.core, to, kind);
        Ok(Came::Started)
    }

    /// Asks the last workflow to end; one that was started at this moment has not begun.
    fn end(
        &mut self,
        tenant: &TenantId,
        row: &Schedule,
        held: Option<&Instance>,
        control: Control,
    ) {
        let key = WorkflowKey::new(tenant.clone(), &*row.running);
        let (Ok(key), Some(held)) = (key, held) else {
            return;
        };
        let mail = MailControl {
            control: control.into(),
            reason: "its schedule is due again".to_owned(),
            began_with: held.began_with(),
            parent: None,
        };
        let kind = MailKind::Control(mail);
        self.draft.send(self.core, Entity::Workflow(key), kind);
    }

    fn last(&self, tenant: &TenantId, row: &Schedule) -> Result<Last, ReadError> {
        let Ok(key) = WorkflowKey::new(tenant.clone(), &*row.running) else {
            return Ok(Last::Ended);
        };
        if self.fresh.contains(&key) {
            return Ok(Last::GoesOn(None));
        }
        let instance = self.core.reader.instance(&key)?.filter(is_active);
        Ok(instance.map_or(Last::Ended, |held| Last::GoesOn(Some(Box::new(held)))))
    }
}

fn replaces(overlap: Overlap) -> bool {
    match overlap {
        Overlap::Cancel | Overlap::Terminate => true,
        Overlap::Skip | Overlap::Queue | Overlap::Allow => false,
    }
}

fn enqueue(row: &mut Schedule, time: Timestamp) -> Came {
    if row.queued.len() >= row.queue_max.max(1) as usize {
        let text = format!("{} times waited already", row.queued.len());
        return Came::Skipped(text);
    }
    row.queued.push(time.0);
    Came::Queued
}

/// The time takes the place of those that have waited for the same end.
fn replace(row: &mut Schedule, time: Timestamp) -> Came {
    row.skipped += row.queued.len() as u64;
    row.queued = vec![time.0];
    Came::Queued
}

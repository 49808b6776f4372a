//! The end of ended workflows: after a while by themselves, or when somebody purges them.
//!
//! An instance is deleted under its id's permit, so that none is deleted that has just been started. What is
//! due is deleted by one task, in batches; it holds a bounded number of what is due, and has the timers fire
//! again for the rest.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use host_base::{Limits, Timestamp, WorkflowKey};
use host_store::records::{EventKind, Instance, Status};
use host_store::{Batch, ReadError, Reader, TimerKey, TimerOf};
use tokio::sync::mpsc;

use crate::core::Core;
use crate::effect::Effect;
use crate::starts::StartPermit;
use crate::view::is_active;

/// Ended workflows whose time is over and that are held in memory until they are deleted.
const DUE_MAX: usize = 4_096;
/// Those that are deleted with one batch.
const DELETED_AT_ONCE: usize = 256;
/// Events that are read at once.
const PAGE: usize = 10_000;

/// The ended workflows whose time is over.
pub(crate) struct Retention {
    due: mpsc::Sender<TimerKey>,
    /// Whether there are others that found no place.
    left_out: AtomicBool,
    /// Whether the store may know how often the id of a deleted instance was used.
    remembers: AtomicBool,
}

/// What takes them.
pub(crate) type Due = mpsc::Receiver<TimerKey>;

impl Retention {
    pub(crate) fn new(reader: &Reader) -> Result<(Retention, Due), ReadError> {
        let (due, receiver) = mpsc::channel(DUE_MAX);
        let deleted = reader.last_runs(None, 1)?;
        let retention = Retention {
            due,
            left_out: AtomicBool::new(false),
            remembers: AtomicBool::new(!deleted.is_empty()),
        };
        Ok((retention, receiver))
    }

    /// How often an id has been used of which there is no instance: what still comes for one of those runs must
    /// not be taken for the next one's.
    pub(crate) fn last_run(&self, reader: &Reader, key: &WorkflowKey) -> Result<u32, ReadError> {
        // Most hosts have deleted nothing lately, and need not look at each start.
        if !self.remembers.load(Ordering::Acquire) {
            return Ok(0);
        }
        Ok(reader.last_run(key)?.map_or(0, |last| last.run))
    }

    /// The time of an ended workflow is over.
    pub(crate) fn fire(&self, timer: TimerKey) {
        if self.due.try_send(timer).is_err() {
            self.left_out.store(true, Ordering::Release);
        }
    }
}

/// How long an instance is kept that stands there; none: for ever.
pub(crate) fn of(limits: &Limits, status: Status) -> Option<Duration> {
    let retention = &limits.retention;
    match status {
        Status::Completed => retention.completed,
        Status::Failed => retention.failed,
        Status::Cancelled => retention.cancelled,
        Status::Terminated => retention.terminated,
        Status::Pending | Status::Running | Status::Stalled | Status::Suspended => None,
    }
}

/// The timer that says when an ended instance is deleted.
pub(crate) fn timer(key: &WorkflowKey, instance: &Instance) -> TimerKey {
    TimerKey {
        due: Timestamp(instance.retained_until_ms),
        of: TimerOf::Retention {
            workflow: key.clone(),
            run: instance.run,
        },
    }
}

/// Deletes what is due, until the core is gone or the store cannot be read.
pub(crate) async fn run(core: Arc<Core>, mut due: Due) {
    let mut timers = Vec::new();
    while due.recv_many(&mut timers, DELETED_AT_ONCE).await > 0 {
        let deleted = delete_due(&core, std::mem::take(&mut timers)).await;
        if let Err(error) = deleted {
            return core.store_unreadable(&error);
        }
        if due.is_empty() && core.retention.left_out.swap(false, Ordering::AcqRel) {
            core.timers.fire_again();
        }
    }
}

/// Whoever holds several permits waits for none: those whose id is being started come one by one.
async fn delete_due(core: &Arc<Core>, timers: Vec<TimerKey>) -> Result<(), ReadError> {
    let mut deletion = Deletion::default();
    let mut busy = Vec::new();
    for timer in timers {
        let TimerOf::Retention { workflow, run } = &timer.of else {
            continue;
        };
        match core.starts.try_permit(workflow) {
            Some(permit) => deletion.add(core, &timer, (workflow, *run), permit)?,
            None => busy.push(timer),
        }
    }
    deletion.commit(core).await;
    for timer in busy {
        let TimerOf::Retention { workflow, run } = &timer.of else {
            continue;
        };
        let permit = core.starts.permit(workflow).await;
        let mut deletion = Deletion::default();
        deletion.add(core, &timer, (workflow, *run), permit)?;
        deletion.commit(core).await;
    }
    Ok(())
}

/// What is deleted together.
#[derive(Default)]
struct Deletion {
    batch: Batch,
    effects: Vec<Effect>,
}

impl Deletion {
    fn add(
        &mut self,
        core: &Core,
        timer: &TimerKey,
        (workflow, run): (&WorkflowKey, u32),
        permit: StartPermit,
    ) -> Result<(), ReadError> {
        self.batch.delete_timer(timer);
        self.effects.push(Effect::Release(permit));
        match core.reader.instance(workflow)? {
            Some(held) if held.run == run && !is_active(&held) => {
                delete_instance(core, &mut self.batch, workflow, &held);
            }
            // The id is in use again.
            Some(_) => self.batch.delete_run(workflow, run),
            None => {}
        }
        Ok(())
    }

    async fn commit(self, core: &Core) {
        // Where the store is closed, there is nobody to be told, and what is left is due again.
        drop(core.commit_durably(self.batch, self.effects).await);
    }
}

/// Deletes an ended instance; false where it has not ended, is another run by now, or is gone.
pub(crate) async fn delete(
    core: &Arc<Core>,
    key: &WorkflowKey,
    run: u32,
) -> Result<bool, ReadError> {
    let permit = core.starts.permit(key).await;
    let held = core.reader.instance(key)?;
    let Some(held) = held.filter(|held| held.run == run && !is_active(held)) else {
        return Ok(false);
    };
    let mut batch = Batch::new();
    delete_instance(core, &mut batch, key, &held);
    if held.retained_until_ms > 0 {
        batch.delete_timer(&timer(key, &held));
    }
    let effects = vec![Effect::Release(permit)];
    Ok(core.commit_durably(batch, effects).await.is_ok())
}

fn delete_instance(core: &Core, batch: &mut Batch, key: &WorkflowKey, held: &Instance) {
    core.retention.remembers.store(true, Ordering::Release);
    let expires = core.clock.now().after(core.limits.reply_retention);
    batch.delete_instance(key, held, expires);
}

/// The ids of the children that an instance's kept histories name.
pub(crate) fn children(
    core: &Core,
    key: &WorkflowKey,
    runs: RangeInclusive<u32>,
) -> Result<HashSet<String>, ReadError> {
    let mut ids = HashSet::new();
    for run in runs {
        let mut from = 0;
        loop {
            let page = core.reader.history(key, run, from, PAGE)?;
            for (_, event) in &page {
                if let Some(EventKind::ChildScheduled(child)) = &event.kind {
                    let made = || format!("{}:{}", key.id, child.handle);
                    ids.insert(child.id.clone().unwrap_or_else(made));
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => from = last + 1,
                _ => break,
            }
        }
    }
    Ok(ids)
}

//! Fires what is due: one task that walks the timer keyspace in the order of due times.
//!
//! A timer that is not due yet costs nothing in memory. A timer's row lies in the store until the turn that
//! it causes is durable, so a crash fires it again and loses none.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::{Entity, Timestamp};
use host_store::{ReadError, TimerKey, TimerOf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::core::Core;
use crate::effect::Message;
use crate::locks::lock;

/// Timers that are read and fired before other work gets its turn.
const PAGE: usize = 256;

/// A sleep is no longer than this, because it does not follow the clock where that is set or the machine
/// is suspended.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Timers that have been fired and whose turns have not begun; the walk waits while there are more. So very
/// many that are due together neither fill the memory nor stand before other work, however fast they are read.
const FIRING_MAX: usize = 128;

/// Where the walk stands.
#[derive(Debug)]
pub(crate) struct Timers {
    state: Mutex<State>,
    changed: Notify,
    firing: Arc<Semaphore>,
}

/// As long as it lives, a timer's turn has not begun.
#[derive(Debug)]
pub(crate) struct Firing {
    place: Option<OwnedSemaphorePermit>,
}

impl Firing {
    /// Its turn has begun.
    pub(crate) fn end(self) {
        drop(self.place);
    }
}

impl Default for Timers {
    fn default() -> Timers {
        Timers {
            state: Mutex::default(),
            changed: Notify::default(),
            firing: Arc::new(Semaphore::new(FIRING_MAX)),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// What was due at this time has been read already.
    scanned: Timestamp,
    /// Armed since, though due before: the walk does not come by again.
    late: Vec<TimerKey>,
    /// When the walk goes on by itself.
    wakes: Option<Timestamp>,
    /// Whether what is due is to be fired again.
    anew: bool,
}

impl Timers {
    /// A timer has been written.
    pub(crate) fn arm(&self, timer: TimerKey) {
        let mut state = lock(&self.state);
        let due = timer.due;
        if due <= state.scanned {
            state.late.push(timer);
        } else if state.wakes.is_some_and(|wakes| wakes <= due) {
            return;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until one more may be fired.
    async fn firing(&self) -> Firing {
        let place = Arc::clone(&self.firing).acquire_owned().await;
        // It is never closed.
        Firing { place: place.ok() }
    }

    /// Fires again what was fired before and is still there: whoever was told may be able to act by now.
    pub(crate) fn fire_again(&self) {
        lock(&self.state).anew = true;
        self.changed.notify_one();
    }

    /// What came late, and whether the walk begins anew.
    fn begin_scan(&self, now: Timestamp) -> (Vec<TimerKey>, bool) {
        let mut state = lock(&self.state);
        state.scanned = now;
        state.wakes = None;
        (
            std::mem::take(&mut state.late),
            std::mem::take(&mut state.anew),
        )
    }

    /// False where a timer came late meanwhile.
    fn may_sleep_until(&self, next: Option<Timestamp>) -> bool {
        let mut state = lock(&self.state);
        state.wakes = Some(next.unwrap_or(Timestamp(u64::MAX)));
        state.late.is_empty() && !state.anew
    }
}

/// Runs until it is aborted or the store cannot be read.
pub(crate) async fn run(core: Arc<Core>) {
    let mut last = None;
    loop {
        match scan(&core, &mut last).await {
            Ok(next) => sleep_until(&core, next).await,
            Err(error) => return core.store_unreadable(&error),
        }
    }
}

/// Fires what is due; returns when the next one is.
async fn scan(
    core: &Arc<Core>,
    last: &mut Option<TimerKey>,
) -> Result<Option<Timestamp>, ReadError> {
    loop {
        let now = core.clock.now();
        let (late, anew) = core.timers.begin_scan(now);
        if anew || last.as_ref().is_some_and(|timer| timer.due > now) {
            // Or the clock was set back: what is due before may have been armed since.
            *last = None;
        }
        for timer in late.into_iter().filter(|timer| timer.due <= now) {
            fire(core, timer).await;
        }
        let due = core.reader.timers(last.as_ref(), now, PAGE)?;
        let more = due.len() == PAGE;
        for timer in due {
            *last = Some(timer.clone());
            fire(core, timer).await;
        }
        if !more {
            let next = core.reader.timers(last.as_ref(), Timestamp(u64::MAX), 1)?;
            return Ok(next.first().map(|timer| timer.due));
        }
        tokio::task::yield_now().await;
    }
}

async fn fire(core: &Arc<Core>, timer: TimerKey) {
    let firing = core.timers.firing().await;
    match &timer.of {
        TimerOf::Workflow { workflow, .. } => {
            let workflow = Entity::Workflow(workflow.clone());
            core.notify(&workflow, Message::Timer(Box::new(timer), firing));
        }
        TimerOf::Reminder { actor, .. }
        | TimerOf::Delayed { actor, .. }
        | TimerOf::Expiry { actor, .. } => {
            let actor = Entity::Actor(actor.clone());
            core.notify(&actor, Message::Timer(Box::new(timer), firing));
        }
        TimerOf::Retention { .. } => core.retention.fire(timer),
    }
}

async fn sleep_until(core: &Core, next: Option<Timestamp>) {
    if !core.timers.may_sleep_until(next) {
        return;
    }
    let changed = core.timers.changed.notified();
    match next {
        Some(next) => {
            // The clock counts whole milliseconds, and a timer must not be early.
            let wait = next.since(core.clock.now()) + Duration::from_micros(100);
            let wait = wait.min(SLEEP_MAX);
            drop(tokio::time::timeout(wait, changed).await);
        }
        None => changed.await,
    }
}

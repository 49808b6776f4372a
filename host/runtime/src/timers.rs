//! Fires what is due: one task that walks the timer keyspace in the order of due times.
//!
//! A timer that is not due yet costs nothing in memory. A timer's row lies in the store until the turn that
//! it causes is durable, so a crash fires it again and loses none.
//!
//! Timers are handed over in the order of their keys: by the millisecond at which they are due; of those that are
//! due together, by tenant, then reminders, messages, expiries, retention and timers of workflows, each by whose it
//! is and by its name or number. One that is armed when it is due already is handed over next. One actor or workflow
//! handles its own in this order, unless it has so many that they do not fit into its mailbox. Those of different ones
//! begin beside each other, and a turn that takes long holds up no others' timers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::{Entity, Timestamp};
use host_store::{ReadError, Reader, TimerKey, TimerOf};
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

/// Where none of those turns begins for so long, all of them are for somebody who is busy, and others need not wait
/// for that: as many again may be fired.
const FIRING_STALL: Duration = Duration::from_millis(100);

/// What the walk is told by others.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    state: Mutex<State>,
    changed: Notify,
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

/// Where the walk stands.
struct Walk {
    /// What was fired last, in the order of the keyspace.
    last: Option<TimerKey>,
    /// Those that may be fired beside each other.
    places: Arc<Semaphore>,
}

impl Default for Walk {
    fn default() -> Walk {
        Walk {
            last: None,
            places: Arc::new(Semaphore::new(FIRING_MAX)),
        }
    }
}

impl Walk {
    /// Waits until one more may be fired.
    async fn firing(&mut self) -> Firing {
        let place = Arc::clone(&self.places).acquire_owned();
        let place = match tokio::time::timeout(FIRING_STALL, place).await {
            // It is never closed.
            Ok(place) => place.ok(),
            Err(_) => {
                self.places = Arc::new(Semaphore::new(FIRING_MAX));
                Arc::clone(&self.places).try_acquire_owned().ok()
            }
        };
        Firing { place }
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

    /// Fires again what was fired before and is still there: whoever was told may be able to act by now.
    pub(crate) fn fire_again(&self) {
        lock(&self.state).anew = true;
        self.changed.notify_one();
    }

    /// What is due and not handed over yet, the earliest first, and whether there may be more. `last` is how far the
    /// walk is.
    fn page(
        &self,
        reader: &Reader,
        now: Timestamp,
        last: &mut Option<TimerKey>,
    ) -> Result<(Vec<TimerKey>, bool), ReadError> {
        let (mut due, anew) = self.begin_scan(now);
        due.retain(|timer| timer.due <= now);
        if anew || last.as_ref().is_some_and(|timer| timer.due > now) {
            // Or the clock was set back: what is due before may have been armed since.
            *last = None;
        }
        let read = reader.timers(last.as_ref(), now, PAGE)?;
        let more = read.len() == PAGE;
        *last = read.last().cloned().or(last.take());
        due.extend(read);
        Ok((due, more))
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
    let mut walk = Walk::default();
    loop {
        match scan(&core, &mut walk).await {
            Ok(next) => sleep_until(&core, next).await,
            Err(error) => return core.store_unreadable(&error),
        }
    }
}

/// Fires what is due; returns when the next one is.
async fn scan(core: &Arc<Core>, walk: &mut Walk) -> Result<Option<Timestamp>, ReadError> {
    loop {
        let now = core.clock.now();
        let (due, more) = core.timers.page(&core.reader, now, &mut walk.last)?;
        for timer in due {
            fire(core, timer, walk.firing().await);
        }
        if !more {
            let next = core
                .reader
                .timers(walk.last.as_ref(), Timestamp(u64::MAX), 1)?;
            return Ok(next.first().map(|timer| timer.due));
        }
        tokio::task::yield_now().await;
    }
}

fn fire(core: &Arc<Core>, timer: TimerKey, firing: Firing) {
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

#[cfg(test)]
mod tests {
    use host_base::{ActorKey, TenantId, WorkflowKey};
    use host_store::{Batch, Store, StoreOptions};

    use super::*;

    const ALL: u64 = 100_000;
    const FROM: u64 = 1_000;

    /// One of them: all kinds, and all milliseconds of the second, come up equally often and in no order.
    fn timer(number: u64) -> TimerKey {
        let due = Timestamp(FROM + number * 7_919 % 1_000);
        let (whose, name) = (format!("w-{}", number % 7), format!("n-{number}"));
        let actor = || ActorKey::new(TenantId::default(), "T", whose.as_str()).unwrap();
        let workflow = || WorkflowKey::new(TenantId::default(), whose.as_str()).unwrap();
        let of = match number / 1_000 % 5 {
            0 => TimerOf::Workflow {
                workflow: workflow(),
                run: 1,
                handle: number as u32,
            },
            1 => TimerOf::Retention {
                workflow: workflow(),
                run: number as u32,
            },
            2 => TimerOf::Reminder {
                actor: actor(),
                name,
            },
            3 => TimerOf::Delayed {
                actor: actor(),
                id: name,
            },
            _ => TimerOf::Expiry {
                actor: actor(),
                key: name,
            },
        };
        TimerKey { due, of }
    }

    /// What the order goes by: when it is due, what it is for, whose it is, and which of those.
    fn place(timer: &TimerKey) -> (Timestamp, u8, &str, String) {
        let numbered = |number: &u32| format!("{number:010}");
        let (kind, whose, which) = match &timer.of {
            TimerOf::Reminder { actor, name } => (0, &actor.id, name.clone()),
            TimerOf::Delayed { actor, id } => (1, &actor.id, id.clone()),
            TimerOf::Expiry { actor, key } => (2, &actor.id, key.clone()),
            TimerOf::Retention { workflow, run } => (3, &workflow.id, numbered(run)),
            TimerOf::Workflow {
                workflow, handle, ..
            } => (4, &workflow.id, numbered(handle)),
        };
        (timer.due, kind, whose, which)
    }

    async fn with_timers(dir: &std::path::Path) -> Store {
        let store = Store::open(dir, &StoreOptions::default()).unwrap();
        let mut batch = Batch::new();
        (0..ALL).for_each(|number| batch.put_timer(&timer(number)));
        store.committer.commit(batch).await.unwrap();
        store
    }

    #[tokio::test]
    async fn timers_of_one_second_are_handed_over_in_order_and_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = with_timers(dir.path()).await;
        let (timers, mut last) = (Timers::default(), None);
        let mut walk = |now| {
            timers
                .page(&store.reader, Timestamp(now), &mut last)
                .unwrap()
        };
        assert_eq!(walk(FROM - 1), (vec![], false));
        let mut all = Vec::new();
        // The second goes by while the walk is under way.
        for now in FROM..FROM + 1_000 {
            let mut more = true;
            while more {
                let (due, goes_on) = walk(now);
                assert!(due.len() <= PAGE && due.iter().all(|timer| timer.due.0 <= now));
                all.extend(due);
                more = goes_on;
            }
        }
        assert_eq!(all.len() as u64, ALL);
        assert!(all.is_sorted_by(|one, next| place(one) < place(next)));
    }

    #[test]
    fn what_is_armed_when_it_is_due_already_comes_next() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
        let (timers, mut last) = (Timers::default(), None);
        let mut walk = |now| {
            timers
                .page(&store.reader, Timestamp(now), &mut last)
                .unwrap()
                .0
        };
        assert_eq!(walk(FROM + 1_000), []);
        timers.arm(timer(1));
        assert_eq!(walk(FROM + 1_000), [timer(1)]);
        assert_eq!(walk(FROM + 1_000), []);
    }
}

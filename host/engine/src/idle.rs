//! Live instances of actors and activities that wait for their next call.
//!
//! Owns when an instance is used again and when it is thrown away. A workflow's instance belongs to one
//! run and is never here.

use std::sync::{Arc, Mutex, Weak};

use host_base::Limits;
use wasmtime::Store;

use crate::guest::{Guest, Side};
use crate::locks::lock;

/// After so many calls an instance is replaced, so that what it leaks does not grow for ever.
const CALLS_MAX: u32 = 1_000;
/// An instance may keep so much memory, or twice what it began with where that is more.
const MEMORY_KEPT_MAX: usize = 4 << 20;

/// One live instance. `exports` are the functions of the role that it serves.
pub(crate) struct Live<E> {
    pub(crate) store: Store<Guest>,
    pub(crate) exports: E,
    calls: u32,
    memory_kept_max: usize,
}

impl<E> Live<E> {
    pub(crate) fn new(store: Store<Guest>, exports: E) -> Live<E> {
        let memory_kept_max = MEMORY_KEPT_MAX.max(2 * store.data().memory.used());
        Live {
            store,
            exports,
            calls: 0,
            memory_kept_max,
        }
    }

    /// Begins a call that these imports answer.
    pub(crate) fn begin(&mut self, side: Side) {
        self.calls += 1;
        self.store.set_epoch_deadline(1);
        let guest = self.store.data_mut();
        guest.side = side;
        guest.budget.refill();
    }

    /// Ends a call that came back: `absent` has no imports, which drops the call's.
    fn end(&mut self, absent: Side) {
        let guest = self.store.data_mut();
        guest.end_call();
        guest.side = absent;
        guest.output.clear();
    }

    fn can_be_used_again(&self) -> bool {
        let guest = self.store.data();
        self.calls < CALLS_MAX
            && guest.memory.used() <= self.memory_kept_max
            && guest.table.is_empty()
    }
}

/// The instances of one plugin and role that wait.
pub(crate) struct Idle<E> {
    max: usize,
    stack: Mutex<Stack<E>>,
}

struct Stack<E> {
    live: Vec<Live<E>>,
    /// How many at the bottom were not needed since the last look.
    unneeded: usize,
}

impl<E: Send + 'static> Idle<E> {
    /// Room for `max` instances, which are given up when nobody needs them or others need the place.
    pub(crate) fn new(max: usize, places: &Places) -> Arc<Idle<E>> {
        let stack = Stack {
            live: Vec::new(),
            unneeded: 0,
        };
        let idle = Arc::new(Idle {
            max,
            stack: Mutex::new(stack),
        });
        let shrink: Weak<Idle<E>> = Arc::downgrade(&idle);
        lock(&places.0).push(shrink);
        idle
    }

    /// The instance that was used last, for it is the warmest; none where it is held to other limits than
    /// hold now.
    pub(crate) fn take(&self, limits: &Arc<Limits>) -> Option<Live<E>> {
        let mut stack = lock(&self.stack);
        let live = stack.live.pop();
        stack.unneeded = stack.unneeded.min(stack.live.len());
        drop(stack);
        live.filter(|live| Arc::ptr_eq(&live.store.data().limits, limits))
    }

    /// Ends the call of an instance that came back, and keeps it if it is fit for another one.
    pub(crate) fn give_back(&self, mut live: Live<E>, absent: Side) {
        live.end(absent);
        if !live.can_be_used_again() {
            return;
        }
        let mut stack = lock(&self.stack);
        if stack.live.len() < self.max {
            stack.live.push(live);
        }
    }
}

/// Gives up instances, whatever their role.
trait Shrink: Send + Sync {
    fn drop_unneeded(&self);
    fn drop_all(&self);
}

impl<E: Send + 'static> Shrink for Idle<E> {
    fn drop_unneeded(&self) {
        let mut stack = lock(&self.stack);
        let unneeded = stack.unneeded;
        let dropped: Vec<_> = stack.live.drain(..unneeded).collect();
        stack.unneeded = stack.live.len();
        // Freeing an instance takes some microseconds, for which no call should wait.
        drop(stack);
        drop(dropped);
    }

    fn drop_all(&self) {
        let mut stack = lock(&self.stack);
        stack.unneeded = 0;
        let dropped = std::mem::take(&mut stack.live);
        drop(stack);
        drop(dropped);
    }
}

/// All idle instances of an engine, so that one plugin's do not take another's place.
#[derive(Default)]
pub(crate) struct Places(Mutex<Vec<Weak<dyn Shrink>>>);

impl Places {
    /// Gives up every instance that was not needed since the last call of this function.
    pub(crate) fn drop_unneeded(&self) {
        self.each(|idle| idle.drop_unneeded());
    }

    /// Gives up every idle instance.
    pub(crate) fn drop_all(&self) {
        self.each(|idle| idle.drop_all());
    }

    fn each(&self, shrink: impl Fn(&dyn Shrink)) {
        let mut idle = lock(&self.0);
        idle.retain(|idle| idle.strong_count() > 0);
        let idle: Vec<_> = idle.iter().filter_map(Weak::upgrade).collect();
        idle.iter().for_each(|idle| shrink(idle.as_ref()));
    }
}

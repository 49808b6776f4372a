//! What the host keeps for one instance: who answers its imports, and how far it may go.
//!
//! Owns the limits of one call. Which import does what is the business of the files that are named after
//! the contract's interfaces.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_base::{Limits, Timestamp};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::error::Role;
use crate::imports::{ActivityImports, ActorImports, BoxFuture, LogLevel, WorkflowImports};
use crate::leave::Leave;
use crate::output::{Line, Output, Stream};
use crate::randomness::Randomness;
use crate::setup::TICK;
use crate::stop::Stop;

/// Core modules, memories and tables that one component may consist of.
const CORE_INSTANCES_MAX: usize = 100;
const MEMORIES_MAX: usize = 8;
const TABLES_MAX: usize = 50;
/// Entries of one table; Python's largest has some ten thousand.
const TABLE_ENTRIES_MAX: usize = 50_000;
/// Streams, pollables and the like that one instance may hold.
const RESOURCES_MAX: usize = 1_000;

/// Who answers an instance's imports. The actor's and activity's are absent while nothing is called: an
/// instance serves one call after another.
pub(crate) enum Side {
    /// The manifest is being read.
    Describe,
    /// A workflow body.
    Workflow(Box<dyn WorkflowImports>),
    /// An actor's turn.
    Actor(Option<Box<dyn ActorImports>>),
    /// An activity.
    Activity(Option<Box<dyn ActivityImports>>),
}

impl Side {
    pub(crate) fn role(&self) -> Option<Role> {
        match self {
            Side::Describe => None,
            Side::Workflow(_) => Some(Role::Workflow),
            Side::Actor(_) => Some(Role::Actor),
            Side::Activity(_) => Some(Role::Activity),
        }
    }

    fn log(&mut self, (level, text): Line) {
        match self {
            Side::Workflow(imports) => imports.log(level, text),
            Side::Actor(Some(imports)) => imports.log(level, text),
            Side::Activity(Some(imports)) => imports.log(level, text),
            Side::Describe | Side::Actor(None) | Side::Activity(None) => {}
        }
    }
}

/// The state beside one instance.
pub(crate) struct Guest {
    /// What it is held to for as long as it lives.
    pub(crate) limits: Arc<Limits>,
    pub(crate) side: Side,
    pub(crate) randomness: Randomness,
    pub(crate) table: ResourceTable,
    pub(crate) budget: Budget,
    pub(crate) memory: Memory,
    pub(crate) output: Output,
    pub(crate) leave: Leave,
}

impl Guest {
    /// The state of a new instance.
    pub(crate) fn new(side: Side, randomness: Randomness, limits: &Arc<Limits>) -> Guest {
        let budget = match side {
            // An activity's time is bounded by whoever runs it.
            Side::Activity(_) => Budget::endless(),
            Side::Describe | Side::Workflow(_) | Side::Actor(_) => Budget::new(limits),
        };
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Guest {
            limits: Arc::clone(limits),
            side,
            randomness,
            table,
            budget,
            memory: Memory::new(limits.memory_bytes_max),
            output: Output::new(limits),
            leave: Leave::default(),
        }
    }

    /// The time that a role's clocks show; none where they show the real one.
    pub(crate) fn virtual_time(&self) -> Option<Timestamp> {
        match &self.side {
            Side::Describe | Side::Actor(None) => Some(Timestamp::default()),
            Side::Workflow(imports) => Some(imports.now()),
            Side::Actor(Some(imports)) => Some(imports.now()),
            Side::Activity(_) => None,
        }
    }

    /// Takes what the guest wrote to a stream.
    pub(crate) fn print(&mut self, stream: Stream, bytes: &[u8]) {
        let lines = self.output.write(stream, bytes);
        lines.into_iter().for_each(|line| self.side.log(line));
    }

    /// Takes a line of the contract's `log`.
    pub(crate) fn log(&mut self, level: LogLevel, message: String) {
        if let Some(line) = self.output.say(level, message) {
            self.side.log(line);
        }
    }

    /// Waits for the host's answer. That time is not the guest's.
    pub(crate) async fn wait_on<T>(&mut self, answer: BoxFuture<T>) -> T {
        let (answer, waited) = timed(answer).await;
        self.budget.waited(waited);
        answer
    }

    /// Ends a turn of a workflow and begins the next: limits count anew.
    pub(crate) fn begin_turn(&mut self) {
        self.budget.refill();
        if let Some(line) = self.output.end_turn() {
            self.side.log(line);
        }
    }

    /// Ends the call: what was begun to say is said.
    pub(crate) fn end_call(&mut self) {
        let lines = self.output.end_call();
        lines.into_iter().for_each(|line| self.side.log(line));
    }
}

/// Waits for the host, and says how long it took where it was not ready at once.
pub(crate) async fn timed<T>(answer: impl Future<Output = T>) -> (T, Duration) {
    let mut answer = pin!(answer);
    let mut since = None;
    let answer = poll_fn(|context| {
        let poll = answer.as_mut().poll(context);
        if poll.is_pending() {
            since.get_or_insert_with(Instant::now);
        }
        poll
    })
    .await;
    let waited = since.map(|since| since.elapsed());
    (answer, waited.unwrap_or_default())
}

/// A store for one instance, with its limits in force.
pub(crate) fn store(engine: &wasmtime::Engine, guest: Guest) -> Store<Guest> {
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.epoch_deadline_callback(|mut context| Ok(context.data_mut().budget.tick()?));
    store.set_epoch_deadline(1);
    store
}

/// How long a turn may still compute, in ticks.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: Duration,
    max: Option<u32>,
    left: u32,
    waited: bool,
}

impl Budget {
    fn new(limits: &Limits) -> Budget {
        let ticks = limits.turn_cpu_max.as_nanos().div_ceil(TICK.as_nanos());
        // The first tick may come right after the start.
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX).saturating_add(1);
        Budget {
            limit: limits.turn_cpu_max,
            max: Some(ticks),
            left: ticks,
            waited: false,
        }
    }

    fn endless() -> Budget {
        Budget {
            limit: Duration::MAX,
            max: None,
            left: 0,
            waited: false,
        }
    }

    /// Starts anew, as each turn does.
    pub(crate) fn refill(&mut self) {
        self.left = self.max.unwrap_or_default();
    }

    /// Notes how long the guest waited for the host. A tick that fell into the wait is found when the guest
    /// goes on, and must not be counted. Shorter waits excuse nothing, or a guest that asks the host again
    /// and again would compute for ever.
    pub(crate) fn waited(&mut self, duration: Duration) {
        self.waited |= duration >= TICK / 2;
    }

    /// One more tick has begun while the guest computes: lets others run, or ends the guest.
    fn tick(&mut self) -> Result<UpdateDeadline, Stop> {
        let waited = std::mem::take(&mut self.waited);
        if self.max.is_some() && !waited {
            let limit = self.limit;
            let left = self.left.checked_sub(1);
            self.left = left.ok_or(Stop::Overran { limit })?;
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

/// The memory of one instance: all its linear memories together.
#[derive(Debug)]
pub(crate) struct Memory {
    used: usize,
    max: usize,
}

impl Memory {
    fn new(max: usize) -> Memory {
        Memory { used: 0, max }
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.max {
            let (limit, asked) = (self.max, used);
            return Err(Stop::Memory { limit, asked }.into());
        }
        let possible = maximum.is_none_or(|maximum| desired <= maximum);
        if possible {
            self.used = used;
        }
        Ok(possible)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ENTRIES_MAX)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(turn_cpu_max: Duration) -> Budget {
        Budget::new(&Limits {
            turn_cpu_max,
            ..Limits::default()
        })
    }

    fn ticks_until_overrun(budget: &mut Budget) -> usize {
        (0..1_000).take_while(|_| budget.tick().is_ok()).count()
    }

    #[test]
    fn a_turn_has_its_budget_and_a_new_turn_a_new_one() {
        let mut budget = budget(TICK * 3);
        assert_eq!(ticks_until_overrun(&mut budget), 4);
        budget.refill();
        assert_eq!(ticks_until_overrun(&mut budget), 4);
    }

    #[test]
    fn a_tick_that_passed_while_the_guest_waited_is_free() {
        let mut budget = budget(TICK);
        for _ in 0..100 {
            budget.waited(TICK);
            assert!(budget.tick().is_ok());
        }
        assert_eq!(ticks_until_overrun(&mut budget), 2);
    }

    #[test]
    fn short_waits_do_not_stretch_the_budget() {
        let mut budget = budget(TICK);
        let ticks = (0..100).take_while(|_| {
            budget.waited(Duration::from_micros(1));
            budget.tick().is_ok()
        });
        assert_eq!(ticks.count(), 2);
    }

    #[test]
    fn memories_are_counted_together() {
        let mut memory = Memory::new(100);
        assert!(memory.memory_growing(0, 60, None).expect("below the limit"));
        assert!(
            !memory
                .memory_growing(0, 30, Some(20))
                .expect("below the limit")
        );
        assert!(memory.memory_growing(0, 41, None).is_err());
        assert_eq!(memory.used(), 60);
    }
}

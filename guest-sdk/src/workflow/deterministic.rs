//! What is the same whenever a body is run again: time, chance, ids, recorded values, and which way it goes.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::TryRng;

use super::WorkflowContext;
use crate::Value;
use crate::bindings::durable::plugin::workflow as host;
use crate::value::{decode, encode};

impl WorkflowContext {
    /// The time of the event that is being handled; the same whenever the body is run again.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now_ms())
    }

    /// [`now`](Self::now) in milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms(&self) -> u64 {
        host::now_ms()
    }

    /// The next number of this instance's own random stream; the same whenever the body is run again.
    pub fn random_u64(&self) -> u64 {
        host::random_u64()
    }

    /// This instance's own random numbers as a generator of the crate `rand`: for ranges, choices and
    /// shuffling. They are the same whenever the body is run again, with the same version of `rand`.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// use guest_sdk::rand::RngExt;
    /// use guest_sdk::rand::seq::SliceRandom;
    ///
    /// #[workflow]
    /// async fn draw(ctx: WorkflowContext, mut people: Vec<String>) -> Vec<String> {
    ///     people.shuffle(&mut ctx.rng());
    ///     people.truncate(ctx.rng().random_range(1..=3));
    ///     people
    /// }
    /// ```
    pub fn rng(&self) -> WorkflowRng {
        WorkflowRng(())
    }

    /// A new unique id; the same whenever the body is run again.
    pub fn new_id(&self) -> String {
        host::new_id()
    }

    /// Makes a value once and records it: when the body is run again, it gets that value and `make` is not
    /// called. It is for what may be different with another version of the code, such as a constant or a
    /// table; work belongs into activities. `make` must not use the context.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// const RATE: u32 = 19;
    ///
    /// #[workflow]
    /// async fn tax(ctx: WorkflowContext, net: u32) -> u32 {
    ///     // The rate of the day on which it began, whatever the code says later.
    ///     let rate: u32 = ctx.side_effect(|| RATE);
    ///     ctx.sleep(Duration::from_hours(24)).await;
    ///     net + net * rate / 100
    /// }
    /// ```
    pub fn side_effect<T: Value>(&self, make: impl FnOnce() -> T) -> T {
        let value = host::recorded_value().unwrap_or_else(|| {
            let value = encode(&make(), "a value to be recorded");
            let value = value.unwrap_or_else(|why| panic!("{why}"));
            host::record_value(&value);
            value
        });
        let read = decode(&value, "bad-output", "the recorded value");
        read.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Whether to go a new way, by which a workflow can be changed while instances of it run.
    ///
    /// An instance that comes here for the first time goes the new way, and its history says so. One whose
    /// history had come by here before there was a new way goes the old one, to its end. The answer for
    /// a name is the same in the whole run, so that a loop goes one way; a run that
    /// [continues as new](Self::continue_as_new) asks anew.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn charge(cents: u32) -> u32 { cents }
    /// # #[activity] fn charge_with_receipt(cents: u32) -> u32 { cents }
    /// #[workflow]
    /// async fn sell(ctx: WorkflowContext, cents: u32) -> Result<u32, Failure> {
    ///     if ctx.patched("receipts") {
    ///         ctx.activity(charge_with_receipt, cents).await
    ///     } else {
    ///         ctx.activity(charge, cents).await
    ///     }
    /// }
    /// ```
    ///
    /// Once no instance of the old way runs any more, keep the new way and put
    /// [`deprecate_patch`](Self::deprecate_patch) in place of the question.
    pub fn patched(&self, name: &str) -> bool {
        host::patched(name)
    }

    /// The old way of this name is gone from the code. Histories still say that the new one was gone, so that
    /// the code from before, which asks [`patched`](Self::patched), agrees with them if it comes back. When
    /// that is out of the question, this can go too: a history that says so agrees with code that does
    /// not ask.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn charge_with_receipt(cents: u32) -> u32 { cents }
    /// #[workflow]
    /// async fn sell(ctx: WorkflowContext, cents: u32) -> Result<u32, Failure> {
    ///     ctx.deprecate_patch("receipts");
    ///     ctx.activity(charge_with_receipt, cents).await
    /// }
    /// ```
    pub fn deprecate_patch(&self, name: &str) {
        host::patched(name);
    }
}

/// A workflow instance's own random numbers; see [`WorkflowContext::rng`].
pub struct WorkflowRng(());

impl TryRng for WorkflowRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // The upper half, as every number takes one step.
        Ok((host::random_u64() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(host::random_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(size_of::<u64>()) {
            let number = host::random_u64().to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
        Ok(())
    }
}

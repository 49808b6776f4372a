//! Activities, as a workflow has them run.

use std::marker::PhantomData;
use std::mem;
use std::time::Duration;

use super::call::private::Sealed;
use super::{Call, Command, Step, Stoppable, WorkflowContext, input_of, output};
use crate::bindings::durable::plugin::workflow as host;
use crate::executor::{Handle, Outcome};
use crate::policy::milliseconds;
use crate::{Activity, Failure, MarkedAsActivity, RetryPolicy, Value};

impl WorkflowContext {
    /// Runs an activity.
    pub fn activity<N: MarkedAsActivity>(
        &self,
        _activity: N,
        input: <N::Activity as Activity>::Input,
    ) -> Call<RunActivity<<N::Activity as Activity>::Output>> {
        let name = N::Activity::NAME;
        self.call(RunActivity {
            name,
            input: input_of(name, &input),
            options: Options::default(),
            output: PhantomData,
        })
    }
}

/// Runs an activity.
pub struct RunActivity<T> {
    name: &'static str,
    input: Vec<u8>,
    options: Options,
    output: PhantomData<fn() -> T>,
}

/// What a workflow says instead of what the activity says itself.
#[derive(Default)]
struct Options {
    retry: Option<RetryPolicy>,
    timeout: Option<Duration>,
    schedule_to_close: Option<Duration>,
    heartbeat_timeout: Option<Duration>,
}

impl<T: Value> Call<RunActivity<T>> {
    /// How often and when it is tried again, instead of what the activity says itself.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.command.options.retry = Some(policy);
        self
    }

    /// How long one attempt may take (start to close), instead of what the activity says itself.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.command.options.timeout = Some(limit);
        self
    }

    /// How long all of it may take, from scheduling to its end, waits between attempts included. Where the
    /// next attempt would come too late, there is none: the failure has the code `timeout` and says what the
    /// last attempt failed with.
    ///
    /// ```
    /// use guest_sdk::prelude::*;
    /// # #[activity] fn charge(cents: u32) -> u32 { cents }
    ///
    /// #[workflow]
    /// async fn pay(ctx: WorkflowContext, cents: u32) -> Result<u32, Failure> {
    ///     let patience = RetryPolicy {
    ///         max_attempts: u32::MAX,
    ///         non_retryable: &["card-stolen"],
    ///         ..RetryPolicy::DEFAULT
    ///     };
    ///     let charged = ctx.activity(charge, cents).retry(patience);
    ///     charged.timeout(Duration::from_secs(10)).schedule_to_close(Duration::from_hours(1)).await
    /// }
    /// ```
    pub fn schedule_to_close(mut self, limit: Duration) -> Self {
        self.command.options.schedule_to_close = Some(limit);
        self
    }

    /// How long an attempt may go without a heartbeat, instead of what the activity says itself. After that
    /// it counts as failed and is tried again.
    pub fn heartbeat_timeout(mut self, limit: Duration) -> Self {
        self.command.options.heartbeat_timeout = Some(limit);
        self
    }
}

impl<T> Sealed for RunActivity<T> {}

impl<T: Value> Command for RunActivity<T> {
    type Output = Result<T, Failure>;
    const STOPPABLE: bool = true;

    fn schedule(&mut self) -> Handle {
        let input = mem::take(&mut self.input);
        let Options {
            retry,
            timeout,
            schedule_to_close,
            heartbeat_timeout,
        } = mem::take(&mut self.options);
        let options = host::ActivityOptions {
            retry: retry.map(RetryPolicy::into),
            timeout_ms: timeout.map(milliseconds),
            schedule_to_close_ms: schedule_to_close.map(milliseconds),
            heartbeat_timeout_ms: heartbeat_timeout.map(milliseconds),
        };
        host::schedule_activity(self.name, &input, &options)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        output(
            outcome,
            format_args!("the result of activity `{}`", self.name),
        )
    }
}

/// An activity that is asked to stop may have done its work, and nobody would know what to undo.
impl<T: Value> Step for RunActivity<T> {
    fn in_saga(call: Call<Self>) -> Call<Self> {
        call.shielded()
    }
}

impl<T: Value> Stoppable for RunActivity<T> {}

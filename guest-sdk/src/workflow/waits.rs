//! What a workflow waits for besides work: time and events.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::call::private::Sealed;
use super::{Call, Command, WorkflowContext, output};
use crate::bindings::durable::plugin::workflow as host;
use crate::executor::{Handle, Outcome};
use crate::policy::milliseconds;
use crate::{Failure, Value};

impl WorkflowContext {
    /// Completes when so much time has passed, never earlier.
    pub fn sleep(&self, duration: Duration) -> Call<Sleep> {
        self.call(Sleep { duration })
    }

    /// Waits for the next event of this name (case does not matter) that no earlier wait takes. Events
    /// that came before are kept.
    pub fn event<T: Value>(&self, name: impl Into<Cow<'static, str>>) -> Call<AwaitEvent<T>> {
        self.call(AwaitEvent {
            name: name.into(),
            value: PhantomData,
        })
    }

    /// Waits for a future, but no longer than `limit`. What the future still waits for by then is given
    /// up.
    pub fn timeout<F: IntoFuture>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Elapsed>> + use<F> {
        let timer = self.sleep(limit);
        async move {
            let future = pin!(future.into_future());
            match select(future, timer).await {
                Either::Left((output, _)) => Ok(output),
                Either::Right(((), _)) => Err(Elapsed),
            }
        }
    }
}

/// The time was up before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl From<Elapsed> for Failure {
    fn from(Elapsed: Elapsed) -> Self {
        Self::new("timeout", "the time was up before the work was done")
    }
}

/// Waits until so much time has passed.
pub struct Sleep {
    duration: Duration,
}

impl Sealed for Sleep {}

impl Command for Sleep {
    type Output = ();

    fn schedule(&mut self) -> Handle {
        host::schedule_timer(milliseconds(self.duration))
    }

    fn finish(&self, outcome: Outcome) {
        if let Err(failure) = outcome {
            panic!("a timer failed: {}", failure.message);
        }
    }
}

/// Waits for an event.
pub struct AwaitEvent<T> {
    name: Cow<'static, str>,
    value: PhantomData<fn() -> T>,
}

impl<T> Sealed for AwaitEvent<T> {}

impl<T: Value> Command for AwaitEvent<T> {
    type Output = Result<T, Failure>;

    fn schedule(&mut self) -> Handle {
        host::schedule_event(&self.name)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        output(outcome, format_args!("the event `{}`", self.name))
    }
}

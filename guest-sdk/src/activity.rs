//! What an activity may do, and how one is run.
//!
//! Must not know workflows: an activity sees only who asked for it.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use crate::bindings::durable::plugin::activity as host;
use crate::client::{Address, Caller, actor_methods, call_now};
use crate::log::log_methods;
use crate::value::{decode, encode};
use crate::{Failure, RetryPolicy, Value};

/// A function that a workflow has run for it, at least once and with retries. `#[activity]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an activity",
    label = "not an activity",
    note = "put `#[activity]` on the function"
)]
pub trait Activity {
    /// Its name in the manifest.
    const NAME: &'static str;
    /// What it does, for people.
    const DESCRIPTION: &'static str;
    /// How often and when it is tried again where the workflow does not say.
    const RETRY: Option<RetryPolicy>;
    /// How long one attempt may take where the workflow does not say.
    const TIMEOUT: Option<Duration>;
    /// What it takes.
    type Input: Value;
    /// What it returns.
    type Output: Value;

    /// Runs it once.
    fn run(ctx: &ActivityContext, input: Self::Input) -> Result<Self::Output, Failure>;
}

/// The name of a function with `#[activity]`, which says which activity is meant. A compiler's message
/// that asks for this trait asks for the attribute.
pub trait MarkedAsActivity {
    /// The activity.
    type Activity: Activity;
}

impl<F: FnOnce() -> A, A: Activity> MarkedAsActivity for F {
    type Activity = A;
}

/// What an activity may do.
#[derive(Clone, Debug)]
pub struct ActivityContext {
    _made_by_the_sdk: (),
}

/// Which activity is running, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The activity's name.
    pub name: String,
    /// The workflow instance that scheduled it.
    pub workflow_id: String,
    /// Counts from 1.
    pub attempt: u32,
    /// The same on every attempt, and different for everything else that is ever scheduled. Give it to
    /// whatever is called outside, so that a repeat is recognised there.
    pub idempotency_key: String,
}

actor_methods!(
    ActivityContext,
    "A call that an earlier attempt has made already gets the answer it got then and has no second effect."
);
log_methods!(
    ActivityContext,
    host::log,
    "It appears at once, on every attempt."
);

impl ActivityContext {
    /// Which activity is running, and for whom.
    pub fn info(&self) -> Execution {
        let info = host::info();
        Execution {
            name: info.name,
            workflow_id: info.workflow_id,
            attempt: info.attempt,
            idempotency_key: info.idempotency_key,
        }
    }

    /// Raises an event for a workflow instance, once for all attempts.
    pub fn raise_event(
        &self,
        workflow_id: &str,
        name: &str,
        value: &impl Serialize,
    ) -> Result<(), Failure> {
        let value = encode(value, format_args!("the event `{name}`"))?;
        Ok(host::raise_event(workflow_id, name, &value)?)
    }
}

impl Caller for ActivityContext {
    type Answer<T: Value> = Result<T, Failure>;

    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> Result<T, Failure> {
        call_now(actor, &method, input, host::call_actor)
    }
}

/// Runs the activity on the host's behalf.
pub fn run_activity<A: Activity>(input: &[u8]) -> Result<Vec<u8>, Failure> {
    let name = A::NAME;
    let what = format_args!("the input of activity `{name}`");
    let input = decode(input, "bad-input", what)?;
    let context = ActivityContext {
        _made_by_the_sdk: (),
    };
    let output = A::run(&context, input)?;
    encode(&output, format_args!("the result of activity `{name}`"))
}

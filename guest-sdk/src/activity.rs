//! What an activity may do, and how one is run.
//!
//! Must not know workflows: an activity sees only who asked for it.

use std::time::Duration;

use serde::Serialize;

use crate::bindings::durable::plugin::activity as host;
use crate::client::{Address, LaterSender, MessageId, Sender, actor_methods, waiting_caller};
use crate::log::log_methods;
use crate::topic::try_value_of;
use crate::value::{decode, encode};
use crate::{Failure, Moment, RetryPolicy, Value};

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
    /// How long all of it may take, from scheduling to its end, where the workflow does not say.
    const SCHEDULE_TO_CLOSE: Option<Duration>;
    /// How long an attempt may go without a heartbeat where the workflow does not say.
    const HEARTBEAT_TIMEOUT: Option<Duration>;
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

    /// Says that the attempt is alive, and what it has done so far: should it fail, the attempt that follows
    /// reads that with [`last_heartbeat`](Self::last_heartbeat). `&()` says nothing and leaves what was said
    /// before.
    ///
    /// Call it as often as you like: details are written to the disk at most once a second.
    ///
    /// ```
    /// use guest_sdk::prelude::*;
    ///
    /// /// Sends a letter to everybody, and goes on behind the last one when it is tried again.
    /// #[activity(timeout = "1h", heartbeat_timeout = "30s")]
    /// fn send_all(ctx: &ActivityContext, people: Vec<String>) -> Result<(), Failure> {
    ///     let sent: Option<usize> = ctx.last_heartbeat()?;
    ///     for (number, person) in people.iter().enumerate().skip(sent.unwrap_or(0)) {
    ///         ctx.log(format!("Dear {person}"));
    ///         ctx.heartbeat(&(number + 1))?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The activity was asked to stop: a failure of the code `cancelled`. It has a moment to clean up before
    /// it is dropped.
    pub fn heartbeat(&self, details: &impl Serialize) -> Result<(), Failure> {
        let details = encode(details, "the details of a heartbeat")?;
        if host::heartbeat((!details.is_empty()).then_some(&*details)) {
            return Err(Failure::new("cancelled", "the activity was asked to stop"));
        }
        Ok(())
    }

    /// Whether the activity was asked to stop. It is a heartbeat, too.
    pub fn is_cancelled(&self) -> bool {
        host::heartbeat(None)
    }

    /// The details of the last heartbeat of the attempts before this one, if there was one that had any.
    ///
    /// # Errors
    /// They do not fit the type.
    pub fn last_heartbeat<T: Value>(&self) -> Result<Option<T>, Failure> {
        let details = host::last_heartbeat();
        let what = "the details of the last heartbeat";
        let read = details.map(|details| decode(&details, "bad-input", what));
        read.transpose()
    }

    /// Takes back a message that was to be delivered later. One that was delivered before its receiver learns
    /// of it stays delivered.
    ///
    /// Messages to actors are sent once for all attempts, at once:
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[derive(Default, Serialize, Deserialize, JsonSchema)] struct Desk {}
    /// # #[actor]
    /// # impl Desk {
    /// #     #[method] fn note(&self, text: String) { drop(text); }
    /// #     #[method] fn ask_again(&self, text: String) { drop(text); }
    /// # }
    /// #[activity]
    /// fn ask(ctx: &ActivityContext, question: String) -> Result<MessageId, Failure> {
    ///     let desk = ctx.actor::<Desk>("desk");
    ///     desk.one_way().note(question.clone())?;
    ///     desk.later("24h").ask_again(question)
    /// }
    ///
    /// #[activity]
    /// fn answer(ctx: &ActivityContext, asked: MessageId) -> Result<(), Failure> {
    ///     ctx.cancel_message(&asked)
    /// }
    /// ```
    pub fn cancel_message(&self, message: &MessageId) -> Result<(), Failure> {
        Ok(host::cancel_message(&message.0)?)
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

    /// Publishes a value, once for all attempts: every actor and workflow that has subscribed to the topic
    /// by then is sent it.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[activity]
    /// fn measure(ctx: &ActivityContext) -> Result<(), Failure> {
    ///     ctx.publish("temperature", &21.5)
    /// }
    /// ```
    pub fn publish(&self, topic: impl AsRef<str>, value: &impl Serialize) -> Result<(), Failure> {
        let topic = topic.as_ref();
        Ok(host::publish(topic, &try_value_of(topic, value)?)?)
    }
}

waiting_caller!(ActivityContext, host::call_actor, |_| false);

impl Sender for ActivityContext {
    /// Whether it is sent: the receiver may have too many messages waiting.
    type Sent = Result<(), Failure>;

    fn send(
        &self,
        actor: &Address,
        method: &str,
        input: Result<Vec<u8>, Failure>,
    ) -> Result<(), Failure> {
        Ok(host::send(&actor.actor_type, &actor.id, method, &input?)?)
    }
}

impl LaterSender for ActivityContext {
    fn send_later(
        &self,
        due: Moment,
        actor: &Address,
        method: &str,
        input: &[u8],
    ) -> Result<MessageId, Failure> {
        let Address { actor_type, id } = actor;
        let sent = host::send_later(actor_type, id, method, input, &due.0);
        Ok(MessageId(sent?))
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

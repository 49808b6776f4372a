//! Calls to actors, typed by the method and by who calls.
//!
//! `#[actor]` generates a client on top of [`ActorRef`]. How a call is made, and whether its answer is a
//! future, a result or nothing, is up to the [`Caller`]: the context of the calling code.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bindings::durable::plugin::types;
use crate::policy::milliseconds;
use crate::value::{decode, encode};
use crate::{Failure, Moment, Value};

/// Code that may call actors: the context of a workflow, an actor or an activity.
pub trait Caller: Clone {
    /// How this kind of code gets an answer.
    type Answer<T: Value>;

    /// Calls a method.
    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> Self::Answer<T>;
}

/// Calls a method and waits for the answer at once; `ask` is the host's function.
pub(crate) fn call_now<T: Value>(
    actor: &Address,
    method: &str,
    input: &impl Serialize,
    ask: impl FnOnce(&str, &str, &str, &[u8]) -> Result<Vec<u8>, types::Failure>,
) -> Result<T, Failure> {
    let kind = &actor.actor_type;
    let input = encode(input, format_args!("the input of `{kind}.{method}`"))?;
    let answer = ask(kind, &actor.id, method, &input)?;
    let what = format_args!("the answer of `{kind}.{method}`");
    decode(&answer, "bad-output", what)
}

/// How a call is made: the answer is waited for no longer than `limit`.
pub(crate) fn call_options(limit: Option<Duration>, reentrant: bool) -> types::CallOptions {
    types::CallOptions {
        timeout_ms: limit.map(milliseconds),
        reentrant,
    }
}

/// Has the calls of a context wait for their answers. `$ask` is the host's function, and `$reentrant` says of
/// the context whether whoever is called may enter the calling actor again.
macro_rules! waiting_caller {
    ($context:ty, $ask:path, $reentrant:expr) => {
        impl $context {
            fn ask<T: $crate::Value>(
                &self,
                limit: Option<std::time::Duration>,
                actor: &$crate::client::Address,
                method: &str,
                input: &impl serde::Serialize,
            ) -> Result<T, $crate::Failure> {
                let reentrant: fn(&Self) -> bool = $reentrant;
                let options = $crate::client::call_options(limit, reentrant(self));
                $crate::client::call_now(actor, method, input, |kind, id, method, input| {
                    $ask(kind, id, method, input, options)
                })
            }
        }

        impl $crate::client::Caller for $context {
            type Answer<T: $crate::Value> = Result<T, $crate::Failure>;

            fn call<T: $crate::Value>(
                &self,
                actor: &$crate::client::Address,
                method: std::borrow::Cow<'static, str>,
                input: &impl serde::Serialize,
            ) -> Result<T, $crate::Failure> {
                self.ask(None, actor, &method, input)
            }
        }

        impl $crate::client::TimedCaller for $context {
            fn call_within<T: $crate::Value>(
                &self,
                limit: std::time::Duration,
                actor: &$crate::client::Address,
                method: std::borrow::Cow<'static, str>,
                input: &impl serde::Serialize,
            ) -> Result<T, $crate::Failure> {
                self.ask(Some(limit), actor, &method, input)
            }
        }
    };
}

pub(crate) use waiting_caller;

/// Gives a context its ways to actors; `$when` says what holds for their calls.
macro_rules! actor_methods {
    ($context:ty, $when:literal) => {
        impl $context {
            /// The actor of this type and id.
            #[doc = $when]
            pub fn actor<A: $crate::Actor>(&self, id: impl Into<String>) -> A::Client<Self> {
                A::client(self.clone(), id.into())
            }

            /// An actor of another plugin.
            pub fn actor_named(
                &self,
                actor_type: impl Into<std::borrow::Cow<'static, str>>,
                id: impl Into<String>,
            ) -> $crate::client::ActorRef<Self> {
                $crate::client::ActorRef::new(self.clone(), actor_type, id)
            }
        }
    };
}

pub(crate) use actor_methods;

/// Code that may also send messages to actors without waiting for an answer.
pub trait Sender: Caller {
    /// What it learns of the sending.
    type Sent;

    /// Sends a message; its input may have no way to be written.
    fn send(&self, actor: &Address, method: &str, input: Result<Vec<u8>, Failure>) -> Self::Sent;
}

/// Code that may also wait for an answer no longer than it wants to. A workflow has
/// [`timeout`](crate::WorkflowContext::timeout) for this.
pub trait TimedCaller: Caller {
    /// Calls a method and waits no longer than `limit` for its answer.
    fn call_within<T: Value>(
        &self,
        limit: Duration,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> Self::Answer<T>;
}

/// The input of a message that is part of a turn: that it has no way to be written is a mistake in its type.
pub(crate) fn must(input: Result<Vec<u8>, Failure>) -> Vec<u8> {
    input.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Code that may also send messages that are delivered later.
pub trait LaterSender: Caller {
    /// Sends a message that is delivered when it is due.
    fn send_later(
        &self,
        due: Moment,
        actor: &Address,
        method: &str,
        input: &[u8],
    ) -> Result<MessageId, Failure>;
}

/// Which message that is delivered later is meant. It can be kept in a state or sent on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct MessageId(pub(crate) String);

/// Which actor is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The actor's type, as in its plugin's manifest.
    pub actor_type: Cow<'static, str>,
    /// The id, unique within the type.
    pub id: String,
}

/// An actor, as one kind of code sees it. Nothing happens until a method is called; an actor that
/// nobody has called yet comes into being by its first call.
#[derive(Clone, Debug)]
pub struct ActorRef<C> {
    caller: C,
    address: Address,
}

impl<C: Caller> ActorRef<C> {
    /// The actor of that type and id.
    pub fn new(caller: C, actor_type: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        let address = Address {
            actor_type: actor_type.into(),
            id: id.into(),
        };
        Self { caller, address }
    }

    /// Calls a method by its wire name.
    pub fn call<T: Value>(
        &self,
        method: impl Into<Cow<'static, str>>,
        input: &impl Serialize,
    ) -> C::Answer<T> {
        self.caller.call(&self.address, method.into(), input)
    }
}

impl<C: Sender> ActorRef<C> {
    /// The same actor, to be sent messages without waiting for an answer.
    pub fn one_way(&self) -> ActorRef<OneWay<C>> {
        ActorRef {
            caller: OneWay(self.caller.clone()),
            address: self.address.clone(),
        }
    }
}

impl<C: TimedCaller> ActorRef<C> {
    /// The same actor, whose answers are waited for no longer than `limit`.
    pub fn timeout(&self, limit: Duration) -> ActorRef<Within<C>> {
        ActorRef {
            caller: Within {
                caller: self.caller.clone(),
                limit,
            },
            address: self.address.clone(),
        }
    }
}

impl<C: LaterSender> ActorRef<C> {
    /// The same actor, to be sent messages that are delivered when they are due.
    pub fn later(&self, due: impl Into<Moment>) -> ActorRef<Later<C>> {
        ActorRef {
            caller: Later {
                caller: self.caller.clone(),
                due: due.into(),
            },
            address: self.address.clone(),
        }
    }
}

/// A caller that waits for an answer no longer than it wants to. A call whose answer does not come in time
/// fails with `timeout`: it may take effect all the same, unless its turn had not begun.
#[derive(Clone, Debug)]
pub struct Within<C> {
    caller: C,
    limit: Duration,
}

impl<C: TimedCaller> Caller for Within<C> {
    type Answer<T: Value> = C::Answer<T>;

    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> C::Answer<T> {
        self.caller.call_within(self.limit, actor, method, input)
    }
}

/// A caller whose calls are delivered when they are due, exactly once and whatever happens to the host
/// meanwhile. Each returns the message's id, by which it can be taken back.
#[derive(Clone, Debug)]
pub struct Later<C> {
    caller: C,
    due: Moment,
}

impl<C: LaterSender> Caller for Later<C> {
    type Answer<T: Value> = Result<MessageId, Failure>;

    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> Result<MessageId, Failure> {
        let input = message(actor, &method, input)?;
        self.caller
            .send_later(self.due.clone(), actor, &method, &input)
    }
}

/// A caller that does not want an answer: its calls do not wait for one and take effect exactly once.
#[derive(Clone, Debug)]
pub struct OneWay<C>(C);

impl<C: Sender> Caller for OneWay<C> {
    type Answer<T: Value> = C::Sent;

    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> C::Sent {
        self.0.send(actor, &method, message(actor, &method, input))
    }
}

fn message(actor: &Address, method: &str, input: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let kind = &actor.actor_type;
    encode(input, format_args!("the message `{method}` to {kind}"))
}

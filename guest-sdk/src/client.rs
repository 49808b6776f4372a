//! Calls to actors, typed by the method and by who calls.
//!
//! `#[actor]` generates a client on top of [`ActorRef`]. How a call is made, and whether its answer is a
//! future, a result or nothing, is up to the [`Caller`]: the context of the calling code.

use std::borrow::Cow;

use serde::Serialize;

use crate::Value;
use crate::value::encode;

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

/// Code that may also send messages to actors without waiting for an answer.
pub trait Sender: Caller {
    /// Sends a message.
    fn send(&self, actor: &Address, method: &str, input: &[u8]);
}

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

/// A caller that does not want an answer: its calls return at once and take effect exactly once.
#[derive(Clone, Debug)]
pub struct OneWay<C>(C);

impl<C: Sender> Caller for OneWay<C> {
    type Answer<T: Value> = ();

    fn call<T: Value>(&self, actor: &Address, method: Cow<'static, str>, input: &impl Serialize) {
        let what = format_args!("the message `{method}` to {}", actor.actor_type);
        let input = encode(input, what).unwrap_or_else(|failure| panic!("{failure}"));
        self.0.send(actor, &method, &input);
    }
}

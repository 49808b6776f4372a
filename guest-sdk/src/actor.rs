//! What an actor may do, and how a turn is run.
//!
//! An instance of the plugin belongs to one turn and to no actor, so this reads the typed state before a
//! method runs and writes it afterwards where it has changed.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::bindings::durable::plugin::actor as host;
use crate::bindings::exports::durable::plugin::manifest::MethodDefinition;
use crate::client::{
    Address, Caller, LaterSender, MessageId, Sender, actor_methods, must, waiting_caller,
};
use crate::instance::{StartError, WorkflowInfo};
use crate::log::log_methods;
use crate::state::STATE_KEY;
use crate::topic::value_of;
use crate::value::{decode, encode};
use crate::{Failure, InputOf, MarkedAsWorkflow, Moment, Value, Workflow};

/// Something with an identity and a state, which handles one call at a time. `#[actor]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an actor",
    note = "put `#[actor]` on its `impl` block"
)]
pub trait Actor: Default + Value {
    /// Its type's name in the manifest.
    const TYPE: &'static str;
    /// What it stands for, for people.
    const DESCRIPTION: &'static str;
    /// After how long without a call it is deactivated; the host has a default.
    const IDLE: Option<Duration>;
    /// How often one chain of calls may be in the actor at once; none: once.
    const REENTRANCY: Option<u32>;
    /// What is run when it becomes active.
    const ACTIVATE: Option<Hook<Self>>;
    /// What is run before it leaves the memory.
    const DEACTIVATE: Option<Hook<Self>>;
    /// Calls its methods, each typed.
    type Client<C: Caller>;

    /// Calls the actor of this id.
    fn client<C: Caller>(caller: C, id: String) -> Self::Client<C>;

    #[doc(hidden)]
    fn invoke(turn: Turn<'_, Self>) -> Result<Vec<u8>, Failure>;

    #[doc(hidden)]
    fn methods() -> Vec<MethodDefinition>;
}

/// A function that runs when an actor becomes active, or before it leaves the memory.
pub type Hook<A> = fn(&mut A, &ActorContext) -> Result<(), Failure>;

/// What an actor may do. All that it writes, sends and starts takes effect together when the method
/// returns, or not at all when it fails.
#[derive(Clone, Debug)]
pub struct ActorContext {
    turn: Rc<ThisTurn>,
}

#[derive(Debug)]
struct ThisTurn {
    actor_type: String,
    id: String,
    /// The typed state as the host has it.
    stored: RefCell<Vec<u8>>,
    /// Whether whoever is called may call this actor again.
    reentrant: Cell<bool>,
}

actor_methods!(
    ActorContext,
    "A call waits for the answer, and the callee commits its own turn first; a call that would wait for itself fails with `deadlock`."
);
log_methods!(
    ActorContext,
    host::log,
    "It appears once the turn is committed."
);

impl ActorContext {
    /// The running actor's id, unique within its type.
    pub fn id(&self) -> &str {
        &self.turn.id
    }

    /// The running actor's type.
    pub fn actor_type(&self) -> &str {
        &self.turn.actor_type
    }

    /// Starts a workflow as part of this turn.
    pub fn start_workflow<N: MarkedAsWorkflow>(
        &self,
        _workflow: N,
        input: InputOf<N>,
    ) -> StartWorkflow {
        self.start_workflow_named(N::Workflow::NAME, &input)
    }

    /// Starts a workflow of another plugin as part of this turn.
    pub fn start_workflow_named(
        &self,
        name: impl Into<Cow<'static, str>>,
        input: &impl Serialize,
    ) -> StartWorkflow {
        let name = name.into();
        StartWorkflow {
            input: encode(input, format_args!("the input of workflow `{name}`")),
            name,
            id: None,
        }
    }

    /// Looks up a workflow instance, one started in this very turn included.
    pub fn workflow(&self, id: &str) -> Option<WorkflowInfo> {
        host::get_workflow(id).map(WorkflowInfo::from)
    }

    /// Raises an event for a workflow instance as part of this turn. Fails with `not-found` where no such
    /// instance is and with `already-ended` where it has ended.
    pub fn raise_event(
        &self,
        workflow_id: &str,
        name: &str,
        value: &impl Serialize,
    ) -> Result<(), Failure> {
        let value = encode(value, format_args!("the event `{name}`"))?;
        Ok(host::raise_event(workflow_id, name, &value)?)
    }

    /// Publishes a value as part of this turn: every actor and workflow that has subscribed to the topic by
    /// then is sent it, exactly once and in the order of publishing.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[derive(Default, Serialize, Deserialize, JsonSchema)] struct Shop {}
    /// #[actor]
    /// impl Shop {
    ///     #[method]
    ///     fn set_price(&mut self, ctx: &ActorContext, price: u32) {
    ///         ctx.publish("prices", &price);
    ///     }
    /// }
    /// ```
    pub fn publish(&self, topic: impl AsRef<str>, value: &impl Serialize) {
        let topic = topic.as_ref();
        host::publish(topic, &value_of(topic, value));
    }

    /// Has a method of this actor, by its wire name, run for each value that is published to a topic, from
    /// this turn on. A second time for the same topic replaces the method. A value for which it fails is
    /// dropped and the failure told: it is not tried again, and what comes behind it is not held up.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[derive(Default, Serialize, Deserialize, JsonSchema)] struct Board { price: u32 }
    /// #[actor]
    /// impl Board {
    ///     #[method]
    ///     fn open(&mut self, ctx: &ActorContext) {
    ///         ctx.subscribe("prices", "SetPrice");
    ///     }
    ///
    ///     #[method]
    ///     fn set_price(&mut self, price: u32) {
    ///         self.price = price;
    ///     }
    /// }
    /// ```
    pub fn subscribe(&self, topic: impl AsRef<str>, method: &str) {
        host::subscribe(topic.as_ref(), method);
    }

    /// Receives no more of a topic, as part of this turn.
    pub fn unsubscribe(&self, topic: impl AsRef<str>) {
        host::unsubscribe(topic.as_ref());
    }

    /// Makes calls in which whoever is called may call this actor again before it answers. Such a call runs
    /// over this very turn: it sees `state` as it is here, what it changes is in `state` afterwards, and all
    /// of it is committed together. It fails with `limit` where it goes deeper than the actor's
    /// `reentrant(depth = ...)` allows, and with `deadlock` where the actor is not `reentrant` at all.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[derive(Default, Serialize, Deserialize, JsonSchema)] struct Bank {}
    /// # #[actor] impl Bank { #[method] fn check(&self, account: String) -> bool { account.len() > 1 } }
    /// #[derive(Default, Serialize, Deserialize, JsonSchema)]
    /// struct Account { balance: i64, asked: u32 }
    ///
    /// #[actor(reentrant(depth = 2))]
    /// impl Account {
    ///     #[method]
    ///     fn withdraw(&mut self, ctx: &ActorContext, amount: i64) -> Result<i64, Failure> {
    ///         // The bank asks this account for its balance before it answers.
    ///         let id = ctx.id().to_owned();
    ///         ctx.reentrant(self, || ctx.actor::<Bank>("bank").check(id))?;
    ///         self.balance -= amount;
    ///         Ok(self.balance)
    ///     }
    ///
    ///     #[method]
    ///     fn balance(&mut self) -> i64 {
    ///         self.asked += 1;
    ///         self.balance
    ///     }
    /// }
    /// ```
    pub fn reentrant<A: Actor, T>(
        &self,
        state: &mut A,
        calls: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        write(self, state)?;
        let outer = self.turn.reentrant.replace(true);
        let outcome = calls();
        self.turn.reentrant.set(outer);
        *state = read(self)?;
        outcome
    }

    /// Takes back a message that was to be delivered later. One that was delivered before its receiver learns
    /// of it stays delivered.
    pub fn cancel_message(&self, message: &MessageId) -> Result<(), Failure> {
        Ok(host::cancel_message(&message.0)?)
    }

    /// The actor leaves the memory after this turn, once nothing waits for it: its timers are gone, and the
    /// next call activates it anew.
    pub fn deactivate(&self) {
        host::deactivate();
    }

    /// Deletes the actor with all that it owns as part of this turn: its state, its reminders, its timers,
    /// its subscriptions and the messages to it that are not due yet. What the turn writes afterwards is
    /// written, its typed state only if the method has changed it. Messages that wait in its inbox bring it into
    /// being anew.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[derive(Default, Serialize, Deserialize, JsonSchema)]
    /// struct Account { name: String }
    ///
    /// #[actor]
    /// impl Account {
    ///     #[method]
    ///     fn close(&mut self, ctx: &ActorContext) {
    ///         ctx.log(format!("{} is closed", self.name));
    ///         ctx.delete_actor();
    ///         ctx.deactivate();
    ///     }
    /// }
    /// ```
    pub fn delete_actor(&self) {
        host::delete();
    }

    /// The time at which this turn began.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now_ms())
    }

    /// [`now`](Self::now) in milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms(&self) -> u64 {
        host::now_ms()
    }
}

/// A workflow that is about to be started.
#[must_use = "nothing is started before `start` is called"]
pub struct StartWorkflow {
    name: Cow<'static, str>,
    id: Option<String>,
    input: Result<Vec<u8>, Failure>,
}

impl StartWorkflow {
    /// The instance's id, instead of one that the host makes.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Starts it and returns its id.
    pub fn start(self) -> Result<String, StartError> {
        let input = self.input.map_err(StartError::Refused)?;
        host::start_workflow(&self.name, self.id.as_deref(), &input).map_err(StartError::from)
    }
}

waiting_caller!(ActorContext, host::call, |ctx| ctx.turn.reentrant.get());

impl LaterSender for ActorContext {
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

impl Sender for ActorContext {
    type Sent = ();

    fn send(&self, actor: &Address, method: &str, input: Result<Vec<u8>, Failure>) {
        host::send(&actor.actor_type, &actor.id, method, &must(input));
    }
}

/// One call of one method.
pub struct Turn<'a, A> {
    ctx: &'a ActorContext,
    method: &'a str,
    input: &'a [u8],
    actor: PhantomData<fn() -> A>,
}

impl<'a, A: Actor> Turn<'a, A> {
    /// The method's wire name.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// Runs a method that leaves the state as it is.
    pub fn read<I: Value, O: Value>(
        self,
        run: impl FnOnce(&A, &ActorContext, I) -> Result<O, Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let input = self.decoded_input()?;
        let state = read(self.ctx)?;
        let output = run(&state, self.ctx, input)?;
        self.encoded(&output)
    }

    /// Runs a method that may change the state.
    pub fn change<I: Value, O: Value>(
        self,
        run: impl FnOnce(&mut A, &ActorContext, I) -> Result<O, Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let input = self.decoded_input()?;
        let mut state = read(self.ctx)?;
        let output = run(&mut state, self.ctx, input)?;
        write(self.ctx, &state)?;
        self.encoded(&output)
    }

    /// There is no such method.
    pub fn unknown(self) -> Result<Vec<u8>, Failure> {
        let message = format!("actor type `{}` has no method `{}`", A::TYPE, self.method);
        Err(Failure::new("not-found", message))
    }

    fn decoded_input<I: Value>(&self) -> Result<I, Failure> {
        let what = format_args!("the input of `{}.{}`", A::TYPE, self.method);
        decode(self.input, "bad-input", what)
    }

    fn encoded<O: Value>(&self, output: &O) -> Result<Vec<u8>, Failure> {
        encode(
            output,
            format_args!("the answer of `{}.{}`", A::TYPE, self.method),
        )
    }
}

/// The typed state: what is stored, or the default, which is written only once it has changed.
fn read<A: Actor>(ctx: &ActorContext) -> Result<A, Failure> {
    let Some(stored) = host::get_state(STATE_KEY) else {
        let state = A::default();
        *ctx.turn.stored.borrow_mut() = encoded(&state)?;
        return Ok(state);
    };
    let what = format_args!("the stored state of actor type `{}`", A::TYPE);
    let state = decode(&stored, "bad-state", what)?;
    *ctx.turn.stored.borrow_mut() = stored;
    Ok(state)
}

/// Writes the typed state where it has changed.
fn write<A: Actor>(ctx: &ActorContext, state: &A) -> Result<(), Failure> {
    let now = encoded(state)?;
    let mut stored = ctx.turn.stored.borrow_mut();
    if now != *stored {
        host::set_state(STATE_KEY, &now);
        *stored = now;
    }
    Ok(())
}

fn encoded<A: Actor>(state: &A) -> Result<Vec<u8>, Failure> {
    encode(state, format_args!("the state of actor type `{}`", A::TYPE))
}

fn context(id: String, actor_type: &str) -> ActorContext {
    let turn = Rc::new(ThisTurn {
        actor_type: actor_type.to_owned(),
        id,
        stored: RefCell::default(),
        reentrant: Cell::new(false),
    });
    ActorContext { turn }
}

/// Makes the actor active on the host's behalf.
pub fn activate<A: Actor>(id: String) -> Result<(), Failure> {
    run_hook::<A>(A::ACTIVATE, id)
}

/// Tells the actor on the host's behalf that it leaves the memory.
pub fn deactivate<A: Actor>(id: String) -> Result<(), Failure> {
    run_hook::<A>(A::DEACTIVATE, id)
}

fn run_hook<A: Actor>(hook: Option<Hook<A>>, id: String) -> Result<(), Failure> {
    let Some(hook) = hook else {
        return Ok(());
    };
    let ctx = context(id, A::TYPE);
    let mut state = read(&ctx)?;
    hook(&mut state, &ctx)?;
    write(&ctx, &state)
}

/// Runs a method on the host's behalf.
pub fn invoke<A: Actor>(id: String, method: &str, input: &[u8]) -> Result<Vec<u8>, Failure> {
    A::invoke(Turn {
        ctx: &context(id, A::TYPE),
        method,
        input,
        actor: PhantomData,
    })
}

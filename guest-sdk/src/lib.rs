//! What a plugin is written with: activities, workflows and actors in plain Rust.
//!
//! Owns what authors call and how their code answers the host. Must not know how the host keeps its
//! promises: everything goes through the contract, package `durable:plugin`.
//!
//! A plugin is a library that is compiled for `wasm32-wasip2` (crate type `cdylib`) and depends on this
//! crate and on `serde`. The host keeps its workflows and actors going through crashes and restarts. This
//! page is the way from the first function to all of it.
//!
//! # An activity
//!
//! An activity is a function that does one piece of work. It may take its time, ask the clock and fail;
//! the host runs it again until it works or until its retries are used up.
//!
//! ```
//! use guest_sdk::prelude::*;
//!
//! #[derive(Clone, Serialize, Deserialize, JsonSchema)]
//! pub struct Order {
//!     pub number: u32,
//!     pub pieces: u32,
//! }
//!
//! /// Weighs an order, in grams.
//! #[activity(timeout = "10s", retry(max_attempts = 3, first_interval = "500ms"))]
//! fn weigh(order: Order) -> Result<u32, Failure> {
//!     if order.pieces == 0 {
//!         return Err(failure!("empty", "order {} has no pieces", order.number));
//!     }
//!     Ok(order.pieces * 250)
//! }
//!
//! // Its name says which activity is meant. The function itself is there for its tests.
//! assert_eq!(weigh::call(Order { number: 1, pieces: 2 }), Ok(500));
//! ```
//!
//! What goes in and comes out is JSON; three derives make a type one that can. The doc comment becomes the
//! description that `host` shows. A function takes at most one input, and a [`&ActivityContext`]
//! before it if it wants to log, to call actors, or to know which attempt this is:
//!
//! ```
//! # use guest_sdk::prelude::*;
//! #[activity]
//! fn greet(ctx: &ActivityContext, name: String) -> String {
//!     ctx.log(format!("Greeting {name}"));
//!     format!("Hello {name} ({})", ctx.info().idempotency_key)
//! }
//! ```
//!
//! An activity may run more than once: it can have done its work when the machine fails. Give the
//! idempotency key to whatever it calls outside, and a repeat is recognised there.
//!
//! # A workflow
//!
//! A workflow is an `async fn` that has activities run for it. After a crash it goes on where it was: the
//! host runs it again from its beginning and answers everything that was answered before from its history.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! # #[activity] fn weigh(order: Order) -> u32 { order.pieces }
//! # #[activity] fn book_parcel(grams: u32) -> String { grams.to_string() }
//! # #[derive(Clone, Serialize, Deserialize, JsonSchema)]
//! # pub struct Order { pub number: u32, pub pieces: u32 }
//! /// Ships an order and returns its parcel's number.
//! #[workflow]
//! async fn ship(ctx: WorkflowContext, order: Order) -> Result<String, Failure> {
//!     let grams = ctx.activity(weigh, order).await?;
//!     let parcel = ctx.activity(book_parcel, grams).await?;
//!     ctx.log(format!("Shipped as {parcel}"));
//!     Ok(parcel)
//! }
//!
//! guest_sdk::export! {
//!     workflows: [ship],
//!     activities: [weigh, book_parcel],
//!     example: ship, "ship-{number}", Order { number: 1, pieces: 2 },
//! }
//! ```
//!
//! `export!` says what the plugin brings; the example is what `host run` starts.
//!
//! # An actor
//!
//! An actor is something with an identity and a state: a cart, a task, a device. It comes into being when
//! it is first called and handles one call at a time. Its state is saved after each method that changes
//! it, and is as before when a method fails.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! /// What somebody wants to buy.
//! #[derive(Default, Serialize, Deserialize, JsonSchema)]
//! pub struct Cart {
//!     pieces: u32,
//! }
//!
//! #[actor(idle = "10m")]
//! impl Cart {
//!     /// Puts in more and returns how much is in it.
//!     #[method]
//!     fn add(&mut self, pieces: u32) -> u32 {
//!         self.pieces += pieces;
//!         self.pieces
//!     }
//!
//!     #[method]
//!     fn is_empty(&self) -> bool {
//!         self.pieces == 0
//!     }
//! }
//!
//! guest_sdk::export! { actors: [Cart] }
//! ```
//!
//! The methods are called `Add` and `IsEmpty` outside. A method of `&self` reads; only one of `&mut self`
//! saves. Values that are not to be read and written with every call have keys of their own:
//! [`ActorContext::set`] and [`ActorContext::get`].
//!
//! # Both together
//!
//! Actors own state, workflows own processes. An actor starts a workflow as part of its turn: either the
//! new state and the workflow are there, or neither. A workflow calls an actor by its typed client, and
//! each call takes effect exactly once.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! # #[activity] fn pay(pieces: u32) -> bool { pieces > 0 }
//! #[derive(Default, Serialize, Deserialize, JsonSchema)]
//! pub struct Cart {
//!     pieces: u32,
//!     paid: bool,
//! }
//!
//! #[actor]
//! impl Cart {
//!     #[method]
//!     fn check_out(&mut self, ctx: &ActorContext) -> Result<String, Failure> {
//!         let checkout = Checkout { cart: ctx.id().to_owned(), pieces: self.pieces };
//!         let start = ctx.start_workflow(check_out_cart, checkout);
//!         Ok(start.id(format!("checkout-{}", ctx.id())).start()?)
//!     }
//!
//!     #[method]
//!     fn mark_paid(&mut self) {
//!         self.paid = true;
//!     }
//! }
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Checkout {
//!     cart: String,
//!     pieces: u32,
//! }
//!
//! #[workflow]
//! async fn check_out_cart(ctx: WorkflowContext, checkout: Checkout) -> Result<(), Failure> {
//!     if ctx.activity(pay, checkout.pieces).await? {
//!         ctx.actor::<Cart>(&checkout.cart).mark_paid().await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! In an activity or an actor the same client returns the answer itself. Where no answer is wanted,
//! `.one_way()` sends: `ctx.actor::<Cart>(id).one_way().mark_paid();`
//!
//! # Time, events and many things at once
//!
//! Waiting costs nothing, so a workflow may wait for months.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! # #[activity] fn remind(person: String) -> bool { !person.is_empty() }
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Approval {
//!     by: String,
//! }
//!
//! #[workflow]
//! async fn approve(ctx: WorkflowContext, people: Vec<String>) -> Result<String, Failure> {
//!     // All reminders at once.
//!     let reminders = people.into_iter().map(|person| ctx.activity(remind, person));
//!     try_join_all(reminders).await?;
//!
//!     // The first event `approval`, but no longer than a week.
//!     let week = Duration::from_hours(7 * 24);
//!     match ctx.timeout(week, ctx.event::<Approval>("approval")).await {
//!         Ok(approval) => Ok(approval?.by),
//!         Err(Elapsed) => Err(failure!("not-approved", "nobody answered in a week")),
//!     }
//! }
//! ```
//!
//! Calls are futures like any other: [`future`] has `join_all`, `select` and their like, and an async
//! block or an `async fn` may stand for several steps. A call is made when it is first awaited; to have it
//! made at once and to fetch its result later, [`schedule`](Call::schedule) it. A future that is dropped
//! gives up what it waits for, which is what becomes of the slower one of two;
//! [`detach`](Scheduled::detach) lets it run on. Another workflow is a call, too: `ctx.child(ship, order)`,
//! and [`detach`](Call::detach) starts one that goes its own way. Of very many things,
//! [`map_concurrent`](future::map_concurrent) does a few at a time.
//!
//! # Publish and subscribe
//!
//! What is published to a topic reaches every actor and workflow that has subscribed to it: as part of the
//! turn that publishes, exactly once, and in order. An actor names a method that is run with each value; a
//! workflow gets them as events of the topic's name. [`topic`] has the host's own topics, which tell where
//! workflows start and end.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! #[derive(Default, Serialize, Deserialize, JsonSchema)]
//! struct Screen {
//!     headline: String,
//! }
//!
//! #[actor]
//! impl Screen {
//!     #[method]
//!     fn switch_on(&self, ctx: &ActorContext) {
//!         ctx.subscribe("news", "Show");
//!     }
//!
//!     #[method]
//!     fn show(&mut self, headline: String) {
//!         self.headline = headline;
//!     }
//! }
//!
//! #[workflow]
//! async fn reporter(ctx: WorkflowContext) -> Result<(), Failure> {
//!     ctx.subscribe("tips");
//!     loop {
//!         let tip: String = ctx.event("tips").await?;
//!         ctx.publish("news", &format!("Rumour: {tip}"));
//!     }
//! }
//! ```
//!
//! # Being asked
//!
//! Whoever has an instance's id can ask it: [`on_query`](WorkflowContext::on_query) answers questions while it
//! runs and after it has ended, and [`on_update`](WorkflowContext::on_update) judges changes, applies them and
//! answers when that is done. [`until`](WorkflowContext::until) waits for what updates do, and
//! [`set_status`](WorkflowContext::set_status) says where the instance stands;
//! [`set_attribute`](WorkflowContext::set_attribute) says by what it is found among many.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! # use std::cell::Cell;
//! # use std::rc::Rc;
//! const LEFT: Query<(), u32> = Query::new("left");
//! const BOOK: Update<u32, u32> = Update::new("book");
//!
//! /// Sells the seats of a show.
//! #[workflow(queries(LEFT), updates(BOOK))]
//! async fn sell_seats(ctx: WorkflowContext, seats: u32) -> Result<(), Failure> {
//!     let left = Rc::new(Cell::new(seats));
//!     let state = left.clone();
//!     ctx.on_query(LEFT, move |()| Ok(state.get()));
//!     let state = left.clone();
//!     let are_left = move |seats: &u32| match *seats <= state.get() {
//!         true => Ok(()),
//!         false => Err(failure!("sold-out", "only {} are left", state.get())),
//!     };
//!     let state = left.clone();
//!     ctx.on_update(BOOK, are_left, move |seats| {
//!         state.set(state.get() - seats);
//!         let left = state.get();
//!         async move { Ok(left) }
//!     });
//!     ctx.until(move || left.get() == 0).await;
//!     Ok(())
//! }
//! ```
//!
//! # Failures
//!
//! A [`Failure`] has a code for programs and a message for people. `?` makes one of most errors of the
//! standard library. An activity is tried again when its failure is [`retryable`](Failure::retryable), or
//! when it panicked or took too long; every other failure reaches the workflow at once.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! # #[derive(Clone, Serialize, Deserialize, JsonSchema)]
//! # struct Trip { from: String }
//! # #[activity] fn book_hotel(trip: Trip) -> String { trip.from }
//! # #[activity] fn cancel_hotel(booking: String) { drop(booking) }
//! #[activity]
//! fn book_flight(trip: Trip) -> Result<String, Failure> {
//!     match trip.from.as_str() {
//!         "" => Err(failure!("bad-trip", "a flight starts somewhere")),
//!         _ => Err(failure!("airline-down", "the airline does not answer").retryable()),
//!     }
//! }
//!
//! #[workflow]
//! async fn book(ctx: WorkflowContext, trip: Trip) -> Result<String, Failure> {
//!     let hotel = ctx.activity(book_hotel, trip.clone()).await?;
//!     let policy = RetryPolicy { max_attempts: 10, ..RetryPolicy::DEFAULT };
//!     let flight = ctx.activity(book_flight, trip).retry(policy).await;
//!     if flight.is_err() {
//!         ctx.activity(cancel_hotel, hotel).await?;
//!     }
//!     flight
//! }
//! ```
//!
//! A failure keeps what led to it: [`caused_by`](Failure::caused_by) puts another one behind it, and `host`
//! shows the whole chain.
//!
//! How long an activity may take is said in three ways, by its attribute or by the workflow that calls it:
//! `timeout` for one attempt, `schedule_to_close` for all of it with the waits in between, and
//! `heartbeat_timeout` for the time from one [`heartbeat`](ActivityContext::heartbeat) to the next. A
//! heartbeat has three more uses: its details tell the next attempt where to go on, `host workflow show` shows
//! them, and its answer says when the activity was asked to stop.
//!
//! # Undoing what was done, and being asked to end
//!
//! A [`saga`](WorkflowContext::saga) does several steps of which all are done or none remains. Each step says
//! what undoes it, and where the saga fails, what was done is undone in reverse, after a crash as well.
//!
//! ```
//! # use guest_sdk::prelude::*;
//! # #[activity] fn book_hotel(guest: String) -> Result<u32, Failure> { Ok(u32::try_from(guest.len())?) }
//! # #[activity] fn cancel_hotel(booking: u32) { drop(booking.to_string()) }
//! # #[activity] fn book_flight(guest: String) -> Result<u32, Failure> { Ok(u32::try_from(guest.len())?) }
//! # #[activity] fn cancel_flight(booking: u32) { drop(booking.to_string()) }
//! #[workflow]
//! async fn travel(ctx: WorkflowContext, guest: String) -> Result<(), Failure> {
//!     let trip = ctx.saga(async |saga| {
//!         let cancel = |booking: &u32| ctx.activity(cancel_hotel, *booking);
//!         saga.step(ctx.activity(book_hotel, guest.clone()), cancel).await?;
//!         let cancel = |booking: &u32| ctx.activity(cancel_flight, *booking);
//!         saga.step(ctx.activity(book_flight, guest), cancel).await?;
//!         ctx.event::<()>("arrived").await
//!     });
//!     trip.await
//! }
//! ```
//!
//! A workflow may be asked to end, with `host workflow cancel`. Its body is given up where it waits, and what
//! its sagas have done is undone; the activities and the children that it waits for are asked in the same
//! moment. A body that wants to do something else first takes the request with
//! [`cancellable`](WorkflowContext::cancellable). One that would go on for ever goes on as a new run now and
//! then: [`continue_as_new`](WorkflowContext::continue_as_new).
//!
//! # What a workflow must not do
//!
//! A workflow is run again from its beginning, and must then ask for the same things in the same order. Most
//! of what would get in the way of that is the same each time, or is not there:
//!
//! | what | in a workflow |
//! |---|---|
//! | `SystemTime::now`, `Instant::now` | the time of the event that is being handled, as [`now`](WorkflowContext::now); it stands still in between |
//! | random numbers of `std` and of crates that use `getrandom`, the order of a `HashMap` | come from the instance's seed, as [`rng`](WorkflowContext::rng) does |
//! | statics and thread locals | belong to one instance, and begin anew when its body does |
//! | `std::thread::sleep` | is refused: [`ctx.sleep`](WorkflowContext::sleep) waits |
//! | files, sockets, HTTP | are refused: an activity has them |
//! | threads, environment variables, arguments | there are none |
//! | a future that no method of the context has made, such as a timer of another crate | nothing would ever wake it: the workflow fails and says so |
//! | a panic | ends the workflow with a failure of the code `trap`, which says what and where |
//! | a loop that takes all its time | is interrupted, and the instance is parked until it is given other code: time is not recorded |
//!
//! One thing is left to you. When you change a workflow of which instances are running, do not change what it
//! asks for up to the point where they are, or ask [`patched`](WorkflowContext::patched) which way to go.
//! Instances run on the component that they were started on until they are moved; `host plugin deploy --check`
//! says beforehand which of them agree with another one. The host compares each step with the history, and
//! parks an instance that would go another way until it is given code that goes the old one.
//!
//! # Values
//!
//! Inputs, results, states, events and messages are JSON. One that does not fit its type is a failure that
//! says which value it was, which field, and what was there: `bad-input` where whoever calls has to mend it,
//! `bad-output` where the plugin that was called has, and `bad-state` where a state was written by other code of
//! the actor. So that old values go on to fit, give a new field a default: `#[serde(default)]`.
//!
//! [`&ActivityContext`]: ActivityContext

// The macros' code names this crate by its path, in its own tests, too.
extern crate self as guest_sdk;

mod activity;
mod actor;
mod alarm;
#[doc(hidden)]
pub mod bindings;
pub mod client;
mod executor;
mod failure;
pub mod future;
mod handlers;
mod instance;
mod log;
mod moment;
mod plugin;
mod policy;
pub mod prelude;
mod saga;
mod scopes;
mod state;
pub mod topic;
mod value;
mod workflow;

pub use activity::{Activity, ActivityContext, Execution, MarkedAsActivity};
pub use actor::{Actor, ActorContext, Hook, StartWorkflow};
pub use alarm::{CatchUp, FailurePolicy, Reminder, ReminderInfo, Timer};
pub use client::MessageId;
pub use failure::{Cause, Failure};
pub use guest_sdk_macros::{activity, actor, export, workflow};
pub use handlers::{Named, Query, Update};
pub use instance::{StartError, WorkflowInfo, WorkflowStatus};
pub use log::LogLevel;
pub use moment::Moment;
pub use policy::RetryPolicy;
pub use saga::{Cancelled, Saga};
pub use state::{List, Page};
pub use topic::{WorkflowEvent, WorkflowStage};
pub use value::Value;
pub use workflow::{
    Attribute, AwaitEvent, Call, CallActor, Command, Elapsed, InputOf, Instance, MarkedAsWorkflow,
    OutputOf, ParentClose, RunActivity, RunChild, Scheduled, Sleep, StartChild, Step, Stoppable,
    Workflow, WorkflowContext, WorkflowRng,
};
pub use {rand, schemars, serde, serde_json};

/// What the macros' code calls. Not for authors: it may change at any time.
#[doc(hidden)]
pub mod macros {
    pub use crate::activity::run_activity;
    pub use crate::actor::{Turn, activate, deactivate, invoke};
    pub use crate::bindings::export_plugin;
    pub use crate::bindings::exports::durable::plugin::manifest::{
        AskDefinition, MethodDefinition,
    };
    pub use crate::plugin::{Found, Manifest, NoResult, Plugin, Returned, are_distinct, method};
    pub use crate::workflow::run_workflow;
}

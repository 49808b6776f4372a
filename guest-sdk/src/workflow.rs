//! What a workflow body may do, and how one is run.
//!
//! Owns the context and the futures that it hands out. Each future is lazy: polling it for the first time
//! issues the command, and its handle's slot says when it is complete. Must not keep any state besides,
//! because a body is run again from its history at any time.

use std::borrow::Cow;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{Either, FusedFuture, select};
use rand::TryRng;
use serde::Serialize;

use crate::bindings::durable::plugin::workflow as host;
use crate::bindings::exports::durable::plugin::manifest::AskDefinition;
use crate::client::{Address, Caller, Sender, actor_methods};
use crate::executor::{Handle, Outcome, Slots, drive};
use crate::handlers::{Answered, Handlers, Named};
use crate::log::log_methods;
use crate::policy::milliseconds;
use crate::scopes::{Scopes, is_undoing};
use crate::topic::value_of;
use crate::value::{decode, encode};
use crate::{Activity, Failure, MarkedAsActivity, RetryPolicy, Value};

/// A process of several steps that survives everything. `#[workflow]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "not a workflow",
    note = "put `#[workflow]` on the function"
)]
pub trait Workflow {
    /// Its name in the manifest.
    const NAME: &'static str;
    /// What it does, for people.
    const DESCRIPTION: &'static str;
    /// What it takes.
    type Input: Value;
    /// What it returns.
    type Output: Value;

    /// The queries that the manifest lists.
    #[doc(hidden)]
    fn queries() -> Vec<AskDefinition> {
        Vec::new()
    }

    /// The updates that the manifest lists.
    #[doc(hidden)]
    fn updates() -> Vec<AskDefinition> {
        Vec::new()
    }

    /// Runs it from its beginning.
    fn run(
        ctx: WorkflowContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Failure>>;
}

/// The name of a function with `#[workflow]`, which says which workflow is meant. A compiler's message
/// that asks for this trait asks for the attribute.
pub trait MarkedAsWorkflow {
    /// The workflow.
    type Workflow: Workflow;
}

impl<F: FnOnce() -> W, W: Workflow> MarkedAsWorkflow for F {
    type Workflow = W;
}

/// The code of the failure that a body ends with to go on as a new run.
const CONTINUED_AS_NEW: &str = "continued-as-new";

/// What the workflow of that name takes.
pub type InputOf<N> = <<N as MarkedAsWorkflow>::Workflow as Workflow>::Input;

/// What the workflow of that name returns.
pub type OutputOf<N> = <<N as MarkedAsWorkflow>::Workflow as Workflow>::Output;

/// What a workflow may do. Clones are the same context.
#[derive(Clone)]
pub struct WorkflowContext {
    slots: Rc<Slots>,
    handlers: Rc<Handlers>,
    scopes: Rc<Scopes>,
}

/// Who the running workflow instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id, unique within the tenant.
    pub id: String,
    /// The name of the workflow.
    pub name: String,
    /// Counts from 1: how often this id has been used.
    pub run: u32,
}

actor_methods!(WorkflowContext, "Each call takes effect exactly once.");
log_methods!(
    WorkflowContext,
    host::log,
    "It appears once, however often the body is run again."
);

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

    /// Starts another workflow and waits for its result. [`detach`](Call::detach) does not wait for it.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn print(page: u32) -> u32 { page }
    /// #[workflow]
    /// async fn chapter(ctx: WorkflowContext, page: u32) -> Result<u32, Failure> {
    ///     ctx.activity(print, page).await
    /// }
    ///
    /// #[workflow]
    /// async fn book(ctx: WorkflowContext, pages: u32) -> Result<u32, Failure> {
    ///     // Waits for its end. If the book is given up, so is the chapter, after cleaning up.
    ///     let first = ctx.child(chapter, 1).on_parent_close(ParentClose::Cancel);
    ///     let printed = first.await?;
    ///     // Runs on by itself, whatever becomes of the book.
    ///     let index = ctx.child(chapter, pages).id("index").detach().await?;
    ///     ctx.log(format!("the index is printed by {index}"));
    ///     Ok(printed)
    /// }
    /// # guest_sdk::export! { workflows: [chapter, book], activities: [print] }
    /// ```
    pub fn child<N: MarkedAsWorkflow>(
        &self,
        _workflow: N,
        input: InputOf<N>,
    ) -> Call<RunChild<OutputOf<N>>> {
        self.child_named(N::Workflow::NAME, &input)
    }

    /// Starts a workflow of another plugin and waits for its result.
    pub fn child_named<T: Value>(
        &self,
        name: impl Into<Cow<'static, str>>,
        input: &impl Serialize,
    ) -> Call<RunChild<T>> {
        let name = name.into();
        self.call(RunChild {
            child: Child {
                input: input_of(&name, input),
                name,
                id: None,
                close: None,
            },
            output: PhantomData,
        })
    }

    /// Ends this run and begins the next one of this workflow, under the same id, with this input and an
    /// empty history: what a workflow that goes on for ever does now and then. To be returned at once.
    ///
    /// Events that no wait has taken go over to the next run; so does whoever waits for the workflow's end.
    /// What is outstanding is given up.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn check(round: u32) -> bool { round > 0 }
    /// /// Checks every minute, for ever.
    /// #[workflow]
    /// async fn monitor(ctx: WorkflowContext, rounds: u32) -> Result<u32, Failure> {
    ///     let mut round = rounds;
    ///     while !ctx.continue_as_new_suggested() {
    ///         ctx.activity(check, round).await?;
    ///         ctx.sleep(Duration::from_mins(1)).await;
    ///         round += 1;
    ///     }
    ///     ctx.continue_as_new(monitor, round)
    /// }
    /// # guest_sdk::export! { workflows: [monitor], activities: [check] }
    /// ```
    ///
    /// # Errors
    /// Always: the failure ends the body, and is not what the workflow ends with.
    ///
    /// # Panics
    /// The workflow is another one than the one that runs.
    pub fn continue_as_new<N: MarkedAsWorkflow, T>(
        &self,
        _workflow: N,
        input: InputOf<N>,
    ) -> Result<T, Failure> {
        let (next, name) = (N::Workflow::NAME, self.info().name);
        assert_eq!(next, name, "a workflow continues as itself");
        host::continue_as_new(&input_of(next, &input));
        let text = format!("workflow `{name}` continues as new");
        Err(Failure::new(CONTINUED_AS_NEW, text))
    }

    /// How many events the history of this run has, as far as the body has come.
    pub fn history_events(&self) -> u64 {
        host::history().events
    }

    /// Whether the history is so long that the workflow should continue as new soon: at the host's limit, it
    /// fails. See [`continue_as_new`](Self::continue_as_new).
    pub fn continue_as_new_suggested(&self) -> bool {
        host::history().continue_as_new_suggested
    }

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

    /// Publishes a value as part of this turn: every actor and workflow that has subscribed to the topic by
    /// then is sent it, exactly once and in the order of publishing.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[workflow]
    /// async fn announce(ctx: WorkflowContext, price: u32) {
    ///     ctx.publish("prices", &price);
    /// }
    /// ```
    pub fn publish(&self, topic: impl AsRef<str>, value: &impl Serialize) {
        let topic = topic.as_ref();
        host::publish(topic, &value_of(topic, value));
    }

    /// Receives what is published to a topic from this turn on, as [`event`](Self::event)s of its name,
    /// until the instance ends or unsubscribes. Continuing as new keeps it.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[workflow]
    /// async fn await_price(ctx: WorkflowContext, limit: u32) -> Result<u32, Failure> {
    ///     ctx.subscribe("prices");
    ///     loop {
    ///         let price = ctx.event("prices").await?;
    ///         if price <= limit {
    ///             return Ok(price);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn subscribe(&self, topic: impl AsRef<str>) {
        host::subscribe(topic.as_ref());
    }

    /// Receives no more of a topic, as part of this turn.
    pub fn unsubscribe(&self, topic: impl AsRef<str>) {
        host::unsubscribe(topic.as_ref());
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

    /// Says how a query is answered: a question that anybody may ask while the workflow runs, and after it
    /// has ended.
    ///
    /// The handler only looks: it cannot await, and scheduling something in it ends the query. Share the
    /// state that it looks at by `Rc<Cell<_>>` or `Rc<RefCell<_>>`. Queries are not recorded. Register
    /// handlers before the first `await`, or a query may come too early.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// use guest_sdk::prelude::*;
    /// # #[activity] fn count_box(number: u32) -> u32 { number }
    ///
    /// const COUNTED: Query<(), u32> = Query::new("counted");
    ///
    /// #[workflow(queries(COUNTED))]
    /// async fn count_boxes(ctx: WorkflowContext, boxes: u32) -> Result<u32, Failure> {
    ///     let counted = Rc::new(Cell::new(0));
    ///     let state = counted.clone();
    ///     ctx.on_query(COUNTED, move |()| Ok(state.get()));
    ///     for number in 0..boxes {
    ///         counted.set(counted.get() + ctx.activity(count_box, number).await?);
    ///     }
    ///     Ok(counted.get())
    /// }
    /// ```
    ///
    /// A name that is only text works as well; then the manifest does not list the query:
    /// `ctx.on_query("counted", move |()| Ok(state.get()))`.
    pub fn on_query<I: Value, O: Value>(
        &self,
        name: impl Named<I, O>,
        answer: impl Fn(I) -> Result<O, Failure> + 'static,
    ) {
        self.handlers.on_query(name, answer);
    }

    /// Says how an update is applied: a change that a caller asks for, and an answer once it is made.
    ///
    /// `validate` looks at it first and may refuse, which leaves no trace; it only looks, like a query. What
    /// is accepted is recorded and applied: `apply` may await whatever the context offers, and runs beside
    /// the body. An update is applied once for each id that callers give it, and its answer is repeated to
    /// whoever repeats the id, also after a crash. Updates that are not applied when the workflow ends fail
    /// with `already-ended`; [`updates_applied`](Self::updates_applied) waits for them.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    ///
    /// use guest_sdk::prelude::*;
    /// # #[activity] fn reserve(item: String) -> Result<(), Failure> { drop(item); Ok(()) }
    ///
    /// const ADD: Update<String, usize> = Update::new("add");
    /// const CHECK_OUT: Update<(), ()> = Update::new("check-out");
    ///
    /// #[workflow(updates(ADD, CHECK_OUT))]
    /// async fn basket(ctx: WorkflowContext) -> Vec<String> {
    ///     let (items, open) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(true)));
    ///     let (here, state) = (ctx.clone(), items.clone());
    ///     let not_empty = |item: &String| match item.is_empty() {
    ///         true => Err(failure!("no-item", "an item has a name")),
    ///         false => Ok(()),
    ///     };
    ///     ctx.on_update(ADD, not_empty, move |item| {
    ///         let (ctx, items) = (here.clone(), state.clone());
    ///         async move {
    ///             ctx.activity(reserve, item.clone()).await?;
    ///             items.borrow_mut().push(item);
    ///             Ok(items.borrow().len())
    ///         }
    ///     });
    ///     let state = open.clone();
    ///     ctx.on_update(CHECK_OUT, |()| Ok(()), move |()| {
    ///         state.replace(false);
    ///         async { Ok(()) }
    ///     });
    ///     ctx.until(move || !*open.borrow()).await;
    ///     ctx.updates_applied().await;
    ///     items.take()
    /// }
    /// ```
    pub fn on_update<I: Value + 'static, O: Value, F>(
        &self,
        name: impl Named<I, O>,
        validate: impl Fn(&I) -> Result<(), Failure> + 'static,
        apply: impl Fn(I) -> F + 'static,
    ) where
        F: Future<Output = Result<O, Failure>> + 'static,
    {
        self.handlers.on_update(name, validate, apply);
    }

    /// Waits until a condition holds. It is looked at whenever the body or an update has done something, and
    /// must only look.
    pub fn until<C: Fn() -> bool + 'static>(&self, holds: C) -> impl Future<Output = ()> + use<C> {
        let (handlers, holds) = (self.handlers.clone(), Rc::new(holds));
        async move { handlers.until(holds).await }
    }

    /// Waits until no update is being applied. To be awaited by the body: an update that awaits it waits for
    /// itself.
    pub fn updates_applied(&self) -> impl Future<Output = ()> + 'static {
        let handlers = self.handlers.clone();
        self.until(move || !handlers.is_applying())
    }

    /// Who the running instance is.
    pub fn info(&self) -> Instance {
        let host::Instance { id, name, run } = host::info();
        Instance { id, name, run }
    }

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

    /// Says where the workflow stands, in a shape of its own, to whoever looks at it: `host workflow show`,
    /// actors that look it up. Each call takes the place of the one before.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn pack(item: String) -> bool { !item.is_empty() }
    /// #[workflow]
    /// async fn pack_all(ctx: WorkflowContext, items: Vec<String>) -> Result<(), Failure> {
    ///     let all = items.len();
    ///     for (done, item) in items.into_iter().enumerate() {
    ///         ctx.set_status(format!("{done} of {all} packed"));
    ///         ctx.activity(pack, item).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn set_status(&self, value: impl Serialize) {
        let value = encode(&value, "the custom status").unwrap_or_else(|why| panic!("{why}"));
        host::set_status(&value);
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

    pub(crate) fn scopes(&self) -> &Rc<Scopes> {
        &self.scopes
    }

    fn call<C: Command>(&self, command: C) -> Call<C> {
        let slots = self.slots.clone();
        let state = State::New;
        Call {
            slots,
            state,
            command,
            shielded: false,
        }
    }
}

/// A workflow has no way to go on without an input that can be written: that is a mistake in its type.
fn input_of(what: &str, input: &impl Serialize) -> Vec<u8> {
    encode(input, format_args!("the input of `{what}`"))
        .unwrap_or_else(|failure| panic!("{failure}"))
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

/// The time was up before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl From<Elapsed> for Failure {
    fn from(Elapsed: Elapsed) -> Self {
        Self::new("timeout", "the time was up before the work was done")
    }
}

/// Something that the host is to do for a workflow. Every kind comes from a method of
/// [`WorkflowContext`].
pub trait Command: Unpin + private::Sealed {
    /// What comes of it.
    type Output;

    /// Whether it can be asked to stop.
    #[doc(hidden)]
    const STOPPABLE: bool = false;

    #[doc(hidden)]
    fn schedule(&mut self) -> Handle;

    #[doc(hidden)]
    fn finish(&self, outcome: Outcome) -> Self::Output;
}

mod private {
    /// Keeps the kinds of commands in this crate.
    pub trait Sealed {}
}

/// Something that the host will do once this future is polled. It has methods to say how.
///
/// Dropped while it waits, it gives up its interest: a timer is disarmed and a wait for an event gives up
/// its place; anything else runs on, and its result is dropped.
#[must_use = "nothing happens before it is awaited or scheduled"]
pub struct Call<C: Command> {
    slots: Rc<Slots>,
    state: State,
    command: C,
    shielded: bool,
}

enum State {
    New,
    Waiting(Handle),
    Finished,
}

impl<C: Command> Call<C> {
    /// Starts it now instead of when it is first awaited.
    pub fn schedule(mut self) -> Scheduled<C> {
        self.handle();
        Scheduled(self)
    }

    fn handle(&mut self) -> Handle {
        match self.state {
            State::New => {
                let handle = self.command.schedule();
                if C::STOPPABLE && (self.shielded || is_undoing()) {
                    host::shield(handle);
                }
                self.slots.open(handle);
                self.state = State::Waiting(handle);
                handle
            }
            State::Waiting(handle) => handle,
            State::Finished => panic!("a future that is finished was awaited again"),
        }
    }
}

impl<C: Command> Future for Call<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let handle = self.handle();
        let Poll::Ready(outcome) = self.slots.poll(handle, cx) else {
            return Poll::Pending;
        };
        self.state = State::Finished;
        Poll::Ready(self.command.finish(outcome))
    }
}

/// Lets `select_biased!` pass over it once it is finished.
impl<C: Command> FusedFuture for Call<C> {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Finished)
    }
}

impl<C: Command> Drop for Call<C> {
    fn drop(&mut self) {
        if let State::Waiting(handle) = self.state {
            self.slots.give_up(handle);
        }
    }
}

/// Something that the host is doing; await it for what comes of it.
#[must_use = "dropping it gives up the result: await it, or `detach` it"]
pub struct Scheduled<C: Command>(Call<C>);

impl<C: Command> Scheduled<C> {
    /// Lets it run on without anybody waiting. A child is dealt with as ever when this workflow ends; to start
    /// one that outlives it, detach the [call](Call::detach).
    pub fn detach(mut self) {
        if let State::Waiting(handle) = mem::replace(&mut self.0.state, State::Finished) {
            self.0.slots.forget(handle);
        }
    }
}

impl<C: Stoppable> Scheduled<C> {
    /// Asks it to stop. Its end still comes, mostly as the failure `cancelled`; what has ended by then is not
    /// changed.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn search(place: String) -> String { place }
    /// #[workflow]
    /// async fn find(ctx: WorkflowContext) -> Result<String, Failure> {
    ///     let near = ctx.activity(search, "near".to_owned()).schedule();
    ///     let far = ctx.activity(search, "far".to_owned()).schedule();
    ///     match select(near, far).await {
    ///         Either::Left((found, far)) => {
    ///             far.cancel();
    ///             far.await.ok();
    ///             found
    ///         }
    ///         Either::Right((found, _)) => found,
    ///     }
    /// }
    /// # guest_sdk::export! { workflows: [find], activities: [search] }
    /// ```
    pub fn cancel(&self) {
        if let State::Waiting(handle) = self.0.state {
            host::request_cancel(handle);
        }
    }
}

impl<C: Stoppable> Call<C> {
    /// Keeps a request to end the workflow from reaching it: for what must come to its end although the
    /// workflow is given up. Compensations are shielded by themselves.
    pub fn shielded(mut self) -> Self {
        self.shielded = true;
        self
    }
}

/// What can be a step of a saga: it comes to its end soon after the workflow is asked to end.
pub trait Step: Command + Sized {
    #[doc(hidden)]
    fn in_saga(call: Call<Self>) -> Call<Self> {
        call
    }
}

/// An activity that is asked to stop may have done its work, and nobody would know what to undo.
impl<T: Value> Step for RunActivity<T> {
    fn in_saga(call: Call<Self>) -> Call<Self> {
        call.shielded()
    }
}

impl<T: Value> Step for RunChild<T> {}
impl<T: Value> Step for CallActor<T> {}
impl Step for StartChild {}

impl<C: Command> Future for Scheduled<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<C: Command> FusedFuture for Scheduled<C> {
    fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }
}

/// Reads what came of something; `what` names it.
fn output<T: Value>(outcome: Outcome, what: std::fmt::Arguments<'_>) -> Result<T, Failure> {
    decode(&outcome?, "bad-output", what)
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

impl<T> private::Sealed for RunActivity<T> {}

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

/// Calls an actor's method.
pub struct CallActor<T> {
    actor: Address,
    method: Cow<'static, str>,
    input: Vec<u8>,
    output: PhantomData<fn() -> T>,
}

impl<T> private::Sealed for CallActor<T> {}

impl<T: Value> Command for CallActor<T> {
    type Output = Result<T, Failure>;

    fn schedule(&mut self) -> Handle {
        let input = mem::take(&mut self.input);
        let Address { actor_type, id } = &self.actor;
        host::schedule_actor_call(actor_type, id, &self.method, &input)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        let (kind, method) = (&self.actor.actor_type, &self.method);
        output(outcome, format_args!("the answer of `{kind}.{method}`"))
    }
}

impl Caller for WorkflowContext {
    type Answer<T: Value> = Call<CallActor<T>>;

    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> Call<CallActor<T>> {
        self.call(CallActor {
            actor: actor.clone(),
            input: input_of(&method, input),
            method,
            output: PhantomData,
        })
    }
}

impl Sender for WorkflowContext {
    fn send(&self, actor: &Address, method: &str, input: &[u8]) {
        host::send_actor(&actor.actor_type, &actor.id, method, input);
    }
}

/// What becomes of a child that still runs when its parent ends or continues as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentClose {
    /// It is terminated; where the parent was cancelled, it is cancelled instead, so that it can clean up.
    Terminate,
    /// It is cancelled, and may clean up.
    Cancel,
    /// It runs on.
    Abandon,
}

impl From<ParentClose> for host::ParentClose {
    fn from(close: ParentClose) -> Self {
        match close {
            ParentClose::Terminate => Self::Terminate,
            ParentClose::Cancel => Self::Cancel,
            ParentClose::Abandon => Self::Abandon,
        }
    }
}

/// Another workflow that is to be started.
#[derive(Default)]
struct Child {
    name: Cow<'static, str>,
    id: Option<String>,
    input: Vec<u8>,
    close: Option<ParentClose>,
}

impl Child {
    fn schedule(&mut self, detached: bool) -> Handle {
        let usual = match detached {
            false => ParentClose::Terminate,
            true => ParentClose::Abandon,
        };
        let options = host::ChildOptions {
            id: self.id.take(),
            detached,
            parent_close: self.close.unwrap_or(usual).into(),
        };
        host::schedule_child(&self.name, &mem::take(&mut self.input), &options)
    }
}

/// Runs another workflow.
pub struct RunChild<T> {
    child: Child,
    output: PhantomData<fn() -> T>,
}

impl<T: Value> Call<RunChild<T>> {
    /// The child's id, instead of one that is made from the parent's. An id that is in use fails with
    /// `already-exists`.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.command.child.id = Some(id.into());
        self
    }

    /// What becomes of the child if it still runs when this workflow ends. Otherwise, it is terminated, or
    /// runs on where it is [detached](Self::detach).
    pub fn on_parent_close(mut self, close: ParentClose) -> Self {
        self.command.child.close = Some(close);
        self
    }

    /// Starts the child without waiting for its end: what is awaited is its id, once its start is certain.
    pub fn detach(mut self) -> Call<StartChild> {
        Call {
            slots: self.slots.clone(),
            state: State::New,
            command: StartChild {
                child: mem::take(&mut self.command.child),
            },
            shielded: self.shielded,
        }
    }
}

impl<T> private::Sealed for RunChild<T> {}

impl<T: Value> Command for RunChild<T> {
    type Output = Result<T, Failure>;
    const STOPPABLE: bool = true;

    fn schedule(&mut self) -> Handle {
        self.child.schedule(false)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        output(
            outcome,
            format_args!("the result of workflow `{}`", self.child.name),
        )
    }
}

/// Starts another workflow and lets it run by itself.
pub struct StartChild {
    child: Child,
}

impl private::Sealed for StartChild {}

impl Command for StartChild {
    type Output = Result<String, Failure>;

    fn schedule(&mut self) -> Handle {
        self.child.schedule(true)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        output(
            outcome,
            format_args!("the id of workflow `{}`", self.child.name),
        )
    }
}

/// What can be asked to stop.
pub trait Stoppable: Command {}

impl<T: Value> Stoppable for RunActivity<T> {}
impl<T: Value> Stoppable for RunChild<T> {}

/// Waits until so much time has passed.
pub struct Sleep {
    duration: Duration,
}

impl private::Sealed for Sleep {}

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

impl<T> private::Sealed for AwaitEvent<T> {}

impl<T: Value> Command for AwaitEvent<T> {
    type Output = Result<T, Failure>;

    fn schedule(&mut self) -> Handle {
        host::schedule_event(&self.name)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        output(outcome, format_args!("the event `{}`", self.name))
    }
}

/// Whether a failure only says that the workflow goes on as a new run.
pub(crate) fn continues_as_new(failure: &Failure) -> bool {
    failure.code == CONTINUED_AS_NEW
}

/// A run that goes on as a new one can schedule nothing more.
fn may_undo<T>(output: &Result<T, Failure>) -> bool {
    !output.as_ref().is_err_and(continues_as_new)
}

/// Runs the workflow on the host's behalf.
pub fn run_workflow<W: Workflow>(input: &[u8]) -> Result<Vec<u8>, Failure> {
    let name = W::NAME;
    let what = format_args!("the input of workflow `{name}`");
    let input = decode(input, "bad-input", what)?;
    let slots = Rc::new(Slots::new(host::cancel));
    let (handlers, scopes) = (Rc::new(Handlers::default()), Rc::new(Scopes::default()));
    let context = WorkflowContext {
        slots: slots.clone(),
        handlers: handlers.clone(),
        scopes: scopes.clone(),
    };
    let body = scopes.watch(W::run(context, input), may_undo);
    let body = handlers.beside(body, complete_update);
    let others = || handlers.knows_updates();
    let output = drive(&slots, body, others, |handles| {
        wait(&handlers, &scopes, handles)
    });
    handlers.give_up();
    while handlers.knows_queries()
        && let Some(query) = host::next_query()
    {
        answer_query(&handlers, &query);
    }
    encode(&output?, format_args!("the result of workflow `{name}`"))
}

/// Waits for one of the handles; none where something else came that the body may go on with.
fn wait(handlers: &Handlers, scopes: &Scopes, handles: &[Handle]) -> Option<(Handle, Outcome)> {
    loop {
        match host::wait_any(handles) {
            host::Wakeup::Completion(one) => return Some((one.handle, one.outcome)),
            host::Wakeup::Update(update) => {
                if begin_update(handlers, update) {
                    return None;
                }
            }
            host::Wakeup::Query(query) => answer_query(handlers, &query),
            host::Wakeup::CancelRequested(reason) => {
                scopes.request_end(reason);
                return None;
            }
        }
    }
}

/// Judges an update and begins to apply it. False where it was refused.
fn begin_update(handlers: &Handlers, update: host::Update) -> bool {
    let host::Update {
        id,
        name,
        input,
        accepted,
    } = update;
    match handlers.judge(&name, &input, accepted) {
        Ok(applying) => {
            host::accept_update();
            handlers.begin(id, applying);
            true
        }
        Err(why) => {
            // What was accepted by code that knew it, this code refuses, and the host compares the two.
            host::refuse_update(&why.into());
            false
        }
    }
}

fn complete_update(id: &str, answered: Answered) {
    host::complete_update(id, answered.map_err(Failure::into).as_deref());
}

fn answer_query(handlers: &Handlers, query: &host::Query) {
    let answered = handlers.answer(&query.name, &query.input);
    host::answer_query(answered.map_err(Failure::into).as_deref());
}

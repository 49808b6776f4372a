//! A loaded plugin: runs its workflows, actors and activities.
//!
//! Owns how an instance is entered and left. What the guest asks for meanwhile is answered by imports.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use host_base::{CurrentLimits, Digest, Outcome, Payload};
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::bindings::exports::durable::plugin::{activities, actors};
use crate::code::Code;
use crate::convert;
use crate::engine::Shared;
use crate::error::{GuestError, Reason};
use crate::guest::{self, Guest, Side};
use crate::idle::{Idle, Live};
use crate::imports::{ActivityImports, ActorImports, BoxFuture, WorkflowImports};
use crate::leave::Leave;
use crate::manifest::Manifest;
use crate::panics::caught;
use crate::randomness::Randomness;
use crate::stop;

/// A loaded plugin; clones share it.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

/// A loaded plugin as long as somebody else needs it.
#[derive(Clone)]
pub struct WeakPlugin(Weak<Loaded>);

impl WeakPlugin {
    /// The plugin; none where nobody holds it any more.
    pub fn upgrade(&self) -> Option<Plugin> {
        self.0.upgrade().map(Plugin)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loaded {
            manifest, digest, ..
        } = &*self.0;
        write!(f, "plugin {} ({digest})", manifest.name)
    }
}

struct Loaded {
    shared: Arc<Shared>,
    limits: Arc<CurrentLimits>,
    digest: Digest,
    manifest: Manifest,
    deterministic: Option<Code>,
    plain: Option<Code>,
    actors: Arc<Idle<actors::Guest>>,
    activities: Arc<Idle<activities::Guest>>,
}

/// One turn of an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorCall {
    /// The actor's type, as in the manifest.
    pub actor_type: String,
    /// The actor's id.
    pub actor_id: String,
    /// Whether `activate` is called first, as part of the same turn. Where it returns a failure, that is
    /// the turn's outcome and the method is not called.
    pub activate: bool,
    /// The method.
    pub method: String,
    /// What it takes.
    pub input: Payload,
}

/// A workflow body in flight. Nothing happens before it is first polled; dropping it frees the instance.
///
/// `Pending` alone does not mean that the body waits for something: a body that computes for long gives
/// way every 10 ms, after having woken its waker. It waits when
/// [`WorkflowImports::poll_wait_any`] was called during the poll and answered `Pending`.
pub struct WorkflowRun {
    run: BoxFuture<Result<Outcome, GuestError>>,
    leave: Leave,
    engine: wasmtime::Engine,
}

impl Future for WorkflowRun {
    type Output = Result<Outcome, GuestError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.run.as_mut().poll(context)
    }
}

impl Drop for WorkflowRun {
    fn drop(&mut self) {
        if self.leave.ask(&self.engine) {
            // Whatever it answers, it is gone afterwards.
            let _ = self
                .run
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl Plugin {
    pub(crate) fn new(
        shared: Arc<Shared>,
        limits: Arc<CurrentLimits>,
        digest: Digest,
        manifest: Manifest,
        deterministic: Option<Code>,
        plain: Option<Code>,
    ) -> Plugin {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        // One that runs and one that waits for the disk or another actor on each core, and some to spare.
        let idle_max = 2 * cores + 4;
        Plugin(Arc::new(Loaded {
            actors: Idle::new(idle_max, &shared.places),
            activities: Idle::new(idle_max, &shared.places),
            shared,
            limits,
            digest,
            manifest,
            deterministic,
            plain,
        }))
    }

    /// The same, without keeping it in memory.
    pub fn downgrade(&self) -> WeakPlugin {
        WeakPlugin(Arc::downgrade(&self.0))
    }

    /// The digest of the component's bytes.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// What the plugin says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Runs a workflow body on an instance of its own. `seed` gives the numbers that WASI's random
    /// interfaces answer; the same seed repeats them.
    pub fn run_workflow(
        &self,
        name: &str,
        input: Payload,
        seed: [u8; 32],
        imports: Box<dyn WorkflowImports>,
    ) -> WorkflowRun {
        let (plugin, name) = (Arc::clone(&self.0), name.to_owned());
        let mut guest = Guest::new(
            Side::Workflow(imports),
            Randomness::seeded(seed),
            &plugin.limits.get(),
        );
        let leave = Leave::default();
        guest.leave = leave.clone();
        let engine = plugin.shared.deterministic.engine.clone();
        let run = Box::pin(async move {
            let run = plugin.workflow(&name, input, guest).await;
            run.map_err(|ended| plugin.error(format!("workflow {name}"), ended))
        });
        WorkflowRun { run, leave, engine }
    }

    /// Runs one turn of an actor.
    ///
    /// # Errors
    /// The guest's call did not come back.
    pub async fn invoke_actor(
        &self,
        call: ActorCall,
        imports: Box<dyn ActorImports>,
    ) -> Result<Outcome, GuestError> {
        let turn = self.0.actor_turn(&call, imports).await;
        turn.map_err(|ended| {
            self.0
                .error(format!("{}.{}", call.actor_type, call.method), ended)
        })
    }

    /// Tells an actor that it leaves the memory, as a turn of its own.
    ///
    /// # Errors
    /// The guest's call did not come back.
    pub async fn deactivate_actor(
        &self,
        actor_type: &str,
        actor_id: &str,
        imports: Box<dyn ActorImports>,
    ) -> Result<Outcome, GuestError> {
        let told = self.0.actor_farewell(actor_type, actor_id, imports).await;
        told.map_err(|ended| self.0.error(format!("{actor_type}'s deactivation"), ended))
    }

    /// Runs an activity once. Its time is not bounded here: it gives way every 10 ms, so that dropping the
    /// future ends it, whatever it does.
    ///
    /// # Errors
    /// The guest's call did not come back.
    pub async fn run_activity(
        &self,
        name: &str,
        input: Payload,
        imports: Box<dyn ActivityImports>,
    ) -> Result<Outcome, GuestError> {
        let run = self.0.activity(name, &input, imports).await;
        run.map_err(|ended| self.0.error(format!("activity {name}"), ended))
    }
}

impl Loaded {
    async fn workflow(&self, name: &str, input: Payload, guest: Guest) -> Result<Outcome, Ended> {
        let code = self.deterministic.as_ref().ok_or(Reason::Missing)?;
        let indices = code.workflows.as_ref().ok_or(Reason::Missing)?;
        let mut store = guest::store(code.pre.engine(), guest);
        let body = async {
            let instance = code.pre.instantiate_async(&mut store).await?;
            let workflows = indices.load(&mut store, &instance)?;
            workflows.call_run(&mut store, name, &input).await
        };
        let result = caught(body).await;
        let result = result.map_err(|error| ended(&error, &mut store))?;
        store.data_mut().end_call();
        Ok(convert::outcome(result))
    }

    async fn actor_turn(
        &self,
        call: &ActorCall,
        imports: Box<dyn ActorImports>,
    ) -> Result<Outcome, Ended> {
        let mut live = self.begin_actor(imports).await?;
        let outcome = caught(turn(&mut live, call)).await;
        self.end_actor(live, outcome)
    }

    async fn actor_farewell(
        &self,
        actor_type: &str,
        actor_id: &str,
        imports: Box<dyn ActorImports>,
    ) -> Result<Outcome, Ended> {
        let mut live = self.begin_actor(imports).await?;
        let Live { store, exports, .. } = &mut live;
        let told = caught(exports.call_deactivate(store, actor_type, actor_id)).await;
        let outcome = told.map(|told| convert::outcome(told.map(|()| Payload::new())));
        self.end_actor(live, outcome)
    }

    async fn begin_actor(
        &self,
        imports: Box<dyn ActorImports>,
    ) -> Result<Live<actors::Guest>, Ended> {
        let mut live = match self.actors.take(&self.limits.get()) {
            Some(live) => live,
            None => self.new_actor().await?,
        };
        live.begin(Side::Actor(Some(imports)));
        Ok(live)
    }

    fn end_actor(
        &self,
        mut live: Live<actors::Guest>,
        outcome: wasmtime::Result<Outcome>,
    ) -> Result<Outcome, Ended> {
        let outcome = outcome.map_err(|error| ended(&error, &mut live.store))?;
        self.actors.give_back(live, Side::Actor(None));
        Ok(outcome)
    }

    async fn new_actor(&self) -> Result<Live<actors::Guest>, Ended> {
        let code = self.plain.as_ref().ok_or(Reason::Missing)?;
        let indices = code.actors.as_ref().ok_or(Reason::Missing)?;
        let (mut store, instance) = self.instance(code, || Side::Actor(None)).await?;
        let exports = indices.load(&mut store, &instance);
        let exports = exports.map_err(|error| ended(&error, &mut store))?;
        Ok(Live::new(store, exports))
    }

    async fn activity(
        &self,
        name: &str,
        input: &Payload,
        imports: Box<dyn ActivityImports>,
    ) -> Result<Outcome, Ended> {
        let mut live = match self.activities.take(&self.limits.get()) {
            Some(live) => live,
            None => self.new_activity().await?,
        };
        live.begin(Side::Activity(Some(imports)));
        let result = caught(live.exports.call_run(&mut live.store, name, input)).await;
        let result = result.map_err(|error| ended(&error, &mut live.store))?;
        self.activities.give_back(live, Side::Activity(None));
        Ok(convert::outcome(result))
    }

    async fn new_activity(&self) -> Result<Live<activities::Guest>, Ended> {
        let code = self.plain.as_ref().ok_or(Reason::Missing)?;
        let indices = code.activities.as_ref().ok_or(Reason::Missing)?;
        let (mut store, instance) = self.instance(code, || Side::Activity(None)).await?;
        let exports = indices.load(&mut store, &instance);
        let exports = exports.map_err(|error| ended(&error, &mut store))?;
        Ok(Live::new(store, exports))
    }

    /// A new instance on the plain engine. Where there is no place, idle instances of all plugins make
    /// room once.
    async fn instance(
        &self,
        code: &Code,
        side: fn() -> Side,
    ) -> Result<(Store<Guest>, Instance), Ended> {
        let first = self.try_instance(code, side).await;
        match first {
            Err(Ended {
                reason: Reason::Exhausted(_),
                ..
            }) => {
                self.shared.places.drop_all();
                self.try_instance(code, side).await
            }
            other => other,
        }
    }

    async fn try_instance(
        &self,
        code: &Code,
        side: fn() -> Side,
    ) -> Result<(Store<Guest>, Instance), Ended> {
        let guest = Guest::new(side(), Randomness::System, &self.limits.get());
        let mut store = guest::store(code.pre.engine(), guest);
        match caught(code.pre.instantiate_async(&mut store)).await {
            Ok(instance) => Ok((store, instance)),
            Err(error) => Err(ended(&error, &mut store)),
        }
    }

    fn error(&self, function: String, ended: Ended) -> GuestError {
        GuestError {
            plugin: self.manifest.name.clone(),
            function,
            reason: ended.reason,
            backtrace: ended.backtrace,
        }
    }
}

/// One turn of an actor, with its activation where that is due.
async fn turn(live: &mut Live<actors::Guest>, call: &ActorCall) -> wasmtime::Result<Outcome> {
    let Live { store, exports, .. } = live;
    let (actor_type, actor_id) = (&call.actor_type, &call.actor_id);
    if call.activate {
        let activated = exports.call_activate(&mut *store, actor_type, actor_id);
        if let Err(failure) = activated.await? {
            return Ok(Err(convert::failure(failure)));
        }
    }
    let invoked = exports.call_invoke(store, actor_type, actor_id, &call.method, &call.input);
    Ok(convert::outcome(invoked.await?))
}

/// Why a call did not come back, before it is said of which function.
struct Ended {
    reason: Reason,
    backtrace: String,
}

impl From<Reason> for Ended {
    fn from(reason: Reason) -> Ended {
        let backtrace = String::new();
        Ended { reason, backtrace }
    }
}

/// Ends a call that did not come back: what the guest said before is logged, and explains a trap.
fn ended(error: &wasmtime::Error, store: &mut Store<Guest>) -> Ended {
    let guest = store.data_mut();
    guest.end_call();
    Ended {
        reason: stop::reason(error, &guest.output.last_words()),
        backtrace: stop::backtrace(error),
    }
}

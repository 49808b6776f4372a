//! The door to everything: opens a data directory, deploys, starts, calls, looks, and closes.
//!
//! Converts what callers say and hands it on; what turns do is elsewhere.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use host_base::failure::code;
use host_base::ids::check_id;
use host_base::{
    ActorKey, Digest, Entity, Failure, Limits, Outcome, Payload, TenantId, WorkflowKey,
};
use host_engine::{
    Alarm, Engine, EngineOptions, Manifest, NewReminder, Query, ReminderInfo, Update,
};
use host_store::records::{Deployment, Event, EventKind, EventRaised, Status};
use host_store::{
    Batch, ReadError, Reader, StateValue, Store, WorkflowFilter, attributes_to_records,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::activity::Activities;
use crate::audit::Audit;
use crate::batches::{self, Batches};
use crate::changes::Recent;
use crate::components::Components;
use crate::core::{Core, Sequences, first_of_boot};
use crate::dedup::{Calls, Cause};
use crate::draft::Draft;
use crate::effect::{self, Deed, Message, StateChange};
use crate::entity::Entities;
use crate::error::{
    DeployError, MoveError, RehearseError, RerunError, StartError, StartupError, StoreError,
};
use crate::locks::lock;
use crate::once::{Once, Places, remembering};
use crate::options::RuntimeOptions;
use crate::pending::PendingActivity;
use crate::places::FairPlaces;
use crate::plugins::Plugins;
use crate::rehearsal::Rehearsal;
use crate::repeats::Begun;
use crate::rerun::{self, Rerun};
use crate::retention::{self, Retention};
use crate::rollout::{self, Change, Deploy, KeptComponent, RolledOut, Rollout, Tell, Trial};
use crate::schedules::{self, Ask, Schedules};
use crate::start::{self, IdState, NewWorkflow, Start, unreadable};
use crate::starts::{StartPermit, Starts};
use crate::tenants::{TenantError, Tenants};
use crate::threads::Threads;
use crate::timers::Timers;
use crate::tokens::Tokens;
use crate::topics::{self, SubscriptionView};
use crate::updates::Updates;
use crate::view::{self, WorkflowView};
use crate::waits::Waits;
use crate::watchers::Watchers;
use crate::{actor, components, keeper, limits, outbox, pending, recovery, repeats, timers};

/// Where compiled components are kept, in the data directory.
const CACHE_DIR: &str = "cache";
/// How long a shutdown waits for activities that run.
const ACTIVITIES_GRACE: Duration = Duration::from_secs(5);
/// How long a shutdown waits for threads of each kind after that.
const THREADS_GRACE: Duration = Duration::from_secs(5);
/// Instances that are counted at once.
const PAGE: usize = 10_000;

/// Actors, workflows and activities of one data directory. It has threads of its own.
pub struct Runtime {
    pub(crate) core: Arc<Core>,
    /// Taken when they are stopped.
    threads: Mutex<Option<Threads>>,
    /// Taken when the timers are started.
    going: Mutex<bool>,
}

/// What [`Runtime::deploy`] did.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The plugin's name, version, workflows, actors, activities, example.
    pub manifest: Manifest,
    /// Whether another component stood for the plugin's name before.
    pub changed: bool,
}

/// What lies in the data directory and has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Workflows that had not begun.
    pub pending: usize,
    /// Workflows that had begun.
    pub running: usize,
    /// Workflows whose code no longer does what their history says.
    pub stalled: usize,
    /// Workflows that are held until they are resumed.
    pub suspended: usize,
}

impl Unfinished {
    /// All of it.
    pub fn all(&self) -> usize {
        self.pending + self.running + self.stalled + self.suspended
    }
}

impl Runtime {
    /// Opens the data directory and loads the plugins that it remembers. Nothing goes on by itself before
    /// [`Runtime::resume`]. Blocks the calling thread.
    ///
    /// # Errors
    /// See [`StartupError`].
    pub fn open(options: RuntimeOptions) -> Result<Runtime, StartupError> {
        let threads = Threads::start().map_err(StartupError::Threads)?;
        let store = Store::open(&options.data, &options.store)?;
        let engine = Engine::new(EngineOptions {
            limits: options.limits.clone(),
            cache_dir: Some(options.data.join(CACHE_DIR)),
            compiler: options.compiler.clone(),
            instances_max: Some(instances_max(&options)),
        })?;
        let (outbox, turns) = mpsc::channel(outbox::TURNS_QUEUED_MAX);
        let (retention, due) = Retention::new(&store.reader)?;
        let (schedules, asked) = Schedules::new();
        let handles = (outbox, retention, schedules, &threads);
        let core = core(options, store, engine, handles);
        core.tasks.spawn(outbox::run(Arc::clone(&core), turns));
        core.tasks.spawn(keeper::run(Arc::clone(&core)));
        core.tasks.spawn(retention::run(Arc::clone(&core), due));
        core.tasks.spawn(components::run(Arc::clone(&core)));
        components::tidy_code(&core)?;
        core.topics.load(&core.reader)?;
        core.tenants.load(&core.reader)?;
        core.tokens.load(&core.reader)?;
        load_remembered(&core, threads.all())?;
        let scheduled = schedules::load(&core)?;
        core.tasks
            .spawn(schedules::run(Arc::clone(&core), scheduled, asked));
        Ok(Runtime {
            core,
            threads: Mutex::new(Some(threads)),
            going: Mutex::new(false),
        })
    }

    /// Checks, compiles and remembers a component; it stands for its plugin's name from now on. Instances
    /// that were started on another one stay on that one; those that stall go on with the new one where it
    /// agrees with their history.
    ///
    /// # Errors
    /// See [`DeployError`]; nothing has changed then.
    pub async fn deploy(
        &self,
        tenant: &TenantId,
        file: &str,
        bytes: &[u8],
    ) -> Result<Deployed, DeployError> {
        let rolled_out = self.deploy_with(tenant, file, bytes, Rollout::Pin, None);
        let RolledOut {
            manifest, changed, ..
        } = rolled_out.await?;
        Ok(Deployed { manifest, changed })
    }

    /// Deploys a component, and replays against it the histories of the plugin's instances that have not
    /// ended and run on another one: `tell` hears of each. Where they are not moved, they are not disturbed.
    ///
    /// # Errors
    /// See [`DeployError`]. Nothing has changed then, unless the store failed.
    pub async fn roll_out(
        &self,
        tenant: &TenantId,
        file: &str,
        bytes: &[u8],
        rollout: Rollout,
        tell: impl Fn(Trial) + Send + Sync + 'static,
    ) -> Result<RolledOut, DeployError> {
        let tell: Tell = Arc::new(tell);
        self.deploy_with(tenant, file, bytes, rollout, Some(tell))
            .await
    }

    async fn deploy_with(
        &self,
        tenant: &TenantId,
        file: &str,
        bytes: &[u8],
        rollout: Rollout,
        tell: Option<Tell>,
    ) -> Result<RolledOut, DeployError> {
        let plugin = self.core.load(tenant, file, bytes).await?;
        let (manifest, component) = (plugin.manifest().clone(), plugin.digest());
        let deploy = Deploy {
            tenant: tenant.clone(),
            plugin,
            file: file.to_owned(),
            bytes: bytes.to_vec(),
            rollout,
            tell,
            going: *lock(&self.going),
        };
        let core = Arc::clone(&self.core);
        // To the end, whatever becomes of the caller: the store and the memory must say the same.
        let deploying = self
            .core
            .tasks
            .spawn(async move { rollout::roll_out(&core, deploy).await });
        let change = match deploying.await {
            Ok(change) => change?,
            Err(_) => return Err(StoreError::from(self.core.closed()).into()),
        };
        Ok(RolledOut {
            manifest,
            component,
            changed: change == Change::Other,
        })
    }

    /// Moves an instance to the component that stands for its plugin, if that agrees with its history or
    /// `force` is set; it stalls then where they differ. Durable when this returns.
    ///
    /// # Errors
    /// See [`MoveError`]; nothing has changed then.
    pub async fn move_workflow(&self, key: &WorkflowKey, force: bool) -> Result<Trial, MoveError> {
        let (core, key) = (Arc::clone(&self.core), key.clone());
        let moving = self
            .core
            .tasks
            .spawn(async move { rollout::move_one(&core, &key, force).await });
        match moving.await {
            Ok(trial) => trial,
            Err(_) => Err(StoreError::from(self.core.closed()).into()),
        }
    }

    /// Replays an instance on a component of this name and these bytes, or else on its own, and shows what
    /// it would do next. Nothing is recorded and nothing is caused.
    ///
    /// # Errors
    /// See [`RehearseError`].
    pub async fn rehearse(
        &self,
        key: &WorkflowKey,
        component: Option<(&str, &[u8])>,
    ) -> Result<Rehearsal, RehearseError> {
        let given = match component {
            Some((file, bytes)) => Some(self.core.load(&key.tenant, file, bytes).await?),
            None => None,
        };
        let (core, key) = (Arc::clone(&self.core), key.clone());
        let rehearsing = self
            .core
            .tasks
            .spawn(async move { rollout::rehearse(&core, &key, given).await });
        match rehearsing.await {
            Ok(rehearsal) => rehearsal,
            Err(_) => Err(StoreError::from(self.core.closed()).into()),
        }
    }

    /// Begins a run that has ended again, from one of its events and under another id; what is copied and what
    /// is done again is said at [`Rerun`]. Durable when this returns.
    ///
    /// # Errors
    /// See [`RerunError`]; nothing has changed then.
    pub async fn rerun(&self, key: &WorkflowKey, rerun: Rerun) -> Result<WorkflowView, RerunError> {
        Ok(self.begin_again(key, rerun, None).await?.view())
    }

    /// Begins a run again, unless that was done before under this digest.
    pub(crate) async fn begin_again(
        &self,
        key: &WorkflowKey,
        rerun: Rerun,
        once: Option<Digest>,
    ) -> Result<Begun, RerunError> {
        let (core, key) = (Arc::clone(&self.core), key.clone());
        let begun = self
            .core
            .tasks
            .spawn(async move { rerun::rerun(&core, &key, rerun, once).await });
        match begun.await {
            Ok(begun) => begun,
            Err(_) => Err(StoreError::from(self.core.closed()).into()),
        }
    }

    /// The components that are kept for a tenant: those that stand for its plugins and those that instances
    /// run on which have not ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn components(&self, tenant: &TenantId) -> Result<Vec<KeptComponent>, StoreError> {
        let (core, tenant) = (Arc::clone(&self.core), tenant.clone());
        let kept = self
            .core
            .tasks
            .spawn(async move { rollout::kept(&core, &tenant).await });
        match kept.await {
            Ok(kept) => kept,
            Err(_) => Err(self.core.closed().into()),
        }
    }

    /// A tenant's plugins by name: what they say of themselves, and what was deployed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn plugins(&self, tenant: &TenantId) -> Result<Vec<(Manifest, Deployment)>, StoreError> {
        let deployments = self.core.reader.deployments(tenant)?;
        let known = deployments.into_iter().filter_map(|(name, deployment)| {
            let plugin = self.core.plugins.named(tenant, &name)?;
            Some((plugin.manifest().clone(), deployment))
        });
        Ok(known.collect())
    }

    /// Goes on with what had not ended when the directory was closed; returns what that is.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn resume(&self) -> Result<Unfinished, StoreError> {
        let unfinished = self.unfinished()?;
        let first = !std::mem::replace(&mut *lock(&self.going), true);
        if first {
            let core = Arc::clone(&self.core);
            self.core.tasks.spawn(timers::run(core));
            self.core.schedules.ask(Ask::Go).await;
        }
        let core = Arc::clone(&self.core);
        self.on_threads(async move { recovery::go_on(&core).await })
            .await?;
        batches::go_on(&self.core).await?;
        Ok(unfinished)
    }

    /// Some of a tenant's workflows that are to be run or are running: none only where there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn some_active(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<WorkflowKey>, StoreError> {
        let statuses = [Status::Pending, Status::Running];
        let active = self.core.reader.some_with_status(tenant, &statuses, limit);
        Ok(active?)
    }

    /// What has not ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn unfinished(&self) -> Result<Unfinished, StoreError> {
        let count = |status| count(&self.core.reader, status);
        Ok(Unfinished {
            pending: count(Status::Pending)?,
            running: count(Status::Running)?,
            stalled: count(Status::Stalled)?,
            suspended: count(Status::Suspended)?,
        })
    }

    /// Starts a workflow of which nothing is said but its name, its id and its input: see
    /// [`Runtime::start_workflow_with`].
    ///
    /// # Errors
    /// See [`StartError`]; nothing was started.
    pub async fn start_workflow(
        &self,
        tenant: &TenantId,
        name: &str,
        id: Option<&str>,
        input: Payload,
    ) -> Result<WorkflowView, StartError> {
        let start = Start {
            name: name.to_owned(),
            id: id.map(str::to_owned),
            input,
            ..Start::default()
        };
        self.start_workflow_with(tenant, start).await
    }

    /// Starts a workflow; durable when this returns. Without an id, the host makes one.
    ///
    /// # Errors
    /// See [`StartError`]; nothing was started.
    pub async fn start_workflow_with(
        &self,
        tenant: &TenantId,
        start: Start,
    ) -> Result<WorkflowView, StartError> {
        let key = self.key_of_start(tenant, &start)?;
        Ok(self.begin(key, start, None).await?.view())
    }

    fn key_of_start(&self, tenant: &TenantId, start: &Start) -> Result<WorkflowKey, StartError> {
        let id = start.id.clone();
        let id = id.unwrap_or_else(|| start::made_id(self.core.random()));
        let key = WorkflowKey::new(tenant.clone(), id);
        key.map_err(|error| StartError::Refused(error.into()))
    }

    /// Starts a workflow where what had the id before allows it, unless that was done before under this digest.
    pub(crate) async fn begin(
        &self,
        key: WorkflowKey,
        start: Start,
        once: Option<Digest>,
    ) -> Result<Begun, StartError> {
        let core = &self.core;
        let Start {
            name,
            input,
            attributes,
            at,
            id_reuse,
            ..
        } = start;
        let limits = core.limits_of(&key.tenant);
        limits::check_payload(&limits, "a workflow's input", &input)
            .map_err(|limit| StartError::Refused(limits::over_limit(limit)))?;
        limits::check_attributes(&limits, &attributes).map_err(StartError::Refused)?;
        let starts = start::later(at.as_ref(), core.clock.now()).map_err(StartError::Refused)?;
        let plugin = start::plugin_of(&core.plugins, &key, &name).map_err(StartError::Refused)?;
        let permit = core.starts.permit(&key).await;
        // Under the permit: of two with one digest, the second sees what the first has done.
        let once = remembering(core, &key.tenant, once, Payload::new());
        let batch = match once.map_err(StartError::Refused)? {
            Once::First(batch) => batch,
            Once::Again(_) => {
                let view = repeats::begun_before(core, &key);
                return view.map(Begun::Before).map_err(StartError::Refused);
            }
        };
        let state = start::id_state(core, &key);
        match state.map_err(|error| StartError::Refused(unreadable(error)))? {
            IdState::Active(view) => Err(StartError::AlreadyExists(view)),
            IdState::Free(before) => {
                if let Some(refusal) = before.forbids(&key, id_reuse) {
                    return Err(refusal);
                }
                let new = NewWorkflow {
                    key,
                    name,
                    plugin,
                    input,
                    parent: None,
                    detached: false,
                    seed: core.random(),
                    attributes: attributes_to_records(attributes),
                    starts,
                    before,
                };
                let started = self.start(new, permit, batch).await;
                started.map(Begun::Now).map_err(StartError::Refused)
            }
        }
    }

    async fn start(
        &self,
        new: NewWorkflow,
        permit: StartPermit,
        batch: Batch,
    ) -> Result<WorkflowView, Failure> {
        let now = self.core.clock.now();
        let view = WorkflowView::new(new.key.clone(), start::instance(&new, now));
        let mut draft = Draft {
            batch,
            ..Draft::default()
        };
        draft.start(&self.core, new, permit, now);
        match self.core.commit_draft_durably(draft).await {
            Ok(()) => Ok(view),
            Err(error) => Err(Failure::transient(code::BUSY, error.to_string())),
        }
    }

    /// Waits until the workflow has ended, stalls or is suspended; one that is started anew or continues as
    /// new meanwhile is waited for, too. `None`: there is no such instance.
    ///
    /// # Errors
    /// The store failed meanwhile.
    pub async fn wait_for_workflow(
        &self,
        key: &WorkflowKey,
    ) -> Result<Option<WorkflowView>, StoreError> {
        let mut told = false;
        loop {
            let mut stopped = self.core.watchers.watch(key);
            match self.workflow(key)? {
                Some(view) if !view.rests() => {}
                Some(view) if !told && self.may_go_on(&view) => {
                    // Once it has tried, it either goes on or says that it stalls again.
                    let workflow = Entity::Workflow(key.clone());
                    self.core.notify(&workflow, Message::Look);
                }
                other => return Ok(other),
            }
            told = true;
            if !stopped.told().await {
                // It was closed, and the reason is known to the committer.
                self.core.settle().await?;
            }
        }
    }

    /// Whether a stalled workflow has not tried the present component yet.
    fn may_go_on(&self, view: &WorkflowView) -> bool {
        let plugin = self.core.plugins.named(&view.key.tenant, &view.plugin);
        let pin = view.component.map_or(Vec::new(), |pin| pin.0.to_vec());
        let may_go_on = |stall| view::may_go_on(stall, &pin, &view.name, plugin.as_ref());
        view.stall.as_ref().is_some_and(may_go_on)
    }

    /// One workflow instance.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn workflow(&self, key: &WorkflowKey) -> Result<Option<WorkflowView>, StoreError> {
        let instance = self.core.reader.instance(key)?;
        Ok(instance.map(|instance| WorkflowView::new(key.clone(), instance)))
    }

    /// What the workflow's run was started with; none where its history is gone.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn workflow_input(&self, view: &WorkflowView) -> Result<Option<Payload>, StoreError> {
        let first = self.core.reader.event(&view.key, view.run, 0)?;
        Ok(match first.and_then(|event| event.kind) {
            Some(EventKind::Started(started)) => Some(started.input),
            // Only a start can be the first event; a newer host may know better.
            Some(_) | None => None,
        })
    }

    /// Whether a plugin of the tenant brings the actor type.
    pub fn brings_actor(&self, tenant: &TenantId, actor_type: &str) -> bool {
        self.core.plugins.of_actor(tenant, actor_type).is_some()
    }

    /// The actor types that a tenant's plugins bring, each with how many actors of it are in memory.
    pub fn actor_types(&self, tenant: &TenantId) -> Vec<(String, usize)> {
        let live = self.core.entities.live_actors(tenant);
        let count = |name: &String| live.get(name).copied().unwrap_or(0);
        let types = self.core.plugins.actor_types(tenant).into_iter();
        types
            .map(|name| {
                let count = count(&name);
                (name, count)
            })
            .collect()
    }

    /// A page of a tenant's workflow instances, in the order of their ids, behind `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn workflows(
        &self,
        tenant: &TenantId,
        filter: &WorkflowFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<WorkflowView>, StoreError> {
        let page = self.core.reader.workflows(tenant, filter, after, limit)?;
        let views = page.into_iter();
        Ok(views
            .map(|(key, instance)| WorkflowView::new(key, instance))
            .collect())
    }

    /// A page of a run's history: events with their numbers, from number `from`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn history(
        &self,
        key: &WorkflowKey,
        run: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Event)>, StoreError> {
        Ok(self.core.reader.history(key, run, from, limit)?)
    }

    /// The activities of a workflow's run that have not ended, in the order in which they were scheduled.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn pending_activities(
        &self,
        key: &WorkflowKey,
        run: u32,
    ) -> Result<Vec<PendingActivity>, StoreError> {
        Ok(pending::activities_of(&self.core.reader, key, run)?)
    }

    /// Raises an event for a workflow; durable when this returns.
    ///
    /// # Errors
    /// There is no such instance, it has ended, or the store failed.
    pub async fn raise_event(
        &self,
        key: &WorkflowKey,
        name: &str,
        value: Payload,
    ) -> Result<(), Failure> {
        limits::check_event(&self.limits_of(&key.tenant), name, &value)
            .map_err(limits::over_limit)?;
        let name = name.to_owned();
        let event = EventRaised { name, value };
        self.core.raise(key, event, Batch::new()).await
    }

    /// Publishes a value; durable when this returns. Tells how many had subscribed to the topic.
    ///
    /// # Errors
    /// The name or the value breaks a rule, a subscriber has too many messages waiting, or the store failed.
    pub async fn publish(
        &self,
        tenant: &TenantId,
        topic: &str,
        value: Payload,
    ) -> Result<usize, Failure> {
        let checked = topics::check_publishable(&self.limits_of(tenant), topic, &value);
        checked.map_err(limits::over_limit)?;
        let (tenant, topic) = (tenant.clone(), topic.to_owned());
        self.core.publish(tenant, topic, value, Batch::new()).await
    }

    /// Who has subscribed to what: to one topic of a tenant or to any, by topic and subscriber.
    pub fn subscriptions(&self, tenant: &TenantId, topic: Option<&str>) -> Vec<SubscriptionView> {
        self.core.topics.views(tenant, topic)
    }

    /// Calls an actor's method; its turn is durable when this returns. A call with the idempotency key of
    /// an earlier one (to the same method, with the same input) gets that one's answer and has no second
    /// effect, for as long as answers are kept.
    ///
    /// # Errors
    /// The method's failure, or why it could not be called.
    pub async fn call_actor(
        &self,
        actor: &ActorKey,
        method: &str,
        input: Payload,
        idempotency_key: Option<&str>,
    ) -> Outcome {
        limits::check_call(&self.limits_of(&actor.tenant), method, &input)
            .map_err(limits::over_limit)?;
        let cause = idempotency_key.map(Cause::caller);
        let key = Calls::of(cause).key(actor, method, &input);
        let (actor, method) = (actor.clone(), method.to_owned());
        self.core.call_actor(actor, method, input, key).await
    }

    /// Asks a workflow a question, which its code answers from where it stands: also when it has ended, and
    /// then with what it knew at its end. Nothing is recorded or changed.
    ///
    /// # Errors
    /// The answer's failure, or why there is none: there is no such instance or no such query, its code does
    /// not answer, or not in time.
    pub async fn query_workflow(&self, key: &WorkflowKey, name: &str, input: Payload) -> Outcome {
        let core = Arc::clone(&self.core);
        let limits = core.limits_of(&key.tenant);
        limits::check_ask(&limits, "query", name, &input).map_err(limits::over_limit)?;
        let (key, name) = (key.clone(), name.to_owned());
        let limit = limits.query_time_max;
        // On the runtime's threads, which have timers.
        let asking = self.core.tasks.spawn(async move {
            let ask = effect::Ask::Query(Query {
                name: name.clone(),
                input,
            });
            let answer = tokio::time::timeout(limit, core.ask(&key, ask)).await;
            answer.unwrap_or_else(|_| {
                let text = format!(
                    "workflow {} did not answer query {name} within `query_time_max` of {limit:?}",
                    key.id
                );
                Err(Failure::transient(code::TIMEOUT, text))
            })
        });
        asking.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Asks a workflow for a change and waits until it is made: the code judges it first, and what it accepts is
    /// recorded and applied. An update of the same `id` is applied once in a run: whoever repeats it gets
    /// the first one's answer. Without an id, the host makes one.
    ///
    /// # Errors
    /// Why it was refused, which leaves no trace; the failure that it was answered with; or why it cannot be
    /// applied: there is no such instance, it has ended, or it cannot go on at present.
    pub async fn update_workflow(
        &self,
        key: &WorkflowKey,
        name: &str,
        input: Payload,
        id: Option<&str>,
    ) -> Outcome {
        let core = &self.core;
        limits::check_ask(&core.limits_of(&key.tenant), "update", name, &input)
            .map_err(limits::over_limit)?;
        let id = id.map_or_else(|| start::made_id(core.random()), str::to_owned);
        check_id("update id", &id)?;
        let update = Update {
            id,
            name: name.to_owned(),
            input,
            accepted: false,
        };
        core.ask(key, effect::Ask::Update(update)).await
    }

    pub(crate) fn stopped(&self) -> Failure {
        Failure::transient(code::BUSY, self.core.closed().to_string())
    }

    /// Writes values of an actor's state between two of its turns, all or none; durable when this returns.
    ///
    /// # Errors
    /// No plugin brings the actor type, a key or a value breaks a limit, or the store failed.
    pub async fn write_state(
        &self,
        actor: &ActorKey,
        changes: Vec<StateChange>,
    ) -> Result<(), Failure> {
        let deed = Deed::WriteState(changes);
        self.core.order(actor.clone(), deed).await.map(drop)
    }

    /// A value of an actor's state, as its last durable turn has left it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn state(&self, actor: &ActorKey, key: &str) -> Result<Option<StateValue>, StoreError> {
        let value = self.core.reader.state(actor, key)?;
        let now = self.core.clock.now();
        Ok(value.filter(|value| value.is_there(now)))
    }

    /// Sets a timer of an actor: it is in memory, and goes when the actor leaves it.
    ///
    /// # Errors
    /// A time in it is not understood, the actor has no such method, or it has too many timers.
    pub async fn set_timer(&self, actor: &ActorKey, timer: Alarm) -> Result<(), Failure> {
        let deed = Deed::SetTimer(timer);
        self.core.order(actor.clone(), deed).await.map(drop)
    }

    /// The timers of an actor, in the order of their names: as of a moment between two of its turns.
    ///
    /// # Errors
    /// The store is closed.
    pub async fn timers(&self, actor: &ActorKey) -> Result<Vec<ReminderInfo>, Failure> {
        let (asker, told) = oneshot::channel();
        let deed = Deed::TellTimers(asker);
        self.core.order(actor.clone(), deed).await?;
        told.await.map_err(|_| self.stopped())
    }

    /// Cancels a timer of an actor. Says whether there was one.
    ///
    /// # Errors
    /// The store is closed.
    pub async fn cancel_timer(&self, actor: &ActorKey, name: &str) -> Result<bool, Failure> {
        let deed = Deed::CancelTimer(name.to_owned());
        let was_there = self.core.order(actor.clone(), deed).await?;
        Ok(was_there == b"true")
    }

    /// Sets a reminder of an actor; durable when this returns.
    ///
    /// # Errors
    /// A time in it is not understood, the actor has no such method, there is one of the name and it may not
    /// be replaced, or the store failed.
    pub async fn set_reminder(
        &self,
        actor: &ActorKey,
        reminder: NewReminder,
    ) -> Result<(), Failure> {
        let deed = Deed::SetReminder(reminder);
        self.core.order(actor.clone(), deed).await.map(drop)
    }

    /// Cancels a reminder of an actor; durable when this returns. Says whether there was one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn cancel_reminder(&self, actor: &ActorKey, name: &str) -> Result<bool, Failure> {
        let deed = Deed::CancelReminder(name.to_owned());
        let was_there = self.core.order(actor.clone(), deed).await?;
        Ok(was_there == b"true")
    }

    /// A reminder of an actor.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn reminder(
        &self,
        actor: &ActorKey,
        name: &str,
    ) -> Result<Option<ReminderInfo>, StoreError> {
        let reminder = self.core.reader.reminder(actor, name)?;
        Ok(reminder.map(|reminder| actor::reminder_info(name, &reminder)))
    }

    /// A page of an actor's reminders behind the name `after`, in the order of their names.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn reminders(
        &self,
        actor: &ActorKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ReminderInfo>, StoreError> {
        let found = self.core.reader.reminders(actor, after, limit)?;
        let found = found.iter();
        Ok(found
            .map(|(name, reminder)| actor::reminder_info(name, reminder))
            .collect())
    }

    /// A page of the reminders of a tenant's actors of one type: by actor, then by name, behind `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn reminders_of_type(
        &self,
        tenant: &TenantId,
        actor_type: &str,
        after: Option<(&ActorKey, &str)>,
        limit: usize,
    ) -> Result<Vec<(ActorKey, ReminderInfo)>, StoreError> {
        let reader = &self.core.reader;
        let found = reader.reminders_of_type(tenant, actor_type, after, limit)?;
        let found = found.into_iter();
        Ok(found
            .map(|((actor, name), reminder)| (actor, actor::reminder_info(&name, &reminder)))
            .collect())
    }

    /// Deletes an actor with all that it owns: state, reminders, timers, subscriptions and messages to it that
    /// are not due yet; durable when this returns. Messages that wait in its inbox are not lost: they bring it into
    /// being anew.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete_actor(&self, actor: &ActorKey) -> Result<(), Failure> {
        self.core.order(actor.clone(), Deed::Delete).await.map(drop)
    }

    /// Asks an actor to leave the memory once nothing waits for it: its timers are gone then, and the next
    /// call activates it anew. False where it is not in memory.
    pub fn deactivate_actor(&self, actor: &ActorKey) -> bool {
        self.core
            .entities
            .ask_to_leave(&Entity::Actor(actor.clone()))
    }

    /// What a tenant is held to now.
    pub fn limits_of(&self, tenant: &TenantId) -> Arc<Limits> {
        self.core.limits_of(tenant)
    }

    /// The processor time that a tenant's actors, workflows and activities have had since the host was started.
    pub fn processor_time_of(&self, tenant: &TenantId) -> Duration {
        self.core.tenants.account(tenant).used()
    }

    /// Holds a tenant to limits of its own from now on: those that are set by name, and for all others those
    /// of the host. What has begun goes on under those under which it began. An empty object takes its own away.
    ///
    /// # Errors
    /// One of them is unknown, bounds what all tenants share, or contradicts another; nothing has changed
    /// then. Or the store failed.
    pub async fn set_tenant_limits(
        &self,
        tenant: &TenantId,
        set: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Arc<Limits>, TenantError> {
        self.core.set_tenant_limits(tenant, set).await
    }

    /// The bounds that it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// Where tasks can be spawned that use the runtime much: they share its threads then.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        &self.core.tasks
    }

    /// Entities (workflows and actors) that are in memory.
    pub fn entities_live(&self) -> usize {
        self.core.entities.live()
    }

    /// Stops and frees the directory. Nothing is lost without it; only the next start takes longer.
    pub async fn shutdown(self) {
        self.stop().await;
    }

    /// Takes no more work, lets activities that run end for a moment, and makes durable what is queued: for whoever
    /// shares the runtime. What is asked from then on is refused.
    pub async fn stop(&self) {
        let core = Arc::clone(&self.core);
        let stopped = self.on_threads(async move {
            core.activities.stop(ACTIVITIES_GRACE).await;
            Ok(())
        });
        // That it is closed already is no reason not to close it.
        drop(stopped.await);
        self.core.stopping.store(true, Ordering::Release);
        let Some(threads) = lock(&self.threads).take() else {
            return;
        };
        let committer = self.core.committer.clone();
        let (done, ended) = oneshot::channel();
        // Both block, and this may be a thread that runs tasks.
        thread::spawn(move || {
            committer.close();
            threads.stop(THREADS_GRACE);
            drop(committer);
            // Whoever dropped the future does not want to know.
            let _ = done.send(());
        });
        drop(ended.await);
    }

    /// Does work on the runtime's threads, which have timers, whatever the caller's have.
    async fn on_threads(
        &self,
        work: impl Future<Output = Result<(), ReadError>> + Send + 'static,
    ) -> Result<(), StoreError> {
        match self.core.tasks.spawn(work).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(self.core.closed().into()),
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(threads) = lock(&self.threads).take() {
            // Dropping it here would block, which a thread that runs tasks must not.
            threads.abandon();
        }
    }
}

/// A place for more workflows than may be in memory would cost time at each start, and never be used.
fn instances_max(options: &RuntimeOptions) -> u32 {
    let live = u32::try_from(options.limits.entities_live_max).unwrap_or(u32::MAX);
    options.instances_max.map_or(live, |most| most.min(live))
}

fn core(
    options: RuntimeOptions,
    store: Store,
    engine: Engine,
    (outbox, retention, schedules, threads): (
        mpsc::Sender<outbox::Queued>,
        Retention,
        Schedules,
        &Threads,
    ),
) -> Arc<Core> {
    let waits = Arc::new(Waits::default());
    Arc::new(Core {
        reader: store.reader,
        committer: store.committer,
        opened: options.clock.now(),
        clock: options.clock,
        observer: options.observer,
        fibers: Arc::new(Semaphore::new(engine.instances_max())),
        engine,
        plugins: Plugins::default(),
        components: Components::new(options.limits.components_loaded_max),
        starts: Arc::new(Starts::new(Arc::clone(&waits))),
        waits,
        entities: Entities::new(&options.limits),
        timers: Timers::default(),
        topics: Arc::default(),
        tokens: Tokens::default(),
        audit: Audit::default(),
        retention,
        reads: FairPlaces::new(options.limits.actor_reads_max),
        activities: Activities::new(&options.limits),
        schedules,
        batches: Batches::default(),
        watchers: Watchers::default(),
        histories: Watchers::default(),
        recent: Recent::new(first_of_boot(store.boot), options.limits.changes_kept_max),
        updates: Updates::default(),
        outbox,
        order: Mutex::default(),
        once: Places::default(),
        deploying: tokio::sync::Mutex::default(),
        tasks: threads.all().handle().clone(),
        shares: threads.shares(),
        sequences: Sequences::of_boot(store.boot),
        stopping: AtomicBool::new(false),
        tenants: Tenants::new(options.limits.clone()),
        limits: options.limits,
    })
}

/// Loads what was deployed before, on threads where waiting is allowed.
fn load_remembered(
    core: &Arc<Core>,
    threads: &tokio::runtime::Runtime,
) -> Result<(), StartupError> {
    thread::scope(|scope| {
        let loading = scope.spawn(|| threads.block_on(load_deployments(core)));
        loading.join().unwrap_or(Ok(()))
    })
}

async fn load_deployments(core: &Core) -> Result<(), StartupError> {
    for tenant in core.reader.tenants()? {
        for (name, deployment) in core.reader.deployments(&tenant)? {
            if let Err(why) = load_deployment(core, &tenant, &name, &deployment).await {
                // What else is there can still run; what is its own waits until it is deployed again.
                tracing::warn!(plugin = name, why, "a plugin is not loaded");
                core.plugins.miss(&tenant, &name);
            }
        }
    }
    Ok(())
}

async fn load_deployment(
    core: &Core,
    tenant: &TenantId,
    name: &str,
    deployment: &Deployment,
) -> Result<(), String> {
    let digest = Digest::from_bytes(&deployment.component).ok_or("its record has no digest")?;
    let component = core.reader.component(&digest);
    let bytes = component.map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or("its component is not in the store")?;
    let plugin = core.load(tenant, name, &bytes).await;
    let plugin = plugin.map_err(|error| error.to_string())?;
    let put = core.plugins.put(tenant, plugin);
    put.map_err(|taken| rollout::already_taken(name, taken).to_string())
}

fn count(reader: &Reader, status: Status) -> Result<usize, StoreError> {
    let mut last = None;
    let mut count = 0;
    loop {
        let page = reader.workflows_with_status(status, last.as_ref(), PAGE)?;
        count += page.len();
        if page.len() < PAGE {
            return Ok(count);
        }
        last = page.into_iter().next_back();
    }
}

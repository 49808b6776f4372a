//! What all parts of the runtime share: the store's two ends, the clock, the plugins, the entities.
//!
//! Owns how a turn becomes durable and how a message finds its entity; knows nothing of what turns do.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::failure::code;
use host_base::{
    ActorKey, Clock, Digest, Entity, Failure, Limits, Outcome, Payload, TenantId, Timestamp,
    WorkflowKey,
};
use host_engine::Engine;
use host_store::records::{EventRaised, MailKind};
use host_store::{Batch, CommitError, Committer, ReadError, Reader};
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::activity::Activities;
use crate::actor::{self, ActorTurns};
use crate::audit::Audit;
use crate::batches::Batches;
use crate::chain::Chain;
use crate::changes::Recent;
use crate::components::Components;
use crate::draft::Draft;
use crate::effect::{Ask, Asked, Deed, Effect, Message, Order, WaitingCall};
use crate::entity::{Entities, Full, Newcomer, live};
use crate::locks::lock;
use crate::observer::{Happening, Observer};
use crate::once::{Once, Places, remembering};
use crate::outbox::Queued;
use crate::places::FairPlaces;
use crate::plugins::Plugins;
use crate::retention::Retention;
use crate::schedules::Schedules;
use crate::shares::Shares;
use crate::start::{self, unreadable};
use crate::starts::Starts;
use crate::tenants::Tenants;
use crate::timers::Timers;
use crate::tokens::Tokens;
use crate::topics::{TopicOp, Topics};
use crate::updates::Updates;
use crate::view::WorkflowView;
use crate::waits::Waits;
use crate::watchers::Watchers;
use crate::workflow::WorkflowTurns;

/// How long whoever finds a mailbox full waits before trying again.
const FULL_WAIT: Duration = Duration::from_millis(5);
/// Numbers of messages that one opening of the store may use up.
const SEQUENCES_PER_BOOT: u64 = 1 << 40;

pub(crate) struct Core {
    pub(crate) reader: Reader,
    pub(crate) committer: Committer,
    pub(crate) clock: Arc<dyn Clock>,
    /// The limits of the machine; what one tenant is held to: [`Core::limits_of`].
    pub(crate) limits: Limits,
    pub(crate) tenants: Tenants,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) engine: Engine,
    pub(crate) plugins: Plugins,
    pub(crate) components: Components,
    pub(crate) waits: Arc<Waits>,
    pub(crate) starts: Arc<Starts>,
    pub(crate) entities: Entities,
    pub(crate) timers: Timers,
    pub(crate) topics: Arc<Topics>,
    pub(crate) tokens: Tokens,
    pub(crate) audit: Audit,
    pub(crate) retention: Retention,
    pub(crate) activities: Activities,
    pub(crate) schedules: Schedules,
    pub(crate) batches: Batches,
    pub(crate) watchers: Watchers,
    /// Those who wait for the next event of a workflow's history.
    pub(crate) histories: Watchers,
    /// Which workflows have changed, for those who watch them all.
    pub(crate) recent: Recent,
    pub(crate) updates: Updates,
    /// One permit for each workflow instance that the engine's pool holds.
    pub(crate) fibers: Arc<Semaphore>,
    /// One place for each read-only method that may run at once.
    pub(crate) reads: Arc<FairPlaces>,
    pub(crate) outbox: mpsc::Sender<Queued>,
    /// Held while a batch and its effects are queued.
    pub(crate) order: Mutex<()>,
    /// Held while something is done that callers may repeat.
    pub(crate) once: Places,
    /// Held while a component is deployed.
    pub(crate) deploying: tokio::sync::Mutex<()>,
    pub(crate) tasks: tokio::runtime::Handle,
    pub(crate) shares: Arc<Shares>,
    pub(crate) sequences: Sequences,
    /// The host is being stopped: that the store is closed is no news.
    pub(crate) stopping: AtomicBool,
    /// Since when this host has been there.
    pub(crate) opened: Timestamp,
}

/// Numbers of messages: each is used once, however often the host is started.
pub(crate) struct Sequences(AtomicU64);

/// Below every number that this opening of the store uses, and above those of all before.
pub(crate) fn first_of_boot(boot: u64) -> u64 {
    boot.saturating_mul(SEQUENCES_PER_BOOT)
}

impl Sequences {
    /// `boot` is the number of this opening of the store.
    pub(crate) fn of_boot(boot: u64) -> Sequences {
        Sequences(AtomicU64::new(first_of_boot(boot)))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Core {
    /// Hands a turn's batch to the disk, and its effects to whoever performs them afterwards.
    pub(crate) async fn commit(&self, batch: Batch, effects: Vec<Effect>) {
        let topics = Vec::new();
        self.commit_draft(Draft {
            batch,
            effects,
            topics,
        })
        .await;
    }

    /// The same, with what the turn has to do with topics.
    pub(crate) async fn commit_draft(&self, mut draft: Draft) {
        // It ends only when the store is closed, and then there are no effects. Whoever gives up waiting for
        // a place has committed nothing.
        let Ok(place) = self.outbox.reserve().await else {
            return;
        };
        // Together, so that effects are performed in the order in which batches become durable.
        let _order = lock(&self.order);
        if !draft.topics.is_empty() {
            self.topics.carry_out(self, &mut draft);
        }
        let Draft { batch, effects, .. } = draft;
        let commit = self.committer.commit(batch);
        place.send(Queued { commit, effects });
    }

    /// The same, and waits until it is durable.
    ///
    /// # Errors
    /// The store takes no more changes.
    pub(crate) async fn commit_durably(
        &self,
        batch: Batch,
        effects: Vec<Effect>,
    ) -> Result<(), CommitError> {
        let topics = Vec::new();
        self.commit_draft_durably(Draft {
            batch,
            effects,
            topics,
        })
        .await
    }

    /// The same, with what the turn has to do with topics.
    pub(crate) async fn commit_draft_durably(&self, mut draft: Draft) -> Result<(), CommitError> {
        let (done, durable) = oneshot::channel();
        let answer = Effect::Answer(done, Ok(Payload::new()));
        draft.effects.push(answer);
        self.commit_draft(draft).await;
        match durable.await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.closed()),
        }
    }

    /// Waits until what was committed before is durable and its effects are performed: every message to an
    /// entity that lies in the store by then has been told to it.
    pub(crate) async fn settle_effects(&self) -> Result<(), CommitError> {
        self.commit_durably(Batch::new(), Vec::new()).await
    }

    /// Waits until all that was committed before is durable.
    pub(crate) async fn settle(&self) -> Result<(), CommitError> {
        self.committer.commit(Batch::new()).await
    }

    /// Tells an entity of something that lies in the store: it may come late, for it cannot be lost.
    pub(crate) fn notify(self: &Arc<Self>, to: &Entity, message: Message) {
        let mut message = message;
        while let Err(Full(back)) = self.send(to, message) {
            match back {
                // Where the entity has left meanwhile, it is brought in again.
                Message::Mail(..) if self.entities.miss(to) => return,
                Message::Mail(..) => message = back,
                other => {
                    let (core, to) = (Arc::clone(self), to.clone());
                    self.tasks.spawn(async move { core.tell(&to, other).await });
                    return;
                }
            }
        }
    }

    /// Tells an entity, and waits while its mailbox is full.
    pub(crate) async fn tell(self: &Arc<Self>, to: &Entity, mut message: Message) {
        while let Err(Full(back)) = self.send(to, message) {
            if self.committer.closed_reason().is_some() {
                return;
            }
            message = back;
            tokio::time::sleep(FULL_WAIT).await;
        }
    }

    /// Calls an actor and waits for its answer, which comes when its turn is durable.
    pub(crate) async fn call_actor(
        self: &Arc<Self>,
        actor: ActorKey,
        method: String,
        input: Payload,
        key: Option<Digest>,
    ) -> Outcome {
        self.call_in_chain(actor, method, input, key, None).await
    }

    /// The same in a chain, whose members can be entered again.
    pub(crate) async fn call_in_chain(
        self: &Arc<Self>,
        actor: ActorKey,
        method: String,
        input: Payload,
        key: Option<Digest>,
        chain: Option<Chain>,
    ) -> Outcome {
        if let Some(plugin) = self.plugins.of_reader(&actor, &method) {
            return actor::read(self, actor, plugin, method, input).await;
        }
        self.call_in_turn(actor, method, input, key, chain).await
    }

    /// The same among the actor's turns, whatever the method does.
    pub(crate) async fn call_in_turn(
        self: &Arc<Self>,
        actor: ActorKey,
        method: String,
        input: Payload,
        key: Option<Digest>,
        chain: Option<Chain>,
    ) -> Outcome {
        let to_call = |answer| {
            Message::Call(Box::new(WaitingCall {
                method,
                input,
                key,
                chain,
                answer,
            }))
        };
        self.answer_of(Entity::Actor(actor), to_call).await
    }

    /// Has something done to an actor without running its code, durably.
    pub(crate) async fn order(self: &Arc<Self>, actor: ActorKey, what: Deed) -> Outcome {
        let to_do = |answer| Message::Order(Box::new(Order { what, answer }));
        self.answer_of(Entity::Actor(actor), to_do).await
    }

    /// Tells the entity, unless its mailbox is full, and waits for its answer.
    async fn answer_of(
        self: &Arc<Self>,
        entity: Entity,
        message: impl FnOnce(oneshot::Sender<Outcome>) -> Message,
    ) -> Outcome {
        let (answer, answered) = oneshot::channel();
        if self.send(&entity, message(answer)).is_err() {
            return Err(self.inbox_full(&entity, "try again"));
        }
        answered
            .await
            .unwrap_or_else(|_| Err(self.no_answer(&entity)))
    }

    /// Asks a workflow's code and waits for the answer.
    pub(crate) async fn ask(self: &Arc<Self>, workflow: &WorkflowKey, ask: Ask) -> Outcome {
        let found = self.reader.instance(workflow).map_err(unreadable)?;
        if found.is_none() {
            return Err(start::no_workflow(workflow));
        }
        let to_ask = |answer| Message::Ask(Box::new(Asked { ask, answer }));
        let workflow = Entity::Workflow(workflow.clone());
        self.answer_of(workflow, to_ask).await
    }

    /// Raises an event for a workflow, unless that was done under this key before; durable when this returns.
    pub(crate) async fn raise_once(
        self: &Arc<Self>,
        to: &WorkflowKey,
        event: EventRaised,
        key: Option<Digest>,
    ) -> Result<(), Failure> {
        match remembering(self, &to.tenant, key, Payload::new())? {
            Once::First(batch) => self.raise(to, event, batch).await,
            Once::Again(_) => Ok(()),
        }
    }

    /// Raises an event for a workflow, in one batch with what `batch` holds; durable when this returns.
    pub(crate) async fn raise(
        self: &Arc<Self>,
        to: &WorkflowKey,
        event: EventRaised,
        batch: Batch,
    ) -> Result<(), Failure> {
        let instance = self.reader.instance(to).map_err(unreadable)?;
        let view = instance.map(|instance| WorkflowView::new(to.clone(), instance));
        start::check_raisable(to, view.as_ref())?;
        self.send_durably(Entity::Workflow(to.clone()), MailKind::Raised(event), batch)
            .await
    }

    /// Sends a message, in one batch with what `batch` holds; durable when this returns.
    pub(crate) async fn send_durably(
        &self,
        to: Entity,
        kind: MailKind,
        batch: Batch,
    ) -> Result<(), Failure> {
        self.check_inbox(&to)?;
        let mut draft = Draft {
            batch,
            ..Draft::default()
        };
        draft.send(self, to.clone(), kind);
        let durable = self.commit_draft_durably(draft).await;
        durable.map_err(|_| self.no_answer(&to))
    }

    /// Publishes a value, unless that was done under this key before; durable when this returns. Tells how many
    /// had subscribed.
    pub(crate) async fn publish_once(
        &self,
        tenant: TenantId,
        topic: String,
        value: Payload,
        key: Option<Digest>,
    ) -> Result<usize, Failure> {
        let subscribers = self.topics.subscribers(&tenant, &topic);
        let answer = subscribers.to_string().into_bytes();
        match remembering(self, &tenant, key, answer)? {
            Once::First(batch) => self.publish(tenant, topic, value, batch).await,
            Once::Again(told) => Ok(String::from_utf8_lossy(&told).parse().unwrap_or(0)),
        }
    }

    /// Publishes a value, in one batch with what `batch` holds; durable when this returns. Tells how many
    /// had subscribed.
    pub(crate) async fn publish(
        &self,
        tenant: TenantId,
        topic: String,
        value: Payload,
        batch: Batch,
    ) -> Result<usize, Failure> {
        let subscribers = self.topics.entities(&tenant, &topic);
        subscribers.iter().try_for_each(|to| self.check_inbox(to))?;
        let mut draft = Draft {
            batch,
            ..Draft::default()
        };
        draft.topics.push(TopicOp::Publish {
            tenant,
            topic,
            value,
        });
        match self.commit_draft_durably(draft).await {
            Ok(()) => Ok(subscribers.len()),
            Err(error) => Err(Failure::transient(code::BUSY, error.to_string())),
        }
    }

    /// Whether one more message may be sent to the entity.
    pub(crate) fn check_inbox(&self, to: &Entity) -> Result<(), Failure> {
        if self.entities.is_full(to) {
            return Err(self.inbox_full(to, "try again"));
        }
        if self.plugins.misses_any(to.tenant()) {
            return self.check_left(to);
        }
        Ok(())
    }

    /// Whether one more message may be left in the store, which is where those for a missing plugin wait.
    fn check_left(&self, to: &Entity) -> Result<(), Failure> {
        let max = self.limits.inbox_messages_max;
        match self.reader.inbox_count(to, max).map_err(unreadable)? {
            left if left < max => Ok(()),
            _ => Err(self.inbox_full(to, "a plugin is missing that may read them: deploy it")),
        }
    }

    fn inbox_full(&self, entity: &Entity, what_to_do: &str) -> Failure {
        let max = self.limits.inbox_messages_max;
        let text = format!(
            "{entity} has {max} messages waiting, which is `inbox_messages_max`; {what_to_do}"
        );
        Failure::transient(code::BUSY, text)
    }

    /// Why nothing goes on any more.
    pub(crate) fn closed(&self) -> CommitError {
        let reason = self.closed_reason();
        CommitError::Closed { reason }
    }

    fn closed_reason(&self) -> String {
        let why = self.committer.closed_reason();
        why.unwrap_or_else(|| "the host is stopping".to_owned())
    }

    /// Whoever was to answer is gone, which it is only where the host stops.
    pub(crate) fn gone(&self) -> Failure {
        Failure::transient(code::BUSY, self.closed_reason())
    }

    fn no_answer(&self, actor: &Entity) -> Failure {
        let why = self.closed_reason();
        Failure::transient(code::BUSY, format!("{actor} gave no answer: {why}"))
    }

    fn send(self: &Arc<Self>, to: &Entity, message: Message) -> Result<(), Full> {
        self.entities
            .send(to, message, |newcomer| self.run_entity(to, newcomer))
    }

    fn run_entity(self: &Arc<Self>, entity: &Entity, newcomer: Newcomer) {
        let core = Arc::clone(self);
        match entity {
            Entity::Workflow(key) => {
                let turns = WorkflowTurns::new(Arc::clone(self), key.clone());
                self.run_for(
                    &key.tenant,
                    live::live(core, entity.clone(), newcomer, turns),
                );
            }
            Entity::Actor(key) => {
                let turns = ActorTurns::new(Arc::clone(self), key.clone());
                newcomer.slot.shows(turns.progress());
                self.run_for(
                    &key.tenant,
                    live::live(core, entity.clone(), newcomer, turns),
                );
            }
        }
    }

    /// Runs what guests' code is a part of, as the tenant's share allows.
    pub(crate) fn run_for(
        &self,
        tenant: &TenantId,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.shares.spawn(&self.tenants.account(tenant), work);
    }

    /// The store takes no more changes: nothing that waits for one can be answered any more.
    pub(crate) fn store_closed(&self, error: &CommitError) {
        self.stop(error);
    }

    /// The store cannot be read: what it holds must not be changed on a guess.
    pub(crate) fn store_unreadable(&self, error: &ReadError) {
        // First, so that whoever is woken finds the reason.
        self.committer.refuse(&error.to_string());
        self.stop(error);
    }

    /// A defect of the host broke something half-way: only the store knows what is true.
    pub(crate) fn broke(&self, what: &str) {
        let why = format!("a defect of the host broke {what}; start it again");
        self.committer.refuse(&why);
        self.stop(&why);
    }

    fn stop(&self, why: &dyn fmt::Display) {
        self.watchers.close();
        self.histories.close();
        self.updates.close();
        if !self.stopping.swap(true, Ordering::AcqRel) {
            tracing::error!(error = %why, "stop taking work");
            let reason = why.to_string();
            self.observer.observe(Happening::Closed { reason });
        }
    }

    /// Random bytes from the operating system, for what must be unlike anything else.
    pub(crate) fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let filled = SysRng.try_fill_bytes(&mut bytes);
        filled.expect("an operating system that the host runs on has random numbers");
        bytes
    }
}

//! What an actor's method may ask for: converts, checks limits, and notes it in the turn.

use std::sync::{Arc, Mutex};

use host_base::failure::code;
use host_base::{ActorKey, Entity, Failure, InvalidId, Outcome, Payload, Timestamp, WorkflowKey};
use host_engine::{ActorImports, BoxFuture, Interrupt, LogLevel, StartError, WorkflowInfo};
use host_store::ReadError;
use host_store::records::{Call, EventRaised, Subscription};

use crate::actor::turn::{Turn, Writes};
use crate::core::Core;
use crate::limits;
use crate::locks::lock;
use crate::start::{self, IdState, NewWorkflow, unreadable};
use crate::topics::{self, TopicOp};
use crate::view::WorkflowView;
use crate::waits::{Awaited, Circle};

/// The answers to one turn.
pub(crate) struct Imports(Arc<Shared>);

struct Shared {
    core: Arc<Core>,
    key: ActorKey,
    turn: Arc<Mutex<Turn>>,
}

impl Imports {
    pub(crate) fn new(core: &Arc<Core>, key: &ActorKey, turn: &Arc<Mutex<Turn>>) -> Imports {
        Imports(Arc::new(Shared {
            core: Arc::clone(core),
            key: key.clone(),
            turn: Arc::clone(turn),
        }))
    }
}

impl Shared {
    fn actor(&self, actor_type: String, id: String) -> Result<ActorKey, InvalidId> {
        ActorKey::new(self.key.tenant.clone(), actor_type, id)
    }

    fn workflow(&self, id: String) -> Result<WorkflowKey, Failure> {
        Ok(WorkflowKey::new(self.key.tenant.clone(), id)?)
    }

    fn check_payload(&self, what: &str, payload: &[u8]) -> Result<(), Interrupt> {
        limits::check_payload(&self.core.limits, what, payload)
    }

    /// What the turn has sent and started so far, if it may send so many bytes more.
    fn with_room<T>(
        &self,
        bytes: usize,
        note: impl FnOnce(&mut Writes) -> T,
    ) -> Result<T, Interrupt> {
        let mut turn = lock(&self.turn);
        let writes = turn.writes();
        let max = self.core.limits.turn_effects_max;
        if writes.sent() >= max {
            let text = format!("a turn may send and start {max} things (`turn_effects_max`)");
            return Err(Interrupt(text));
        }
        limits::take_bytes(&self.core.limits, &mut writes.bytes, bytes)?;
        Ok(note(writes))
    }

    fn topic_op(&self, bytes: usize, op: TopicOp) -> Result<(), Interrupt> {
        self.with_room(bytes, |writes| writes.topics.push(op))
    }

    /// Whether the actor has that method: what is published would find nobody otherwise.
    fn check_method(&self, method: &str) -> Result<(), Interrupt> {
        let ActorKey {
            tenant, actor_type, ..
        } = &self.key;
        let plugin = self.core.plugins.of_actor(tenant, actor_type);
        let has = plugin.is_some_and(|plugin| {
            let mut actors = plugin.manifest().actors.iter();
            let actor = actors.find(|one| one.actor_type == *actor_type);
            actor.is_some_and(|one| one.methods.iter().any(|known| known.name == method))
        });
        if has {
            return Ok(());
        }
        let text = format!("actor type {actor_type} has no method {method} to subscribe with");
        Err(Interrupt(text))
    }

    async fn call(&self, target: ActorKey, method: String, input: Payload) -> Outcome {
        limits::check_call(&self.core.limits, &method, &input).map_err(limits::over_limit)?;
        let waiting = self
            .core
            .waits
            .begin(&self.key, Awaited::Actor(target.clone()));
        let _waiting = waiting.map_err(|Circle| {
            let text = format!(
                "{} calls {target}.{method}, which waits for it already: the call would never end",
                self.key
            );
            // Another turn of it may be the one that waits, and that one ends.
            Failure {
                retryable: target != self.key,
                ..Failure::new(code::DEADLOCK, text)
            }
        })?;
        let key = lock(&self.turn).call_key(&target, &method, &input);
        self.core.call_actor(target, method, input, key).await
    }

    async fn start(
        &self,
        name: String,
        id: Option<String>,
        input: Payload,
    ) -> Result<String, StartError> {
        let id = id.unwrap_or_else(|| start::made_id(self.core.random()));
        let key = self.workflow(id).map_err(StartError::Refused)?;
        let plugin = start::plugin_of(&self.core.plugins, &key, &name);
        let plugin = plugin.map_err(StartError::Refused)?;
        if let Some(view) = self.started_in_turn(&key) {
            return Err(StartError::AlreadyExists(Box::new(view.info())));
        }
        let permit = self.core.starts.permit_for(&self.key, &key).await;
        let permit = permit.map_err(|Circle| StartError::Refused(start_circle(&key)))?;
        match start::id_state(&self.core.reader, &key).map_err(unreadable_start)? {
            IdState::Active(view) => Err(StartError::AlreadyExists(Box::new(view.info()))),
            IdState::Free(before) => {
                let id = key.id.clone();
                let new = NewWorkflow {
                    key,
                    name,
                    plugin,
                    input,
                    parent: None,
                    detached: false,
                    seed: self.core.random(),
                    before,
                };
                let noted =
                    self.with_room(new.input.len(), |writes| writes.starts.push((new, permit)));
                noted.map_err(|limit| StartError::Refused(limits::over_limit(limit)))?;
                Ok(id)
            }
        }
    }

    fn started_in_turn(&self, key: &WorkflowKey) -> Option<WorkflowView> {
        let mut turn = lock(&self.turn);
        let now = turn.now;
        let mut starts = turn.writes().starts.iter();
        let (new, _) = starts.find(|(new, _)| new.key == *key)?;
        Some(WorkflowView::new(key.clone(), start::instance(new, now)))
    }

    fn find(&self, key: &WorkflowKey) -> Result<Option<WorkflowView>, ReadError> {
        if let Some(view) = self.started_in_turn(key) {
            return Ok(Some(view));
        }
        let instance = self.core.reader.instance(key)?;
        Ok(instance.map(|instance| WorkflowView::new(key.clone(), instance)))
    }

    fn raise(&self, id: String, name: String, value: Payload) -> Result<(), Failure> {
        let key = self.workflow(id)?;
        let found = self.find(&key).map_err(unreadable)?;
        start::check_raisable(&key, found.as_ref())?;
        self.core.check_inbox(&Entity::Workflow(key.clone()))?;
        limits::check_event(&self.core.limits, &name, &value).map_err(limits::over_limit)?;
        let bytes = value.len();
        let event = EventRaised { name, value };
        self.with_room(bytes, |writes| writes.events.push((key, event)))
            .map_err(limits::over_limit)
    }
}

impl ActorImports for Imports {
    fn identity(&self) -> (String, String) {
        let key = &self.0.key;
        (key.actor_type.clone(), key.id.clone())
    }

    fn get_state(&mut self, key: &str) -> Result<Option<Payload>, Interrupt> {
        let Shared { core, turn, .. } = &*self.0;
        if let Some(known) = lock(turn).known(key) {
            return Ok(known);
        }
        let value = core.reader.state(&self.0.key, key);
        let value = value.map_err(|error| {
            core.store_unreadable(&error);
            lock(turn).stop(unreadable(error))
        })?;
        lock(turn).remember(key, value.clone());
        Ok(value)
    }

    fn set_state(&mut self, key: &str, value: Option<Payload>) -> Result<(), Interrupt> {
        let max = self.0.core.limits.turn_writes_max;
        limits::check_state_key(key)?;
        if let Some(value) = &value {
            self.0.check_payload("a state value", value)?;
        }
        let mut turn = lock(&self.0.turn);
        let writes = turn.writes();
        let state = &mut writes.state;
        if state.len() >= max && !state.contains_key(key) {
            let text = format!("a turn may write {max} keys (`turn_writes_max`)");
            return Err(Interrupt(text));
        }
        let size = |value: &Option<Payload>| value.as_ref().map_or(0, Vec::len);
        // What was written before under the key is replaced, and counts no more.
        writes.bytes -= state.get(key).map_or(0, size);
        limits::take_bytes(&self.0.core.limits, &mut writes.bytes, size(&value))?;
        state.insert(key.to_owned(), value);
        Ok(())
    }

    fn call(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
    ) -> BoxFuture<Outcome> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let target = shared.actor(actor_type, actor_id);
            shared.call(target?, method, input).await
        })
    }

    fn send(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
    ) -> Result<(), Interrupt> {
        let to = self.0.actor(actor_type, actor_id);
        let to = to.map_err(|error| Interrupt(error.to_string()))?;
        self.0.check_payload("a message", &input)?;
        let room = self.0.core.check_inbox(&Entity::Actor(to.clone()));
        room.map_err(|failure| lock(&self.0.turn).stop(failure))?;
        limits::check_name("method", &method)?;
        let bytes = input.len();
        let call = Call {
            method,
            input,
            waiter: None,
        };
        self.0
            .with_room(bytes, |writes| writes.messages.push((to, call)))
    }

    fn publish(&mut self, topic: String, value: Payload) -> Result<(), Interrupt> {
        let Shared { core, key, turn } = &*self.0;
        topics::check_publishable(&core.limits, &topic, &value)?;
        let to = core.topics.entities(&key.tenant, &topic);
        for entity in &to {
            let room = core.check_inbox(entity);
            room.map_err(|failure| lock(turn).stop(failure))?;
        }
        let bytes = value.len() * to.len().max(1);
        let tenant = key.tenant.clone();
        self.0.topic_op(
            bytes,
            TopicOp::Publish {
                tenant,
                topic,
                value,
            },
        )
    }

    fn subscribe(&mut self, topic: String, method: Option<String>) -> Result<(), Interrupt> {
        let by = Entity::Actor(self.0.key.clone());
        topics::check_subscribable(&topic)?;
        let Some(method) = method else {
            return self.0.topic_op(0, TopicOp::Unsubscribe { topic, by });
        };
        self.0.check_method(&method)?;
        let core = &self.0.core;
        core.topics.check_room(&core.limits, &topic, &by)?;
        let since_ms = self.now().0;
        let subscription = Subscription { method, since_ms };
        self.0.topic_op(
            0,
            TopicOp::Subscribe {
                topic,
                by,
                subscription,
            },
        )
    }

    fn start_workflow(
        &mut self,
        name: String,
        id: Option<String>,
        input: Payload,
    ) -> BoxFuture<Result<String, StartError>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let checked = shared.check_payload("a workflow's input", &input);
            checked.map_err(|limit| StartError::Refused(limits::over_limit(limit)))?;
            shared.start(name, id, input).await
        })
    }

    fn get_workflow(&mut self, id: String) -> BoxFuture<Option<WorkflowInfo>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let key = shared.workflow(id).ok()?;
            match shared.find(&key) {
                Ok(view) => view.map(WorkflowView::info),
                Err(error) => {
                    shared.core.store_unreadable(&error);
                    None
                }
            }
        })
    }

    fn raise_event(
        &mut self,
        workflow_id: String,
        name: String,
        value: Payload,
    ) -> BoxFuture<Result<(), Failure>> {
        let raised = self.0.raise(workflow_id, name, value);
        Box::pin(async move { raised })
    }

    fn now(&self) -> Timestamp {
        lock(&self.0.turn).now
    }

    fn log(&mut self, level: LogLevel, message: String) {
        let mut turn = lock(&self.0.turn);
        turn.writes().lines.push((level, message));
    }
}

fn start_circle(key: &WorkflowKey) -> Failure {
    let text = format!(
        "whether workflow {} is started is decided by a turn that waits for this one",
        key.id
    );
    Failure::new(code::DEADLOCK, text)
}

fn unreadable_start(error: ReadError) -> StartError {
    StartError::Refused(unreadable(error))
}

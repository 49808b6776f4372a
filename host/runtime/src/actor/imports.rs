//! What an actor's method may ask for: converts, checks limits, and notes it in the turn.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::failure::code;
use host_base::{
    ActorKey, Entity, Failure, InvalidId, Limits, Outcome, Payload, Timestamp, WorkflowKey,
};
use host_engine::{
    ActorImports, Alarm, BoxFuture, CallOptions, Interrupt, LogLevel, MethodCall, Moment,
    NewReminder, ReminderInfo, StartError, StatePage, WorkflowInfo,
};
use host_store::ReadError;
use host_store::records::{Call, Delayed, EventRaised, MailKind, Subscription};

use tokio::sync::mpsc;

use crate::actor::alarms::{Alarms, unreadable_state};
use crate::actor::list::List;
use crate::actor::reminders;
use crate::actor::run::{Method, Place, run};
use crate::actor::turn::{Entered, Turn, Writes};
use crate::actor::values;
use crate::chain::{Chain, Entry};
use crate::core::Core;
use crate::dedup::is_kept;
use crate::limits;
use crate::locks::lock;
use crate::message_id::MessageId;
use crate::start::{self, IdState, NewWorkflow, unreadable};
use crate::topics::{self, TopicOp};
use crate::view::WorkflowView;
use crate::waits::{Awaited, Circle, Waiting};
use crate::when;

/// The answers to one turn.
pub(crate) struct Imports(Arc<Shared>);

struct Shared {
    core: Arc<Core>,
    limits: Arc<Limits>,
    key: ActorKey,
    turn: Arc<Mutex<Turn>>,
    place: Place,
}

impl Imports {
    pub(crate) fn new(
        core: &Arc<Core>,
        key: &ActorKey,
        turn: &Arc<Mutex<Turn>>,
        place: Place,
    ) -> Imports {
        Imports(Arc::new(Shared {
            core: Arc::clone(core),
            limits: core.limits_of(&key.tenant),
            key: key.clone(),
            turn: Arc::clone(turn),
            place,
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
        limits::check_payload(&self.limits, what, payload)
    }

    fn alarms(&self) -> Alarms<'_> {
        Alarms {
            core: &self.core,
            actor: &self.key,
            turn: &self.turn,
        }
    }

    fn list<'a>(&'a self, after: Option<&'a str>, limit: u32) -> List<'a> {
        List {
            reader: &self.core.reader,
            actor: &self.key,
            after,
            limit,
        }
    }

    /// Whether the turn may change and send something: a method that only reads may not.
    fn may(&self, what: &str) -> Result<(), Failure> {
        if !lock(&self.turn).only_reads {
            return Ok(());
        }
        Err(self.refusal(what))
    }

    fn refusal(&self, what: &str) -> Failure {
        let text = format!(
            "a method of {} that is `read_only` wants to {what}",
            self.key
        );
        Failure::new(code::REFUSED, text)
    }

    /// The same, where the guest has no way to be told.
    fn must_be_allowed(&self, what: &str) -> Result<(), Interrupt> {
        let allowed = self.may(what);
        allowed.map_err(|failure| lock(&self.turn).stop(failure))
    }

    /// What the turn has sent and started so far, if it may send so many bytes more.
    fn with_room<T>(
        &self,
        bytes: usize,
        note: impl FnOnce(&mut Writes) -> T,
    ) -> Result<T, Interrupt> {
        let mut turn = lock(&self.turn);
        let writes = turn.writes();
        limits::check_sent(&self.limits, writes.sent())?;
        limits::take_bytes(&self.limits, &mut writes.bytes, bytes)?;
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
        let found = self.core.plugins.check_method(tenant, actor_type, method);
        found.map_err(|failure| Interrupt(failure.message))
    }

    async fn call(&self, call: MethodCall, options: CallOptions) -> Outcome {
        self.may("call an actor")?;
        let MethodCall { method, input, .. } = call;
        let target = self.actor(call.actor_type, call.actor_id)?;
        limits::check_call(&self.limits, &method, &input).map_err(limits::over_limit)?;
        let who = |limit| (limit, format!("{target}.{method}"));
        let limit = options.timeout.map(who);
        let answer = self.ask(target, method, input, options.reentrant);
        limits::in_time(limit, answer).await
    }

    async fn ask(
        &self,
        target: ActorKey,
        method: String,
        input: Payload,
        reentrant: bool,
    ) -> Outcome {
        if let Some(chain) = &self.place.chain
            && chain.leads_to(&target)
        {
            let _entering = self.core.waits.enter(&self.key, &target);
            if let Some(outcome) = chain.enter(&target, &method, &input).await {
                return outcome;
            }
        }
        let _waiting = self.wait_for(&target, &method)?;
        let key = lock(&self.turn).call_key(&target, &method, &input);
        let before = self.place.chain.clone();
        let outcome = match self.reentrancy().filter(|_| reentrant) {
            None => {
                let call = self.core.call_in_chain(target, method, input, key, before);
                call.await
            }
            Some(max) => {
                let (chain, entries) = Chain::open(self.key.clone(), before);
                let chain = Some(chain);
                let call = self.core.call_in_chain(target, method, input, key, chain);
                self.wait_at_door(call, entries, max).await
            }
        };
        if let Some(key) = key
            && !is_kept(&outcome)
        {
            lock(&self.turn).call_came_to_nothing(key);
        }
        outcome
    }

    /// How often one chain of calls may be in this actor, if more than once.
    fn reentrancy(&self) -> Option<u32> {
        let ActorKey {
            tenant, actor_type, ..
        } = &self.key;
        let plugin = self.core.plugins.of_actor(tenant, actor_type)?;
        plugin.manifest().actor(actor_type)?.reentrancy
    }

    /// Waits for an answer, and runs what enters the actor meanwhile.
    async fn wait_at_door(
        &self,
        answer: impl Future<Output = Outcome>,
        mut entries: mpsc::Receiver<Entry>,
        max: u32,
    ) -> Outcome {
        let mut answer = pin!(answer);
        loop {
            tokio::select! {
                biased;
                outcome = &mut answer => return outcome,
                Some(entry) = entries.recv() => {
                    let outcome = self.let_in(&entry, max).await;
                    // Whoever no longer waits does not want to know.
                    drop(entry.answer.send(outcome));
                }
            }
        }
    }

    /// Runs a call over this turn: what it wrote is part of it, unless it fails.
    async fn let_in(&self, entry: &Entry, max: u32) -> Outcome {
        let depth = self.place.depth + 1;
        if depth >= max {
            let text = format!(
                "{}.{} would be in the actor {} times at once, and its `reentrant(depth)` is {max}",
                self.key,
                entry.method,
                depth + 1
            );
            return Err(Failure::new(code::LIMIT, text));
        }
        let ActorKey {
            tenant, actor_type, ..
        } = &self.key;
        let plugin = self.core.plugins.of_actor(tenant, actor_type);
        let plugin = plugin.ok_or_else(|| {
            let text = format!("no plugin brings the actor type {actor_type} any more");
            Failure::new(code::NOT_FOUND, text)
        })?;
        let method = Method {
            activate: false,
            name: &entry.method,
            input: &entry.input,
            may_wait: false,
            place: Place {
                chain: Some(entry.chain.clone()),
                depth,
            },
        };
        let entered = Entered::begin(&self.turn);
        let outcome = run(&self.core, &self.key, &self.turn, &plugin, &method).await;
        if outcome.is_ok() {
            entered.keep();
        }
        outcome
    }

    /// Notes that this turn waits for that one, which must not wait for this one. Whatever only reads waits
    /// for nobody.
    fn wait_for(&self, target: &ActorKey, method: &str) -> Result<Option<Waiting>, Failure> {
        if self.core.plugins.of_reader(target, method).is_some() {
            return Ok(None);
        }
        let awaited = Awaited::Actor(target.clone());
        let waiting = self.core.waits.begin(&self.key, awaited);
        waiting.map(Some).map_err(|Circle| {
            let text = format!(
                "{} calls {target}.{method}, which waits for it already: the call would never end",
                self.key
            );
            // Another turn of it may be the one that waits, and that one ends.
            Failure {
                retryable: *target != self.key,
                ..Failure::new(code::DEADLOCK, text)
            }
        })
    }

    async fn start(
        &self,
        name: String,
        id: Option<String>,
        input: Payload,
    ) -> Result<String, StartError> {
        self.may("start a workflow").map_err(StartError::Refused)?;
        let id = id.unwrap_or_else(|| start::made_id(self.core.random()));
        let key = self.workflow(id).map_err(StartError::Refused)?;
        let plugin = start::plugin_of(&self.core.plugins, &key, &name);
        let plugin = plugin.map_err(StartError::Refused)?;
        if let Some(view) = self.started_in_turn(&key) {
            return Err(StartError::AlreadyExists(Box::new(view.info())));
        }
        let permit = self.core.starts.permit_for(&self.key, &key).await;
        let permit = permit.map_err(|Circle| StartError::Refused(start_circle(&key)))?;
        match start::id_state(&self.core, &key).map_err(unreadable_start)? {
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
                    attributes: Vec::new(),
                    starts: None,
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
        self.may("raise an event")?;
        let key = self.workflow(id)?;
        let found = self.find(&key).map_err(unreadable)?;
        start::check_raisable(&key, found.as_ref())?;
        self.core.check_inbox(&Entity::Workflow(key.clone()))?;
        limits::check_event(&self.limits, &name, &value).map_err(limits::over_limit)?;
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
        let mut turn = lock(turn);
        let value = value.map_err(|error| unreadable_state(core, &mut turn, error))?;
        let bytes = turn.present(value.as_ref());
        turn.store_reads += 1;
        turn.remember(key, value);
        Ok(bytes)
    }

    fn set_state(
        &mut self,
        key: &str,
        value: Option<Payload>,
        ttl: Option<Duration>,
    ) -> Result<(), Interrupt> {
        let mut turn = lock(&self.0.turn);
        if turn.only_reads {
            return Err(turn.stop(self.0.refusal("write its state")));
        }
        values::write(&self.0.limits, &mut turn, key, value, ttl)
    }

    fn list_state(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<StatePage, Interrupt> {
        let Shared { core, turn, .. } = &*self.0;
        let mut turn = lock(turn);
        let bytes_max = self.0.limits.payload_bytes_max;
        let page = self
            .0
            .list(after, limit)
            .state(&mut turn, prefix, bytes_max);
        page.map_err(|error| unreadable_state(core, &mut turn, error))
    }

    fn set_reminder(&mut self, reminder: NewReminder) -> Result<Result<(), Failure>, Interrupt> {
        self.0.must_be_allowed("set a reminder")?;
        self.0.alarms().set_reminder(reminder)
    }

    fn cancel_reminder(&mut self, name: &str) -> Result<bool, Interrupt> {
        self.0.must_be_allowed("cancel a reminder")?;
        self.0.alarms().cancel_reminder(name)
    }

    fn reminder(&mut self, name: &str) -> Result<Option<ReminderInfo>, Interrupt> {
        let found = self.0.alarms().reminder(name)?;
        Ok(found.map(|reminder| reminders::info(name, &reminder)))
    }

    fn reminders(
        &mut self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ReminderInfo>, Interrupt> {
        let Shared { core, turn, .. } = &*self.0;
        let mut turn = lock(turn);
        let found = self.0.list(after, limit).reminders(&mut turn);
        found.map_err(|error| unreadable_state(core, &mut turn, error))
    }

    fn set_timer(&mut self, timer: Alarm) -> Result<Result<(), Failure>, Interrupt> {
        self.0.must_be_allowed("set a timer")?;
        self.0.alarms().set_timer(timer)
    }

    fn cancel_timer(&mut self, name: &str) -> Result<bool, Interrupt> {
        self.0.must_be_allowed("cancel a timer")?;
        Ok(self.0.alarms().cancel_timer(name))
    }

    fn call(&mut self, call: MethodCall, options: CallOptions) -> BoxFuture<Outcome> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.call(call, options).await })
    }

    fn send(&mut self, call: MethodCall) -> Result<(), Interrupt> {
        self.0.must_be_allowed("send a message")?;
        let to = self.0.actor(call.actor_type, call.actor_id);
        let to = to.map_err(|error| Interrupt(error.to_string()))?;
        self.0.check_payload("a message", &call.input)?;
        let room = self.0.core.check_inbox(&Entity::Actor(to.clone()));
        room.map_err(|failure| lock(&self.0.turn).stop(failure))?;
        limits::check_name("method", &call.method)?;
        let bytes = call.input.len();
        let call = Call {
            method: call.method,
            input: call.input,
            waiter: None,
        };
        let message = (to, MailKind::Call(call));
        self.0
            .with_room(bytes, |writes| writes.messages.push(message))
    }

    fn send_later(
        &mut self,
        call: MethodCall,
        due: Moment,
    ) -> Result<Result<String, Failure>, Interrupt> {
        self.0.must_be_allowed("send a message")?;
        limits::check_call(&self.0.limits, &call.method, &call.input)?;
        let now = lock(&self.0.turn).now;
        let to = self.0.actor(call.actor_type, call.actor_id);
        let due = when::resolve("the due time", &due, now);
        let (to, due) = match (to, due) {
            (Ok(to), Ok(due)) => (to, due),
            (Err(error), _) => return Ok(Err(error.into())),
            (_, Err(failure)) => return Ok(Err(failure)),
        };
        let id = MessageId::numbered(to, self.0.core.sequences.next());
        let (text, bytes) = (id.to_string(), call.input.len());
        let call = Call {
            method: call.method,
            input: call.input,
            waiter: None,
        };
        let delayed = Delayed {
            call: Some(call),
            due_ms: due.0,
        };
        self.0
            .with_room(bytes, |writes| writes.delayed.push((id, delayed)))?;
        Ok(Ok(text))
    }

    fn cancel_message(&mut self, id: &str) -> Result<Result<(), Failure>, Interrupt> {
        self.0.must_be_allowed("take back a message")?;
        let id = match MessageId::read(&self.0.key.tenant, id) {
            Ok(id) => id,
            Err(failure) => return Ok(Err(failure)),
        };
        let MessageId { to, name } = id;
        let message = (to, MailKind::CancelDelayed(name));
        self.0
            .with_room(0, |writes| writes.messages.push(message))?;
        Ok(Ok(()))
    }

    fn deactivate(&mut self) -> Result<(), Interrupt> {
        self.0.must_be_allowed("deactivate it")?;
        lock(&self.0.turn).writes().deactivate = true;
        Ok(())
    }

    fn delete(&mut self) -> Result<(), Interrupt> {
        self.0.must_be_allowed("delete it")?;
        lock(&self.0.turn).delete(&self.0.key);
        Ok(())
    }

    fn publish(&mut self, topic: String, value: Payload) -> Result<(), Interrupt> {
        self.0.must_be_allowed("publish")?;
        let Shared {
            core, key, turn, ..
        } = &*self.0;
        topics::check_publishable(&self.0.limits, &topic, &value)?;
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
        self.0.must_be_allowed("subscribe")?;
        let by = Entity::Actor(self.0.key.clone());
        topics::check_subscribable(&topic)?;
        let Some(method) = method else {
            return self.0.topic_op(0, TopicOp::Unsubscribe { topic, by });
        };
        self.0.check_method(&method)?;
        let core = &self.0.core;
        core.topics.check_room(&self.0.limits, &topic, &by)?;
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

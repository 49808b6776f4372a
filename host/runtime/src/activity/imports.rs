//! What an activity may ask for.
//!
//! Everything that it makes happen has a key that is the same on every attempt, so that it happens once.

use std::sync::{Arc, Mutex};

use host_base::{
    ActorKey, Digest, Entity, Failure, Limits, Outcome, Payload, Timestamp, WorkflowKey,
};
use host_engine::{
    ActivityImports, ActivityInfo, BoxFuture, CallOptions, Interrupt, LogLevel, MethodCall, Moment,
};
use host_store::TaskKey;
use host_store::records::{Call, Delayed, EventRaised, MailKind};

use crate::activity::under_way::Shared;
use crate::core::Core;
use crate::dedup::{Calls, Cause, What, is_kept};
use crate::draft::Draft;
use crate::effect::ActivityJob;
use crate::limits;
use crate::locks::lock;
use crate::message_id::MessageId;
use crate::observer::{Happening, Speaker};
use crate::once::{Once, remembering};
use crate::topics;
use crate::when;

/// Characters of an idempotency key: 128 bits.
const IDEMPOTENCY_KEY_CHARS: usize = 32;

/// The answers to one attempt.
pub(crate) struct Imports {
    core: Arc<Core>,
    limits: Arc<Limits>,
    name: String,
    attempt: u32,
    task: TaskKey,
    seed: Vec<u8>,
    last_heartbeat: Option<Payload>,
    /// None until it makes one: most activities make none, and the key of their cause costs a hash.
    calls: Option<Arc<Mutex<Calls>>>,
    shared: Shared,
}

impl Imports {
    pub(crate) fn new(core: &Arc<Core>, job: &ActivityJob, shared: &Shared) -> Imports {
        Imports {
            core: Arc::clone(core),
            limits: core.limits_of(&job.task.workflow.tenant),
            name: job.name.clone(),
            attempt: job.failed_attempts + 1,
            task: job.task.clone(),
            seed: job.seed.clone(),
            last_heartbeat: job.heartbeat.clone(),
            calls: None,
            shared: Arc::clone(shared),
        }
    }

    fn key(&mut self, what: What, target: &ActorKey, method: &str, input: &[u8]) -> Option<Digest> {
        let task = &self.task;
        let of_task = || Arc::new(Mutex::new(Calls::of(Some(Cause::activity(task)))));
        let calls = self.calls.get_or_insert_with(of_task);
        let key = lock(calls).key_of(what, target, method, input);
        key.inspect(|key| self.shared.called(*key))
    }

    /// Does what may be done, unless an earlier attempt did.
    fn once<T: Send + 'static, D>(
        &self,
        wanted: Result<Wanted, Failure>,
        deed: impl FnOnce(Arc<Core>, Wanted) -> D,
    ) -> BoxFuture<Result<T, Failure>>
    where
        D: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let calls = self.calls.clone();
        let doing = wanted.map(|wanted| (wanted.key, deed(Arc::clone(&self.core), wanted)));
        Box::pin(async move {
            let (key, doing) = doing?;
            let done = doing.await;
            if let (Some(key), Some(calls)) = (key, calls)
                && !is_kept(&done)
            {
                lock(&calls).came_to_nothing(key);
            }
            done
        })
    }

    /// A call or a message, if it may be made.
    fn call(&mut self, what: What, call: MethodCall) -> Result<Wanted, Failure> {
        let allowed = limits::check_call(&self.limits, &call.method, &call.input);
        self.wanted(what, allowed, call)
    }

    fn wanted(
        &mut self,
        what: What,
        allowed: Result<(), Interrupt>,
        call: MethodCall,
    ) -> Result<Wanted, Failure> {
        allowed.map_err(limits::over_limit)?;
        let tenant = self.task.workflow.tenant.clone();
        let target = ActorKey::new(tenant, call.actor_type, call.actor_id)?;
        Ok(self.keyed(what, target, call.method, call.input))
    }

    fn keyed(&mut self, what: What, target: ActorKey, method: String, input: Payload) -> Wanted {
        let key = self.key(what, &target, &method, &input);
        Wanted {
            target,
            method,
            input,
            key,
        }
    }
}

/// The same on every attempt; the seed makes it unlike that of any other run, also in another store.
fn idempotency_key(seed: &[u8], handle: u32) -> String {
    let mut key = Digest::of(&[seed, &handle.to_be_bytes()].concat()).to_string();
    key.truncate(IDEMPOTENCY_KEY_CHARS);
    key
}

impl ActivityImports for Imports {
    fn info(&self) -> ActivityInfo {
        ActivityInfo {
            name: self.name.clone(),
            workflow_id: self.task.workflow.id.clone(),
            attempt: self.attempt,
            idempotency_key: idempotency_key(&self.seed, self.task.handle),
        }
    }

    fn heartbeat(&mut self, details: Option<Payload>) -> Result<bool, Interrupt> {
        let bytes = details.as_ref().map_or(0, Vec::len);
        let max = self.limits.heartbeat_bytes_max;
        if bytes > max {
            let text = format!("a heartbeat has {bytes} bytes; `heartbeat_bytes_max` is {max}");
            return Err(Interrupt(text));
        }
        self.shared.beat(details);
        Ok(self.shared.is_cancelled())
    }

    fn last_heartbeat(&self) -> Option<Payload> {
        self.last_heartbeat.clone()
    }

    fn call_actor(&mut self, call: MethodCall, options: CallOptions) -> BoxFuture<Outcome> {
        let call = self.call(What::Call, call);
        self.once(call, |core, call| async move {
            let Wanted {
                target,
                method,
                input,
                key,
            } = call;
            let who = |limit| (limit, format!("{target}.{method}"));
            let limit = options.timeout.map(who);
            let answer = core.call_actor(target, method, input, key);
            limits::in_time(limit, answer).await
        })
    }

    fn send(&mut self, call: MethodCall) -> BoxFuture<Result<(), Failure>> {
        let message = self.call(What::Send, call);
        self.once(message, send)
    }

    fn send_later(&mut self, call: MethodCall, due: Moment) -> BoxFuture<Result<String, Failure>> {
        let due = when::resolve("the due time", &due, self.core.clock.now());
        let message = self.call(What::SendLater, call);
        self.once(message, |core, message| async move {
            send_later(core, message, due?).await
        })
    }

    fn cancel_message(&mut self, id: String) -> BoxFuture<Result<(), Failure>> {
        let id = MessageId::read(&self.task.workflow.tenant, &id);
        let message = id.map(|MessageId { to, name }| {
            // It has no method, and its name is all that is said of it.
            self.keyed(What::TakeBack, to, String::new(), name.into_bytes())
        });
        self.once(message, take_back)
    }

    fn raise_event(
        &mut self,
        workflow_id: String,
        name: String,
        value: Payload,
    ) -> BoxFuture<Result<(), Failure>> {
        let allowed = limits::check_event(&self.limits, &name, &value);
        // The same bookkeeping as for calls; an event's target has no type.
        let event = MethodCall {
            actor_type: "workflow event".to_owned(),
            actor_id: workflow_id,
            method: name,
            input: value,
        };
        let event = self.wanted(What::Raise, allowed, event);
        self.once(event, raise)
    }

    fn publish(&mut self, topic: String, value: Payload) -> BoxFuture<Result<(), Failure>> {
        let allowed = topics::check_publishable(&self.limits, &topic, &value);
        // The same bookkeeping as for calls; a topic has no type.
        let value = MethodCall {
            actor_type: "topic".to_owned(),
            actor_id: topic,
            method: "publish".to_owned(),
            input: value,
        };
        let value = self.wanted(What::Publish, allowed, value);
        self.once(value, publish)
    }

    fn log(&mut self, level: LogLevel, line: String) {
        let speaker = Speaker::Activity {
            name: self.name.clone(),
            workflow: self.task.workflow.clone(),
        };
        self.core.observer.observe(Happening::Said {
            speaker,
            level,
            line,
        });
    }
}

/// Something that may be done, and the key under which it is done once.
struct Wanted {
    target: ActorKey,
    method: String,
    input: Payload,
    key: Option<Digest>,
}

impl Wanted {
    fn call(self) -> (ActorKey, Call) {
        let call = Call {
            method: self.method,
            input: self.input,
            waiter: None,
        };
        (self.target, call)
    }

    /// Looks whether it was done; if not, `answer` is kept with it.
    fn before(&self, core: &Core, answer: Payload) -> Result<Once, Failure> {
        remembering(core, &self.target.tenant, self.key, answer)
    }
}

/// Sends the message and keeps, in the same batch, that it was sent.
async fn send(core: Arc<Core>, message: Wanted) -> Result<(), Failure> {
    match message.before(&core, Payload::new())? {
        Once::First(batch) => {
            let (to, call) = message.call();
            core.send_durably(Entity::Actor(to), MailKind::Call(call), batch)
                .await
        }
        Once::Again(_) => Ok(()),
    }
}

/// Sends a message that is delivered later and keeps, in the same batch, its id.
async fn send_later(core: Arc<Core>, message: Wanted, due: Timestamp) -> Result<String, Failure> {
    let id = MessageId::numbered(message.target.clone(), core.sequences.next());
    let text = id.to_string();
    match message.before(&core, text.clone().into_bytes())? {
        Once::First(batch) => {
            let (_, call) = message.call();
            let delayed = Delayed {
                call: Some(call),
                due_ms: due.0,
            };
            let mut draft = Draft {
                batch,
                ..Draft::default()
            };
            draft.delay(id, &delayed);
            let durable = core.commit_draft_durably(draft).await;
            durable.map_err(|_| core.gone()).map(|()| text)
        }
        Once::Again(sent) => Ok(String::from_utf8_lossy(&sent).into_owned()),
    }
}

/// Takes the message back and keeps, in the same batch, that this was asked for.
async fn take_back(core: Arc<Core>, message: Wanted) -> Result<(), Failure> {
    match message.before(&core, Payload::new())? {
        Once::First(batch) => {
            let name = String::from_utf8_lossy(&message.input).into_owned();
            let to = Entity::Actor(message.target);
            core.send_durably(to, MailKind::CancelDelayed(name), batch)
                .await
        }
        Once::Again(_) => Ok(()),
    }
}

/// Sends the event and keeps, in the same batch, that it was sent.
async fn raise(core: Arc<Core>, event: Wanted) -> Result<(), Failure> {
    let target = &event.target;
    let to = WorkflowKey::new(target.tenant.clone(), target.id.as_str())?;
    let raised = EventRaised {
        name: event.method,
        value: event.input,
    };
    core.raise_once(&to, raised, event.key).await
}

/// Publishes the value and keeps, in the same batch, that it was published.
async fn publish(core: Arc<Core>, value: Wanted) -> Result<(), Failure> {
    let ActorKey { tenant, id, .. } = value.target;
    let published = core.publish_once(tenant, id, value.input, value.key);
    published.await.map(drop)
}

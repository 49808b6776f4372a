//! What an activity may ask for.
//!
//! Everything that it makes happen has a key that is the same on every attempt, so that it happens once.

use std::sync::{Arc, Mutex};

use host_base::{
    ActorKey, Digest, Entity, Failure, Outcome, Payload, TenantId, Timestamp, WorkflowKey,
};
use host_engine::{
    ActivityImports, ActivityInfo, BoxFuture, CallOptions, Interrupt, LogLevel, MethodCall, Moment,
};
use host_store::records::{Call, Delayed, EventRaised, MailKind, OutcomeRecord, Reply};
use host_store::{Batch, TaskKey};

use crate::activity::under_way::Shared;
use crate::core::Core;
use crate::dedup::{Calls, Cause, What, is_kept};
use crate::draft::Draft;
use crate::effect::ActivityJob;
use crate::limits;
use crate::locks::lock;
use crate::message_id::MessageId;
use crate::observer::{Happening, Speaker};
use crate::start::unreadable;
use crate::topics;
use crate::when;

/// Characters of an idempotency key: 128 bits.
const IDEMPOTENCY_KEY_CHARS: usize = 32;

/// The answers to one attempt.
pub(crate) struct Imports {
    core: Arc<Core>,
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

    /// Does what has that key.
    fn once<T: Send + 'static>(
        &self,
        key: Option<Digest>,
        deed: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> BoxFuture<Result<T, Failure>> {
        let calls = self.calls.clone();
        Box::pin(async move {
            let done = deed.await;
            if let (Some(key), Some(calls)) = (key, calls)
                && !is_kept(&done)
            {
                lock(&calls).came_to_nothing(key);
            }
            done
        })
    }

    /// A call or a message that may be made.
    fn checked(&mut self, what: What, call: MethodCall) -> Result<Checked, Failure> {
        let MethodCall { method, input, .. } = call;
        limits::check_call(&self.core.limits, &method, &input).map_err(limits::over_limit)?;
        let target = self.target(call.actor_type, call.actor_id)?;
        let key = self.key(what, &target, &method, &input);
        Ok(Checked {
            target,
            method,
            input,
            key,
        })
    }

    fn target(&self, actor_type: String, id: String) -> Result<ActorKey, Failure> {
        let tenant = self.task.workflow.tenant.clone();
        Ok(ActorKey::new(tenant, actor_type, id)?)
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
        let max = self.core.limits.heartbeat_bytes_max;
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
        let checked = self.checked(What::Call, call);
        let core = Arc::clone(&self.core);
        self.once(key_of(&checked), async move {
            let Checked {
                target,
                method,
                input,
                key,
            } = checked?;
            let who = |limit| (limit, format!("{target}.{method}"));
            let limit = options.timeout.map(who);
            let answer = core.call_actor(target, method, input, key);
            limits::in_time(limit, answer).await
        })
    }

    fn send(&mut self, call: MethodCall) -> BoxFuture<Result<(), Failure>> {
        let checked = self.checked(What::Send, call);
        let core = Arc::clone(&self.core);
        self.once(key_of(&checked), async move { send(&core, checked?).await })
    }

    fn send_later(&mut self, call: MethodCall, due: Moment) -> BoxFuture<Result<String, Failure>> {
        let due = when::resolve("the due time", &due, self.core.clock.now());
        let checked = self.checked(What::SendLater, call);
        let core = Arc::clone(&self.core);
        self.once(key_of(&checked), async move {
            send_later(&core, checked?, due?).await
        })
    }

    fn cancel_message(&mut self, id: String) -> BoxFuture<Result<(), Failure>> {
        let id = MessageId::read(&self.task.workflow.tenant, &id);
        let id = id.map(|id| {
            let key = self.key(What::TakeBack, &id.to, "", id.name.as_bytes());
            (id, key)
        });
        let core = Arc::clone(&self.core);
        let of_id = id.as_ref().ok().and_then(|(_, key)| *key);
        self.once(of_id, async move {
            let (MessageId { to, name }, key) = id?;
            match remembering(&core, &to.tenant, key, Payload::new())? {
                Once::First(batch) => {
                    let kind = MailKind::CancelDelayed(name);
                    core.send_durably(Entity::Actor(to), kind, batch).await
                }
                Once::Again(_) => Ok(()),
            }
        })
    }

    fn raise_event(
        &mut self,
        workflow_id: String,
        name: String,
        value: Payload,
    ) -> BoxFuture<Result<(), Failure>> {
        // The same bookkeeping as for calls; an event's target has no type.
        let checked = limits::check_event(&self.core.limits, &name, &value);
        let target = checked
            .map_err(limits::over_limit)
            .and_then(|()| self.target("workflow event".to_owned(), workflow_id.clone()));
        let key = target.map(|target| self.key(What::Raise, &target, &name, &value));
        let core = Arc::clone(&self.core);
        let tenant = self.task.workflow.tenant.clone();
        self.once(key.as_ref().ok().copied().flatten(), async move {
            let key = key?;
            let to = WorkflowKey::new(tenant, workflow_id)?;
            raise(&core, to, EventRaised { name, value }, key).await
        })
    }

    fn publish(&mut self, topic: String, value: Payload) -> BoxFuture<Result<(), Failure>> {
        let checked = topics::check_publishable(&self.core.limits, &topic, &value);
        // The same bookkeeping as for calls; a topic has no type.
        let target = checked
            .map_err(limits::over_limit)
            .and_then(|()| self.target("topic".to_owned(), topic.clone()));
        let key = target.map(|target| self.key(What::Publish, &target, "publish", &value));
        let core = Arc::clone(&self.core);
        let tenant = self.task.workflow.tenant.clone();
        self.once(key.as_ref().ok().copied().flatten(), async move {
            match remembering(&core, &tenant, key?, Payload::new())? {
                Once::First(batch) => core.publish(tenant, topic, value, batch).await.map(drop),
                Once::Again(_) => Ok(()),
            }
        })
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

fn key_of(checked: &Result<Checked, Failure>) -> Option<Digest> {
    checked.as_ref().ok().and_then(|checked| checked.key)
}

/// A call or a message that may be made.
struct Checked {
    target: ActorKey,
    method: String,
    input: Payload,
    key: Option<Digest>,
}

impl Checked {
    fn call(self) -> (ActorKey, Call) {
        let call = Call {
            method: self.method,
            input: self.input,
            waiter: None,
        };
        (self.target, call)
    }
}

/// Sends the message and keeps, in the same batch, that it was sent.
async fn send(core: &Arc<Core>, message: Checked) -> Result<(), Failure> {
    match remembering(core, &message.target.tenant, message.key, Payload::new())? {
        Once::First(batch) => {
            let (to, call) = message.call();
            core.send_durably(Entity::Actor(to), MailKind::Call(call), batch)
                .await
        }
        Once::Again(_) => Ok(()),
    }
}

/// Sends a message that is delivered later and keeps, in the same batch, its id.
async fn send_later(core: &Arc<Core>, message: Checked, due: Timestamp) -> Result<String, Failure> {
    let id = MessageId::numbered(message.target.clone(), core.sequences.next());
    let text = id.to_string();
    let tenant = &message.target.tenant;
    match remembering(core, tenant, message.key, text.clone().into_bytes())? {
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

/// Sends the event and keeps, in the same batch, that it was sent.
async fn raise(
    core: &Arc<Core>,
    to: WorkflowKey,
    event: EventRaised,
    key: Option<Digest>,
) -> Result<(), Failure> {
    match remembering(core, &to.tenant, key, Payload::new())? {
        Once::First(batch) => core.raise(&to, event, batch).await,
        Once::Again(_) => Ok(()),
    }
}

/// Whether something that is done once was done by an earlier attempt.
enum Once {
    /// It was not. The batch, into which it goes, keeps that it is done.
    First(Batch),
    /// It was, and this came of it.
    Again(Payload),
}

/// Looks whether what has that key was done; if not, `answer` is kept with it.
fn remembering(
    core: &Core,
    tenant: &TenantId,
    key: Option<Digest>,
    answer: Payload,
) -> Result<Once, Failure> {
    let mut batch = Batch::new();
    if let Some(key) = key {
        let done = core.reader.reply(tenant, &key).map_err(unreadable)?;
        if let Some(done) = done {
            let outcome = Outcome::from(done.outcome.unwrap_or_default());
            return outcome.map(Once::Again);
        }
        let reply = Reply {
            outcome: Some(OutcomeRecord::from(Ok(answer))),
            expires_ms: core.clock.now().after(core.limits.reply_retention).0,
            ..Reply::default()
        };
        batch.put_reply(tenant, &key, &reply);
    }
    Ok(Once::First(batch))
}

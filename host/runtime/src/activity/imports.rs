//! What an activity may ask for.
//!
//! Everything that it makes happen has a key that is the same on every attempt, so that it happens once.

use std::sync::Arc;

use host_base::{ActorKey, Digest, Failure, Outcome, Payload, TenantId, WorkflowKey};
use host_engine::{
    ActivityImports, ActivityInfo, BoxFuture, CallOptions, Interrupt, LogLevel, MethodCall,
};
use host_store::records::{EventRaised, OutcomeRecord, Reply};
use host_store::{Batch, TaskKey};

use crate::activity::under_way::Shared;
use crate::core::Core;
use crate::dedup::{Calls, Cause};
use crate::effect::ActivityJob;
use crate::limits;
use crate::observer::{Happening, Speaker};
use crate::start::unreadable;
use crate::topics;

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
    calls: Option<Calls>,
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

    fn key(&mut self, target: &ActorKey, method: &str, input: &[u8]) -> Option<Digest> {
        let task = &self.task;
        let of_task = || Calls::of(Some(Cause::activity(task)));
        let calls = self.calls.get_or_insert_with(of_task);
        let key = calls.key(target, method, input);
        key.inspect(|key| self.shared.called(*key))
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
        let MethodCall { method, input, .. } = call;
        let checked = limits::check_call(&self.core.limits, &method, &input);
        let target = checked
            .map_err(limits::over_limit)
            .and_then(|()| self.target(call.actor_type, call.actor_id));
        let target = match target {
            Ok(target) => target,
            Err(failure) => return Box::pin(async { Err(failure) }),
        };
        let key = self.key(&target, &method, &input);
        let core = Arc::clone(&self.core);
        Box::pin(async move {
            let who = |limit| (limit, format!("{target}.{method}"));
            let limit = options.timeout.map(who);
            let answer = core.call_actor(target, method, input, key);
            limits::in_time(limit, answer).await
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
        let key = target.map(|target| self.key(&target, &name, &value));
        let core = Arc::clone(&self.core);
        let tenant = self.task.workflow.tenant.clone();
        Box::pin(async move {
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
        let key = target.map(|target| self.key(&target, "publish", &value));
        let core = Arc::clone(&self.core);
        let tenant = self.task.workflow.tenant.clone();
        Box::pin(async move {
            match remembering(&core, &tenant, key?)? {
                Some(batch) => core.publish(tenant, topic, value, batch).await.map(drop),
                None => Ok(()),
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

/// Sends the event and keeps, in the same batch, that it was sent.
async fn raise(
    core: &Arc<Core>,
    to: WorkflowKey,
    event: EventRaised,
    key: Option<Digest>,
) -> Result<(), Failure> {
    match remembering(core, &to.tenant, key)? {
        Some(batch) => core.raise(&to, event, batch).await,
        None => Ok(()),
    }
}

/// A batch that keeps that what it holds besides was done; none where it was done by an earlier attempt.
fn remembering(
    core: &Core,
    tenant: &TenantId,
    key: Option<Digest>,
) -> Result<Option<Batch>, Failure> {
    let mut batch = Batch::new();
    if let Some(key) = key {
        let done = core.reader.reply(tenant, &key).map_err(unreadable)?;
        if done.is_some() {
            return Ok(None);
        }
        let reply = Reply {
            outcome: Some(OutcomeRecord::default()),
            expires_ms: core.clock.now().after(core.limits.reply_retention).0,
            ..Reply::default()
        };
        batch.put_reply(tenant, &key, &reply);
    }
    Ok(Some(batch))
}

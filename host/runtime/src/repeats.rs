//! Requests from outside that carry an idempotency key: whoever repeats one gets the first one's answer, and
//! nothing is done a second time for as long as answers are kept.
//!
//! A key counts together with what is asked for: the same key with another input is another request.

use std::borrow::Cow;
use std::sync::Arc;

use host_base::failure::code;
use host_base::{ActorKey, Digest, Failure, Payload, TenantId, Timestamp, WorkflowKey};
use host_store::records::EventRaised;

use crate::core::Core;
use crate::dedup::{Calls, Cause, What};
use crate::error::{RerunError, StartError};
use crate::limits;
use crate::rerun::Rerun;
use crate::runtime::Runtime;
use crate::schedules::{Deed, Fired};
use crate::start::{self, IdReuse, Start, unreadable};
use crate::topics;
use crate::view::WorkflowView;

/// A workflow that was asked for is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// This request has started it.
    Now(WorkflowView),
    /// An earlier request of the same key has; as it stands now.
    Before(WorkflowView),
}

impl Begun {
    /// The workflow, whoever has started it.
    pub fn view(self) -> WorkflowView {
        match self {
            Begun::Now(view) | Begun::Before(view) => view,
        }
    }
}

impl Runtime {
    /// Starts a workflow once; durable when this returns. Without an id, the host makes one of the key.
    ///
    /// # Errors
    /// See [`StartError`]. What an earlier request has started and was deleted since is not found.
    pub async fn start_workflow_once(
        &self,
        tenant: &TenantId,
        start: Start,
        idempotency_key: &str,
    ) -> Result<Begun, StartError> {
        let (kind, target) = match &start.id {
            Some(id) => ("workflow of an id", id),
            None => ("workflow of any id", &start.name),
        };
        let target = target_of(tenant, kind, target).map_err(StartError::Refused)?;
        let content = content_of(&start);
        let once = digest(What::Start, &target, &start.name, &content, idempotency_key);
        let id = start.id.clone();
        let id = id.unwrap_or_else(|| start::made_id(once.0));
        let key = WorkflowKey::new(tenant.clone(), id);
        let key = key.map_err(|error| StartError::Refused(error.into()))?;
        self.begin(key, start, Some(once)).await
    }

    /// Begins a run again once; durable when this returns. Without an id, the host makes one of the key.
    ///
    /// # Errors
    /// See [`RerunError`]. What an earlier request has begun and was deleted since is not found.
    pub async fn rerun_once(
        &self,
        key: &WorkflowKey,
        rerun: Rerun,
        idempotency_key: &str,
    ) -> Result<Begun, RerunError> {
        let target = target_of(&key.tenant, "workflow", &key.id).map_err(RerunError::Refused)?;
        let changes = format!("{rerun:?}");
        let once = digest(
            What::Rerun,
            &target,
            "rerun",
            changes.as_bytes(),
            idempotency_key,
        );
        self.begin_again(key, rerun, Some(once)).await
    }

    /// Raises an event for a workflow once; durable when this returns.
    ///
    /// # Errors
    /// There is no such instance, it has ended, or the store failed.
    pub async fn raise_event_once(
        &self,
        key: &WorkflowKey,
        name: &str,
        value: Payload,
        idempotency_key: &str,
    ) -> Result<(), Failure> {
        limits::check_event(&self.limits_of(&key.tenant), name, &value)
            .map_err(limits::over_limit)?;
        let target = target_of(&key.tenant, "workflow event", &key.id)?;
        let once = digest(What::Raise, &target, name, &value, idempotency_key);
        let name = name.to_owned();
        let event = EventRaised { name, value };
        let (core, key) = (Arc::clone(&self.core), key.clone());
        let raise = async move {
            let _alone = core.once.of(&once).await;
            core.raise_once(&key, event, Some(once)).await
        };
        self.to_the_end(raise).await
    }

    /// Publishes a value once; durable when this returns. Tells how many had subscribed to the topic.
    ///
    /// # Errors
    /// The name or the value breaks a rule, a subscriber has too many messages waiting, or the store failed.
    pub async fn publish_once(
        &self,
        tenant: &TenantId,
        topic: &str,
        value: Payload,
        idempotency_key: &str,
    ) -> Result<usize, Failure> {
        let checked = topics::check_publishable(&self.limits_of(tenant), topic, &value);
        checked.map_err(limits::over_limit)?;
        let target = target_of(tenant, "topic", topic)?;
        let once = digest(What::Publish, &target, "publish", &value, idempotency_key);
        let (core, tenant) = (Arc::clone(&self.core), tenant.clone());
        let topic = topic.to_owned();
        let publish = async move {
            let _alone = core.once.of(&once).await;
            core.publish_once(tenant, topic, value, Some(once)).await
        };
        self.to_the_end(publish).await
    }

    /// Has a schedule do once, now, what it does at its times; durable when this returns.
    ///
    /// # Errors
    /// There is no such schedule, what it starts or calls is busy, or the store failed.
    pub async fn trigger_schedule_once(
        &self,
        tenant: &TenantId,
        name: &str,
        idempotency_key: &str,
    ) -> Result<Fired, Failure> {
        let target = target_of(tenant, "schedule", name)?;
        let once = digest(What::Trigger, &target, "trigger", &[], idempotency_key);
        self.order(tenant, name, Deed::Trigger, Some(once)).await
    }

    /// Makes up once for a schedule's times from `from` to `to`.
    ///
    /// # Errors
    /// There is no such schedule, there are too many such times, or the store failed.
    pub async fn backfill_schedule_once(
        &self,
        tenant: &TenantId,
        name: &str,
        (from, to): (Timestamp, Timestamp),
        idempotency_key: &str,
    ) -> Result<Fired, Failure> {
        let target = target_of(tenant, "schedule", name)?;
        let range = [from.0.to_be_bytes(), to.0.to_be_bytes()].concat();
        let once = digest(What::Backfill, &target, "backfill", &range, idempotency_key);
        let deed = Deed::Backfill(from, to);
        self.order(tenant, name, deed, Some(once)).await
    }

    /// Does it to the end, whatever becomes of whoever asked: the next one must look once it is durable.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        deed: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let done = self.core.tasks.spawn(deed).await;
        done.unwrap_or_else(|_| Err(self.stopped()))
    }
}

/// What a start says besides its name and its id. Where that is an input alone, keys that were kept before there
/// was more to say stay as they are.
fn content_of(start: &Start) -> Cow<'_, [u8]> {
    let Start {
        input,
        attributes,
        at,
        id_reuse,
        ..
    } = start;
    if attributes.is_empty() && at.is_none() && *id_reuse == IdReuse::default() {
        return Cow::Borrowed(input);
    }
    Cow::Owned(format!("{input:?} {attributes:?} {at:?} {id_reuse:?}").into_bytes())
}

/// What an earlier request has begun.
pub(crate) fn begun_before(core: &Core, key: &WorkflowKey) -> Result<WorkflowView, Failure> {
    let found = core.reader.instance(key).map_err(unreadable)?;
    let found = found.ok_or_else(|| {
        let id = &key.id;
        let text = format!("workflow {id}, which an earlier request of this idempotency key has started, was deleted");
        Failure::new(code::NOT_FOUND, text)
    })?;
    Ok(WorkflowView::new(key.clone(), found))
}

/// The bookkeeping is that of calls; what is no actor has a type that says so.
pub(crate) fn target_of(tenant: &TenantId, kind: &str, id: &str) -> Result<ActorKey, Failure> {
    Ok(ActorKey::new(tenant.clone(), kind, id)?)
}

/// Under which key it is kept that this was done.
pub(crate) fn digest(
    what: What,
    target: &ActorKey,
    method: &str,
    input: &[u8],
    idempotency_key: &str,
) -> Digest {
    let mut calls = Calls::of(Some(Cause::caller(idempotency_key)));
    let digest = calls.key_of(what, target, method, input);
    digest.expect("calls of a cause have keys")
}

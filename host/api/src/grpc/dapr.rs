//! `dapr.proto.runtime.v1.Dapr`: actors, workflows and metadata, as Dapr's clients ask for them.
//!
//! Extracts, calls, converts. What is meant by what is asked is decided where HTTP asks for the same. Calls of
//! workflows that ended in `Alpha1` have been the same as those that end in `Beta1`.

use std::collections::BTreeMap;
use std::time::Duration;

use host_base::failure::code;
use host_base::{ActorKey, Payload, Timestamp, WorkflowKey};
use host_runtime::{
    ControlError, Moment, ReminderInfo, Start, StartError, StateChange, StateValue,
};
use tonic::{Request, Response, Status};

use super::dapr_messages::*;
use super::state::moment;
use super::status::{nobody, of_control_of, of_failure, of_raised, of_reach, of_store};
use crate::actors::{self, Due, Refused, Uncalled};
use crate::json::date;
use crate::metadata::Metadata;
use crate::{Api, Shared, workflows};

/// The service and its server.
#[expect(
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "it is made by code that is not ours"
)]
pub(super) mod service {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/dapr.proto.runtime.v1.Dapr.rs"));
}

use service::dapr_server::Dapr as Service;

/// What says in the metadata of a call by what a repeated one is known, whatever its case.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// What says in the metadata of a value when it expires.
const EXPIRES: &str = "ttlExpireTime";
/// What says when a workflow starts.
const START_TIME: &str = "dapr.workflow.start_time";

/// The service.
pub(super) struct Calls(pub(super) Shared);

/// The same for one caller.
struct Dapr(Api);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Service for Calls {
    async fn invoke_actor(
        &self,
        request: Request<InvokeActorRequest>,
    ) -> Answer<InvokeActorResponse> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let actor = of.actor(request.actor_type, request.actor_id)?;
        let mut metadata = request.metadata.iter();
        let key = metadata.find(|(name, _)| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
        let key = key.map(|(_, key)| key.as_str());
        let answer =
            of.0.runtime
                .call_actor(&actor, &request.method, request.data, key);
        let data = answer.await.map_err(|failure| {
            let (why, text) = of.0.uncalled(&actor, &failure);
            match why {
                Uncalled::NoAddress => Status::not_found(text),
                Uncalled::Busy => Status::unavailable(text),
                Uncalled::Failed => Status::internal(text),
            }
        })?;
        Ok(Response::new(InvokeActorResponse { data }))
    }

    async fn get_actor_state(
        &self,
        request: Request<GetActorStateRequest>,
    ) -> Answer<GetActorStateResponse> {
        let of = self.of(&request)?;
        let GetActorStateRequest {
            actor_type,
            actor_id,
            key,
        } = request.into_inner();
        let actor = of.actor(actor_type, actor_id)?;
        let value = of.0.state(&actor, &key);
        let value = value.map_err(|error| refused("get actor state", error))?;
        let StateValue { bytes, expires } = value.unwrap_or_default();
        let expires = expires.map(|at| (EXPIRES.to_owned(), date(at).to_string()));
        Ok(Response::new(GetActorStateResponse {
            data: bytes,
            metadata: expires.into_iter().collect(),
        }))
    }

    async fn execute_actor_state_transaction(
        &self,
        request: Request<ActorStateTransactionRequest>,
    ) -> Answer<Empty> {
        let of = self.of(&request)?;
        let ActorStateTransactionRequest {
            actor_type,
            actor_id,
            operations,
        } = request.into_inner();
        let actor = of.actor(actor_type, actor_id)?;
        let changes = operations.into_iter().map(change);
        let changes = changes.collect::<Result<_, _>>()?;
        let written = of.0.write_state(&actor, changes).await;
        done("save actor state", written)
    }

    async fn register_actor_reminder(
        &self,
        request: Request<RegisterReminderRequest>,
    ) -> Answer<Empty> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let actor = of.actor(request.actor_type, request.actor_id)?;
        let due = Due {
            name: request.name,
            method: String::new(),
            data: request.data,
            due: request.due_time,
            period: request.period,
            ttl: request.ttl,
        };
        let policy = request.failure_policy.and_then(|policy| policy.policy);
        let policy = policy.map(policy_of).transpose()?.unwrap_or_default();
        let reminder = due.reminder(policy, request.overwrite.unwrap_or(true));
        done("create reminder", of.0.set_reminder(&actor, reminder).await)
    }

    async fn unregister_actor_reminder(&self, request: Request<NamedAlarm>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let (actor, name) = of.named(request.into_inner())?;
        done("delete reminder", of.0.cancel_reminder(&actor, &name).await)
    }

    async fn get_actor_reminder(&self, request: Request<NamedAlarm>) -> Answer<Reminder> {
        let of = self.of(&request)?;
        let (actor, name) = of.named(request.into_inner())?;
        let reminder = of.0.reminder(&actor, &name);
        let reminder = reminder.map_err(|error| refused("get reminder", error))?;
        let reminder = reminder.ok_or_else(|| {
            Status::not_found(format!("actor reminder {name} of {actor} is not found"))
        })?;
        Ok(Response::new(reminder_of(actor, reminder)))
    }

    async fn list_actor_reminders(
        &self,
        request: Request<AlarmsOf>,
    ) -> Answer<ListRemindersResponse> {
        let of = self.of(&request)?;
        let (actor_type, only) = of.alarms_of(request.into_inner())?;
        let found = of.0.reminders(&actor_type, only.as_ref());
        let found = found.map_err(|error| refused("list reminders", error))?;
        let reminders = found.into_iter().map(|(actor, reminder)| NamedReminder {
            name: reminder.name.clone(),
            reminder: Some(reminder_of(actor, reminder)),
        });
        let reminders = reminders.collect();
        Ok(Response::new(ListRemindersResponse { reminders }))
    }

    async fn unregister_actor_reminders_by_type(
        &self,
        request: Request<AlarmsOf>,
    ) -> Answer<Empty> {
        let of = self.of(&request)?;
        let (actor_type, only) = of.alarms_of(request.into_inner())?;
        let cancelled = of.0.cancel_reminders(&actor_type, only.as_ref()).await;
        done("delete reminders", cancelled)
    }

    async fn register_actor_timer(&self, request: Request<RegisterTimerRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let request = request.into_inner();
        let actor = of.actor(request.actor_type, request.actor_id)?;
        let due = Due {
            name: request.name,
            method: request.callback,
            data: request.data,
            due: request.due_time,
            period: request.period,
            ttl: request.ttl,
        };
        done("create timer", of.0.set_timer(&actor, due.timer()).await)
    }

    async fn unregister_actor_timer(&self, request: Request<NamedAlarm>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let (actor, name) = of.named(request.into_inner())?;
        done("delete timer", of.0.cancel_timer(&actor, &name).await)
    }

    async fn get_actor_timer(&self, request: Request<NamedAlarm>) -> Answer<Timer> {
        let of = self.of(&request)?;
        let (actor, name) = of.named(request.into_inner())?;
        let timers = of.0.timers(&actor).await;
        let mut timers = timers
            .map_err(|error| refused("get timer", error))?
            .into_iter();
        let timer = timers.find(|timer| timer.name == name).ok_or_else(|| {
            Status::not_found(format!("actor timer {name} of {actor} is not found"))
        })?;
        Ok(Response::new(timer_of(&actor, timer)))
    }

    async fn list_actor_timers(&self, request: Request<AlarmsOf>) -> Answer<ListTimersResponse> {
        let of = self.of(&request)?;
        let AlarmsOf {
            actor_type,
            actor_id,
        } = request.into_inner();
        let actor = of.actor(actor_type, actor_id.unwrap_or_default())?;
        let timers = of.0.timers(&actor).await;
        let timers = timers.map_err(|error| refused("list timers", error))?;
        let timers = timers.into_iter().map(|timer| NamedTimer {
            name: timer.name.clone(),
            timer: Some(timer_of(&actor, timer)),
        });
        let timers = timers.collect();
        Ok(Response::new(ListTimersResponse { timers }))
    }

    async fn get_metadata(&self, request: Request<Empty>) -> Answer<GetMetadataResponse> {
        let of = self.of(&request)?;
        let Metadata {
            id,
            version,
            actors,
            features,
            extended,
        } = of.0.metadata();
        let actors = actors.into_iter().map(|(actor_type, count)| ActiveActors {
            actor_type,
            count: i32::try_from(count).unwrap_or(i32::MAX),
        });
        let active_actors: Vec<_> = actors.collect();
        Ok(Response::new(GetMetadataResponse {
            id: id.to_owned(),
            active_actors: active_actors.clone(),
            extended,
            runtime_version: version.to_owned(),
            enabled_features: features.iter().map(|name| (*name).to_owned()).collect(),
            actor_runtime: Some(ActorRuntime {
                status: ActorRuntimeStatus::Running.into(),
                active_actors,
                host_ready: true,
            }),
        }))
    }

    async fn set_metadata(&self, request: Request<SetMetadataRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let SetMetadataRequest { key, value } = request.into_inner();
        let set = of.0.labels.set(of.0.tenant(), key, value);
        set.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(()))
    }

    async fn start_workflow_beta1(
        &self,
        request: Request<StartWorkflowRequest>,
    ) -> Answer<StartWorkflowResponse> {
        let of = self.of(&request)?;
        let StartWorkflowRequest {
            instance_id,
            workflow_name,
            options,
            input,
        } = request.into_inner();
        let id = match instance_id.as_str() {
            "" => uuid::Uuid::new_v4().to_string(),
            _ => instance_id,
        };
        let may = of.0.check_workflow_name(&workflow_name);
        may.map_err(|error| of_reach(error, unknown))?;
        workflows::check_new_id(&id)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let start = Start {
            name: workflow_name.clone(),
            id: Some(id.clone()),
            input,
            at: start_time(&options)?.map(Moment::At),
            ..Start::default()
        };
        let (runtime, tenant) = (&of.0.runtime, of.0.tenant());
        let started = runtime.start_workflow_with(tenant, start);
        started
            .await
            .map_err(|error| not_started(&workflow_name, &error))?;
        Ok(Response::new(StartWorkflowResponse { instance_id: id }))
    }

    async fn get_workflow_beta1(
        &self,
        request: Request<WorkflowRequest>,
    ) -> Answer<GetWorkflowResponse> {
        let of = self.of(&request)?;
        let key = of.workflow(request)?;
        let runtime = &of.0.runtime;
        let Some(view) = runtime.workflow(&key).map_err(of_store)? else {
            return Ok(Response::new(GetWorkflowResponse::default()));
        };
        let input = runtime.workflow_input(&view).map_err(of_store)?;
        let properties = workflows::properties(&view, input).into_iter();
        Ok(Response::new(GetWorkflowResponse {
            properties: properties
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            created_at: Some(moment(view.created)),
            last_updated_at: Some(moment(view.updated)),
            runtime_status: workflows::status(view.status).to_owned(),
            workflow_name: view.name,
            instance_id: view.key.id,
        }))
    }

    async fn purge_workflow_beta1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let key = of.workflow(request)?;
        driven(of.0.runtime.purge_workflow(&key, false).await)
    }

    async fn terminate_workflow_beta1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let key = of.workflow(request)?;
        driven(of.0.runtime.terminate_workflow(&key, "").await)
    }

    async fn pause_workflow_beta1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let key = of.workflow(request)?;
        driven(of.0.runtime.suspend_workflow(&key, "").await)
    }

    async fn resume_workflow_beta1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        let of = self.of(&request)?;
        let key = of.workflow(request)?;
        driven(of.0.runtime.resume_workflow(&key).await)
    }

    async fn raise_event_workflow_beta1(
        &self,
        request: Request<RaiseWorkflowEventRequest>,
    ) -> Answer<Empty> {
        let of = self.of(&request)?;
        let RaiseWorkflowEventRequest {
            instance_id,
            event_name,
            event_data,
        } = request.into_inner();
        let key = of.key(instance_id)?;
        let raised = of.0.runtime.raise_event(&key, &event_name, event_data);
        of_raised(&key, raised.await, unknown).map(Response::new)
    }

    async fn start_workflow_alpha1(
        &self,
        request: Request<StartWorkflowRequest>,
    ) -> Answer<StartWorkflowResponse> {
        self.start_workflow_beta1(request).await
    }

    async fn get_workflow_alpha1(
        &self,
        request: Request<WorkflowRequest>,
    ) -> Answer<GetWorkflowResponse> {
        self.get_workflow_beta1(request).await
    }

    async fn purge_workflow_alpha1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        self.purge_workflow_beta1(request).await
    }

    async fn terminate_workflow_alpha1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        self.terminate_workflow_beta1(request).await
    }

    async fn pause_workflow_alpha1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        self.pause_workflow_beta1(request).await
    }

    async fn resume_workflow_alpha1(&self, request: Request<WorkflowRequest>) -> Answer<Empty> {
        self.resume_workflow_beta1(request).await
    }

    async fn raise_event_workflow_alpha1(
        &self,
        request: Request<RaiseWorkflowEventRequest>,
    ) -> Answer<Empty> {
        self.raise_event_workflow_beta1(request).await
    }
}

impl Calls {
    fn of<T>(&self, request: &Request<T>) -> Result<Dapr, Status> {
        let api = self.0.of(request.extensions());
        api.map(Dapr).ok_or_else(nobody)
    }
}

impl Dapr {
    fn actor(&self, actor_type: String, id: String) -> Result<ActorKey, Status> {
        let actor = self.0.actor_key(actor_type, id);
        actor.map_err(|error| of_reach(error, unknown))
    }

    /// The actor whose reminder or timer is meant, and the name of that.
    fn named(&self, alarm: NamedAlarm) -> Result<(ActorKey, String), Status> {
        let NamedAlarm {
            actor_type,
            actor_id,
            name,
        } = alarm;
        Ok((self.actor(actor_type, actor_id)?, name))
    }

    /// A type, and the one actor of it that is meant, if it is one.
    fn alarms_of(&self, of: AlarmsOf) -> Result<(String, Option<ActorKey>), Status> {
        let AlarmsOf {
            actor_type,
            actor_id,
        } = of;
        let may = self.0.check_actor_type(&actor_type);
        may.map_err(|error| of_reach(error, unknown))?;
        let id = actor_id.filter(|id| !id.is_empty());
        let only = id
            .map(|id| self.actor(actor_type.clone(), id))
            .transpose()?;
        Ok((actor_type, only))
    }

    fn workflow(&self, request: Request<WorkflowRequest>) -> Result<WorkflowKey, Status> {
        self.key(request.into_inner().instance_id)
    }

    fn key(&self, id: String) -> Result<WorkflowKey, Status> {
        let key = self.0.workflow_key(id);
        key.map_err(|error| of_reach(error, unknown))
    }
}

fn reminder_of(actor: ActorKey, reminder: ReminderInfo) -> Reminder {
    let period = Some(actors::period(&reminder)).filter(|period| !period.is_empty());
    Reminder {
        actor_type: actor.actor_type,
        actor_id: actor.id,
        due_time: Some(date(reminder.due).to_string()),
        period,
        data: Some(bytes(reminder.input)),
        ttl: reminder.ends.map(|at| date(at).to_string()),
    }
}

fn timer_of(actor: &ActorKey, timer: ReminderInfo) -> Timer {
    let callback = Some(timer.method.clone());
    let Reminder {
        actor_type,
        actor_id,
        due_time,
        period,
        data,
        ttl,
    } = reminder_of(actor.clone(), timer);
    Timer {
        actor_type,
        actor_id,
        due_time,
        period,
        ttl,
        callback,
        data,
    }
}

fn change(operation: StateOperation) -> Result<StateChange, Status> {
    let StateOperation {
        operation,
        key,
        value,
        metadata,
    } = operation;
    match operation.as_str() {
        "upsert" => Ok(StateChange {
            key,
            value: Some(value.unwrap_or_default().value),
            ttl: actors::ttl(&metadata).map_err(Status::invalid_argument)?,
        }),
        "delete" => Ok(StateChange {
            key,
            value: None,
            ttl: None,
        }),
        other => Err(Status::invalid_argument(format!(
            "{other:?} is no operation on a value: upsert or delete"
        ))),
    }
}

fn policy_of(policy: Policy) -> Result<actors::FailurePolicy, Status> {
    Ok(match policy {
        Policy::Drop(()) => actors::FailurePolicy::Drop,
        Policy::Constant(ConstantPolicy {
            interval,
            max_retries,
        }) => actors::FailurePolicy::Constant {
            interval: interval.map(Duration::try_from).transpose().map_err(|_| {
                Status::invalid_argument("the interval of a failure policy must not be negative")
            })?,
            max_retries,
        },
    })
}

fn done(what: &str, result: Result<(), Refused>) -> Answer<Empty> {
    result.map_err(|error| refused(what, error))?;
    Ok(Response::new(()))
}

fn refused(what: &str, refused: Refused) -> Status {
    match refused {
        Refused::Reserved(actor_type) => {
            Status::permission_denied(format!("{what}: the actor type {actor_type} is reserved"))
        }
        Refused::NotHosted(actor_type) => Status::failed_precondition(format!(
            "{what}: no plugin brings the actor type {actor_type}"
        )),
        Refused::Failed(failure) => {
            let status = of_failure(&failure);
            Status::new(status.code(), format!("{what}: {failure}"))
        }
        Refused::Unreadable(error) => of_store(error),
    }
}

/// When a workflow is to start, where its options say so.
fn start_time(options: &BTreeMap<String, String>) -> Result<Option<Timestamp>, Status> {
    let Some(text) = options.get(START_TIME) else {
        return Ok(None);
    };
    let at: jiff::Timestamp = text.parse().map_err(|error| {
        Status::invalid_argument(format!(
            "{START_TIME} {text:?} is no time in RFC 3339: {error}"
        ))
    })?;
    let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
    Ok(Some(Timestamp(millis)))
}

/// As Dapr's API, which has one code for whatever keeps a workflow from being started.
fn not_started(name: &str, error: &StartError) -> Status {
    let text = workflows::not_started(name, error);
    match error {
        StartError::Refused(failure) if failure.code == code::BUSY => Status::unavailable(text),
        StartError::Refused(_) | StartError::AlreadyExists(_) => Status::internal(text),
    }
}

fn driven<T>(result: Result<T, ControlError>) -> Answer<Empty> {
    of_control_of(result, unknown).map(Response::new)
}

fn unknown(id: &str) -> Status {
    Status::not_found(workflows::unknown(id))
}

/// A payload as clients read it who look at nothing but its bytes.
fn bytes(value: Payload) -> prost_types::Any {
    prost_types::Any {
        type_url: String::new(),
        value,
    }
}

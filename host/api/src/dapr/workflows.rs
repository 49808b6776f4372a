//! `workflows`: start, get, terminate, raise an event, pause, resume, purge.
//!
//! Extracts, calls, converts; knows nothing of histories.

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use host_base::{Failure, Payload, WorkflowKey};
use host_runtime::{ControlError, StartError, StoreError, WorkflowStatus, WorkflowView};
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::error::Error;
use super::moment;
use super::path::Names;
use crate::Api;

/// Characters of an id that is given at a start.
const ID_CHARACTERS_MAX: usize = 64;
const NOT_FOUND: &str = "ERR_INSTANCE_ID_NOT_FOUND";

pub(super) fn routes() -> Router<Api> {
    // What stands at the third place is a name where something is started, and an id elsewhere.
    let one = "/workflows/{component}/{workflow}";
    let at = |action: &str| format!("{one}/{action}");
    Router::new()
        .route(one, get(read))
        .route(&at("start"), post(start))
        .route(&at("terminate"), post(terminate))
        .route(&at("raiseEvent/{event}"), post(raise))
        .route(&at("pause"), post(pause))
        .route(&at("resume"), post(resume))
        .route(&at("purge"), post(purge))
}

#[derive(Deserialize)]
struct StartQuery {
    #[serde(rename = "instanceID")]
    id: Option<String>,
}

#[derive(Serialize)]
struct Started {
    #[serde(rename = "instanceID")]
    id: String,
}

/// Empty as JSON, which is what is answered where there is nothing to say.
#[derive(Serialize)]
struct Done {}

type Accepted<T> = Result<(StatusCode, Json<T>), Error>;

fn accepted<T>(body: T) -> Accepted<T> {
    Ok((StatusCode::ACCEPTED, Json(body)))
}

async fn start(
    State(api): State<Api>,
    Names([_, name]): Names<2>,
    query: Result<Query<StartQuery>, QueryRejection>,
    Body(input): Body,
) -> Accepted<Started> {
    let query = query.map_err(|error| Error::bad_request("ERR_BAD_REQUEST", error.body_text()))?;
    let Query(StartQuery { id }) = query;
    let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    check_new_id(&id)?;
    let started = api
        .runtime
        .start_workflow(&api.tenant, &name, Some(&id), input.into());
    match started.await {
        Ok(_) => accepted(Started { id }),
        Err(error) => Err(not_started(&name, &error)),
    }
}

fn check_new_id(id: &str) -> Result<(), Error> {
    if id.chars().count() > ID_CHARACTERS_MAX {
        let text = format!(
            "workflow instance ID exceeds the max length of {ID_CHARACTERS_MAX} characters"
        );
        return Err(Error::bad_request("ERR_INSTANCE_ID_TOO_LONG", text));
    }
    let allowed = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
    if id.is_empty() || !id.chars().all(allowed) {
        let text = format!(
            "workflow instance ID '{id}' is invalid: only alphanumeric and underscore characters and dashes are \
             allowed"
        );
        return Err(Error::bad_request("ERR_INSTANCE_ID_INVALID", text));
    }
    Ok(())
}

fn not_started(name: &str, error: &StartError) -> Error {
    const CODE: &str = "ERR_START_WORKFLOW";
    let what = format!("error starting workflow '{name}'");
    match error {
        StartError::Refused(failure) => Error::of_failure(CODE, &what, failure),
        StartError::AlreadyExists(view) => {
            let id = &view.key.id;
            let text = format!("{what}: an active workflow with ID '{id}' already exists");
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, CODE, text)
        }
    }
}

/// What is known of an instance.
#[derive(Serialize)]
struct Instance {
    #[serde(rename = "instanceID")]
    id: String,
    #[serde(rename = "workflowName")]
    name: String,
    #[serde(rename = "createdAt")]
    created: String,
    #[serde(rename = "lastUpdatedAt")]
    updated: String,
    #[serde(rename = "runtimeStatus")]
    status: &'static str,
    properties: BTreeMap<&'static str, String>,
}

async fn read(State(api): State<Api>, Names([_, id]): Names<2>) -> Result<Json<Instance>, Error> {
    let key = key_of(&api, id)?;
    let view = api.runtime.workflow(&key).map_err(unreadable)?;
    let view = view.ok_or_else(|| unknown(&key.id))?;
    let input = api.runtime.workflow_input(&view).map_err(unreadable)?;
    Ok(Json(Instance {
        created: moment(view.created),
        updated: moment(view.updated),
        status: status_of(view.status),
        properties: properties(&view, input),
        name: view.name,
        id: view.key.id,
    }))
}

fn properties(view: &WorkflowView, input: Option<Payload>) -> BTreeMap<&'static str, String> {
    let text = |payload: &Payload| String::from_utf8_lossy(payload).into_owned();
    let mut properties = BTreeMap::new();
    let mut put = |name, value: Option<String>| {
        // A property that is empty is left out, as any value that is its type's default.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            properties.insert(name, value);
        }
    };
    put("dapr.workflow.input", input.as_ref().map(text));
    put(
        "dapr.workflow.custom_status",
        view.custom_status.as_ref().map(text),
    );
    match &view.outcome {
        Some(Ok(output)) => put("dapr.workflow.output", Some(text(output))),
        Some(Err(Failure { code, message, .. })) => {
            put("dapr.workflow.failure.error_type", Some(code.clone()));
            put("dapr.workflow.failure.error_message", Some(message.clone()));
        }
        None => {}
    }
    properties
}

fn status_of(status: WorkflowStatus) -> &'static str {
    match status {
        WorkflowStatus::Pending => "PENDING",
        WorkflowStatus::Running => "RUNNING",
        WorkflowStatus::Completed => "COMPLETED",
        WorkflowStatus::Failed => "FAILED",
        WorkflowStatus::Cancelled => "CANCELED",
        WorkflowStatus::Terminated => "TERMINATED",
        WorkflowStatus::Suspended => "SUSPENDED",
        // Its name came after this API.
        WorkflowStatus::Stalled => "UNKNOWN",
    }
}

async fn terminate(State(api): State<Api>, Names([_, id]): Names<2>) -> Accepted<Done> {
    let key = key_of(&api, id)?;
    let ended = api.runtime.terminate_workflow(&key, "").await;
    done("ERR_TERMINATE_WORKFLOW", ended, &key)
}

async fn pause(State(api): State<Api>, Names([_, id]): Names<2>) -> Accepted<Done> {
    let key = key_of(&api, id)?;
    let held = api.runtime.suspend_workflow(&key, "").await;
    done("ERR_PAUSE_WORKFLOW", held, &key)
}

async fn resume(State(api): State<Api>, Names([_, id]): Names<2>) -> Accepted<Done> {
    let key = key_of(&api, id)?;
    let resumed = api.runtime.resume_workflow(&key).await;
    done("ERR_RESUME_WORKFLOW", resumed, &key)
}

async fn purge(State(api): State<Api>, Names([_, id]): Names<2>) -> Accepted<Done> {
    let key = key_of(&api, id)?;
    let purged = api.runtime.purge_workflow(&key, false).await;
    done("ERR_PURGE_WORKFLOW", purged, &key)
}

/// What has ended is ended, not held and not to be resumed: there is nothing to be done, as in Dapr.
fn done<T>(
    code: &'static str,
    result: Result<T, ControlError>,
    key: &WorkflowKey,
) -> Accepted<Done> {
    match result {
        Ok(_) | Err(ControlError::AlreadyEnded(_) | ControlError::NotSuspended(_)) => {
            accepted(Done {})
        }
        Err(ControlError::NotFound { id }) => Err(unknown(&id)),
        Err(ControlError::Busy(failure)) => Err(Error::of_failure(code, &key.id, &failure)),
        Err(error @ (ControlError::NotEnded(_) | ControlError::Store(_))) => Err(Error::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code,
            error.to_string(),
        )),
    }
}

/// An event for a workflow that has ended is dropped, as in Dapr.
async fn raise(
    State(api): State<Api>,
    Names([_, id, event]): Names<3>,
    Body(value): Body,
) -> Accepted<Done> {
    const CODE: &str = "ERR_RAISE_EVENT_WORKFLOW";
    let key = key_of(&api, id)?;
    let raised: Result<(), Failure> = api.runtime.raise_event(&key, &event, value.into()).await;
    match raised {
        Err(failure) if failure.code != host_base::failure::code::ALREADY_ENDED => {
            Err(Error::of_failure(CODE, &format!("raise {event}"), &failure))
        }
        Ok(()) | Err(_) => accepted(Done {}),
    }
}

fn key_of(api: &Api, id: String) -> Result<WorkflowKey, Error> {
    let key = WorkflowKey::new(api.tenant.clone(), id);
    key.map_err(|error| Error::bad_request("ERR_INSTANCE_ID_INVALID", error.to_string()))
}

fn unknown(id: &str) -> Error {
    let text = format!("unable to find workflow with the provided instance ID: {id}");
    Error::new(StatusCode::NOT_FOUND, NOT_FOUND, text)
}

fn unreadable(error: StoreError) -> Error {
    Error::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "ERR_GET_WORKFLOW",
        error.to_string(),
    )
}

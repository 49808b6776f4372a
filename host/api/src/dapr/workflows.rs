//! `workflows`: start, get, terminate, raise an event, pause, resume, purge.
//!
//! Extracts, calls, converts; knows nothing of histories.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use host_base::{Fault, WorkflowKey};
use host_runtime::{Begun, ControlError, Start, StartError, StoreError, WorkflowView};
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::error::{Error, idempotency_key};
use super::path::Names;
use crate::caller::OutOfReach;
use crate::json::date;
use crate::workflows::{self, NewIdError};
use crate::{Api, Shared};

const NOT_FOUND: &str = "ERR_INSTANCE_ID_NOT_FOUND";

pub(super) fn routes() -> Router<Shared> {
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
    api: Api,
    Names([_, name]): Names<2>,
    query: Result<Query<StartQuery>, QueryRejection>,
    headers: HeaderMap,
    Body(input): Body,
) -> Accepted<Started> {
    let query = query.map_err(|error| Error::bad_request("ERR_BAD_REQUEST", error.body_text()))?;
    let Query(StartQuery { id }) = query;
    id.as_deref().map_or(Ok(()), check_new_id)?;
    let may = api.check_workflow_name(&name);
    may.map_err(|error| Error::out_of_reach("ERR_START_WORKFLOW", &error))?;
    let (runtime, tenant) = (&api.runtime, api.tenant());
    let start = Start {
        name: name.clone(),
        id,
        input: input.into(),
        ..Start::default()
    };
    let started = match idempotency_key(&headers)? {
        Some(key) => {
            let begun = runtime.start_workflow_once(tenant, start, key);
            begun.await.map(Begun::view)
        }
        None => runtime.start_workflow_with(tenant, start).await,
    };
    match started {
        Ok(WorkflowView { key, .. }) => accepted(Started { id: key.id }),
        Err(error) => Err(not_started(&name, &error)),
    }
}

fn check_new_id(id: &str) -> Result<(), Error> {
    workflows::check_new_id(id).map_err(|error| {
        let code = match error {
            NewIdError::TooLong => "ERR_INSTANCE_ID_TOO_LONG",
            NewIdError::Invalid(_) => "ERR_INSTANCE_ID_INVALID",
        };
        Error::bad_request(code, error.to_string())
    })
}

fn not_started(name: &str, error: &StartError) -> Error {
    let text = workflows::not_started(name, error);
    let status = match error {
        StartError::Refused(failure) if failure.fault() == Fault::TryAgain => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        StartError::Refused(_) | StartError::AlreadyExists(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Error::new(status, "ERR_START_WORKFLOW", text)
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

async fn read(api: Api, Names([_, id]): Names<2>) -> Result<Json<Instance>, Error> {
    let key = key_of(&api, id)?;
    let view = api.runtime.workflow(&key).map_err(unreadable)?;
    let view = view.ok_or_else(|| unknown(&key.id))?;
    let input = api.runtime.workflow_input(&view).map_err(unreadable)?;
    Ok(Json(Instance {
        created: date(view.created).to_string(),
        updated: date(view.updated).to_string(),
        status: workflows::status(view.status),
        properties: workflows::properties(&view, input),
        name: view.name,
        id: view.key.id,
    }))
}

async fn terminate(api: Api, Names([_, id]): Names<2>) -> Accepted<Done> {
    let key = key_of(&api, id)?;
    let ended = api.runtime.terminate_workflow(&key, "").await;
    done("ERR_TERMINATE_WORKFLOW", ended, &key)
}

async fn pause(api: Api, Names([_, id]): Names<2>) -> Accepted<Done> {
    let key = key_of(&api, id)?;
    let held = api.runtime.suspend_workflow(&key, "").await;
    done("ERR_PAUSE_WORKFLOW", held, &key)
}

async fn resume(api: Api, Names([_, id]): Names<2>) -> Accepted<Done> {
    let key = key_of(&api, id)?;
    let resumed = api.runtime.resume_workflow(&key).await;
    done("ERR_RESUME_WORKFLOW", resumed, &key)
}

async fn purge(api: Api, Names([_, id]): Names<2>) -> Accepted<Done> {
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
    api: Api,
    Names([_, id, event]): Names<3>,
    headers: HeaderMap,
    Body(value): Body,
) -> Accepted<Done> {
    const CODE: &str = "ERR_RAISE_EVENT_WORKFLOW";
    let (runtime, to, value) = (&api.runtime, key_of(&api, id)?, value.into());
    let raised = match idempotency_key(&headers)? {
        Some(key) => runtime.raise_event_once(&to, &event, value, key).await,
        None => runtime.raise_event(&to, &event, value).await,
    };
    match raised {
        Err(failure) if failure.code != host_base::failure::code::ALREADY_ENDED => {
            Err(Error::of_failure(CODE, &format!("raise {event}"), &failure))
        }
        Ok(()) | Err(_) => accepted(Done {}),
    }
}

fn key_of(api: &Api, id: String) -> Result<WorkflowKey, Error> {
    api.workflow_key(id).map_err(|error| match error {
        OutOfReach::Unknown(id) => unknown(&id),
        other => Error::out_of_reach("ERR_INSTANCE_ID_INVALID", &other),
    })
}

fn unknown(id: &str) -> Error {
    Error::new(StatusCode::NOT_FOUND, NOT_FOUND, workflows::unknown(id))
}

fn unreadable(error: StoreError) -> Error {
    Error::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "ERR_GET_WORKFLOW",
        error.to_string(),
    )
}

//! Drives workflows: events, queries, updates; cancel, terminate, suspend, resume, purge.
//!
//! Extracts, calls, converts; knows nothing of turns.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host_runtime::{Purged, WorkflowView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Named, One, key_of};
use crate::Api;
use crate::json::{Raw, Report};
use crate::v1::extract::{IdempotencyKey, Input, Path, Query};
use crate::v1::problem::Problem;

/// Why.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// In your own words; recorded in the history. Default: none.
    #[serde(default)]
    reason: String,
}

/// What to do with what has not ended.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PurgeOptions {
    /// Whether what has not ended is terminated first; children that were abandoned, too. Default: false.
    force: Option<bool>,
}

/// What was deleted.
#[derive(Serialize, ToSchema)]
#[schema(as = Purged)]
pub(super) struct PurgeReport {
    /// Workflows that were deleted, children included.
    deleted: usize,
    /// Children that have not ended and were left alone.
    left: usize,
}

/// Raises an event for a workflow
///
/// It is durable when this is answered; the workflow sees it when it waits for an event of that name.
#[utoipa::path(
    post,
    path = "/workflows/{id}/raise/{name}",
    operation_id = "raise_event",
    tag = "workflows",
    params(Named, IdempotencyKey),
    request_body(content = Raw, description = "The event's value; none stands for null."),
    responses((status = 204, description = "It is raised."))
)]
pub(super) async fn raise(
    api: Api,
    Path(Named { id, name }): Path<Named>,
    key: IdempotencyKey,
    Input(value): Input,
) -> Result<StatusCode, Problem> {
    let to = key_of(&api, id)?;
    match key.get() {
        Some(key) => api.runtime.raise_event_once(&to, &name, value, key).await?,
        None => api.runtime.raise_event(&to, &name, value).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Asks a workflow a question
///
/// Its code answers from where it stands, also when it has ended. Nothing is recorded or changed.
#[utoipa::path(
    post,
    path = "/workflows/{id}/query/{name}",
    operation_id = "query_workflow",
    tag = "workflows",
    params(Named),
    request_body(content = Raw, description = "What the query takes; none stands for null."),
    responses((status = 200, description = "The answer.", body = Raw))
)]
pub(super) async fn query(
    api: Api,
    Path(Named { id, name }): Path<Named>,
    Input(input): Input,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let answer = api.runtime.query_workflow(&key, &name, input).await?;
    Ok(axum::Json(Raw::new(&answer)).into_response())
}

/// Asks a workflow for a change
///
/// Its code judges it first; what it accepts is recorded and applied. Answers when it is. The Idempotency-Key
/// is the update's id.
#[utoipa::path(
    post,
    path = "/workflows/{id}/update/{name}",
    operation_id = "update_workflow",
    tag = "workflows",
    params(Named, IdempotencyKey),
    request_body(content = Raw, description = "What the update takes; none stands for null."),
    responses((status = 200, description = "The answer.", body = Raw))
)]
pub(super) async fn update(
    api: Api,
    Path(Named { id, name }): Path<Named>,
    update_id: IdempotencyKey,
    Input(input): Input,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let answer = api
        .runtime
        .update_workflow(&key, &name, input, update_id.get());
    Ok(axum::Json(Raw::new(&answer.await?)).into_response())
}

/// Asks a workflow to end
///
/// Its code sees the request at its next wait and may clean up first; GET its result to wait for the end.
#[utoipa::path(
    post,
    path = "/workflows/{id}/cancel",
    operation_id = "cancel_workflow",
    tag = "workflows",
    params(One, Why),
    responses((status = 202, description = "It is asked to.", body = Report<'static>))
)]
pub(super) async fn cancel(
    api: Api,
    Path(One { id }): Path<One>,
    Query(Why { reason }): Query<Why>,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let asked = api.runtime.cancel_workflow(&key, &reason);
    let report = told(&asked.await?);
    Ok((StatusCode::ACCEPTED, report).into_response())
}

/// Ends a workflow at once
///
/// Without its code. It has ended when this is answered.
#[utoipa::path(
    post,
    path = "/workflows/{id}/terminate",
    operation_id = "terminate_workflow",
    tag = "workflows",
    params(One, Why),
    responses((status = 200, description = "It has ended.", body = Report<'static>))
)]
pub(super) async fn terminate(
    api: Api,
    Path(One { id }): Path<One>,
    Query(Why { reason }): Query<Why>,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let ended = api.runtime.terminate_workflow(&key, &reason);
    Ok(told(&ended.await?))
}

/// Holds a workflow
///
/// What reaches it is kept, and nothing moves until it is resumed.
#[utoipa::path(
    post,
    path = "/workflows/{id}/suspend",
    operation_id = "suspend_workflow",
    tag = "workflows",
    params(One, Why),
    responses((status = 200, description = "It is held.", body = Report<'static>))
)]
pub(super) async fn suspend(
    api: Api,
    Path(One { id }): Path<One>,
    Query(Why { reason }): Query<Why>,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let held = api.runtime.suspend_workflow(&key, &reason);
    Ok(told(&held.await?))
}

/// Lets a workflow go on that is held
#[utoipa::path(
    post,
    path = "/workflows/{id}/resume",
    operation_id = "resume_workflow",
    tag = "workflows",
    params(One),
    responses((status = 200, description = "It goes on.", body = Report<'static>))
)]
pub(super) async fn resume(api: Api, Path(One { id }): Path<One>) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    Ok(told(&api.runtime.resume_workflow(&key).await?))
}

/// Deletes a workflow that has ended
///
/// With its history and all that lies there for it; so are its children, where they have ended.
#[utoipa::path(
    delete,
    path = "/workflows/{id}",
    operation_id = "purge_workflow",
    tag = "workflows",
    params(One, PurgeOptions),
    responses((status = 200, description = "It is deleted.", body = PurgeReport))
)]
pub(super) async fn purge(
    api: Api,
    Path(One { id }): Path<One>,
    Query(PurgeOptions { force }): Query<PurgeOptions>,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let purged = api.runtime.purge_workflow(&key, force.unwrap_or(false));
    let Purged { deleted, left } = purged.await?;
    Ok(axum::Json(PurgeReport { deleted, left }).into_response())
}

fn told(view: &WorkflowView) -> Response {
    axum::Json(Report::new(view)).into_response()
}

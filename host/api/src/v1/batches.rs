//! `batches`: something is done to all workflows that fit; how far it is, and that it is given up.
//!
//! Extracts, calls, converts; the runtime does it, whatever becomes of the request.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use host_runtime::BatchView;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::PREFIX;
use super::extract::{IdempotencyKey, Json, Path, Query};
use super::patience::{self, Patience};
use super::problem::Problem;
use crate::json::{BatchLine, BatchMatched, BatchOrder};
use crate::{Api, Shared};

/// One batch.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct One {
    /// The batch's id.
    #[param(max_length = 512)]
    id: String,
}

/// Batches.
#[derive(Serialize, ToSchema)]
struct Batches<'a> {
    /// The latest first.
    batches: Vec<BatchLine<'a>>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list, start))
        .routes(routes!(show))
        .routes(routes!(abort))
}

/// Does something to all workflows that fit
///
/// The batch is durable when this is answered, and goes on by itself, also when the host is started again: to all
/// workflows that fit and were started before, in the order of their ids. A filter that says nothing is refused unless
/// `all` is set. With `dry_run`, nothing is done and it is only told how many fit.
#[utoipa::path(
    post,
    path = "/batches",
    operation_id = "start_batch",
    tag = "batches",
    params(IdempotencyKey),
    request_body = BatchOrder<'static>,
    responses(
        (status = 202, description = "It has begun, now or with an earlier request of the same Idempotency-Key.",
            body = BatchLine<'static>, headers(("Location" = String, description = "Where it can be read."))),
        (status = 200, description = "It was a dry run.", body = BatchMatched)
    )
)]
async fn start(
    api: Api,
    key: IdempotencyKey,
    Json(order): Json<BatchOrder<'static>>,
) -> Result<Response, Problem> {
    let selection = order.selection().map_err(Problem::bad_input)?;
    let deed = order.deed().map_err(Problem::bad_input)?;
    let (runtime, tenant) = (&api.runtime, api.tenant());
    if order.dry_run {
        let matched = runtime.count_workflows(tenant, &selection).await?;
        return Ok(axum::Json(BatchMatched { matched }).into_response());
    }
    let view = runtime
        .start_batch(tenant, deed, &selection, key.get())
        .await?;
    let id = utf8_percent_encode(&view.id, NON_ALPHANUMERIC);
    let place = format!("{PREFIX}/batches/{id}");
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], told(&view)).into_response())
}

/// Lists batches
///
/// Those that go on, and so many of those that have ended as are kept (`batches_kept_max`).
#[utoipa::path(
    get,
    path = "/batches",
    operation_id = "list_batches",
    tag = "batches",
    responses((status = 200, description = "All of them.", body = Batches<'static>))
)]
async fn list(api: Api) -> Result<Response, Problem> {
    let views = api.runtime.batches(api.tenant())?;
    let batches = views.iter().map(BatchLine::new).collect();
    Ok(axum::Json(Batches { batches }).into_response())
}

/// Shows a batch
///
/// With how far it is. With `wait`, it is answered when it has ended, or else when the time is over.
#[utoipa::path(
    get,
    path = "/batches/{id}",
    operation_id = "get_batch",
    tag = "batches",
    params(One, Patience),
    responses((status = 200, description = "The batch.", body = BatchLine<'static>))
)]
async fn show(
    api: Api,
    Path(One { id }): Path<One>,
    Query(patience): Query<Patience>,
) -> Result<Response, Problem> {
    let waiting = api.runtime.wait_for_batch(api.tenant(), &id);
    let ended = patience::in_time(&api, patience.limit()?, waiting).await;
    let view = match ended.transpose()?.flatten() {
        Some(view) => Some(view),
        None => api.runtime.batch(api.tenant(), &id)?,
    };
    known(view, &id)
}

/// Gives a batch up
///
/// What it has done stays done; it does nothing more. One that has ended is left as it is.
#[utoipa::path(
    post,
    path = "/batches/{id}/abort",
    operation_id = "abort_batch",
    tag = "batches",
    params(One),
    responses((status = 200, description = "It has ended.", body = BatchLine<'static>))
)]
async fn abort(api: Api, Path(One { id }): Path<One>) -> Result<Response, Problem> {
    let view = api.runtime.abort_batch(api.tenant(), &id).await?;
    known(view, &id)
}

fn known(view: Option<BatchView>, id: &str) -> Result<Response, Problem> {
    let view = view.ok_or_else(|| Problem::unknown("batch has the id", id, "/batches"))?;
    Ok(told(&view).into_response())
}

fn told(view: &BatchView) -> axum::Json<BatchLine<'_>> {
    axum::Json(BatchLine::new(view))
}

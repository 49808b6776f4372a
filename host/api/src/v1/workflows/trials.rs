//! Tries workflows on components: moves them to another one, and shows what they would do on one.
//!
//! Extracts, calls, converts; who replays is elsewhere.

use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use host_base::Limits;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::read::known;
use super::{One, key_of};
use crate::json::{ForkReport, TrialReport};
use crate::v1::extract::{Body, Path, Query};
use crate::v1::plugins::{FILE_DEFAULT, check_component};
use crate::v1::problem::Problem;
use crate::{Api, Shared};

/// Whether it is moved in any case.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveOptions {
    /// Whether it is moved although its history differs: it stalls there, until a component comes that agrees.
    /// Default: false.
    force: Option<bool>,
}

/// On what it is tried.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ForkOptions {
    /// What the component is called in messages. Default: `uploaded`.
    file: Option<String>,
}

/// The route that takes a component.
pub(super) fn forks(limits: &Limits) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(fork))
        .layer(DefaultBodyLimit::max(limits.component_bytes_max))
}

/// Moves a workflow to the component that stands for its plugin
///
/// Its history is replayed there first. Where they agree, it goes on with it; where they differ it stays, unless it is
/// forced. `moved` says which.
#[utoipa::path(
    post,
    path = "/workflows/{id}/move",
    operation_id = "move_workflow",
    tag = "workflows",
    params(One, MoveOptions),
    responses((status = 200, description = "It was tried.", body = TrialReport<'static>))
)]
pub(super) async fn move_one(
    api: Api,
    Path(One { id }): Path<One>,
    Query(MoveOptions { force }): Query<MoveOptions>,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let trial = api.runtime.move_workflow(&key, force.unwrap_or(false));
    Ok(axum::Json(TrialReport::new(&trial.await?)).into_response())
}

/// Shows what a workflow would do next
///
/// It is replayed on a component that is sent along, or else on its own. Nothing is recorded and nothing is caused. As
/// large as `component_bytes_max` at most.
#[utoipa::path(
    post,
    path = "/workflows/{id}/fork",
    operation_id = "fork_workflow",
    tag = "workflows",
    params(One, ForkOptions),
    request_body(content = Option<Vec<u8>>, content_type = "application/wasm", description = "The component; none: its own."),
    responses((status = 200, description = "What was seen.", body = ForkReport<'static>))
)]
async fn fork(
    api: Api,
    Path(One { id }): Path<One>,
    Query(ForkOptions { file }): Query<ForkOptions>,
    headers: HeaderMap,
    Body(component): Body,
) -> Result<Response, Problem> {
    let view = known(&api, &key_of(&api, id)?)?;
    let file = file.as_deref().unwrap_or(FILE_DEFAULT);
    let given = (!component.is_empty()).then_some((file, &component[..]));
    if given.is_some() {
        check_component(&headers)?;
    }
    let rehearsal = api.runtime.rehearse(&view.key, given).await?;
    let report = ForkReport::new(&view.key.id, &view.name, view.run, &rehearsal);
    Ok(axum::Json(report).into_response())
}

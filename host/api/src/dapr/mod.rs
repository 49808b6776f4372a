//! The HTTP API that Dapr's clients speak, under `/v1.0`: its routes, status codes, error codes and bodies.
//!
//! Source: the API reference of Dapr 1.18 and the behaviour of its runtime. Knows nothing of the host's own API.

mod actors;
mod alarms;
mod body;
mod error;
mod metadata;
mod path;
mod state;
mod workflows;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::Shared;

/// Where workflows have been, as the API became stable.
const WORKFLOW_VERSIONS: [&str; 3] = ["/v1.0", "/v1.0-beta1", "/v1.0-alpha1"];

pub(crate) fn routes() -> Router<Shared> {
    let stable = Router::new()
        .route("/healthz", get(is_healthy))
        .route("/healthz/outbound", get(is_healthy))
        .merge(metadata::routes())
        .merge(actors::routes())
        .merge(state::routes())
        .merge(alarms::routes());
    let routes = Router::new().nest("/v1.0", stable);
    WORKFLOW_VERSIONS
        .into_iter()
        .fold(routes, |routes, version| {
            routes.nest(version, workflows::routes())
        })
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
}

/// What answers has opened its data directory and its plugins.
async fn is_healthy() -> StatusCode {
    StatusCode::NO_CONTENT
}

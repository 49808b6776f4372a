//! `tokens`: made, listed, given another secret, revoked.
//!
//! Extracts, calls, converts; when a token counts is the runtime's business.

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use host_runtime::TokenView;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path};
use super::problem::Problem;
use crate::json::{TokenLine, TokenOrder};
use crate::{Api, Shared};

/// One token.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct One {
    /// The token's id.
    id: String,
}

/// A tenant's tokens, the oldest first.
#[derive(Serialize, ToSchema)]
struct Tokens<'a> {
    tokens: Vec<TokenLine<'a>>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
        .routes(routes!(rotate))
}

/// Makes a token
///
/// The answer has the token itself, which is shown nowhere else and never again. It is of the caller's tenant.
#[utoipa::path(
    post,
    path = "/tokens",
    operation_id = "create_token",
    tag = "tokens",
    request_body = TokenOrder<'static>,
    responses((status = 201, description = "It is made.", body = TokenLine<'static>))
)]
async fn create(api: Api, Json(order): Json<TokenOrder<'static>>) -> Result<Response, Problem> {
    let new = order.read().map_err(Problem::bad_input)?;
    let (view, token) = api.runtime.create_token(api.tenant(), new).await?;
    api.note(|| format!("token {} ({})", view.id, view.token.role));
    Ok((StatusCode::CREATED, told(&view, token)).into_response())
}

/// Lists the tenant's tokens
///
/// Those that do not count any more, too, as long as they are kept (`tokens_max`). Without the tokens themselves.
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    responses((status = 200, description = "All of them.", body = Tokens<'static>))
)]
async fn list(api: Api) -> Result<Response, Problem> {
    let views = api.runtime.tokens(api.tenant());
    let tokens = views.iter().map(TokenLine::new).collect();
    Ok(axum::Json(Tokens { tokens }).into_response())
}

/// Gives a token another secret
///
/// The answer has the token anew; the one before counts no longer. What it may do and how long it counts stay as they
/// are.
#[utoipa::path(
    post,
    path = "/tokens/{id}/rotate",
    operation_id = "rotate_token",
    tag = "tokens",
    params(One),
    responses((status = 200, description = "It has another one.", body = TokenLine<'static>))
)]
async fn rotate(api: Api, Path(One { id }): Path<One>) -> Result<Response, Problem> {
    let (view, token) = api.runtime.rotate_token(api.tenant(), &id).await?;
    Ok(told(&view, token))
}

/// Revokes a token
///
/// It counts no longer when this is answered: streams of events that were opened with it end.
#[utoipa::path(
    delete,
    path = "/tokens/{id}",
    operation_id = "revoke_token",
    tag = "tokens",
    params(One),
    responses((status = 200, description = "It is revoked.", body = TokenLine<'static>))
)]
async fn revoke(api: Api, Path(One { id }): Path<One>) -> Result<Response, Problem> {
    let view = api.runtime.revoke_token(api.tenant(), &id).await?;
    Ok(axum::Json(TokenLine::new(&view)).into_response())
}

/// A secret, which nobody on the way is to keep.
fn told(view: &TokenView, token: String) -> Response {
    let line = TokenLine::new(view).with_token(token);
    ([(CACHE_CONTROL, "no-store")], axum::Json(line)).into_response()
}

//! `/v1.0/actors`: calls of methods.
//!
//! Extracts, calls, converts; knows nothing of turns.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::any;
use host_base::{ActorKey, Failure, Payload};

use super::body::Body;
use super::error::{self, Error};
use super::path::Names;
use crate::actors::{Uncalled, sole_argument};
use crate::{Api, Shared};

const INVOKE_FAILED: &str = "ERR_ACTOR_INVOKE_METHOD";
/// How the client calls itself that sends a list of arguments.
const JAVASCRIPT_CLIENT: &[u8] = b"dapr-sdk-js/";

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/actors/{type}/{id}/method/{method}", any(call))
}

/// Calls a method with the body, and answers with what it returned. A call with the `Idempotency-Key` of an
/// earlier one gets that one's answer.
async fn call(
    api: Api,
    Names([actor_type, id, method]): Names<3>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<impl IntoResponse, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let key = error::idempotency_key(&headers)?;
    let input = input(&headers, body);
    let answer = api.runtime.call_actor(&actor, &method, input, key);
    let answer = answer
        .await
        .map_err(|failure| refused(&api, &actor, &failure))?;
    Ok(([(CONTENT_TYPE, "application/json")], answer))
}

/// The actor's address.
pub(super) fn actor_key(api: &Api, actor_type: String, id: String) -> Result<ActorKey, Error> {
    let actor = api.actor_key(actor_type, id);
    actor.map_err(|error| Error::out_of_reach("ERR_BAD_REQUEST", &error))
}

fn input(headers: &HeaderMap, body: Bytes) -> Payload {
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    let is_list = agent.is_some_and(|agent| agent.starts_with(JAVASCRIPT_CLIENT));
    let argument = is_list.then(|| sole_argument(&body)).flatten();
    argument.map_or_else(|| body.to_vec(), <[u8]>::to_vec)
}

fn refused(api: &Api, actor: &ActorKey, failure: &Failure) -> Error {
    let (why, text) = api.uncalled(actor, failure);
    let (status, code) = match why {
        Uncalled::NoAddress => (StatusCode::NOT_FOUND, "ERR_ACTOR_NO_ADDRESS"),
        Uncalled::Busy => (StatusCode::SERVICE_UNAVAILABLE, INVOKE_FAILED),
        Uncalled::Failed => (StatusCode::INTERNAL_SERVER_ERROR, INVOKE_FAILED),
    };
    Error::new(status, code, text)
}

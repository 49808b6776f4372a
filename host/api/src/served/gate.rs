//! Whom a request comes from, and whether there is room for it: decided before anything is done for it.
//!
//! Knows no route but those by which it is seen whether the host is alive.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::Semaphore;

use super::body::InTime;
use super::tokens::Tokens;

/// What is answered without a token, so that whoever watches over the host needs none.
const OPEN: [&str; 2] = ["/v1.0/healthz", "/v1.0/healthz/outbound"];
/// The header in which Dapr's clients send their token.
const DAPR_TOKEN: &str = "dapr-api-token";
/// What gRPC calls a caller whom it does not know, and a server that has no room.
const GRPC_UNAUTHENTICATED: &str = "16";
const GRPC_UNAVAILABLE: &str = "14";

/// Stands before all routes.
#[derive(Clone)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    tokens: Tokens,
    body_time_max: Duration,
}

impl Gate {
    pub(super) fn new(requests_max: usize, tokens: Tokens, body_time_max: Duration) -> Gate {
        Gate {
            places: Arc::new(Semaphore::new(requests_max)),
            tokens,
            body_time_max,
        }
    }

    /// The routes behind the gate.
    pub(super) fn before(self, router: Router) -> Router {
        router.layer(from_fn_with_state(self, pass))
    }
}

async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    if !is_open && !gate.tokens.allow(token_of(request.headers())) {
        return unauthorized(request.headers());
    }
    let Ok(_place) = gate.places.try_acquire() else {
        return overloaded(request.headers());
    };
    let in_time = |body| Body::new(InTime::new(body, gate.body_time_max));
    next.run(request.map(in_time)).await
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    let bearer = || {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    let dapr = || headers.get(DAPR_TOKEN)?.to_str().ok();
    bearer().or_else(dapr)
}

fn unauthorized(headers: &HeaderMap) -> Response {
    let text = "a token is needed: send it as \"Authorization: Bearer TOKEN\" or \"dapr-api-token: TOKEN\"";
    let status = StatusCode::UNAUTHORIZED;
    let mut response = refusal(
        headers,
        status,
        GRPC_UNAUTHENTICATED,
        "ERR_UNAUTHORIZED",
        text,
    );
    let scheme = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}

fn overloaded(headers: &HeaderMap) -> Response {
    let text =
        "the host answers as many requests as it may at once; nothing was done, try again soon";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = refusal(headers, status, GRPC_UNAVAILABLE, "ERR_OVERLOADED", text);
    let soon = HeaderValue::from_static("1");
    response.headers_mut().insert(RETRY_AFTER, soon);
    response
}

/// A refusal in the words of whoever asks: a status of gRPC, or a problem document (RFC 9457) that is also an
/// error of Dapr's.
fn refusal(
    headers: &HeaderMap,
    status: StatusCode,
    grpc_status: &'static str,
    code: &str,
    text: &str,
) -> Response {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        let headers = [
            ("content-type", "application/grpc"),
            ("grpc-status", grpc_status),
            ("grpc-message", text),
        ];
        return headers.into_response();
    }
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": text,
        "errorCode": code,
        "message": text,
    });
    let kind = [(CONTENT_TYPE, "application/problem+json")];
    (status, kind, Json(body).into_response().into_body()).into_response()
}

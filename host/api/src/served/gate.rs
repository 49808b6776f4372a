//! Whom a request comes from, and whether there is room for it: decided before anything is done for it.
//!
//! Knows no route but those by which it is seen whether the host is alive.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::Semaphore;

use super::body::InTime;
use super::tokens::Tokens;
use crate::{PROBLEM_MEDIA_TYPE, RETRY_AFTER_SECONDS};

/// What is answered without a token and however much there is to do: whoever watches over the host asks it, and is
/// not to start a host again that is busy.
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
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    if !gate.tokens.allow(token_of(request.headers())) {
        return UNAUTHORIZED.told(request.headers());
    }
    let Ok(_place) = gate.places.try_acquire() else {
        return OVERLOADED.told(request.headers());
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

/// Why nobody is let in.
struct Refusal {
    status: StatusCode,
    grpc_status: &'static str,
    dapr_code: &'static str,
    kind: &'static str,
    who_must_act: &'static str,
    text: &'static str,
    /// What the answer's head says besides.
    header: (&'static str, &'static str),
}

const UNAUTHORIZED: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    grpc_status: GRPC_UNAUTHENTICATED,
    dapr_code: "ERR_UNAUTHORIZED",
    kind: "urn:host:problem:unauthorized",
    who_must_act: "caller",
    text: "a token is needed: send it as \"Authorization: Bearer TOKEN\" or \"dapr-api-token: TOKEN\"",
    header: ("www-authenticate", "Bearer"),
};

const OVERLOADED: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    grpc_status: GRPC_UNAVAILABLE,
    dapr_code: "ERR_OVERLOADED",
    kind: "urn:host:problem:busy",
    who_must_act: "nobody",
    text: "the host answers as many requests as it may at once (`requests_max`); nothing was done, try again soon",
    header: ("retry-after", RETRY_AFTER_SECONDS),
};

impl Refusal {
    /// In the words of whoever asks: a status of gRPC, or a problem document (RFC 9457) that is also an error of
    /// Dapr's.
    fn told(self, asked: &HeaderMap) -> Response {
        let media_type = asked.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if media_type.is_some_and(|it| it.starts_with(b"application/grpc")) {
            let headers = [
                ("content-type", "application/grpc"),
                ("grpc-status", self.grpc_status),
                ("grpc-message", self.text),
            ];
            return headers.into_response();
        }
        let body = json!({
            "type": self.kind,
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.text,
            "who_must_act": self.who_must_act,
            "errorCode": self.dapr_code,
            "message": self.text,
        });
        let media_type = ("content-type", PROBLEM_MEDIA_TYPE);
        (self.status, [media_type, self.header], body.to_string()).into_response()
    }
}

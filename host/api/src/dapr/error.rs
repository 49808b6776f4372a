//! Errors as Dapr's clients read them: `{"errorCode": …, "message": …}`.
//!
//! Knows nothing of what was asked for.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use host_base::{Failure, Fault};
use serde::Serialize;

use crate::actors::Refused;
use crate::caller::OutOfReach;
use crate::{RETRY_AFTER_SECONDS, idempotency};

/// An answer that says what went wrong.
#[derive(Debug)]
pub(super) struct Error {
    status: StatusCode,
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "errorCode")]
    code: &'a str,
    message: &'a str,
}

/// The body is not what the route takes.
pub(super) const MALFORMED: &str = "ERR_MALFORMED_REQUEST";

impl Error {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Error {
        let message = message.into();
        Error {
            status,
            code,
            message,
        }
    }

    /// What the client got wrong in the request itself.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Error {
        Error::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// What the caller has named is not within its reach; `code` where the id is none.
    pub(super) fn out_of_reach(code: &'static str, error: &OutOfReach) -> Error {
        let (status, code) = match error {
            OutOfReach::Id(_) => (StatusCode::BAD_REQUEST, code),
            OutOfReach::Unknown(_) => (StatusCode::NOT_FOUND, code),
            OutOfReach::Limited { .. } => (StatusCode::FORBIDDEN, "ERR_FORBIDDEN"),
            OutOfReach::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, code),
        };
        Error::new(status, code, error.to_string())
    }

    /// What is not done to an actor; `code` where Dapr has no code for the reason.
    pub(super) fn refused(code: &'static str, what: &str, refused: Refused) -> Error {
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        match refused {
            Refused::Reserved(actor_type) => {
                let text = format!("{what}: the actor type {actor_type} is reserved");
                Error::new(StatusCode::FORBIDDEN, "ERR_ACTOR_TYPE_RESERVED", text)
            }
            Refused::NotHosted(actor_type) => {
                let text = format!("{what}: no plugin brings the actor type {actor_type}");
                Error::new(failed, code, text)
            }
            Refused::Failed(failure) => Error::of_failure(code, what, &failure),
            Refused::Unreadable(error) => Error::new(failed, code, format!("{what}: {error}")),
        }
    }

    /// What the runtime could not do; 503 where trying again may help and nothing was done.
    pub(super) fn of_failure(code: &'static str, what: &str, failure: &Failure) -> Error {
        let status = match failure.fault() {
            Fault::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Caller | Fault::Plugin | Fault::Operator | Fault::Bug => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Error::new(status, code, format!("{what}: {failure}"))
    }
}

/// The key that makes a repeated request known, if there is one.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let key = idempotency::key(headers);
    key.map_err(|error| Error::bad_request("ERR_BAD_REQUEST", error.to_string()))
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = Json(Body {
            code: self.code,
            message: &self.message,
        });
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                (self.status, [(RETRY_AFTER, RETRY_AFTER_SECONDS)], body).into_response()
            }
            status => (status, body).into_response(),
        }
    }
}

pub(super) async fn no_such_route(uri: Uri) -> Error {
    let text = format!("there is nothing at {}", uri.path());
    Error::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", text)
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> Error {
    let text = format!("{} takes no {method}", uri.path());
    Error::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "ERR_METHOD_NOT_ALLOWED",
        text,
    )
}

//! What went wrong, as RFC 9457 has it: one table says what each kind of failure is answered with and who must
//! act.
//!
//! Knows every error of the runtime; knows nothing of what was asked for.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use host_base::failure::code;
use host_base::{Failure, Fault, InvalidAttribute, InvalidId};
use host_runtime::{
    ControlError, DeployError, LoadError, MoveError, RehearseError, RemoveError, RerunError,
    StartError, StoreError,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::OutOfReach;
use crate::json::FailureReport;
use crate::{PROBLEM_MEDIA_TYPE, RETRY_AFTER_SECONDS};

/// What the names of kinds begin with.
const TYPE: &str = "urn:host:problem:";

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BadInput,
    Forbidden,
    NotFound,
    Gone,
    NoSuchRoute,
    NoSuchMethod,
    AlreadyExists,
    AlreadyEnded,
    NotEnded,
    NotSuspended,
    Stalled,
    Differs,
    InUse,
    TooLarge,
    NotJson,
    Limit,
    Plugin,
    Timeout,
    Busy,
    Host,
    Store,
}

/// Who must act so that it works the next time.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhoMustAct {
    /// Whoever sent the request.
    Caller,
    /// Whoever wrote the plugin.
    PluginAuthor,
    /// Whoever runs the host.
    Operator,
    /// It may work when it is tried again.
    Nobody,
}

impl Kind {
    fn status(self) -> StatusCode {
        match self {
            Kind::BadInput => StatusCode::BAD_REQUEST,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound | Kind::NoSuchRoute => StatusCode::NOT_FOUND,
            Kind::Gone => StatusCode::GONE,
            Kind::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Kind::AlreadyExists
            | Kind::AlreadyEnded
            | Kind::NotEnded
            | Kind::NotSuspended
            | Kind::Stalled
            | Kind::Differs
            | Kind::InUse => StatusCode::CONFLICT,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Limit | Kind::Plugin => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Kind::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Host | Kind::Store => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn who_must_act(self) -> WhoMustAct {
        match self {
            Kind::BadInput
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Gone
            | Kind::NoSuchRoute
            | Kind::NoSuchMethod
            | Kind::AlreadyExists
            | Kind::AlreadyEnded
            | Kind::NotEnded
            | Kind::NotSuspended
            | Kind::Differs
            | Kind::InUse
            | Kind::TooLarge
            | Kind::NotJson
            | Kind::Limit => WhoMustAct::Caller,
            Kind::Stalled | Kind::Plugin | Kind::Timeout => WhoMustAct::PluginAuthor,
            Kind::Busy => WhoMustAct::Nobody,
            Kind::Host | Kind::Store => WhoMustAct::Operator,
        }
    }

    /// Its name, and the same in words.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Kind::BadInput => ("bad-input", "The request is not as it should be"),
            Kind::Forbidden => ("forbidden", "The token does not reach that far"),
            Kind::NotFound => ("not-found", "What was named is not there"),
            Kind::Gone => ("gone", "Not all of it is kept any more"),
            Kind::NoSuchRoute => ("no-such-route", "Nothing is at that path"),
            Kind::NoSuchMethod => ("no-such-method", "That path takes other methods"),
            Kind::AlreadyExists => ("already-exists", "The name is in use"),
            Kind::AlreadyEnded => ("already-ended", "The workflow has ended"),
            Kind::NotEnded => ("not-ended", "The workflow has not ended"),
            Kind::NotSuspended => ("not-suspended", "The workflow is not held"),
            Kind::Stalled => ("stalled", "The code does not do what the history says"),
            Kind::Differs => ("differs", "The code does not do what is copied"),
            Kind::InUse => ("in-use", "Something needs it"),
            Kind::TooLarge => ("too-large", "The body is too large"),
            Kind::NotJson => ("unsupported-media-type", "The body is of another type"),
            Kind::Limit => ("limit", "A named limit is reached"),
            Kind::Plugin => ("plugin-failed", "The plugin answered with a failure"),
            Kind::Timeout => ("timeout", "The plugin used up its time"),
            Kind::Busy => ("busy", "Not now"),
            Kind::Host => ("host-failed", "The host cannot do it"),
            Kind::Store => ("store-failed", "The store cannot be used"),
        }
    }
}

/// An answer that says what went wrong.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    failure: Option<Box<Failure>>,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body<'a> {
    /// What kind of problem: a name that stays the same.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What happened, and what to do.
    detail: &'a str,
    who_must_act: WhoMustAct,
    /// The failure of which the runtime or the plugin's code tells, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureReport<'a>>,
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            failure: None,
        }
    }

    /// What the caller got wrong in the request itself.
    pub(super) fn bad_input(detail: impl Into<String>) -> Problem {
        Problem::new(Kind::BadInput, detail)
    }

    /// Something that was named is not there, and where those are that are.
    pub(super) fn unknown(what: &str, name: &str, list: &str) -> Problem {
        let text = format!("no {what} {name}; GET /api/v1{list} shows those there are");
        Problem::new(Kind::NotFound, text)
    }

    /// No workflow has the id.
    pub(super) fn unknown_workflow(id: &str) -> Problem {
        Problem::unknown("workflow has the id", id, "/workflows")
    }

    /// As part of another answer.
    pub(super) fn body(&self) -> Body<'_> {
        let (name, title) = self.kind.names();
        Body {
            kind: format!("{TYPE}{name}"),
            title,
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            who_must_act: self.kind.who_must_act(),
            failure: self.failure.as_deref().map(FailureReport::new),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let mut response = (status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            axum::http::HeaderValue::from_static(PROBLEM_MEDIA_TYPE),
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = axum::http::HeaderValue::from_static(RETRY_AFTER_SECONDS);
            headers.insert(RETRY_AFTER, seconds);
        }
        response
    }
}

/// A failure's code is the runtime's own, or else the plugin chose it.
fn kind_of(code: &str) -> Kind {
    match code {
        code::BAD_INPUT => Kind::BadInput,
        code::NOT_FOUND => Kind::NotFound,
        code::ALREADY_EXISTS => Kind::AlreadyExists,
        code::ALREADY_ENDED | code::CANCELLED | code::TERMINATED => Kind::AlreadyEnded,
        code::STALLED => Kind::Stalled,
        code::LIMIT => Kind::Limit,
        code::TIMEOUT => Kind::Timeout,
        code::BUSY => Kind::Busy,
        _ => Kind::Plugin,
    }
}

/// What to do, where the failure's own words do not say it.
fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "; name one that is there",
        Kind::AlreadyExists => "; choose another name, or leave the id out",
        Kind::Stalled => "; deploy a component that agrees with the history",
        Kind::Timeout | Kind::Busy => "; try again",
        _ => "",
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        let kind = kind_of(&failure.code);
        let detail = format!("{}{}", failure.message, advice(kind));
        Problem {
            kind,
            detail,
            failure: Some(Box::new(failure)),
        }
    }
}

impl From<InvalidId> for Problem {
    fn from(error: InvalidId) -> Problem {
        Problem::bad_input(error.to_string())
    }
}

impl From<OutOfReach> for Problem {
    fn from(error: OutOfReach) -> Problem {
        match error {
            OutOfReach::Id(error) => error.into(),
            OutOfReach::Unknown(id) => Problem::unknown_workflow(&id),
            OutOfReach::Limited { .. } => Problem::new(Kind::Forbidden, error.to_string()),
            OutOfReach::Store(error) => error.into(),
        }
    }
}

impl From<InvalidAttribute> for Problem {
    fn from(error: InvalidAttribute) -> Problem {
        Problem::bad_input(error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let text = format!("{error}; the host's log says more, and it must be started again");
        Problem::new(Kind::Store, text)
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Problem {
        let text = error.to_string();
        match error {
            StartError::AlreadyExists(_) => in_use(&text),
            StartError::Refused(failure) => failure.into(),
        }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Problem {
        let text = error.to_string();
        match error {
            ControlError::NotFound { id } => Problem::unknown_workflow(&id),
            ControlError::AlreadyEnded(_) => Problem::new(Kind::AlreadyEnded, text),
            ControlError::NotEnded(_) => {
                Problem::new(Kind::NotEnded, format!("{text}; force=true ends it first"))
            }
            ControlError::NotSuspended(_) => Problem::new(Kind::NotSuspended, text),
            ControlError::Busy(failure) => failure.into(),
            ControlError::Store(error) => error.into(),
        }
    }
}

impl From<RerunError> for Problem {
    fn from(error: RerunError) -> Problem {
        let text = error.to_string();
        match error {
            RerunError::Unknown(id) => Problem::unknown_workflow(&id),
            RerunError::NotEnded(_) => {
                Problem::new(Kind::NotEnded, format!("{text}; end it first"))
            }
            RerunError::AlreadyExists(_) => in_use(&text),
            RerunError::Differs(_) => Problem::new(Kind::Differs, text),
            RerunError::Refused(failure) => failure.into(),
            RerunError::Store(error) => error.into(),
        }
    }
}

impl From<MoveError> for Problem {
    fn from(error: MoveError) -> Problem {
        let text = error.to_string();
        match error {
            MoveError::Unknown(id) => Problem::unknown_workflow(&id),
            MoveError::Ended(_) => Problem::new(Kind::AlreadyEnded, text),
            MoveError::NotDeployed(_) => absent(&text),
            MoveError::Store(error) => error.into(),
        }
    }
}

impl From<RehearseError> for Problem {
    fn from(error: RehearseError) -> Problem {
        let text = error.to_string();
        match error {
            RehearseError::Unknown(id) => Problem::unknown_workflow(&id),
            RehearseError::Absent(_) => absent(&text),
            RehearseError::Load(error) => unloadable(&error),
            RehearseError::Store(error) => error.into(),
        }
    }
}

/// The component is not loaded, mostly for what it is.
fn unloadable(error: &LoadError) -> Problem {
    let kind = match error.fault {
        Fault::Plugin | Fault::Caller => Kind::BadInput,
        Fault::TryAgain => Kind::Busy,
        Fault::Operator | Fault::Bug => Kind::Host,
    };
    Problem::new(kind, error.to_string())
}

/// The workflow is there, and its code is not.
fn absent(text: &str) -> Problem {
    Problem {
        kind: Kind::NotFound,
        detail: format!("{text}; deploy its plugin"),
        failure: Some(Box::new(Failure::new(code::NOT_FOUND, text))),
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Problem {
        let text = error.to_string();
        match error {
            DeployError::Load(error) => unloadable(&error),
            DeployError::Taken { .. } => Problem::new(Kind::AlreadyExists, text),
            DeployError::Store(error) => error.into(),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Problem {
        let text = error.to_string();
        match error {
            RemoveError::Unknown(name) => {
                Problem::unknown("plugin or component is deployed as", &name, "/plugins")
            }
            RemoveError::Needed { .. } => Problem::new(Kind::InUse, text),
            RemoveError::Store(error) => error.into(),
        }
    }
}

fn in_use(text: &str) -> Problem {
    let detail = format!("{text}; choose another id, or leave it out");
    Problem::new(Kind::AlreadyExists, detail)
}

pub(super) async fn no_such_route(uri: Uri) -> Problem {
    let text = format!(
        "there is nothing at {}; /api/v1/openapi.json says what is where",
        uri.path()
    );
    Problem::new(Kind::NoSuchRoute, text)
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let text = format!(
        "{} takes no {method}; the header Allow says what it takes",
        uri.path()
    );
    Problem::new(Kind::NoSuchMethod, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(problem: Problem) -> serde_json::Value {
        serde_json::to_value(problem.body()).unwrap()
    }

    #[test]
    fn what_the_plugin_says_is_no_fault_of_the_server() {
        let problem = body(Failure::new("no-stock", "none left").into());
        assert_eq!(problem["status"], 422);
        assert_eq!(problem["who_must_act"], "plugin_author");
        assert_eq!(problem["failure"]["code"], "no-stock");
    }

    #[test]
    fn who_may_try_again_is_told_when() {
        let response = Problem::from(Failure::transient(code::BUSY, "full")).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_MEDIA_TYPE);
    }
}

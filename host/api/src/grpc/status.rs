//! What went wrong, as gRPC says it.
//!
//! Knows nothing of what was asked for.

use host_base::failure::code;
use host_base::{Failure, WorkflowKey};
use host_runtime::{ControlError, RerunError, StartError, StoreError};
use tonic::Status;

use crate::caller::OutOfReach;

/// Something that the runtime refused, or that a plugin failed with.
pub(super) fn of_failure(failure: &Failure) -> Status {
    let text = failure.to_string();
    match failure.code.as_str() {
        code::NOT_FOUND => Status::not_found(text),
        code::ALREADY_EXISTS => Status::already_exists(text),
        code::ALREADY_ENDED => Status::failed_precondition(text),
        code::BAD_INPUT => Status::invalid_argument(text),
        code::LIMIT => Status::resource_exhausted(text),
        code::BUSY => Status::unavailable(text),
        _ => Status::internal(text),
    }
}

/// There is no instance of that id. The published clients look for these words.
pub(super) fn unknown(id: &str) -> Status {
    Status::not_found(format!(
        "no such instance exists: no workflow has the id {id}"
    ))
}

/// The operator must act.
pub(super) fn of_store(error: StoreError) -> Status {
    Status::internal(error.to_string())
}

/// What the caller has named is not within its reach; `unknown` says that there is no such instance.
pub(super) fn of_reach(error: OutOfReach, unknown: impl FnOnce(&str) -> Status) -> Status {
    match error {
        OutOfReach::Id(error) => Status::invalid_argument(error.to_string()),
        OutOfReach::Unknown(id) => unknown(&id),
        OutOfReach::Limited { .. } => Status::permission_denied(error.to_string()),
        OutOfReach::Store(error) => of_store(error),
    }
}

/// Nobody has looked at who it is that calls.
pub(super) fn nobody() -> Status {
    Status::unauthenticated("a call that did not come through the gate")
}

pub(super) fn of_start(error: &StartError) -> Status {
    match error {
        StartError::AlreadyExists(view) => exists(&view.key.id),
        StartError::Refused(failure) => of_failure(failure),
    }
}

fn exists(id: &str) -> Status {
    Status::already_exists(format!("an active workflow with ID '{id}' already exists"))
}

/// What has ended is ended, not held and not to be resumed: there is nothing to be done, as in Dapr.
pub(super) fn of_control<T>(result: Result<T, ControlError>) -> Result<(), Status> {
    of_control_of(result, unknown)
}

/// The same, where it is said otherwise that there is no such instance.
pub(super) fn of_control_of<T>(
    result: Result<T, ControlError>,
    unknown: impl FnOnce(&str) -> Status,
) -> Result<(), Status> {
    match result {
        Ok(_) | Err(ControlError::AlreadyEnded(_) | ControlError::NotSuspended(_)) => Ok(()),
        Err(ControlError::NotFound { id }) => Err(unknown(&id)),
        Err(ControlError::Busy(failure)) => Err(of_failure(&failure)),
        Err(error @ ControlError::NotEnded(_)) => {
            Err(Status::failed_precondition(error.to_string()))
        }
        Err(ControlError::Store(error)) => Err(of_store(error)),
    }
}

/// What was raised for a workflow that has ended is dropped, as in Dapr.
pub(super) fn of_raised(
    key: &WorkflowKey,
    result: Result<(), Failure>,
    unknown: impl FnOnce(&str) -> Status,
) -> Result<(), Status> {
    match result {
        Err(failure) if failure.code == code::NOT_FOUND => Err(unknown(&key.id)),
        Err(failure) if failure.code != code::ALREADY_ENDED => Err(of_failure(&failure)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn of_rerun(error: RerunError) -> Status {
    match error {
        RerunError::Unknown(id) => unknown(&id),
        RerunError::NotEnded(_) => Status::invalid_argument(error.to_string()),
        RerunError::AlreadyExists(view) => exists(&view.key.id),
        RerunError::Differs(_) => Status::failed_precondition(error.to_string()),
        RerunError::Refused(failure) => of_failure(&failure),
        RerunError::Store(error) => of_store(error),
    }
}

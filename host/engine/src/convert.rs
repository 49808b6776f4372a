//! Between the contract's generated types and the plain values that the rest of the host knows.
//!
//! Owns the shared types; each role's file converts what only it has.

use std::time::Duration;

use host_base::failure::{CAUSES_MAX, Cause};
use host_base::{Failure, Outcome, Payload, Timestamp};

use crate::bindings::durable::plugin::types;
use crate::imports::{
    ActivityOptions, CallOptions, LogLevel, Moment, RetryPolicy, StartError, WorkflowInfo,
    WorkflowStatus,
};

/// What a guest's call returned.
pub(crate) fn outcome(result: Result<Payload, types::Failure>) -> Outcome {
    result.map_err(failure)
}

/// A guest's failure.
pub(crate) fn failure(failure: types::Failure) -> Failure {
    let causes = failure.causes.into_iter().take(CAUSES_MAX);
    let causes = causes.map(|types::Cause { code, message }| Cause { code, message });
    Failure {
        code: failure.code,
        message: failure.message,
        retryable: failure.retryable,
        details: failure.details,
        causes: causes.collect(),
    }
}

/// A failure that a guest is answered with.
pub(crate) fn failure_to_guest(failure: Failure) -> types::Failure {
    let causes = failure.causes.into_iter();
    let causes = causes.map(|Cause { code, message }| types::Cause { code, message });
    types::Failure {
        code: failure.code,
        message: failure.message,
        retryable: failure.retryable,
        details: failure.details,
        causes: causes.collect(),
    }
}

/// A guest's retry policy. A factor that is no number would not even be equal to itself in replay.
fn retry_policy(policy: types::RetryPolicy) -> RetryPolicy {
    RetryPolicy {
        max_attempts: policy.max_attempts,
        first_interval: Duration::from_millis(policy.first_interval_ms),
        coefficient: finite_or(policy.coefficient, 1.0),
        max_interval: Duration::from_millis(policy.max_interval_ms),
        jitter: finite_or(policy.jitter, 0.0).clamp(0.0, 1.0),
        non_retryable: policy.non_retryable,
    }
}

fn finite_or(number: f64, otherwise: f64) -> f64 {
    if number.is_finite() {
        number
    } else {
        otherwise
    }
}

/// How a guest wants an activity to be run.
pub(crate) fn activity_options(options: types::ActivityOptions) -> ActivityOptions {
    ActivityOptions {
        retry: options.retry.map(retry_policy),
        timeout: options.timeout_ms.map(Duration::from_millis),
        schedule_to_close: options.schedule_to_close_ms.map(Duration::from_millis),
        heartbeat_timeout: options.heartbeat_timeout_ms.map(Duration::from_millis),
    }
}

/// A time, as a guest says it.
pub(crate) fn moment(moment: types::Moment) -> Moment {
    match moment {
        types::Moment::AfterMs(millis) => Moment::After(Duration::from_millis(millis)),
        types::Moment::AtMs(millis) => Moment::At(Timestamp(millis)),
        types::Moment::Text(text) => Moment::Text(text),
    }
}

/// How a guest wants an actor to be called.
pub(crate) fn call_options(options: types::CallOptions) -> CallOptions {
    CallOptions {
        timeout: options.timeout_ms.map(Duration::from_millis),
        reentrant: options.reentrant,
    }
}

/// A guest's log level.
pub(crate) fn log_level(level: types::LogLevel) -> LogLevel {
    match level {
        types::LogLevel::Debug => LogLevel::Debug,
        types::LogLevel::Info => LogLevel::Info,
        types::LogLevel::Warn => LogLevel::Warn,
        types::LogLevel::Error => LogLevel::Error,
    }
}

/// A workflow instance, as a guest is told of it.
pub(crate) fn workflow_info(info: WorkflowInfo) -> types::WorkflowInfo {
    types::WorkflowInfo {
        id: info.id,
        name: info.name,
        status: workflow_status(info.status),
        created_ms: info.created.0,
        updated_ms: info.updated.0,
        output: info.output,
        failure: info.failure.map(failure_to_guest),
        custom_status: info.custom_status,
    }
}

fn workflow_status(status: WorkflowStatus) -> types::WorkflowStatus {
    match status {
        WorkflowStatus::Pending => types::WorkflowStatus::Pending,
        WorkflowStatus::Running => types::WorkflowStatus::Running,
        WorkflowStatus::Completed => types::WorkflowStatus::Completed,
        WorkflowStatus::Failed => types::WorkflowStatus::Failed,
        WorkflowStatus::Stalled => types::WorkflowStatus::Stalled,
        WorkflowStatus::Cancelled => types::WorkflowStatus::Cancelled,
        WorkflowStatus::Terminated => types::WorkflowStatus::Terminated,
        WorkflowStatus::Suspended => types::WorkflowStatus::Suspended,
    }
}

/// Why a workflow was not started, as a guest is told.
pub(crate) fn start_error(error: StartError) -> types::StartError {
    match error {
        StartError::AlreadyExists(info) => types::StartError::AlreadyExists(workflow_info(*info)),
        StartError::Refused(failure) => types::StartError::Refused(failure_to_guest(failure)),
    }
}

//! Workflow instances as others see them.

use std::error::Error;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;
use crate::bindings::durable::plugin::types;

/// Where a workflow instance stands. Written in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowStatus {
    /// It was started and has not taken its first turn yet.
    Pending,
    /// It has begun and not ended; it may be waiting.
    Running,
    /// It ended with an output.
    Completed,
    /// It ended with a failure.
    Failed,
    /// Its code no longer does what its history says. It waits for a compatible plugin.
    Stalled,
    /// It ended because it was asked to, after cleaning up.
    Cancelled,
    /// It was ended from outside, at once.
    Terminated,
    /// It is held: what reaches it is kept, and nothing moves until it is resumed.
    Suspended,
}

/// One workflow instance, as others see it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowInfo {
    /// The instance's id, unique within the tenant.
    pub id: String,
    /// The name of the workflow that it runs.
    pub name: String,
    /// Where it stands, as of the last commit.
    pub status: WorkflowStatus,
    /// When it was started, in milliseconds since 1970-01-01T00:00:00Z.
    pub created_ms: u64,
    /// When it last changed, in milliseconds since 1970-01-01T00:00:00Z.
    pub updated_ms: u64,
    /// Its result, once completed.
    pub output: Option<Value>,
    /// Its failure, once failed, cancelled or terminated.
    pub failure: Option<Failure>,
    /// Where it says that it stands, if it says so: see [`WorkflowContext::set_status`](crate::WorkflowContext::set_status).
    pub custom_status: Option<Value>,
}

/// Why a workflow was not started.
#[derive(Clone, Debug, PartialEq)]
pub enum StartError {
    /// The id belongs to this instance, which has not ended. Nothing was started.
    AlreadyExists(Box<WorkflowInfo>),
    /// The host refused, for example because no plugin has a workflow of that name.
    Refused(Failure),
}

impl fmt::Display for WorkflowStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Stalled => "STALLED",
            Self::Cancelled => "CANCELLED",
            Self::Terminated => "TERMINATED",
            Self::Suspended => "SUSPENDED",
        })
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyExists(info) => write!(f, "workflow `{}` has not ended", info.id),
            Self::Refused(failure) => failure.fmt(f),
        }
    }
}

impl Error for StartError {}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::AlreadyExists(_) => Self::new("already-exists", error.to_string()),
            StartError::Refused(failure) => failure,
        }
    }
}

impl From<types::StartError> for StartError {
    fn from(error: types::StartError) -> Self {
        match error {
            types::StartError::AlreadyExists(info) => Self::AlreadyExists(Box::new(info.into())),
            types::StartError::Refused(failure) => Self::Refused(failure.into()),
        }
    }
}

impl From<types::WorkflowInfo> for WorkflowInfo {
    fn from(info: types::WorkflowInfo) -> Self {
        let output = info.output.map(read_output);
        Self {
            id: info.id,
            name: info.name,
            status: info.status.into(),
            created_ms: info.created_ms,
            updated_ms: info.updated_ms,
            output,
            failure: info.failure.map(Failure::from),
            custom_status: info.custom_status.map(read_output),
        }
    }
}

/// The host has checked nothing: a workflow that is not written with this SDK may return any text.
fn read_output(bytes: Vec<u8>) -> Value {
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

impl From<types::WorkflowStatus> for WorkflowStatus {
    fn from(status: types::WorkflowStatus) -> Self {
        match status {
            types::WorkflowStatus::Pending => Self::Pending,
            types::WorkflowStatus::Running => Self::Running,
            types::WorkflowStatus::Completed => Self::Completed,
            types::WorkflowStatus::Failed => Self::Failed,
            types::WorkflowStatus::Stalled => Self::Stalled,
            types::WorkflowStatus::Cancelled => Self::Cancelled,
            types::WorkflowStatus::Terminated => Self::Terminated,
            types::WorkflowStatus::Suspended => Self::Suspended,
        }
    }
}

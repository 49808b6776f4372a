//! What the clients of Dapr's workflow API are told of workflows, and which ids they may give.
//!
//! Pure. Knows neither HTTP nor gRPC.

use std::collections::BTreeMap;

use host_base::{Failure, Payload};
use host_runtime::{StartError, WorkflowStatus, WorkflowView};

/// Characters of an id that is given at a start.
const ID_CHARACTERS_MAX: usize = 64;

/// An id that cannot be given at a start.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum NewIdError {
    #[error("workflow instance ID exceeds the max length of {ID_CHARACTERS_MAX} characters")]
    TooLong,
    #[error(
        "workflow instance ID '{0}' is invalid: only alphanumeric and underscore characters and dashes are allowed"
    )]
    Invalid(String),
}

/// Whether a client may give an id at a start.
pub(crate) fn check_new_id(id: &str) -> Result<(), NewIdError> {
    if id.chars().count() > ID_CHARACTERS_MAX {
        return Err(NewIdError::TooLong);
    }
    let allowed = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
    if id.is_empty() || !id.chars().all(allowed) {
        return Err(NewIdError::Invalid(id.to_owned()));
    }
    Ok(())
}

/// Why a workflow was not started.
pub(crate) fn not_started(name: &str, error: &StartError) -> String {
    let what = format!("error starting workflow '{name}'");
    match error {
        StartError::Refused(failure) => format!("{what}: {failure}"),
        StartError::AlreadyExists(view) => {
            let id = &view.key.id;
            format!("{what}: an active workflow with ID '{id}' already exists")
        }
    }
}

/// There is no instance of that id.
pub(crate) fn unknown(id: &str) -> String {
    format!("unable to find workflow with the provided instance ID: {id}")
}

/// What is told of an instance besides.
pub(crate) fn properties(
    view: &WorkflowView,
    input: Option<Payload>,
) -> BTreeMap<&'static str, String> {
    let text = |payload: &Payload| String::from_utf8_lossy(payload).into_owned();
    let mut properties = BTreeMap::new();
    let mut put = |name, value: Option<String>| {
        // A property that is empty is left out, as any value that is its type's default.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            properties.insert(name, value);
        }
    };
    put("dapr.workflow.input", input.as_ref().map(text));
    put(
        "dapr.workflow.custom_status",
        view.custom_status.as_ref().map(text),
    );
    match &view.outcome {
        Some(Ok(output)) => put("dapr.workflow.output", Some(text(output))),
        Some(Err(Failure { code, message, .. })) => {
            put("dapr.workflow.failure.error_type", Some(code.clone()));
            put("dapr.workflow.failure.error_message", Some(message.clone()));
        }
        None => {}
    }
    properties
}

/// Where an instance stands, in a word.
pub(crate) fn status(status: WorkflowStatus) -> &'static str {
    match status {
        WorkflowStatus::Pending => "PENDING",
        WorkflowStatus::Running => "RUNNING",
        WorkflowStatus::Completed => "COMPLETED",
        WorkflowStatus::Failed => "FAILED",
        WorkflowStatus::Cancelled => "CANCELED",
        WorkflowStatus::Terminated => "TERMINATED",
        WorkflowStatus::Suspended => "SUSPENDED",
        // Its name came after this API.
        WorkflowStatus::Stalled => "UNKNOWN",
    }
}

//! One workflow instance, without its history.
//!
//! Pure. Knows the view that the runtime gives; asks for nothing.

use std::borrow::Cow;

use host_base::{Digest, Failure, Payload, Timestamp};
use host_runtime::records::{self, Stall};
use host_runtime::{PendingActivity, WorkflowStatus, WorkflowView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attribute::{self, AttributeLines};
use super::failure::FailureReport;
use super::{Raw, present, rfc3339};

/// Where a workflow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for its first turn.
    Pending,
    /// It goes on.
    Running,
    /// It has ended with an output.
    Completed,
    /// It has ended with a failure.
    Failed,
    /// Its code no longer does what its history says; it waits for a component that agrees.
    Stalled,
    /// It has ended because it was asked to.
    Cancelled,
    /// It was ended from outside.
    Terminated,
    /// It is held until it is resumed.
    Suspended,
}

/// A workflow instance.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Workflow)]
pub struct Report<'a> {
    /// Its id, unique among the workflows that are kept.
    pub id: Cow<'a, str>,
    /// The name of what runs.
    pub name: Cow<'a, str>,
    /// The plugin that brings it.
    pub plugin: Cow<'a, str>,
    /// How often the id has been used, this time included.
    pub run: u32,
    /// The digest of the component that it runs on; absent: the one that stands for its plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// When it was started (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub created: String,
    /// When it begins (RFC 3339, UTC); only as long as it waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub starts: Option<String>,
    /// When its status last changed (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub updated: String,
    /// Set where an earlier request has started it and this one has not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub already_done: bool,
    /// What it was started with; only where one workflow is asked for.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub input: Option<Raw>,
    /// What it returned, once it has completed.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub output: Option<Raw>,
    /// Why it failed, once it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport<'a>>,
    /// Where its code and its history differ, while it stalls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<StallReport<'a>>,
    /// Why it is held, while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<SuspensionReport<'a>>,
    /// Why it was asked to end; set once it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<Cow<'a, str>>,
    /// Where its code says that it stands.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub custom_status: Option<Raw>,
    /// By what it is found.
    #[serde(default, skip_serializing_if = "AttributeLines::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, super::AttributeLine>, required = false)]
    pub attributes: AttributeLines,
    /// When it is deleted (RFC 3339, UTC); absent where it is kept for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub kept_until: Option<String>,
    /// Its activities that have not ended; only where one workflow is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<ActivityReport<'a>>,
}

/// Why a workflow is held.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Suspension)]
pub struct SuspensionReport<'a> {
    /// Since when (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub since: String,
    /// In the words of whoever asked.
    pub reason: Cow<'a, str>,
}

/// An activity that has not ended.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Activity)]
pub struct ActivityReport<'a> {
    /// What stands for its result in the history.
    pub handle: u32,
    /// Its name.
    pub name: Cow<'a, str>,
    /// The attempt that runs or comes next; counts from 1.
    pub attempt: u32,
    /// When that attempt is due or was (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub due: String,
    /// Whether it was asked to stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
    /// The details of its last heartbeat.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub heartbeat: Option<Raw>,
    /// Why the attempt before failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureReport<'a>>,
}

/// Where a workflow's code and its history differ.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Stall)]
pub struct StallReport<'a> {
    /// The number of the event.
    pub event: u64,
    /// What the history holds there.
    pub history: Cow<'a, str>,
    /// What the code asked for.
    pub code: Cow<'a, str>,
    /// Where it did, a frame a line.
    pub backtrace: Cow<'a, str>,
    /// The digest of the component that was tried.
    pub component: Option<String>,
}

impl From<WorkflowStatus> for Status {
    fn from(status: WorkflowStatus) -> Status {
        match status {
            WorkflowStatus::Pending => Status::Pending,
            WorkflowStatus::Running => Status::Running,
            WorkflowStatus::Completed => Status::Completed,
            WorkflowStatus::Failed => Status::Failed,
            WorkflowStatus::Stalled => Status::Stalled,
            WorkflowStatus::Cancelled => Status::Cancelled,
            WorkflowStatus::Terminated => Status::Terminated,
            WorkflowStatus::Suspended => Status::Suspended,
        }
    }
}

impl From<records::Status> for Status {
    fn from(status: records::Status) -> Status {
        match status {
            records::Status::Pending => Status::Pending,
            records::Status::Running => Status::Running,
            records::Status::Completed => Status::Completed,
            records::Status::Failed => Status::Failed,
            records::Status::Stalled => Status::Stalled,
            records::Status::Cancelled => Status::Cancelled,
            records::Status::Terminated => Status::Terminated,
            records::Status::Suspended => Status::Suspended,
        }
    }
}

impl Status {
    /// Whether there is nothing left to do.
    pub fn has_ended(self) -> bool {
        match self {
            Status::Completed | Status::Failed | Status::Cancelled | Status::Terminated => true,
            Status::Pending | Status::Running | Status::Stalled | Status::Suspended => false,
        }
    }

    /// Whether it does not go on by itself.
    pub fn rests(self) -> bool {
        self.has_ended() || matches!(self, Status::Stalled | Status::Suspended)
    }

    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Stalled => "stalled",
            Status::Cancelled => "cancelled",
            Status::Terminated => "terminated",
            Status::Suspended => "suspended",
        }
    }
}

impl From<Status> for records::Status {
    fn from(status: Status) -> records::Status {
        match status {
            Status::Pending => records::Status::Pending,
            Status::Running => records::Status::Running,
            Status::Completed => records::Status::Completed,
            Status::Failed => records::Status::Failed,
            Status::Stalled => records::Status::Stalled,
            Status::Cancelled => records::Status::Cancelled,
            Status::Terminated => records::Status::Terminated,
            Status::Suspended => records::Status::Suspended,
        }
    }
}

impl<'a> Report<'a> {
    /// What is known of a workflow without its history.
    pub fn new(view: &'a WorkflowView) -> Report<'a> {
        Report {
            id: (&view.key.id).into(),
            name: (&view.name).into(),
            plugin: (&view.plugin).into(),
            run: view.run,
            component: view.component.map(|digest| digest.to_string()),
            status: view.status.into(),
            created: rfc3339(view.created),
            starts: view.starts.map(rfc3339),
            updated: rfc3339(view.updated),
            already_done: false,
            input: None,
            output: output(view).map(|output| Raw::new(output)),
            failure: failure(view).map(FailureReport::new),
            stall: view.stall.as_ref().map(StallReport::new),
            activities: Vec::new(),
            suspension: view.suspension.as_ref().map(|held| SuspensionReport {
                since: rfc3339(Timestamp(held.at_ms)),
                reason: (&held.reason).into(),
            }),
            cancel_requested: view.cancel_requested.as_deref().map(Cow::from),
            custom_status: view.custom_status.as_deref().map(Raw::new),
            attributes: attribute::shown(&view.attributes),
            kept_until: view.kept_until.map(rfc3339),
        }
    }

    /// The same with its activities that have not ended.
    pub fn with_activities(self, activities: &'a [PendingActivity]) -> Report<'a> {
        let activities = activities.iter().map(ActivityReport::new).collect();
        Report { activities, ..self }
    }

    /// The same of a workflow that an earlier invocation had run.
    pub fn already_done(self) -> Report<'a> {
        let already_done = true;
        Report {
            already_done,
            ..self
        }
    }

    /// The same with what the workflow was started with.
    pub fn with_input(self, input: Option<&Payload>) -> Report<'a> {
        let input = input.map(|input| Raw::new(input));
        Report { input, ..self }
    }
}

impl<'a> ActivityReport<'a> {
    /// What is known of it.
    pub fn new(activity: &'a PendingActivity) -> ActivityReport<'a> {
        ActivityReport {
            handle: activity.handle,
            name: (&activity.name).into(),
            attempt: activity.attempt,
            due: rfc3339(activity.due),
            cancel_requested: activity.cancel_requested,
            heartbeat: activity.heartbeat.as_deref().map(Raw::new),
            last_failure: activity.last_failure.as_ref().map(FailureReport::new),
        }
    }
}

impl<'a> StallReport<'a> {
    /// What is known of it.
    pub fn new(stall: &'a Stall) -> StallReport<'a> {
        StallReport {
            event: stall.event,
            history: (&stall.history).into(),
            code: (&stall.asked).into(),
            backtrace: (&stall.backtrace).into(),
            component: Digest::from_bytes(&stall.component).map(|digest| digest.to_string()),
        }
    }
}

fn output(view: &WorkflowView) -> Option<&Payload> {
    view.outcome
        .as_ref()
        .and_then(|outcome| outcome.as_ref().ok())
}

fn failure(view: &WorkflowView) -> Option<&Failure> {
    view.outcome
        .as_ref()
        .and_then(|outcome| outcome.as_ref().err())
}

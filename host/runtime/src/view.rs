//! What others see of a workflow instance.
//!
//! Knows the records; the store and the entity that own them are elsewhere.

use host_base::{Attributes, Digest, Outcome, Payload, Timestamp, WorkflowKey};
use host_engine::{Plugin, WorkflowInfo, WorkflowStatus};
use host_store::attributes_of_records;
use host_store::records::{Instance, Stall, Status, Suspension};

/// A workflow instance as of its last commit.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowView {
    /// Whose and which.
    pub key: WorkflowKey,
    /// The workflow's name.
    pub name: String,
    /// The plugin that brings it.
    pub plugin: String,
    /// How often the id has been used, this time included.
    pub run: u32,
    /// Where it stands.
    pub status: WorkflowStatus,
    /// When it was started.
    pub created: Timestamp,
    /// When its status last changed.
    pub updated: Timestamp,
    /// What it ended with, once it has.
    pub outcome: Option<Outcome>,
    /// Why it stalls, while it does.
    pub stall: Option<Stall>,
    /// The component that it is pinned to; none: the one that stands for its plugin.
    pub component: Option<Digest>,
    /// Why it is held, while it is.
    pub suspension: Option<Suspension>,
    /// Why it was asked to end, once it was.
    pub cancel_requested: Option<String>,
    /// Where its code says that it stands.
    pub custom_status: Option<Payload>,
    /// By what it is found.
    pub attributes: Attributes,
    /// When it begins, as long as it waits for that.
    pub starts: Option<Timestamp>,
    /// When it is deleted, where it has ended and is not kept for ever.
    pub kept_until: Option<Timestamp>,
}

impl WorkflowView {
    pub(crate) fn new(key: WorkflowKey, instance: Instance) -> WorkflowView {
        WorkflowView {
            key,
            status: status_of(&instance),
            name: instance.name,
            plugin: instance.plugin,
            run: instance.run,
            created: Timestamp(instance.created_ms),
            updated: Timestamp(instance.updated_ms),
            outcome: instance.outcome.map(Outcome::from),
            stall: instance.stall,
            component: Digest::from_bytes(&instance.component),
            suspension: instance.suspension,
            cancel_requested: instance.cancel_reason,
            custom_status: instance.custom_status,
            attributes: attributes_of_records(instance.attributes),
            starts: Some(Timestamp(instance.starts_ms)).filter(|at| at.0 > 0),
            kept_until: Some(Timestamp(instance.retained_until_ms)).filter(|until| until.0 > 0),
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        match self.status {
            WorkflowStatus::Completed
            | WorkflowStatus::Failed
            | WorkflowStatus::Cancelled
            | WorkflowStatus::Terminated => true,
            WorkflowStatus::Pending
            | WorkflowStatus::Running
            | WorkflowStatus::Stalled
            | WorkflowStatus::Suspended => false,
        }
    }

    /// Whether it has ended, stalls or is held: it does not go on by itself.
    pub(crate) fn rests(&self) -> bool {
        match self.status {
            WorkflowStatus::Stalled | WorkflowStatus::Suspended => true,
            WorkflowStatus::Pending
            | WorkflowStatus::Running
            | WorkflowStatus::Completed
            | WorkflowStatus::Failed
            | WorkflowStatus::Cancelled
            | WorkflowStatus::Terminated => self.has_ended(),
        }
    }

    /// Where it stands, as one lower-case word.
    pub fn status_name(&self) -> &'static str {
        status_name(self.status)
    }

    pub(crate) fn info(self) -> WorkflowInfo {
        let (output, failure) = match self.outcome {
            Some(Ok(output)) => (Some(output), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        WorkflowInfo {
            id: self.key.id,
            name: self.name,
            status: self.status,
            created: self.created,
            updated: self.updated,
            output,
            failure,
            custom_status: self.custom_status,
        }
    }
}

/// A status as one lower-case word.
pub fn status_name(status: WorkflowStatus) -> &'static str {
    match status {
        WorkflowStatus::Pending => "pending",
        WorkflowStatus::Running => "running",
        WorkflowStatus::Completed => "completed",
        WorkflowStatus::Failed => "failed",
        WorkflowStatus::Stalled => "stalled",
        WorkflowStatus::Cancelled => "cancelled",
        WorkflowStatus::Terminated => "terminated",
        WorkflowStatus::Suspended => "suspended",
    }
}

/// Whether a stalled instance may go on with the component that it runs on: it has not tried it, or what
/// kept it may have passed.
pub(crate) fn may_go_on(
    stall: &Stall,
    pin: &[u8],
    workflow: &str,
    plugin: Option<&Plugin>,
) -> bool {
    let here = !pin.is_empty() || plugin.is_some_and(|plugin| brings(plugin, workflow));
    here && stall.may_pass || is_untried(stall, pin, workflow, plugin)
}

/// Whether a stalled instance has not tried the component that it runs on: the one that it is pinned to, or
/// else the one that is deployed.
pub(crate) fn is_untried(
    stall: &Stall,
    pin: &[u8],
    workflow: &str,
    deployed: Option<&Plugin>,
) -> bool {
    if !pin.is_empty() {
        return stall.component != pin;
    }
    deployed
        .is_some_and(|plugin| brings(plugin, workflow) && plugin.digest().0[..] != stall.component)
}

/// Whether the plugin brings the workflow.
pub(crate) fn brings(plugin: &Plugin, workflow: &str) -> bool {
    let mut workflows = plugin.manifest().workflows.iter();
    workflows.any(|one| one.name == workflow)
}

pub(crate) fn status_of(instance: &Instance) -> WorkflowStatus {
    match instance.status() {
        Status::Pending => WorkflowStatus::Pending,
        Status::Running => WorkflowStatus::Running,
        Status::Completed => WorkflowStatus::Completed,
        Status::Failed => WorkflowStatus::Failed,
        Status::Stalled => WorkflowStatus::Stalled,
        Status::Cancelled => WorkflowStatus::Cancelled,
        Status::Terminated => WorkflowStatus::Terminated,
        Status::Suspended => WorkflowStatus::Suspended,
    }
}

/// Where instances stand that have not ended.
pub(crate) const ACTIVE: [Status; 4] = [
    Status::Pending,
    Status::Running,
    Status::Stalled,
    Status::Suspended,
];

pub(crate) fn is_active(instance: &Instance) -> bool {
    match instance.status() {
        Status::Pending | Status::Running | Status::Stalled | Status::Suspended => true,
        Status::Completed | Status::Failed | Status::Cancelled | Status::Terminated => false,
    }
}

//! What others see of a workflow's activities that have not ended.
//!
//! Reads the store; what runs in this process is elsewhere.

use host_base::{Failure, Payload, Timestamp, WorkflowKey};
use host_store::records::{EventKind, Task};
use host_store::{ReadError, Reader, TaskKey};

/// An activity that was scheduled and has not ended, as of its last commit.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingActivity {
    /// Its name.
    pub name: String,
    /// The handle that stands for its result.
    pub handle: u32,
    /// The attempt that runs or comes next; counts from 1.
    pub attempt: u32,
    /// When that attempt is due or was.
    pub due: Timestamp,
    /// Whether it was asked to stop.
    pub cancel_requested: bool,
    /// The details of the last heartbeat that was written.
    pub heartbeat: Option<Payload>,
    /// Why the attempt before failed, if there was one.
    pub last_failure: Option<Failure>,
}

/// The activities of a run that have not ended, in the order in which they were scheduled.
pub(crate) fn activities_of(
    reader: &Reader,
    workflow: &WorkflowKey,
    run: u32,
) -> Result<Vec<PendingActivity>, ReadError> {
    let tasks = reader.tasks_of(workflow, run)?.into_iter();
    let pending = tasks.map(|(key, task)| pending(reader, &key, task));
    pending.filter_map(Result::transpose).collect()
}

/// One of them, unless it has ended meanwhile.
pub(crate) fn pending(
    reader: &Reader,
    key: &TaskKey,
    task: Task,
) -> Result<Option<PendingActivity>, ReadError> {
    let Some(event) = reader.event(&key.workflow, key.run, task.event)? else {
        return Ok(None);
    };
    let Some(EventKind::ActivityScheduled(scheduled)) = event.kind else {
        return Ok(None);
    };
    Ok(Some(PendingActivity {
        name: scheduled.name,
        handle: key.handle,
        attempt: task.failed_attempts + 1,
        due: Timestamp(task.due_ms.max(event.at_ms)),
        cancel_requested: reader.is_cancelled(key)?,
        heartbeat: task.heartbeat,
        last_failure: task.last_failure.map(Failure::from),
    }))
}

//! The actor that owns one task: its state, its history and which workflow processes it.

use guest_sdk::prelude::*;

use crate::{TaskInput, task_processing_workflow};

/// One task. Times are milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TaskActor {
    status: String,
    title: Option<String>,
    assignee: Option<String>,
    created_at: u64,
    submitted_at: Option<u64>,
    workflow_instance: Option<String>,
    history: Vec<Change>,
}

/// One change of the status.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Change {
    from: String,
    to: String,
    at: u64,
}

/// A new status, and whatever else is new.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "StatusUpdateForm")]
pub(crate) struct StatusUpdate {
    pub(crate) status: String,
    pub(crate) title: Option<String>,
    pub(crate) assignee: Option<String>,
}

/// How callers may say it: the status alone is enough.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum StatusUpdateForm {
    Status(String),
    Whole {
        status: String,
        title: Option<String>,
        assignee: Option<String>,
    },
}

impl From<StatusUpdateForm> for StatusUpdate {
    fn from(form: StatusUpdateForm) -> StatusUpdate {
        let (status, title, assignee) = match form {
            StatusUpdateForm::Status(status) => (status, None, None),
            StatusUpdateForm::Whole {
                status,
                title,
                assignee,
            } => (status, title, assignee),
        };
        StatusUpdate {
            status,
            title,
            assignee,
        }
    }
}

/// Who is to do the task, and what it is called from now on.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(from = "SubmissionForm")]
pub(crate) struct Submission {
    assignee: String,
    title: Option<String>,
}

/// How callers may say it: the assignee alone is enough.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum SubmissionForm {
    Assignee(String),
    Whole {
        assignee: String,
        title: Option<String>,
    },
}

impl From<SubmissionForm> for Submission {
    fn from(form: SubmissionForm) -> Submission {
        let (assignee, title) = match form {
            SubmissionForm::Assignee(assignee) => (assignee, None),
            SubmissionForm::Whole { assignee, title } => (assignee, title),
        };
        Submission { assignee, title }
    }
}

/// What became of a submission.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Submitted {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    workflow_instance: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
}

/// A task with its id.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Task {
    id: String,
    #[serde(flatten)]
    state: TaskActor,
}

/// Where a task stands, and where its workflow does.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct ProcessingStatus {
    task_id: String,
    actor_status: String,
    workflow_instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_status: Option<WorkflowStatus>,
}

/// Owns the state of one task and has it processed.
#[actor]
impl TaskActor {
    #[activate]
    fn activate(&mut self, ctx: &ActorContext) {
        if self.created_at == 0 {
            self.status = "pending".to_owned();
            self.created_at = ctx.now_ms();
        }
    }

    /// Gives the task a new status. Every call leaves its mark in the history.
    #[method]
    fn update_status(&mut self, ctx: &ActorContext, update: StatusUpdate) -> Task {
        self.title = update.title.or(self.title.take());
        self.assignee = update.assignee.or(self.assignee.take());
        self.enter(update.status, ctx.now_ms());
        self.get_task(ctx)
    }

    /// Starts the workflow that processes the task, unless it was started before.
    #[method]
    fn submit_for_processing(
        &mut self,
        ctx: &ActorContext,
        submission: Submission,
    ) -> Result<Submitted, Failure> {
        if let Some(instance) = &self.workflow_instance {
            return Ok(already_submitted(instance));
        }
        let title = submission.title.or(self.title.clone());
        let task = TaskInput {
            task_id: ctx.id().to_owned(),
            title: title.clone().unwrap_or("Untitled".to_owned()),
            assignee: submission.assignee.clone(),
            pause_seconds: None,
        };
        let start = ctx.start_workflow(task_processing_workflow, task);
        let instance = match start.id(format!("process-{}", ctx.id())).start() {
            Ok(instance) => instance,
            Err(StartError::AlreadyExists(running)) => {
                self.workflow_instance = Some(running.id.clone());
                return Ok(already_submitted(&running.id));
            }
            Err(StartError::Refused(failure)) => return Err(failure),
        };

        self.enter("processing".to_owned(), ctx.now_ms());
        self.title = title;
        self.assignee = Some(submission.assignee);
        self.submitted_at = Some(ctx.now_ms());
        self.workflow_instance = Some(instance.clone());
        Ok(Submitted {
            success: true,
            workflow_instance: instance,
            task_id: Some(ctx.id().to_owned()),
            ..Submitted::default()
        })
    }

    /// The task.
    #[method]
    fn get_task(&self, ctx: &ActorContext) -> Task {
        Task {
            id: ctx.id().to_owned(),
            state: self.clone(),
        }
    }

    /// Where the task stands, and where its workflow does.
    #[method]
    fn get_processing_status(&self, ctx: &ActorContext) -> ProcessingStatus {
        let instance = self.workflow_instance.clone();
        let workflow = instance.as_deref().and_then(|id| ctx.workflow(id));
        ProcessingStatus {
            task_id: ctx.id().to_owned(),
            actor_status: self.status.clone(),
            workflow_instance: instance,
            workflow_status: workflow.map(|workflow| workflow.status),
        }
    }

    fn enter(&mut self, to: String, at: u64) {
        let from = std::mem::replace(&mut self.status, to.clone());
        self.history.push(Change { from, to, at });
    }
}

fn already_submitted(instance: &str) -> Submitted {
    Submitted {
        reason: Some("Already submitted".to_owned()),
        workflow_instance: instance.to_owned(),
        ..Submitted::default()
    }
}

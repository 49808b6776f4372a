//! Tasks: an actor owns each task's state, and a workflow takes the task through its steps.
//!
//! The workflow reaches the actor through activities, and the actor starts the workflow. What is to
//! survive is said here; how it survives is the host's business.

mod task_actor;

use guest_sdk::prelude::*;
use task_actor::{StatusUpdate, Task, TaskActor};

/// A task to process. What is missing is found by `validate_task`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct TaskInput {
    task_id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    assignee: String,
    /// How long the task rests between its notification and its assignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_seconds: Option<u64>,
}

impl TaskInput {
    fn update(&self, status: &str, message: Option<&str>) -> TaskStatusUpdate {
        TaskStatusUpdate {
            task_id: self.task_id.clone(),
            status: status.to_owned(),
            message: message.map(str::to_owned),
        }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct TaskResult {
    task_id: String,
    final_status: String,
    steps_completed: Vec<String>,
}

/// Takes a task through its steps and keeps its actor up to date.
#[workflow]
async fn task_processing_workflow(
    ctx: WorkflowContext,
    task: TaskInput,
) -> Result<TaskResult, Failure> {
    ctx.log("Starting...");
    let set_status = |status| ctx.activity(update_actor_status, task.update(status, None));

    if !ctx.activity(validate_task, task.clone()).await?.valid {
        set_status("rejected").await?;
        return Ok(completed(&ctx, &task, "rejected", &["validation_failed"]));
    }
    let mut steps = vec!["validated"];

    set_status("in_progress").await?;
    steps.push("started");

    ctx.activity(send_notification, task.clone()).await?;
    steps.push("notified");

    if let Some(seconds) = task.pause_seconds {
        ctx.sleep(Duration::from_secs(seconds)).await;
    }
    set_status("assigned").await?;
    steps.push("assigned");

    Ok(completed(&ctx, &task, "assigned", &steps))
}

fn completed(ctx: &WorkflowContext, task: &TaskInput, status: &str, steps: &[&str]) -> TaskResult {
    ctx.log(format!("Completed: {status}"));
    ctx.log(format!("Steps: ['{}']", steps.join("', '")));
    TaskResult {
        task_id: task.task_id.clone(),
        final_status: status.to_owned(),
        steps_completed: steps.iter().copied().map(str::to_owned).collect(),
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Validation {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Checks that a task can be processed.
#[activity]
fn validate_task(ctx: &ActivityContext, task: TaskInput) -> Validation {
    let valid = !task.title.is_empty() && !task.assignee.is_empty();
    let reason = (!valid).then(|| "Missing required fields".to_owned());
    match &reason {
        None => ctx.log("Task valid"),
        Some(reason) => ctx.log(format!("Task invalid: {reason}")),
    }
    Validation { valid, reason }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct TaskStatusUpdate {
    task_id: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct TaskStatusUpdated {
    task_id: String,
    new_status: String,
    actor_response: Task,
}

/// Gives the task's actor a new status and returns what the actor answers.
#[activity]
fn update_task_status(
    ctx: &ActivityContext,
    update: TaskStatusUpdate,
) -> Result<TaskStatusUpdated, Failure> {
    let (task_id, status) = (update.task_id, update.status);
    let actor_response = ctx
        .actor::<TaskActor>(&task_id)
        .update_status(StatusUpdate {
            status: status.clone(),
            ..StatusUpdate::default()
        })?;
    ctx.log(format!("TaskActor/{task_id} -> {status}"));
    Ok(TaskStatusUpdated {
        task_id,
        new_status: status,
        actor_response,
    })
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct ActorUpdated {
    updated: bool,
    task_id: String,
}

/// Gives the task's actor a new status.
#[activity]
fn update_actor_status(
    ctx: &ActivityContext,
    update: TaskStatusUpdate,
) -> Result<ActorUpdated, Failure> {
    let TaskStatusUpdated { task_id, .. } = update_task_status::call(ctx, update)?;
    Ok(ActorUpdated {
        updated: true,
        task_id,
    })
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Notified {
    notified: bool,
    idempotency_key: String,
}

/// Tells the assignee. The key lets whoever delivers the message recognise a repeat.
#[activity]
fn send_notification(ctx: &ActivityContext, task: TaskInput) -> Notified {
    ctx.log(format!(
        "Notifying {} about {}",
        task.assignee, task.task_id
    ));
    let idempotency_key = ctx.info().idempotency_key;
    let key = format!("Key for {}: {idempotency_key}", task.task_id);
    ctx.log_at(LogLevel::Debug, key);
    Notified {
        notified: true,
        idempotency_key,
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Batch {
    tasks: Vec<TaskInput>,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct BatchResult {
    total: usize,
    assigned: usize,
    rejected: usize,
    failed: usize,
    results: Vec<TaskResult>,
}

/// Processes many tasks at once, each by a workflow of its own.
#[workflow]
async fn batch_workflow(ctx: WorkflowContext, batch: Batch) -> BatchResult {
    let processed = join_all(batch.tasks.iter().map(|task| process(&ctx, task))).await;
    let mut result = BatchResult {
        total: processed.len(),
        ..BatchResult::default()
    };
    for outcome in processed {
        match &outcome {
            Ok(task) if task.final_status == "assigned" => result.assigned += 1,
            Ok(_) => result.rejected += 1,
            Err(_) => result.failed += 1,
        }
        result.results.extend(outcome);
    }
    result
}

async fn process(ctx: &WorkflowContext, task: &TaskInput) -> Result<TaskResult, Failure> {
    let queued = task.update("queued", Some("Waiting for its turn"));
    ctx.activity(update_task_status, queued).await?;
    let child = ctx.child(task_processing_workflow, task.clone());
    child.id(format!("task-processing-{}", task.task_id)).await
}

guest_sdk::export! {
    workflows: [task_processing_workflow, batch_workflow],
    actors: [TaskActor],
    activities: [validate_task, update_actor_status, update_task_status, send_notification],
    example: task_processing_workflow, "task-processing-{task_id}", TaskInput {
        task_id: "task-123".to_owned(),
        title: "Review PR".to_owned(),
        assignee: "alice@example.com".to_owned(),
        pause_seconds: None,
    },
}

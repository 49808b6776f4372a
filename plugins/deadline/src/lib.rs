//! Deadlines: an actor owns a task and has itself reminded a day before it is due.
//!
//! Shows durable reminders that an actor sets and cancels in its turns, one of them again and again, an event that
//! goes from the actor to the workflow that it started, and an assignment that leaves nothing behind when it fails.

use std::time::UNIX_EPOCH;

use guest_sdk::prelude::*;

/// So long before a task is due, its assignee is told.
const NOTICE: Duration = Duration::from_hours(24);

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    #[default]
    Unassigned,
    Assigning,
    Assigned,
    Finished,
}

/// One task.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
struct Task {
    status: Status,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    due_ms: Option<u64>,
    assignee: Option<String>,
    /// Why the last assignment failed.
    refusal: Option<String>,
    /// The workflow that looks after the present assignment.
    workflow: Option<String>,
    assignments: u32,
    reproaches: u32,
}

/// Owns a task and its deadline.
#[actor]
impl Task {
    /// Says when the task is due, in milliseconds since 1970; a new time takes the place of the old one.
    #[method]
    fn set_due(&mut self, ctx: &ActorContext, due_ms: u64) -> Result<(), Failure> {
        self.due_ms = Some(due_ms);
        let due = UNIX_EPOCH + Duration::from_millis(due_ms);
        let reminder = ctx.reminder::<Self>("deadline").due(due - NOTICE);
        reminder.call().due_soon()?;
        // One reproach a day. Those that a host missed are made up for by one, and one that fails is not repeated.
        let daily = ctx.reminder::<Self>("overdue").due(due).every("P1D");
        let daily = daily
            .catch_up(CatchUp::Once)
            .on_failure(FailurePolicy::Drop);
        daily.call().overdue()
    }

    /// Gives the task to somebody, if nobody has it.
    #[method]
    fn assign(&mut self, ctx: &ActorContext, assignee: String) -> Result<String, Failure> {
        let (id, status) = (ctx.id(), self.status);
        if status != Status::Unassigned {
            return Err(failure!("not-unassigned", "task {id} is {status:?}"));
        }
        self.assignments += 1;
        let assignment = Assignment {
            task_id: id.to_owned(),
            assignee: assignee.clone(),
        };
        let start = ctx.start_workflow(look_after, assignment);
        let workflow = start.id(format!("{id}-{}", self.assignments)).start()?;
        self.workflow = Some(workflow.clone());
        self.assignee = Some(assignee);
        self.status = Status::Assigning;
        Ok(workflow)
    }

    /// The assignee has taken the task.
    #[method]
    fn accepted(&mut self) {
        if self.status == Status::Assigning {
            self.status = Status::Assigned;
            self.refusal = None;
        }
    }

    /// The assignment has failed: the task is as free as it was before.
    #[method]
    fn refused(&mut self, why: String) {
        if self.status == Status::Assigning {
            self.status = Status::Unassigned;
            self.assignee = None;
            self.workflow = None;
            self.refusal = Some(why);
        }
    }

    /// The work is done: nobody needs to be reminded.
    #[method]
    fn finish(&mut self, ctx: &ActorContext) -> Result<(), Failure> {
        self.status = Status::Finished;
        ctx.cancel_reminder("deadline");
        ctx.cancel_reminder("overdue");
        self.tell(ctx, "finished")
    }

    /// The task is due in a day.
    #[method]
    fn due_soon(&mut self, ctx: &ActorContext) -> Result<(), Failure> {
        self.tell(ctx, "due-soon")
    }

    /// The task should have been finished by now.
    #[method]
    fn overdue(&mut self) {
        self.reproaches += 1;
    }

    #[method]
    fn get(&self) -> Task {
        self.clone()
    }

    /// Tells the workflow that looks after the assignment, where there is one. It ends with what it is told.
    fn tell(&mut self, ctx: &ActorContext, event: &str) -> Result<(), Failure> {
        match self.workflow.take() {
            Some(workflow) => ctx.raise_event(&workflow, event, &()),
            None => Ok(()),
        }
    }
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Assignment {
    task_id: String,
    assignee: String,
}

/// Has a task taken by its assignee, and looks after it until it is finished or nearly due.
#[workflow]
async fn look_after(ctx: WorkflowContext, assignment: Assignment) -> Result<String, Failure> {
    let task = ctx.actor::<Task>(&assignment.task_id);
    if let Err(failure) = ctx.activity(ask, assignment.clone()).await {
        task.refused(failure.message.clone()).await?;
        return Err(failure);
    }
    task.accepted().await?;
    let (finished, due_soon) = (ctx.event::<()>("finished"), ctx.event::<()>("due-soon"));
    match select(finished, due_soon).await {
        Either::Left(_) => Ok("finished".to_owned()),
        Either::Right(_) => {
            ctx.activity(warn, assignment).await?;
            Ok("warned".to_owned())
        }
    }
}

/// Asks somebody to take a task. Those who are on leave do not.
#[activity]
fn ask(ctx: &ActivityContext, assignment: Assignment) -> Result<(), Failure> {
    let Assignment { task_id, assignee } = assignment;
    if assignee.ends_with("(on leave)") {
        return Err(failure!("refused", "{assignee} cannot take {task_id}"));
    }
    ctx.log(format!("{assignee} takes {task_id}"));
    Ok(())
}

/// Tells the assignee that a task is due in a day.
#[activity]
fn warn(ctx: &ActivityContext, assignment: Assignment) {
    let Assignment { task_id, assignee } = assignment;
    ctx.log(format!("{assignee}: {task_id} is due in a day"));
}

guest_sdk::export! {
    workflows: [look_after],
    actors: [Task],
    activities: [ask, warn],
}

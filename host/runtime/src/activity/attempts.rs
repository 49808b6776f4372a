//! The attempts of one activity, from the first to its end.
//!
//! Owns what is made durable between two attempts. Which activities are in memory is the business of the
//! module above; whether to try again is decided in [`retry`].

use std::sync::Arc;

use host_base::failure::code;
use host_base::{Entity, Failure, Outcome, Timestamp};
use host_engine::Plugin;
use host_store::{Batch, CommitError, TaskKey};

use crate::activity::forget;
use crate::activity::imports::Imports;
use crate::activity::retry::{self, Again, Attempt, Chance, Options, Verdict};
use crate::activity::under_way::{Shared, UnderWay};
use crate::activity::watch::{NEVER, Watch, cancelled};
use crate::core::Core;
use crate::effect::{ActivityEnd, ActivityJob, Effect, Message};
use crate::limits;
use crate::observer::Happening;
use crate::view::is_active;

/// Runs attempts until one ends the activity. It is held until the workflow's turn with its result is
/// durable: until then its task is in the store, and must not be run again.
pub(crate) async fn to_the_end(core: &Arc<Core>, mut job: ActivityJob, shared: Shared) {
    loop {
        wait_until(core, Timestamp(job.due_ms), &shared).await;
        if job.failed_attempts > 0 && !is_wanted(core, &mut job) {
            return forget(core, &job.task).await;
        }
        if shared.is_cancelled() {
            return end(core, &job.task, Err(cancelled(&job.name)), &shared).await;
        }
        let Some(plugin) = plugin_of(core, &mut job).await else {
            // Its task waits in the store until the plugin is deployed.
            return core.activities.leave(core, &job.task);
        };
        match attempt(core, &job, &plugin, &shared).await {
            Verdict::Done(outcome) => return end(core, &job.task, outcome, &shared).await,
            Verdict::Again(again) => {
                if note_retry(core, &mut job, again, &shared).await.is_err() {
                    // The store is closed: nothing goes on.
                    return;
                }
            }
        }
    }
}

/// The component that its workflow runs on, which may be another one since the activity was scheduled.
async fn plugin_of(core: &Core, job: &mut ActivityJob) -> Option<Plugin> {
    match component_of(core, job).await {
        None if is_wanted(core, job) => component_of(core, job).await,
        found => found,
    }
}

async fn component_of(core: &Core, job: &ActivityJob) -> Option<Plugin> {
    let tenant = &job.task.workflow.tenant;
    let component = core.component(tenant, &job.plugin, &job.component);
    component.await.ok()
}

async fn attempt(core: &Arc<Core>, job: &ActivityJob, plugin: &Plugin, shared: &Shared) -> Verdict {
    let limits = core.limits_of(&job.task.workflow.tenant);
    let options = Options::of(job, plugin.manifest(), &limits);
    let outcome = run_once(core, job, plugin, &options, shared).await;
    if shared.is_cancelled() {
        return Verdict::Done(outcome.map_err(|failure| stopped(&job.name, failure)));
    }
    let attempt = Attempt {
        activity: &job.name,
        number: job.failed_attempts + 1,
        scheduled: job.scheduled,
        now: core.clock.now(),
        chance: Chance {
            seed: &job.seed,
            handle: job.task.handle,
        },
    };
    retry::judge(outcome, attempt, &options)
}

async fn run_once(
    core: &Arc<Core>,
    job: &ActivityJob,
    plugin: &Plugin,
    options: &Options,
    shared: &Shared,
) -> Outcome {
    let place = tokio::select! {
        biased;
        () = shared.cancelled() => return Err(cancelled(&job.name)),
        () = until_too_late(core, job, options) => {
            return Err(options.too_late(&job.name, job.last_failure.clone()));
        }
        place = core.activities.place(&job.task.workflow.tenant) => place,
    };
    let imports = Imports::new(core, job, shared);
    let run = plugin.run_activity(&job.name, job.input.clone(), Box::new(imports));
    let watch = Watch::new(core, job, options, shared);
    let outcome = tokio::select! {
        // First, so that an attempt that does not wait is not watched.
        biased;
        result = run => result,
        failure = watch.until_it_must_stop() => Ok(Err(failure)),
    };
    drop(place);
    match outcome {
        Ok(outcome) => {
            let who = format_args!("activity {}", job.name);
            limits::bounded(&core.limits_of(&job.task.workflow.tenant), who, outcome)
        }
        Err(error) => Err(error.failure()),
    }
}

/// How an attempt failed that was asked to stop: where it does not say that it stopped, the host does.
fn stopped(activity: &str, failure: Failure) -> Failure {
    if failure.code == code::CANCELLED {
        let retryable = false;
        return Failure {
            retryable,
            ..failure
        };
    }
    cancelled(activity).caused_by(failure)
}

/// Makes durable that one more attempt failed and when the next one is due. What the attempt did is durable
/// then, too, so that the next one finds it.
async fn note_retry(
    core: &Core,
    job: &mut ActivityJob,
    again: Again,
    shared: &UnderWay,
) -> Result<(), CommitError> {
    let Again {
        wait,
        max_attempts,
        failure,
    } = again;
    job.failed_attempts += 1;
    job.due_ms = core.clock.now().after(wait).0;
    job.heartbeat = shared.take_details().or(job.heartbeat.take());
    let details = None;
    let last = failure.clone();
    job.last_failure = Some(Failure { details, ..last });
    let mut batch = Batch::new();
    batch.put_task(&job.task, &job.task_row());
    let told = Happening::Retrying {
        activity: job.name.clone(),
        workflow: job.task.workflow.clone(),
        attempt: job.failed_attempts,
        max_attempts,
        wait,
        failure,
    };
    let told = vec![Effect::Tell(Box::new(told))];
    core.commit_durably(batch, told).await
}

/// The result goes to the workflow, whose turn records it and deletes the task.
async fn end(core: &Arc<Core>, task: &TaskKey, outcome: Outcome, shared: &UnderWay) {
    let end = ActivityEnd {
        task: task.clone(),
        outcome,
        replies: shared.take_replies(),
    };
    let workflow = Entity::Workflow(task.workflow.clone());
    core.tell(&workflow, Message::Activity(Box::new(end))).await;
}

/// Whether the workflow still runs that scheduled it; the job learns on which component.
fn is_wanted(core: &Core, job: &mut ActivityJob) -> bool {
    let task = &job.task;
    match core.reader.instance(&task.workflow) {
        Ok(Some(instance)) if instance.run == task.run && is_active(&instance) => {
            job.component = instance.component;
            true
        }
        Ok(_) => false,
        Err(error) => {
            core.store_unreadable(&error);
            false
        }
    }
}

/// Waits until all of it has taken too long, for ever where it never does.
async fn until_too_late(core: &Core, job: &ActivityJob, options: &Options) {
    match options.deadline(job.scheduled) {
        None => std::future::pending().await,
        Some(deadline) => {
            let left = deadline.since(core.clock.now());
            if !left.is_zero() {
                tokio::time::sleep(left.min(NEVER)).await;
            }
        }
    }
}

async fn wait_until(core: &Core, due: Timestamp, shared: &UnderWay) {
    let wait = due.since(core.clock.now());
    if !wait.is_zero() {
        // Either is a reason to go on.
        drop(tokio::time::timeout(wait, shared.cancelled()).await);
    }
}

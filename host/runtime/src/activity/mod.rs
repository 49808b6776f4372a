//! Activities: run at least once, again after failures, a bounded number at a time.
//!
//! Owns which activities are under way in this process. What lies between two attempts is durable: a task's
//! row stays in the store until the workflow's turn that records its result. Whether to try again is decided
//! in [`retry`]; the contract's functions are in [`imports`].

mod imports;
mod retry;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::failure::code;
use host_base::{Digest, Entity, Failure, Limits, Outcome, Timestamp};
use host_engine::Plugin;
use host_store::records::Task;
use host_store::{Batch, TaskKey};
use tokio::sync::Semaphore;

use crate::activity::imports::Imports;
use crate::activity::retry::{Again, Options, Verdict};
use crate::core::Core;
use crate::effect::{ActivityEnd, ActivityJob, Effect, Message};
use crate::limits;
use crate::locks::lock;
use crate::observer::Happening;
use crate::view::is_active;

/// The activities of this process.
pub(crate) struct Activities {
    max: usize,
    places: Semaphore,
    under_way: Mutex<HashSet<TaskKey>>,
}

impl Activities {
    pub(crate) fn new(limits: &Limits) -> Activities {
        Activities {
            max: limits.activities_running_max,
            places: Semaphore::new(limits.activities_running_max),
            under_way: Mutex::default(),
        }
    }

    /// Runs an activity to its end, unless it is under way already.
    pub(crate) fn run(&self, core: &Arc<Core>, job: ActivityJob) {
        if lock(&self.under_way).insert(job.task.clone()) {
            let core = Arc::clone(core);
            core.tasks
                .clone()
                .spawn(async move { to_the_end(&core, job).await });
        }
    }

    /// Begins no more attempts, and waits for those that run, at most so long.
    pub(crate) async fn stop(&self, grace: Duration) {
        let all = u32::try_from(self.max).unwrap_or(u32::MAX);
        // Whoever asks for all places is the next in line, so that nobody else gets one.
        if let Ok(Ok(places)) = tokio::time::timeout(grace, self.places.acquire_many(all)).await {
            places.forget();
        }
    }
}

/// The keys of the calls that an activity has made, over all its attempts in this process.
pub(crate) type Replies = Arc<Mutex<HashSet<Digest>>>;

async fn to_the_end(core: &Arc<Core>, mut job: ActivityJob) {
    let replies = Replies::default();
    let outcome = loop {
        wait_until(core, Timestamp(job.due_ms)).await;
        if job.failed_attempts > 0 && !is_wanted(core, &job.task) {
            break None;
        }
        match attempt(core, &job, &replies).await {
            Verdict::Done(outcome) => break Some(outcome),
            Verdict::Again(again) => note_retry(core, &mut job, again).await,
        }
    };
    if let Some(outcome) = outcome {
        end(core, &job.task, outcome, &replies).await;
    }
    lock(&core.activities.under_way).remove(&job.task);
}

async fn attempt(core: &Arc<Core>, job: &ActivityJob, replies: &Replies) -> Verdict {
    let workflow = &job.task.workflow;
    let Some(plugin) = core.plugins.named(&workflow.tenant, &job.plugin) else {
        let text = format!(
            "plugin {} of activity {} is not deployed",
            job.plugin, job.name
        );
        return Verdict::Done(Err(Failure::new(code::NOT_FOUND, text)));
    };
    let options = Options::of(job, plugin.manifest(), &core.limits);
    let outcome = run_once(core, job, &plugin, options.timeout, replies).await;
    retry::judge(outcome, job.failed_attempts + 1, &options.retry)
}

async fn run_once(
    core: &Arc<Core>,
    job: &ActivityJob,
    plugin: &Plugin,
    timeout: Duration,
    replies: &Replies,
) -> Outcome {
    let place = core.activities.places.acquire().await;
    let imports = Imports::new(core, job, replies);
    let run = plugin.run_activity(&job.name, job.input.clone(), Box::new(imports));
    let result = tokio::time::timeout(timeout, run).await;
    drop(place);
    match result {
        Ok(Ok(outcome)) => {
            let who = format_args!("activity {}", job.name);
            limits::bounded(&core.limits, who, outcome)
        }
        Ok(Err(error)) => Err(error.failure()),
        Err(_) => {
            let text = format!("activity {} took longer than its {timeout:?}", job.name);
            Err(Failure::transient(code::TIMEOUT, text))
        }
    }
}

/// Makes durable that one more attempt failed and when the next one is due.
async fn note_retry(core: &Core, job: &mut ActivityJob, again: Again) {
    let Again {
        wait,
        max_attempts,
        failure,
    } = again;
    job.failed_attempts += 1;
    job.due_ms = core.clock.now().after(wait).0;
    let task = Task {
        event: job.event,
        failed_attempts: job.failed_attempts,
        due_ms: job.due_ms,
    };
    let mut batch = Batch::new();
    batch.put_task(&job.task, &task);
    let told = Happening::Retrying {
        activity: job.name.clone(),
        workflow: job.task.workflow.clone(),
        attempt: job.failed_attempts,
        max_attempts,
        wait,
        failure,
    };
    core.commit(batch, vec![Effect::Tell(Box::new(told))]).await;
}

/// The result goes to the workflow, whose turn records it and deletes the task.
async fn end(core: &Arc<Core>, task: &TaskKey, outcome: Outcome, replies: &Replies) {
    let end = ActivityEnd {
        task: task.clone(),
        outcome,
        replies: lock(replies).drain().collect(),
    };
    let workflow = Entity::Workflow(task.workflow.clone());
    core.tell(&workflow, Message::Activity(Box::new(end))).await;
}

/// Whether the workflow still runs that scheduled it.
fn is_wanted(core: &Core, task: &TaskKey) -> bool {
    match core.reader.instance(&task.workflow) {
        Ok(instance) => instance.is_some_and(|one| one.run == task.run && is_active(&one)),
        Err(error) => {
            core.store_unreadable(&error);
            false
        }
    }
}

async fn wait_until(core: &Core, due: Timestamp) {
    let wait = due.since(core.clock.now());
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

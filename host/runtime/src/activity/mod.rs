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
use host_store::{Batch, CommitError, ReadError, TaskKey};
use tokio::sync::Semaphore;

use crate::activity::imports::Imports;
use crate::activity::retry::{Again, Options, Verdict};
use crate::core::Core;
use crate::effect::{ActivityEnd, ActivityJob, Effect, Message};
use crate::limits;
use crate::locks::lock;
use crate::observer::Happening;
use crate::recovery;
use crate::view::is_active;

/// The activities of this process.
pub(crate) struct Activities {
    running_max: usize,
    places: Semaphore,
    held_max: usize,
    held: Mutex<Held>,
}

/// The activities that are in memory.
#[derive(Default)]
struct Held {
    tasks: HashSet<TaskKey>,
    /// Whether there are others, which wait in the store.
    left_out: bool,
}

impl Activities {
    pub(crate) fn new(limits: &Limits) -> Activities {
        Activities {
            running_max: limits.activities_running_max,
            places: Semaphore::new(limits.activities_running_max),
            held_max: limits.activities_held_max.max(1),
            held: Mutex::default(),
        }
    }

    /// Runs an activity whose task was read from the store, if it is there still: whoever held it before lets
    /// it go only after its task is gone.
    pub(crate) fn run_again(&self, core: &Arc<Core>, job: ActivityJob) -> Result<(), ReadError> {
        if !self.hold(&job.task) {
            return Ok(());
        }
        if core.reader.task(&job.task)?.is_none() {
            self.let_go(core, &job.task);
            return Ok(());
        }
        self.begin(core, job);
        Ok(())
    }

    /// Runs an activity to its end, unless it is under way already. Where there are too many, it waits in
    /// the store until some have ended.
    pub(crate) fn run(&self, core: &Arc<Core>, job: ActivityJob) {
        if self.hold(&job.task) {
            self.begin(core, job);
        }
    }

    fn begin(&self, core: &Arc<Core>, job: ActivityJob) {
        let tasks = core.tasks.clone();
        let core = Arc::clone(core);
        tasks.spawn(async move { to_the_end(&core, job).await });
    }

    fn hold(&self, task: &TaskKey) -> bool {
        let mut held = lock(&self.held);
        if held.tasks.len() >= self.held_max {
            held.left_out = true;
            return false;
        }
        held.tasks.insert(task.clone())
    }

    /// The activity's task is gone, or nobody's any more. Where there is room again, those run that wait in
    /// the store.
    pub(crate) fn let_go(&self, core: &Arc<Core>, task: &TaskKey) {
        if self.has_room_without(task) {
            let core = Arc::clone(core);
            core.tasks.clone().spawn(async move {
                if let Err(error) = recovery::tasks(&core).await {
                    core.store_unreadable(&error);
                }
            });
        }
    }

    fn has_room_without(&self, task: &TaskKey) -> bool {
        let mut held = lock(&self.held);
        held.tasks.remove(task);
        let room = held.tasks.len() <= self.held_max / 2;
        room && std::mem::take(&mut held.left_out)
    }

    /// Begins no more attempts, and waits for those that run, at most so long.
    pub(crate) async fn stop(&self, grace: Duration) {
        let all = u32::try_from(self.running_max).unwrap_or(u32::MAX);
        // Whoever asks for all places is the next in line, so that nobody else gets one.
        if let Ok(Ok(places)) = tokio::time::timeout(grace, self.places.acquire_many(all)).await {
            places.forget();
        }
    }
}

/// The keys of the calls that an activity has made, over all its attempts in this process.
pub(crate) type Replies = Arc<Mutex<HashSet<Digest>>>;

/// Runs attempts until one ends the activity. It is held until the workflow's turn with its result is
/// durable: until then its task is in the store, and must not be run again.
async fn to_the_end(core: &Arc<Core>, mut job: ActivityJob) {
    let replies = Replies::default();
    loop {
        wait_until(core, Timestamp(job.due_ms)).await;
        if job.failed_attempts > 0 && !is_wanted(core, &job.task) {
            return forget(core, &job.task).await;
        }
        let Some(plugin) = plugin_of(core, &job) else {
            // Its task waits in the store until the plugin is deployed.
            return core.activities.let_go(core, &job.task);
        };
        match attempt(core, &job, &plugin, &replies).await {
            Verdict::Done(outcome) => return end(core, &job.task, outcome, &replies).await,
            Verdict::Again(again) => {
                if note_retry(core, &mut job, again).await.is_err() {
                    // The store is closed: nothing goes on.
                    return;
                }
            }
        }
    }
}

fn plugin_of(core: &Core, job: &ActivityJob) -> Option<Plugin> {
    let tenant = &job.task.workflow.tenant;
    core.plugins.named(tenant, &job.plugin)
}

async fn attempt(
    core: &Arc<Core>,
    job: &ActivityJob,
    plugin: &Plugin,
    replies: &Replies,
) -> Verdict {
    let options = Options::of(job, plugin.manifest(), &core.limits);
    let outcome = run_once(core, job, plugin, options.timeout, replies).await;
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

/// Makes durable that one more attempt failed and when the next one is due. What the attempt did is durable
/// then, too, so that the next one finds it.
async fn note_retry(core: &Core, job: &mut ActivityJob, again: Again) -> Result<(), CommitError> {
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
    let told = vec![Effect::Tell(Box::new(told))];
    core.commit_durably(batch, told).await
}

/// The workflow has ended meanwhile: nobody wants the result.
pub(crate) async fn forget(core: &Core, task: &TaskKey) {
    let mut batch = Batch::new();
    batch.delete_task(task);
    core.commit(batch, vec![Effect::LetGo(task.clone())]).await;
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

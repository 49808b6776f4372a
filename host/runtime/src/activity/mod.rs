//! Activities: run at least once, again after failures, a bounded number at a time.
//!
//! Owns which activities are under way in this process. What lies between two attempts is durable: a task's
//! row stays in the store until the workflow's turn that records its result, and a request to stop lies
//! beside it. An activity's attempts are in [`attempts`]; the contract's functions are in [`imports`].

mod attempts;
mod imports;
mod retry;
mod under_way;
mod watch;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::{Limits, TenantId};
use host_store::{Batch, ReadError, TaskKey};

use crate::activity::under_way::Shared;
use crate::core::Core;
use crate::effect::{ActivityJob, Effect};
use crate::locks::lock;
use crate::places::{FairPlaces, Place};
use crate::recovery;

/// The activities of this process.
pub(crate) struct Activities {
    places: Arc<FairPlaces>,
    held_max: usize,
    held: Mutex<Held>,
}

/// The activities that are in memory.
#[derive(Default)]
struct Held {
    tasks: HashMap<TaskKey, Shared>,
    /// Whether there are others, which wait in the store.
    left_out: bool,
}

impl Activities {
    pub(crate) fn new(limits: &Limits) -> Activities {
        Activities {
            places: FairPlaces::new(limits.activities_running_max),
            held_max: limits.activities_held_max.max(1),
            held: Mutex::default(),
        }
    }

    /// Runs an activity whose task was read from the store, if it is there still: whoever held it before lets
    /// it go only after its task is gone.
    pub(crate) fn run_again(&self, core: &Arc<Core>, job: ActivityJob) -> Result<(), ReadError> {
        let Some(shared) = self.hold(&job.task) else {
            return Ok(());
        };
        if core.reader.task(&job.task)?.is_none() {
            self.let_go(core, &job.task);
            return Ok(());
        }
        if core.reader.is_cancelled(&job.task)? {
            shared.cancel();
        }
        begin(core, job, shared);
        Ok(())
    }

    /// Runs an activity to its end, unless it is under way already. Where there are too many, it waits in
    /// the store until some have ended.
    pub(crate) fn run(&self, core: &Arc<Core>, job: ActivityJob) {
        if let Some(shared) = self.hold(&job.task) {
            begin(core, job, shared);
        }
    }

    /// Asks an activity to stop, as the store says already. An attempt that runs learns it and has a moment
    /// to end; one that waits ends at once. Either way, its end is told to the workflow.
    pub(crate) fn cancel(&self, core: &Arc<Core>, task: &TaskKey) {
        if let Some(shared) = lock(&self.held).tasks.get(task) {
            return shared.cancel();
        }
        match core.reader.task(task) {
            Ok(Some(_)) => wake(core, task),
            Ok(None) => forget_cancel(core, task),
            Err(error) => core.store_unreadable(&error),
        }
    }

    fn hold(&self, task: &TaskKey) -> Option<Shared> {
        let mut held = lock(&self.held);
        if held.tasks.len() >= self.held_max {
            held.left_out = true;
            return None;
        }
        match held.tasks.entry(task.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => Some(Arc::clone(place.insert(Shared::default()))),
        }
    }

    /// The activity's task is gone, or nobody's any more.
    pub(crate) fn let_go(&self, core: &Arc<Core>, task: &TaskKey) {
        if self.drop_held(core, task) {
            forget_cancel(core, task);
        }
    }

    /// The activity's task waits in the store until something changes.
    fn leave(&self, core: &Arc<Core>, task: &TaskKey) {
        if self.drop_held(core, task) {
            wake(core, task);
        }
    }

    /// Whether it had been asked to stop. Where there is room again, those run that wait in the store.
    fn drop_held(&self, core: &Arc<Core>, task: &TaskKey) -> bool {
        let mut held = lock(&self.held);
        let was = held.tasks.remove(task);
        let room = held.tasks.len() <= self.held_max / 2;
        let room = room && std::mem::take(&mut held.left_out);
        drop(held);
        if room {
            recover(core, |core| async move { recovery::tasks(&core).await });
        }
        was.is_some_and(|was| was.is_cancelled())
    }

    /// Waits until one more attempt of the tenant may run.
    async fn place(&self, tenant: &TenantId) -> Place {
        self.places.place(tenant).await
    }

    /// Begins no more attempts, and waits for those that run, at most so long.
    pub(crate) async fn stop(&self, grace: Duration) {
        // What has not ended by then is begun again after the next start.
        drop(tokio::time::timeout(grace, self.places.close()).await);
    }
}

/// An activity that waits in the store may have something to do.
fn wake(core: &Arc<Core>, task: &TaskKey) {
    let task = task.clone();
    recover(
        core,
        |core| async move { recovery::task(&core, &task).await },
    );
}

/// Looks in the store, on behalf of nobody who could be told that it cannot be read.
fn recover<F, W>(core: &Arc<Core>, work: F)
where
    F: FnOnce(Arc<Core>) -> W,
    W: Future<Output = Result<(), ReadError>> + Send + 'static,
{
    let work = work(Arc::clone(core));
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        if let Err(error) = work.await {
            core.store_unreadable(&error);
        }
    });
}

fn begin(core: &Arc<Core>, job: ActivityJob, shared: Shared) {
    let tenant = job.task.workflow.tenant.clone();
    let of_task = Arc::clone(core);
    let work = async move { attempts::to_the_end(&of_task, job, shared).await };
    core.run_for(&tenant, work);
}

/// The workflow has ended meanwhile: nobody wants the result.
pub(crate) async fn forget(core: &Core, task: &TaskKey) {
    let mut batch = Batch::new();
    batch.delete_task(task);
    core.commit(batch, vec![Effect::LetGo(task.clone())]).await;
}

/// There is no such activity any more that could stop.
fn forget_cancel(core: &Arc<Core>, task: &TaskKey) {
    let mut batch = Batch::new();
    batch.delete_cancel(task);
    let core = Arc::clone(core);
    // Whoever performs effects must not wait for a place among them.
    core.tasks
        .clone()
        .spawn(async move { core.commit(batch, Vec::new()).await });
}

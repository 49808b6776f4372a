//! What goes on after the host was stopped, killed or has crashed.
//!
//! Everything that a turn causes lies in the store until it is done: tasks, mail, timers, instances that
//! have not begun. So nothing has to be found out but where they lie. Sleeping workflows are left alone.

use std::sync::Arc;

use host_base::{Entity, Timestamp, WorkflowKey};
use host_store::records::{EventKind, Status, Task};
use host_store::{ReadError, TaskKey};

use crate::activity;
use crate::core::Core;
use crate::effect::{ActivityJob, Message};
use crate::start::key_seed;
use crate::view::is_active;
use crate::workflow::{Origin, job};

/// Rows that are read at once.
const PAGE: usize = 1_000;

/// Starts whatever can go on. Doing it twice does no harm.
pub(crate) async fn go_on(core: &Arc<Core>) -> Result<(), ReadError> {
    tasks(core).await?;
    cancels(core).await?;
    mail(core).await?;
    with_status(core, Status::Pending).await?;
    with_status(core, Status::Stalled).await
}

/// Runs the activities that wait in the store.
pub(crate) async fn tasks(core: &Arc<Core>) -> Result<(), ReadError> {
    let mut last = None;
    loop {
        let tasks = core.reader.tasks(last.as_ref(), PAGE)?;
        let more = tasks.len() == PAGE;
        for (key, task) in tasks {
            one_task(core, &key, &task).await?;
            last = Some(key);
        }
        if !more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// Runs an activity that waits in the store, if it does.
pub(crate) async fn task(core: &Arc<Core>, key: &TaskKey) -> Result<(), ReadError> {
    match core.reader.task(key)? {
        Some(task) => one_task(core, key, &task).await,
        None => Ok(()),
    }
}

async fn one_task(core: &Arc<Core>, key: &TaskKey, task: &Task) -> Result<(), ReadError> {
    match wanted_job(core, key, task)? {
        Some(job) => core.activities.run_again(core, job),
        None => {
            activity::forget(core, key).await;
            Ok(())
        }
    }
}

/// Asks the activities to stop that the store says were asked; forgets the requests that came too late.
async fn cancels(core: &Arc<Core>) -> Result<(), ReadError> {
    let mut last = None;
    loop {
        let cancels = core.reader.cancels(last.as_ref(), PAGE)?;
        for task in &cancels {
            core.activities.cancel(core, task);
        }
        if cancels.len() < PAGE {
            return Ok(());
        }
        last = cancels.into_iter().next_back();
        tokio::task::yield_now().await;
    }
}

/// The task as a job; none where its workflow has ended meanwhile.
fn wanted_job(core: &Core, key: &TaskKey, task: &Task) -> Result<Option<ActivityJob>, ReadError> {
    let reader = &core.reader;
    let instance = reader.instance(&key.workflow)?;
    let Some(instance) = instance.filter(|one| one.run == key.run && is_active(one)) else {
        return Ok(None);
    };
    let event = |sequence| {
        let event = reader.event(&key.workflow, key.run, sequence)?;
        Ok(event.and_then(|event| Some((Timestamp(event.at_ms), event.kind?))))
    };
    Ok(match (event(0)?, event(task.event)?) {
        (
            Some((_, EventKind::Started(started))),
            Some((at, EventKind::ActivityScheduled(scheduled))),
        ) => {
            let origin = Origin {
                workflow: &key.workflow,
                instance: &instance,
                seed: key_seed(&started),
                // Where a copied history asked for it, it was asked for anew when the copy was begun.
                scheduled: at.max(Timestamp(instance.created_ms)),
            };
            Some(job(origin, task.clone(), scheduled))
        }
        _ => None,
    })
}

async fn mail(core: &Arc<Core>) -> Result<(), ReadError> {
    let mut last: Option<Entity> = None;
    loop {
        let entities = core.reader.entities_with_mail(last.as_ref(), PAGE)?;
        let more = entities.len() == PAGE;
        last = entities.last().cloned();
        for entity in entities {
            core.tell(&entity, Message::Mailed).await;
        }
        if !more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

async fn with_status(core: &Arc<Core>, status: Status) -> Result<(), ReadError> {
    let mut last: Option<WorkflowKey> = None;
    loop {
        let keys = core
            .reader
            .workflows_with_status(status, last.as_ref(), PAGE)?;
        let more = keys.len() == PAGE;
        last = keys.last().cloned();
        for key in keys {
            core.tell(&Entity::Workflow(key), Message::Look).await;
        }
        if !more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

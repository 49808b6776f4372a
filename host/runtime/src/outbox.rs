//! Performs what follows from turns, in order, once their batches are durable.
//!
//! One task for all: a group of batches becomes durable at once, and is then dealt with in one go.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use host_store::Commit;
use tokio::sync::mpsc;

use crate::core::Core;
use crate::effect::{Effect, Message};
use host_base::Entity;

/// Turns on their way to the disk; more make their entities wait.
pub(crate) const TURNS_QUEUED_MAX: usize = 4_096;

/// A turn on its way to the disk.
pub(crate) struct Queued {
    pub(crate) commit: Commit,
    pub(crate) effects: Vec<Effect>,
}

/// Runs until the core is gone or the store is closed. What a batch that did not become durable would
/// have caused is dropped with it, so that whoever waits for an answer learns that there is none.
pub(crate) async fn run(core: Arc<Core>, mut turns: mpsc::Receiver<Queued>) {
    while let Some(turn) = turns.recv().await {
        match turn.commit.await {
            Ok(()) => {
                let all = turn.effects.into_iter();
                let perform_all = || all.for_each(|effect| perform(&core, effect));
                if panic::catch_unwind(AssertUnwindSafe(perform_all)).is_err() {
                    core.broke("the effects of a turn");
                    return refuse_rest(turns).await;
                }
            }
            Err(error) => {
                core.store_closed(&error);
                return refuse_rest(turns).await;
            }
        }
    }
}

/// Drops what is queued and what still comes, so that nobody waits for an answer for ever.
async fn refuse_rest(mut turns: mpsc::Receiver<Queued>) {
    turns.close();
    while turns.recv().await.is_some() {}
}

fn perform(core: &Arc<Core>, effect: Effect) {
    match effect {
        // Whoever no longer waits does not want to know.
        Effect::Answer(caller, outcome) => drop(caller.send(outcome)),
        Effect::Moved(asker, moved) => drop(asker.send(*moved)),
        Effect::Deliver(to, sequence, mail) => core.notify(&to, Message::Mail(sequence, mail)),
        Effect::Begin(key) => core.notify(&Entity::Workflow(key), Message::Look),
        Effect::Arm(timer) => core.timers.arm(timer),
        Effect::Run(job) => core.activities.run(core, *job),
        Effect::Changed(key) => {
            core.watchers.tell(&key);
            core.recent.put(&key);
        }
        Effect::Recorded(key) => core.histories.tell(&key),
        Effect::Applied(key, run, id, outcome) => core.updates.applied(key, run, &id, &outcome),
        Effect::Unapplied(key, run) => core.updates.ended(key, run),
        Effect::Tell(happening) => core.observer.observe(*happening),
        Effect::Release(permit) => drop(permit),
        Effect::Hold(plugin) => drop(plugin),
        Effect::Settle(progress, turn) => progress.settle(turn),
        Effect::LetGo(task) => core.activities.let_go(core, &task),
        Effect::CancelActivity(task) => core.activities.cancel(core, &task),
    }
}

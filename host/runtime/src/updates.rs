//! Who waits for updates that were accepted and are not applied yet.
//!
//! Apart from the instances, so that one may leave the memory and come back meanwhile.

use std::collections::HashMap;
use std::sync::Mutex;

use host_base::failure::code;
use host_base::{Failure, Outcome, WorkflowKey};
use tokio::sync::oneshot;

use crate::locks::lock;

type Callers = HashMap<String, Vec<oneshot::Sender<Outcome>>>;

/// Those who wait, by workflow, run and update.
#[derive(Debug, Default)]
pub(crate) struct Updates(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    waiting: HashMap<(WorkflowKey, u32), Callers>,
}

impl Updates {
    /// Somebody waits for the update's answer.
    pub(crate) fn wait(
        &self,
        workflow: &WorkflowKey,
        run: u32,
        id: &str,
        caller: oneshot::Sender<Outcome>,
    ) {
        let mut state = lock(&self.0);
        if state.closed {
            return;
        }
        let of_run = state.waiting.entry((workflow.clone(), run)).or_default();
        let callers = of_run.entry(id.to_owned()).or_default();
        // Those who have given up, repeat perhaps for ever.
        callers.retain(|caller| !caller.is_closed());
        callers.push(caller);
    }

    /// The update is applied.
    pub(crate) fn applied(&self, workflow: WorkflowKey, run: u32, id: &str, outcome: &Outcome) {
        let run = (workflow, run);
        let mut state = lock(&self.0);
        let Some(of_run) = state.waiting.get_mut(&run) else {
            return;
        };
        let callers = of_run.remove(id);
        if of_run.is_empty() {
            state.waiting.remove(&run);
        }
        drop(state);
        callers.into_iter().flatten().for_each(|caller| {
            // Whoever no longer waits does not want to know.
            let _ = caller.send(outcome.clone());
        });
    }

    /// The run has ended: what is not applied by now never will be.
    pub(crate) fn ended(&self, workflow: WorkflowKey, run: u32) {
        let of_run = lock(&self.0).waiting.remove(&(workflow.clone(), run));
        for (id, callers) in of_run.into_iter().flatten() {
            let outcome = Err(unapplied(&workflow, &id));
            for caller in callers {
                let _ = caller.send(outcome.clone());
            }
        }
    }

    /// Nobody will ever be answered again.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        state.waiting.clear();
    }
}

/// Why an update that was accepted has no answer of its own.
pub(crate) fn unapplied(workflow: &WorkflowKey, id: &str) -> Failure {
    let text = format!(
        "workflow {} had ended before its update {id} was applied",
        workflow.id
    );
    Failure::new(code::ALREADY_ENDED, text)
}

#[cfg(test)]
mod tests {
    use host_base::TenantId;

    use super::*;

    fn key() -> WorkflowKey {
        WorkflowKey::new(TenantId::default(), "w").unwrap()
    }

    fn waiting(updates: &Updates, id: &str) -> oneshot::Receiver<Outcome> {
        let (caller, answer) = oneshot::channel();
        updates.wait(&key(), 1, id, caller);
        answer
    }

    #[tokio::test]
    async fn all_who_wait_for_an_update_are_answered_and_nothing_is_left_behind() {
        let updates = Updates::default();
        let (one, other) = (waiting(&updates, "u"), waiting(&updates, "u"));
        updates.applied(key(), 1, "u", &Ok(b"1".to_vec()));
        assert_eq!(one.await.unwrap(), Ok(b"1".to_vec()));
        assert_eq!(other.await.unwrap(), Ok(b"1".to_vec()));
        assert!(lock(&updates.0).waiting.is_empty());
    }

    #[tokio::test]
    async fn the_end_of_a_run_ends_the_waits_for_its_updates_only() {
        let updates = Updates::default();
        let answer = waiting(&updates, "u");
        updates.ended(key(), 2);
        updates.ended(key(), 1);
        let failure = answer.await.unwrap().unwrap_err();
        assert_eq!(failure.code, code::ALREADY_ENDED);
    }

    #[tokio::test]
    async fn who_waits_when_all_is_closed_or_later_waits_for_nothing() {
        let updates = Updates::default();
        let before = waiting(&updates, "u");
        updates.close();
        assert!(before.await.is_err());
        assert!(waiting(&updates, "u").await.is_err());
    }
}

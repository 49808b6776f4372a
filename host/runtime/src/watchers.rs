//! Who waits for workflows to begin, to end, to stall, to be held or to go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use host_base::WorkflowKey;
use tokio::sync::oneshot;

use crate::locks::lock;

/// Those who wait, by workflow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    next: u64,
    waiting: HashMap<WorkflowKey, Vec<(u64, oneshot::Sender<()>)>>,
}

/// One wait. Dropping it ends it.
pub(crate) struct Watch {
    watchers: Watchers,
    key: WorkflowKey,
    number: u64,
    told: oneshot::Receiver<()>,
}

impl Watchers {
    /// Begins to wait for the workflow's next change of that kind. Look at it after this call and before waiting.
    pub(crate) fn watch(&self, key: &WorkflowKey) -> Watch {
        let (sender, told) = oneshot::channel();
        let mut state = lock(&self.0);
        state.next += 1;
        let number = state.next;
        if !state.closed {
            let of_key = state.waiting.entry(key.clone()).or_default();
            of_key.push((number, sender));
        }
        Watch {
            watchers: self.clone(),
            key: key.clone(),
            number,
            told,
        }
    }

    /// The workflow has changed so.
    pub(crate) fn tell(&self, key: &WorkflowKey) {
        let mut state = lock(&self.0);
        if state.waiting.is_empty() {
            return;
        }
        let told = state.waiting.remove(key);
        drop(state);
        for (_, one) in told.into_iter().flatten() {
            // Whoever no longer waits does not want to know.
            let _ = one.send(());
        }
    }

    /// Nobody will ever be told anything again.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        state.waiting.clear();
    }
}

impl Watch {
    /// Waits. False where nobody will ever be told.
    pub(crate) async fn told(&mut self) -> bool {
        (&mut self.told).await.is_ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = lock(&self.watchers.0);
        if let Some(of_key) = state.waiting.get_mut(&self.key) {
            of_key.retain(|(number, _)| *number != self.number);
            if of_key.is_empty() {
                state.waiting.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use host_base::TenantId;

    use super::*;

    fn key() -> WorkflowKey {
        WorkflowKey::new(TenantId::default(), "w").unwrap()
    }

    #[tokio::test]
    async fn all_who_wait_are_told_and_nothing_is_left_behind() {
        let watchers = Watchers::default();
        let (mut one, mut other) = (watchers.watch(&key()), watchers.watch(&key()));
        watchers.tell(&key());
        assert!(one.told().await && other.told().await);
        drop(watchers.watch(&key()));
        assert!(lock(&watchers.0).waiting.is_empty());
    }

    #[tokio::test]
    async fn who_waits_when_all_is_closed_or_later_waits_for_nothing() {
        let watchers = Watchers::default();
        let mut before = watchers.watch(&key());
        watchers.close();
        assert!(!before.told().await);
        assert!(!watchers.watch(&key()).told().await);
    }
}

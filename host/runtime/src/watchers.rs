//! Who waits for workflows to end or stall.

use std::collections::HashMap;
use std::sync::Mutex;

use host_base::WorkflowKey;
use tokio::sync::oneshot;

use crate::locks::lock;

/// Those who wait, by workflow.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<HashMap<WorkflowKey, Vec<oneshot::Sender<()>>>>);

impl Watchers {
    /// Resolves when the workflow next ends or stalls. Look at it after this call and before waiting.
    pub(crate) fn watch(&self, key: &WorkflowKey) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut watchers = lock(&self.0);
        let of_key = watchers.entry(key.clone()).or_default();
        of_key.retain(|one| !one.is_closed());
        of_key.push(sender);
        receiver
    }

    /// The workflow has ended or stalled.
    pub(crate) fn tell(&self, key: &WorkflowKey) {
        let told = lock(&self.0).remove(key);
        for one in told.into_iter().flatten() {
            // Whoever no longer waits does not want to know.
            let _ = one.send(());
        }
    }

    /// Nobody will ever be told anything again.
    pub(crate) fn close(&self) {
        lock(&self.0).clear();
    }
}

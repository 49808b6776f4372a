//! Waiting for a workflow from outside, until it stands where the caller wants it.
//!
//! Looks only at what is durable; knows nothing of what makes an instance change.

use host_base::WorkflowKey;
use host_store::records::{Instance, Status};

use crate::core::Core;
use crate::error::StoreError;
use crate::runtime::Runtime;
use crate::view::{WorkflowView, is_active};

impl Runtime {
    /// Waits until the workflow has begun. `None`: there is no such instance.
    ///
    /// # Errors
    /// The store failed meanwhile.
    pub async fn wait_for_start(
        &self,
        key: &WorkflowKey,
    ) -> Result<Option<WorkflowView>, StoreError> {
        let has_begun = |instance: &Instance| instance.status() != Status::Pending;
        self.core.watch(key, has_begun).await
    }

    /// Waits until the workflow has ended, also while it stalls or is held. One that continues as new is waited
    /// for, too. `None`: there is no such instance.
    ///
    /// # Errors
    /// The store failed meanwhile.
    pub async fn wait_for_end(
        &self,
        key: &WorkflowKey,
    ) -> Result<Option<WorkflowView>, StoreError> {
        self.core.watch(key, |instance| !is_active(instance)).await
    }

    /// Ends when more is recorded of a workflow's history, with true; with false where nothing ever will be. What is
    /// recorded from this call on is heard: look at the history after it and before waiting.
    pub fn recorded(&self, key: &WorkflowKey) -> impl Future<Output = bool> + Send + use<> {
        let mut recorded = self.core.histories.watch(key);
        async move { recorded.told().await }
    }
}

impl Core {
    /// Waits until the instance is as it should be, or is not there.
    pub(crate) async fn watch(
        &self,
        key: &WorkflowKey,
        is_so: impl Fn(&Instance) -> bool,
    ) -> Result<Option<WorkflowView>, StoreError> {
        loop {
            let mut changed = self.watchers.watch(key);
            let Some(instance) = self.reader.instance(key)? else {
                return Ok(None);
            };
            if is_so(&instance) {
                return Ok(Some(WorkflowView::new(key.clone(), instance)));
            }
            if !changed.told().await {
                // It was closed, and the reason is known to the committer.
                self.settle().await?;
            }
        }
    }
}

//! Ending, holding and resuming workflows from outside.
//!
//! Each is a message in the instance's inbox; what it does is decided by the instance's own turn.

use host_base::{Entity, WorkflowKey};
use host_store::records::{Control, Instance, MailControl, MailKind};

use crate::core::Core;
use crate::draft::Draft;
use crate::error::{ControlError, StoreError};
use crate::runtime::Runtime;
use crate::view::{WorkflowView, is_active};

impl Runtime {
    /// Asks a workflow to end. Its code sees the request at its next wait and may clean up first; activities
    /// and children that it waits for are asked in the same turn. Durable when this returns.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn cancel_workflow(
        &self,
        key: &WorkflowKey,
        reason: &str,
    ) -> Result<WorkflowView, ControlError> {
        ask(&self.core, key, Control::Cancel, reason).await?;
        self.seen(key)
    }

    /// Ends a workflow at once, without its code. When this returns, it has ended.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn terminate_workflow(
        &self,
        key: &WorkflowKey,
        reason: &str,
    ) -> Result<WorkflowView, ControlError> {
        let began_with = ask(&self.core, key, Control::Terminate, reason).await?;
        self.until(key, |instance| {
            !is_active(instance) || instance.began_with() != began_with
        })
        .await
    }

    /// Holds a workflow: what reaches it is kept, and nothing moves until it is resumed. Activities that run
    /// come to their end. When this returns, it is held.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn suspend_workflow(
        &self,
        key: &WorkflowKey,
        reason: &str,
    ) -> Result<WorkflowView, ControlError> {
        ask(&self.core, key, Control::Suspend, reason).await?;
        self.until(key, |instance| {
            instance.suspension.is_some() || !is_active(instance)
        })
        .await
    }

    /// Lets a workflow go on that is held. When this returns, it does.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn resume_workflow(&self, key: &WorkflowKey) -> Result<WorkflowView, ControlError> {
        let instance = active(&self.core, key)?;
        if instance.suspension.is_none() {
            let view = WorkflowView::new(key.clone(), instance);
            return Err(ControlError::NotSuspended(Box::new(view)));
        }
        ask(&self.core, key, Control::Resume, "").await?;
        self.until(key, |instance| instance.suspension.is_none())
            .await
    }

    /// Waits until the instance is as it should be.
    async fn until(
        &self,
        key: &WorkflowKey,
        is_so: impl Fn(&Instance) -> bool,
    ) -> Result<WorkflowView, ControlError> {
        loop {
            let mut changed = self.core.watchers.watch(key);
            let instance = self.core.reader.instance(key).map_err(StoreError::from)?;
            let instance = instance.ok_or_else(|| not_found(key))?;
            if is_so(&instance) {
                return Ok(WorkflowView::new(key.clone(), instance));
            }
            if !changed.told().await {
                // It was closed, and the reason is known to the committer.
                self.core.settle().await.map_err(StoreError::from)?;
            }
        }
    }

    fn seen(&self, key: &WorkflowKey) -> Result<WorkflowView, ControlError> {
        self.workflow(key)?.ok_or_else(|| not_found(key))
    }
}

/// Sends what is wanted to the instance that has the id now; returns the run that it began with.
async fn ask(
    core: &Core,
    key: &WorkflowKey,
    control: Control,
    reason: &str,
) -> Result<u32, ControlError> {
    let instance = active(core, key)?;
    let workflow = Entity::Workflow(key.clone());
    core.check_inbox(&workflow).map_err(ControlError::Busy)?;
    let began_with = instance.began_with();
    let mail = MailControl {
        control: control.into(),
        reason: reason.to_owned(),
        began_with,
        parent: None,
    };
    let mut draft = Draft::default();
    draft.send(core, workflow, MailKind::Control(mail));
    let durable = core.commit_durably(draft.batch, draft.effects).await;
    durable.map_err(StoreError::from)?;
    Ok(began_with)
}

fn active(core: &Core, key: &WorkflowKey) -> Result<Instance, ControlError> {
    let instance = core.reader.instance(key).map_err(StoreError::from)?;
    let instance = instance.ok_or_else(|| not_found(key))?;
    if is_active(&instance) {
        return Ok(instance);
    }
    let view = WorkflowView::new(key.clone(), instance);
    Err(ControlError::AlreadyEnded(Box::new(view)))
}

fn not_found(key: &WorkflowKey) -> ControlError {
    let id = key.id.clone();
    ControlError::NotFound { id }
}

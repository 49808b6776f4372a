//! Ending, holding and resuming workflows from outside.
//!
//! Each is a message in the instance's inbox; what it does is decided by the instance's own turn.

use std::collections::HashSet;
use std::sync::Arc;

use host_base::{Entity, WorkflowKey};
use host_engine::WorkflowStatus;
use host_store::records::{Control, EventKind, Instance, MailControl, MailKind};

use crate::core::Core;
use crate::draft::Draft;
use crate::error::{ControlError, StoreError};
use crate::retention;
use crate::runtime::Runtime;
use crate::view::{WorkflowView, is_active};

/// Events of a history that are read at once.
const PAGE: usize = 1_000;

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
        self.core.cancel(key, reason).await
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
        self.core.terminate(key, reason).await
    }

    /// In which words a workflow was terminated; none where it has not ended so, or nothing was said.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn termination_reason(&self, view: &WorkflowView) -> Result<Option<String>, StoreError> {
        if view.status != WorkflowStatus::Terminated {
            return Ok(None);
        }
        let instance = self.core.reader.instance(&view.key)?;
        // It is the last event, behind all that the code has not seen.
        let mut next = instance.and_then(|one| one.unseen_from).unwrap_or(0);
        loop {
            let page = self.history(&view.key, view.run, next, PAGE)?;
            let Some((last, event)) = page.into_iter().next_back() else {
                return Ok(None);
            };
            if let Some(EventKind::Terminated(why)) = event.kind {
                return Ok(Some(why.reason).filter(|reason| !reason.is_empty()));
            }
            next = last + 1;
        }
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
        self.core.suspend(key, reason).await
    }

    /// Lets a workflow go on that is held. When this returns, it does.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn resume_workflow(&self, key: &WorkflowKey) -> Result<WorkflowView, ControlError> {
        self.core.resume(key).await
    }

    /// Deletes a workflow that has ended, with its history and all that lies there for it; so are its children,
    /// where they have ended. With `force`, what has not ended is terminated first; children that were
    /// abandoned, too.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn purge_workflow(
        &self,
        key: &WorkflowKey,
        force: bool,
    ) -> Result<Purged, ControlError> {
        self.core.purge(key, force).await
    }
}

/// The same for whoever has no runtime.
impl Core {
    pub(crate) async fn cancel(
        &self,
        key: &WorkflowKey,
        reason: &str,
    ) -> Result<WorkflowView, ControlError> {
        ask(self, key, Control::Cancel, reason).await?;
        self.seen(key)
    }

    pub(crate) async fn terminate(
        &self,
        key: &WorkflowKey,
        reason: &str,
    ) -> Result<WorkflowView, ControlError> {
        let began_with = ask(self, key, Control::Terminate, reason).await?;
        self.until(key, |instance| {
            !is_active(instance) || instance.began_with() != began_with
        })
        .await
    }

    pub(crate) async fn suspend(
        &self,
        key: &WorkflowKey,
        reason: &str,
    ) -> Result<WorkflowView, ControlError> {
        ask(self, key, Control::Suspend, reason).await?;
        self.until(key, |instance| {
            instance.suspension.is_some() || !is_active(instance)
        })
        .await
    }

    pub(crate) async fn resume(&self, key: &WorkflowKey) -> Result<WorkflowView, ControlError> {
        let instance = active(self, key)?;
        if instance.suspension.is_none() && !self.is_to_be_suspended(key)? {
            let view = WorkflowView::new(key.clone(), instance);
            return Err(ControlError::NotSuspended(Box::new(view)));
        }
        ask(self, key, Control::Resume, "").await?;
        self.until(key, |instance| instance.suspension.is_none())
            .await
    }

    pub(crate) async fn purge(
        self: &Arc<Self>,
        key: &WorkflowKey,
        force: bool,
    ) -> Result<Purged, ControlError> {
        let mut purged = Purged::default();
        let view = self.seen(key)?;
        if !view.has_ended() && !force {
            return Err(ControlError::NotEnded(Box::new(view)));
        }
        let mut open = vec![Branch::Whole(key.clone(), None)];
        let mut seen = HashSet::new();
        while let Some(branch) = open.pop() {
            match branch {
                // Ids that were used again and again may name each other as parents.
                Branch::Whole(key, _) if !seen.insert(key.clone()) => {}
                Branch::Whole(key, parent) => {
                    let found = self.fell(&key, parent.as_deref(), force, &mut purged);
                    let Some((run, children)) = found.await? else {
                        continue;
                    };
                    let parent = key.id.clone();
                    // Last, so that a purge that is broken off can be begun again.
                    open.push(Branch::Bare(key.clone(), run));
                    open.extend(children.into_iter().map(|child| {
                        let parent = Some(parent.clone());
                        Branch::Whole(child, parent)
                    }));
                }
                Branch::Bare(key, run) => {
                    let deleted = retention::delete(self, &key, run).await;
                    purged.deleted += usize::from(deleted.map_err(StoreError::from)?);
                }
            }
        }
        Ok(purged)
    }

    /// Sees to it that an instance has ended, if it may; returns its run and its children. Where it is a child,
    /// it is looked at only where it is one of this parent.
    async fn fell(
        &self,
        key: &WorkflowKey,
        parent: Option<&str>,
        force: bool,
        purged: &mut Purged,
    ) -> Result<Option<(u32, Vec<WorkflowKey>)>, ControlError> {
        let Some(instance) = self.reader.instance(key).map_err(StoreError::from)? else {
            return Ok(None);
        };
        let of = instance.parent.as_ref().map(|of| of.workflow_id.as_str());
        if parent.is_some() && of != parent {
            return Ok(None);
        }
        if is_active(&instance) && !force {
            purged.left += 1;
            return Ok(None);
        }
        let run = match self.terminate(key, "it is purged").await {
            Ok(view) => view.run,
            Err(ControlError::AlreadyEnded(view)) => view.run,
            Err(ControlError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let ids = retention::children(self, key, instance.began_with()..=run)
            .map_err(StoreError::from)?;
        let child = |id| WorkflowKey::new(key.tenant.clone(), id).ok();
        let children = ids.into_iter().filter_map(child).collect();
        Ok(Some((run, children)))
    }

    /// Waits until the instance is as it should be.
    async fn until(
        &self,
        key: &WorkflowKey,
        is_so: impl Fn(&Instance) -> bool,
    ) -> Result<WorkflowView, ControlError> {
        let found = self.watch(key, is_so).await?;
        found.ok_or_else(|| not_found(key))
    }

    /// Whether a suspension lies in the instance's inbox.
    fn is_to_be_suspended(&self, key: &WorkflowKey) -> Result<bool, ControlError> {
        let workflow = Entity::Workflow(key.clone());
        let max = self.limits.inbox_messages_max;
        let mail = self.reader.inbox(&workflow, None, max);
        let mut mail = mail.map_err(StoreError::from)?.into_iter();
        Ok(mail.any(|(_, mail)| match mail.kind {
            Some(MailKind::Control(wanted)) => wanted.control() == Control::Suspend,
            _ => false,
        }))
    }

    fn seen(&self, key: &WorkflowKey) -> Result<WorkflowView, ControlError> {
        let instance = self.reader.instance(key).map_err(StoreError::from)?;
        let instance = instance.ok_or_else(|| not_found(key))?;
        Ok(WorkflowView::new(key.clone(), instance))
    }
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Instances that were deleted.
    pub deleted: usize,
    /// Children that have not ended and were left alone.
    pub left: usize,
}

/// A part of the tree that is purged.
enum Branch {
    /// An instance with its children, and the id of its parent where it is a child.
    Whole(WorkflowKey, Option<String>),
    /// An instance whose children are gone, in this run.
    Bare(WorkflowKey, u32),
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

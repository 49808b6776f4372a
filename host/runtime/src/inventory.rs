//! What there is: actors, their state, activities under way, page by page.
//!
//! Reads the store; what is in memory and not durable yet is not told.

use host_base::{ActorKey, Digest, Payload, TenantId, Timestamp, WorkflowKey};
use host_store::TaskKey;

use crate::error::{DeployError, StoreError};
use crate::pending::{self, PendingActivity};
use crate::rollout::{RolledOut, Rollout};
use crate::runtime::Runtime;

/// Bytes of the values of one page of state, behind the first one.
const STATE_PAGE_BYTES_MAX: usize = 4 << 20;
/// Rows that are read at once.
const READ_AT_ONCE: usize = 64;

/// A page of an actor's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateEntries {
    /// Each with its key, in the order of the keys.
    pub entries: Vec<StateEntry>,
    /// The key behind which the next page begins, if there may be one.
    pub next: Option<String>,
}

/// A value of an actor's state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEntry {
    /// Its key.
    pub key: String,
    /// What lies there.
    pub value: Payload,
    /// From when on it is not there any more.
    pub expires: Option<Timestamp>,
}

/// An activity that has not ended, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityUnderWay {
    /// The workflow that scheduled it.
    pub workflow: WorkflowKey,
    /// In which run.
    pub run: u32,
    /// What is known of it.
    pub activity: PendingActivity,
}

impl Runtime {
    /// Behind which lie all activities of a tenant.
    pub fn before_all_activities(tenant: &TenantId) -> (WorkflowKey, u32, u32) {
        let tenant = tenant.clone();
        // No workflow has it.
        let id = String::new();
        (WorkflowKey { tenant, id }, 0, 0)
    }

    /// A page of the activities of a tenant that have not ended, by workflow, run and handle, behind `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn activities(
        &self,
        after: (WorkflowKey, u32, u32),
        limit: usize,
    ) -> Result<Vec<ActivityUnderWay>, StoreError> {
        let (workflow, run, handle) = after;
        let tenant = workflow.tenant.clone();
        let mut last = TaskKey {
            workflow,
            run,
            handle,
        };
        let mut found = Vec::new();
        while found.len() < limit {
            let wanted = READ_AT_ONCE.min(limit - found.len());
            let tasks = self.core.reader.tasks(Some(&last), wanted)?;
            let is_last = tasks.len() < wanted;
            for (key, task) in tasks {
                if key.workflow.tenant != tenant {
                    return Ok(found);
                }
                last = key.clone();
                let activity = pending::pending(&self.core.reader, &key, task)?;
                found.extend(activity.map(|activity| ActivityUnderWay {
                    workflow: key.workflow,
                    run: key.run,
                    activity,
                }));
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Lets a component stand for its plugin that is kept because instances run on it. None where no such
    /// component is kept.
    ///
    /// # Errors
    /// See [`DeployError`]; nothing has changed then.
    pub async fn activate(
        &self,
        tenant: &TenantId,
        component: &Digest,
    ) -> Result<Option<RolledOut>, DeployError> {
        let kept = self.components(tenant).await?;
        let Some(kept) = kept.into_iter().find(|one| one.digest == *component) else {
            return Ok(None);
        };
        let bytes = self.core.reader.component(component);
        let Some(bytes) = bytes.map_err(StoreError::from)? else {
            return Ok(None);
        };
        let rollout = Rollout::Pin;
        let activated = self.roll_out(tenant, &kept.file, &bytes, rollout, |_| {});
        Ok(Some(activated.await?))
    }

    /// A page of a tenant's actors that have state, of one type or of all: by type, then by id, behind `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn actors(
        &self,
        tenant: &TenantId,
        actor_type: Option<&str>,
        after: Option<&ActorKey>,
        limit: usize,
    ) -> Result<Vec<ActorKey>, StoreError> {
        let actors = self.core.reader.actors(tenant, actor_type, after, limit);
        Ok(actors?)
    }

    /// A page of an actor's state, as its last durable turn has left it: under the keys that begin with
    /// `prefix`, behind the key `after`. A page may be short, or empty, and not the last one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn state_entries(
        &self,
        actor: &ActorKey,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<StateEntries, StoreError> {
        let now = self.core.clock.now();
        let mut page = StateEntries {
            entries: Vec::new(),
            next: after.map(str::to_owned),
        };
        let (mut bytes, mut looked_at) = (0, 0);
        while looked_at < limit && bytes < STATE_PAGE_BYTES_MAX {
            let wanted = READ_AT_ONCE.min(limit - looked_at);
            let reader = &self.core.reader;
            let rows = reader.state_keys(actor, prefix, page.next.as_deref(), wanted)?;
            looked_at += rows.len();
            let is_last = rows.len() < wanted;
            for (key, value) in rows {
                page.next = Some(key.clone());
                if value.is_there(now) {
                    bytes += value.bytes.len();
                    let (value, expires) = (value.bytes, value.expires);
                    page.entries.push(StateEntry {
                        key,
                        value,
                        expires,
                    });
                }
            }
            if is_last {
                page.next = None;
                return Ok(page);
            }
        }
        Ok(page)
    }
}

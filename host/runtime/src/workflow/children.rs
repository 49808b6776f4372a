//! Children that a turn asks for: whether their ids are free, and what is written for those that are.

use std::sync::Arc;

use host_base::failure::code;
use host_base::{Failure, WorkflowKey};
use host_store::ReadError;
use host_store::records::{ChildScheduled, Waiter};

use crate::core::Core;
use crate::start::{self, IdState, NewWorkflow};
use crate::starts::StartPermit;
use crate::workflow::machine::Arrival;

/// A child that can be started, with the right to do so.
pub(crate) type Child = (NewWorkflow, StartPermit);

/// Looks at each child that a parent's turn asked for; `held` are those that it asked for before. Returns
/// those that can be started, and for the others the failure of their handle.
pub(crate) async fn prepare(
    core: &Arc<Core>,
    parent: &WorkflowKey,
    run: u32,
    wanted: Vec<ChildScheduled>,
    held: &mut Vec<Child>,
) -> Result<Vec<Arrival>, ReadError> {
    let mut wanted: Vec<_> = wanted
        .into_iter()
        .map(|child| (child_id(parent, &child), child))
        .collect();
    // All take their permits in the same order, so that no two wait for each other.
    wanted.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut refused = Vec::new();
    let may_wait = held.is_empty();
    for (id, child) in wanted {
        let handle = child.handle;
        match prepare_one(core, parent, run, id, child, held, may_wait).await? {
            Ok(child) => held.push(child),
            Err(failure) => refused.push(Arrival::Resolved {
                handle,
                outcome: Err(failure),
            }),
        }
    }
    Ok(refused)
}

async fn prepare_one(
    core: &Arc<Core>,
    parent: &WorkflowKey,
    run: u32,
    id: String,
    child: ChildScheduled,
    held: &[Child],
    may_wait: bool,
) -> Result<Result<Child, Failure>, ReadError> {
    let key = match WorkflowKey::new(parent.tenant.clone(), id) {
        Ok(key) => key,
        Err(error) => return Ok(Err(Failure::new(code::BAD_INPUT, error.to_string()))),
    };
    let plugin = match start::plugin_of(&core.plugins, &key, &child.name) {
        Ok(plugin) => plugin,
        Err(failure) => return Ok(Err(failure)),
    };
    if key == *parent || held.iter().any(|(new, _)| new.key == key) {
        return Ok(Err(taken(&key, "started in this turn")));
    }
    let permit = match permit(core, &key, may_wait).await {
        Some(permit) => permit,
        None => {
            let text = format!("workflow {} is being started by another; try again", key.id);
            return Ok(Err(Failure::transient(code::BUSY, text)));
        }
    };
    Ok(match start::id_state(&core.reader, &key)? {
        IdState::Active(view) => Err(taken(&key, view.status_name())),
        IdState::Free(before) => {
            let waiter = Waiter {
                workflow_id: parent.id.clone(),
                run,
                handle: child.handle,
            };
            let new = NewWorkflow {
                key,
                name: child.name,
                plugin,
                input: child.input,
                parent: Some(waiter),
                seed: core.random(),
                before,
            };
            Ok((new, permit))
        }
    })
}

/// Whoever holds permits already must not wait out of order.
async fn permit(core: &Arc<Core>, key: &WorkflowKey, may_wait: bool) -> Option<StartPermit> {
    if may_wait {
        return Some(core.starts.permit(key).await);
    }
    core.starts.try_permit(key)
}

fn taken(key: &WorkflowKey, status: &str) -> Failure {
    let text = format!("workflow {} already exists and is {status}", key.id);
    Failure::new(code::ALREADY_EXISTS, text)
}

/// The id that was asked for, or one that no other child of this parent has.
fn child_id(parent: &WorkflowKey, child: &ChildScheduled) -> String {
    let made = || format!("{}:{}", parent.id, child.handle);
    child.id.clone().unwrap_or_else(made)
}

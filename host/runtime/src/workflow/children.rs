//! Children that a turn asks for: whether their ids are free, and what is written for those that are.

use std::sync::Arc;

use host_base::failure::code;
use host_base::{Failure, InvalidId, WorkflowKey};
use host_engine::Plugin;
use host_store::ReadError;
use host_store::records::{ChildScheduled, Waiter};

use crate::core::Core;
use crate::start::{self, IdState, NewWorkflow};
use crate::starts::StartPermit;
use crate::workflow::machine::Arrival;

/// A child that can be started, with the right to do so.
pub(crate) type Child = (NewWorkflow, StartPermit);

/// A child whose plugin is known, on the way to its permit.
struct Candidate {
    key: WorkflowKey,
    plugin: Plugin,
    child: ChildScheduled,
}

/// Looks at each child that a parent's turn asked for; `held` are those that it asked for before, to which
/// those are added that can be started. Returns the failures of the others' handles, and that the detached
/// ones are started.
pub(crate) async fn prepare(
    core: &Arc<Core>,
    parent: &WorkflowKey,
    run: u32,
    wanted: Vec<ChildScheduled>,
    held: &mut Vec<Child>,
) -> Result<Vec<Arrival>, ReadError> {
    let mut answers = Vec::new();
    let mut candidates: Vec<Candidate> = Vec::new();
    for child in wanted {
        let handle = child.handle;
        match candidate(core, parent, child) {
            Ok(new) if is_twice(&new.key, &candidates, held) => {
                answers.push(refusal(
                    handle,
                    taken(&new.key, "being started by this workflow"),
                ));
            }
            Ok(new) => candidates.push(new),
            Err(failure) => answers.push(refusal(handle, failure)),
        }
    }
    let permits = permits(core, &candidates, held.is_empty()).await;
    for (new, permit) in candidates.into_iter().zip(permits) {
        let handle = new.child.handle;
        match started(core, parent, run, new, permit)? {
            Ok(child) => {
                answers.extend(certainty(handle, &child.0));
                held.push(child);
            }
            Err(failure) => answers.push(refusal(handle, failure)),
        }
    }
    Ok(answers)
}

/// The key of a child: of the id that was asked for, or of one that no other child of this parent has.
pub(crate) fn child_key(
    parent: &WorkflowKey,
    id: Option<&str>,
    handle: u32,
) -> Result<WorkflowKey, InvalidId> {
    WorkflowKey::new(parent.tenant.clone(), child_id(&parent.id, id, handle))
}

/// A child's id: the one that was asked for, or the one that is made for its handle.
pub fn child_id(parent: &str, asked: Option<&str>, handle: u32) -> String {
    asked.map_or_else(|| format!("{parent}:{handle}"), str::to_owned)
}

fn candidate(
    core: &Core,
    parent: &WorkflowKey,
    child: ChildScheduled,
) -> Result<Candidate, Failure> {
    let key = child_key(parent, child.id.as_deref(), child.handle)?;
    if key == *parent {
        return Err(taken(&key, "this workflow itself"));
    }
    let plugin = start::plugin_of(&core.plugins, &key, &child.name)?;
    Ok(Candidate { key, plugin, child })
}

fn is_twice(key: &WorkflowKey, candidates: &[Candidate], held: &[Child]) -> bool {
    candidates.iter().any(|one| one.key == *key) || held.iter().any(|(one, _)| one.key == *key)
}

/// A permit for each; none where another start of the id is under way and this turn must not wait. It waits
/// only while it holds no permit, so that nobody waits for it meanwhile.
async fn permits(
    core: &Arc<Core>,
    candidates: &[Candidate],
    may_wait: bool,
) -> Vec<Option<StartPermit>> {
    let mut waited: Option<(usize, StartPermit)> = None;
    loop {
        let permits = candidates.iter().enumerate().map(|(place, new)| {
            let kept = waited.take_if(|(kept, _)| *kept == place);
            let kept = kept.map(|(_, permit)| permit);
            kept.or_else(|| core.starts.try_permit(&new.key))
        });
        let permits: Vec<_> = permits.collect();
        let taken = permits.iter().position(Option::is_none);
        match taken.filter(|_| may_wait) {
            None => return permits,
            Some(place) => {
                drop(permits);
                // Kept, or those who wait for the same one would only hand it round.
                waited = Some((place, core.starts.permit(&candidates[place].key).await));
            }
        }
    }
}

fn started(
    core: &Core,
    parent: &WorkflowKey,
    run: u32,
    new: Candidate,
    permit: Option<StartPermit>,
) -> Result<Result<Child, Failure>, ReadError> {
    let Candidate { key, plugin, child } = new;
    let Some(permit) = permit else {
        let text = format!("workflow {} is being started by another; try again", key.id);
        return Ok(Err(Failure::transient(code::BUSY, text)));
    };
    let before = match start::id_state(core, &key)? {
        IdState::Active(view) => return Ok(Err(taken(&key, view.status_name()))),
        IdState::Free(before) => before,
    };
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
        detached: child.detached,
        seed: core.random(),
        attributes: Vec::new(),
        starts: None,
        before,
    };
    Ok(Ok((new, permit)))
}

/// That a detached child is started, for its parent's turn starts it.
fn certainty(handle: u32, child: &NewWorkflow) -> Option<Arrival> {
    let id = serde_json::Value::String(child.key.id.clone());
    let outcome = Ok(id.to_string().into_bytes());
    let started = Arrival::Resolved { handle, outcome };
    child.detached.then_some(started)
}

fn refusal(handle: u32, failure: Failure) -> Arrival {
    Arrival::Resolved {
        handle,
        outcome: Err(failure),
    }
}

fn taken(key: &WorkflowKey, status: &str) -> Failure {
    let text = format!("workflow {} already exists and is {status}", key.id);
    Failure::new(code::ALREADY_EXISTS, text)
}

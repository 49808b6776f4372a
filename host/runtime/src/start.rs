//! How a workflow comes into being, whoever starts it: a caller, an actor or another workflow.
//!
//! Owns what is written; who may start which id is decided by whoever holds the permit.

use host_base::failure::code;
use host_base::{Attributes, Failure, Payload, Timestamp, WorkflowKey};
use host_engine::{Moment, Plugin};
use host_store::records::{Attribute, Event, EventKind, Instance, Started, Status, Waiter};
use host_store::{Batch, ReadError, TimerKey, TimerOf};

use crate::core::Core;
use crate::error::StartError;
use crate::plugins::Plugins;
use crate::view::{WorkflowView, is_active};
use crate::when;

/// What a caller wants to be started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// The workflow's name.
    pub name: String,
    /// The new instance's id; none: the host makes one.
    pub id: Option<String>,
    /// What it takes.
    pub input: Payload,
    /// By what it is found.
    pub attributes: Attributes,
    /// When it begins; none, or a time that is over: at once.
    pub at: Option<Moment>,
    /// Whether the id may be one that another workflow has had.
    pub id_reuse: IdReuse,
}

/// Whether a workflow may have the id of another one, which must have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdReuse {
    /// It may, and takes its place.
    #[default]
    Ended,
    /// Only of one that is deleted.
    Deleted,
    /// It may not, as far as it is still known that there was one.
    Never,
}

/// A workflow that is to be started.
pub(crate) struct NewWorkflow {
    pub(crate) key: WorkflowKey,
    pub(crate) name: String,
    pub(crate) plugin: Plugin,
    pub(crate) input: Payload,
    pub(crate) parent: Option<Waiter>,
    /// Whether the parent does not wait for its end.
    pub(crate) detached: bool,
    pub(crate) seed: [u8; 32],
    /// By what it is found, in the order of the names.
    pub(crate) attributes: Vec<Attribute>,
    /// When it begins, where that is later.
    pub(crate) starts: Option<Timestamp>,
    /// What had the id before.
    pub(crate) before: Former,
}

/// What had an id before.
pub(crate) struct Former {
    /// The instance, where it is still there.
    instance: Option<Box<Instance>>,
    /// How often the id was used.
    runs: u32,
}

impl Former {
    /// Whether there was anything.
    pub(crate) fn was_used(&self) -> bool {
        self.runs > 0
    }

    /// Why a workflow may not follow on it, where it may not.
    pub(crate) fn forbids(&self, key: &WorkflowKey, reuse: IdReuse) -> Option<StartError> {
        match (reuse, &self.instance) {
            (IdReuse::Ended, _) | (IdReuse::Deleted, None) => None,
            (IdReuse::Deleted, Some(kept)) => {
                let view = WorkflowView::new(key.clone(), Instance::clone(kept));
                Some(StartError::AlreadyExists(Box::new(view)))
            }
            (IdReuse::Never, _) => self.was_used().then(|| {
                let text = format!("the id {} was used before", key.id);
                StartError::Refused(Failure::new(code::ALREADY_EXISTS, text))
            }),
        }
    }

    /// Writes the instance that takes its place.
    pub(crate) fn replaced_by(&self, batch: &mut Batch, key: &WorkflowKey, new: &Instance) {
        batch.put_instance(key, self.instance.as_deref(), new);
    }
}

/// Whether an id can be used for a new instance.
pub(crate) enum IdState {
    /// It can; what had it before has ended.
    Free(Former),
    /// It belongs to an instance that has not ended.
    Active(Box<WorkflowView>),
}

/// Looks whether an id is free. Whoever asks holds the permit, or the answer is old at once.
pub(crate) fn id_state(core: &Core, key: &WorkflowKey) -> Result<IdState, ReadError> {
    let instance = core.reader.instance(key)?;
    Ok(match instance {
        Some(instance) if is_active(&instance) => {
            IdState::Active(Box::new(WorkflowView::new(key.clone(), instance)))
        }
        Some(ended) => IdState::Free(Former {
            runs: ended.run,
            instance: Some(Box::new(ended)),
        }),
        None => IdState::Free(Former {
            runs: core.retention.last_run(&core.reader, key)?,
            instance: None,
        }),
    })
}

/// The plugin that brings the workflow.
pub(crate) fn plugin_of(
    plugins: &Plugins,
    key: &WorkflowKey,
    name: &str,
) -> Result<Plugin, Failure> {
    plugins.of_workflow(&key.tenant, name).ok_or_else(|| {
        let text = format!("no plugin brings a workflow of the name {name}");
        Failure::new(code::NOT_FOUND, text)
    })
}

/// The time at which a workflow is to begin, where it lies ahead.
pub(crate) fn later(at: Option<&Moment>, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let at = at.map(|at| when::resolve("the time of the start", at, now));
    Ok(at.transpose()?.filter(|at| *at > now))
}

/// What begins a run that waits for its time. Commands of the code count their handles from 1.
pub(crate) fn timer(key: &WorkflowKey, instance: &Instance) -> TimerKey {
    TimerKey {
        due: Timestamp(instance.starts_ms),
        of: TimerOf::Workflow {
            workflow: key.clone(),
            run: instance.run,
            handle: NO_HANDLE,
        },
    }
}

/// The handle of a timer that begins a run.
pub(crate) const NO_HANDLE: u32 = 0;

/// Writes a new instance that waits for its first turn.
pub(crate) fn put(
    batch: &mut Batch,
    new: &NewWorkflow,
    suggest_from: u64,
    now: Timestamp,
) -> Instance {
    let instance = instance(new, now);
    new.before.replaced_by(batch, &new.key, &instance);
    let started = Started {
        name: new.name.clone(),
        input: new.input.clone(),
        seed: new.seed.to_vec(),
        component: new.plugin.digest().0.to_vec(),
        origin: None,
        suggest_from,
        attributes: new.attributes.clone(),
        starts_ms: instance.starts_ms,
    };
    let event = Event {
        at_ms: now.0,
        kind: Some(EventKind::Started(Box::new(started))),
    };
    batch.put_event(&new.key, instance.run, 0, &event);
    instance
}

/// The instance as it is written.
pub(crate) fn instance(new: &NewWorkflow, now: Timestamp) -> Instance {
    Instance {
        name: new.name.clone(),
        plugin: new.plugin.manifest().name.clone(),
        run: new.before.runs + 1,
        status: Status::Pending.into(),
        created_ms: now.0,
        updated_ms: now.0,
        parent: new.parent.clone(),
        component: new.plugin.digest().0.to_vec(),
        detached: new.detached,
        attributes: new.attributes.clone(),
        starts_ms: new.starts.map_or(0, |at| at.0),
        ..Instance::default()
    }
}

/// Where a run's idempotency keys come from: a copied run has others than the one that it was copied from.
pub(crate) fn key_seed(started: &Started) -> &[u8] {
    let origin = started.origin.as_ref();
    origin.map_or(&started.seed, |origin| &origin.seed)
}

/// Whether an event can be raised for what was found under the id.
pub(crate) fn check_raisable(
    key: &WorkflowKey,
    found: Option<&WorkflowView>,
) -> Result<(), Failure> {
    match found {
        None => Err(no_workflow(key)),
        Some(view) if view.has_ended() => {
            let text = format!("workflow {} is {} already", key.id, view.status_name());
            Err(Failure::new(code::ALREADY_ENDED, text))
        }
        Some(_) => Ok(()),
    }
}

/// No instance has that id.
pub(crate) fn no_workflow(key: &WorkflowKey) -> Failure {
    let text = format!("no workflow has the id {}", key.id);
    Failure::new(code::NOT_FOUND, text)
}

/// The store cannot be read, as an answer to whoever wanted something of it.
pub(crate) fn unreadable(error: ReadError) -> Failure {
    Failure::transient(code::BUSY, error.to_string())
}

/// The id of a workflow that is started without one.
pub(crate) fn made_id(random: [u8; 32]) -> String {
    let (bytes, _) = random
        .split_first_chunk::<16>()
        .expect("32 is more than 16");
    uuid::Builder::from_random_bytes(*bytes)
        .into_uuid()
        .to_string()
}

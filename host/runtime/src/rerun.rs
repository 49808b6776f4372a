//! Reruns: a run that has ended is begun again from one of its events, under another id.
//!
//! What was recorded up to that event is copied, with its times, and the code runs through it on the component
//! that stands for the plugin now; a copy that the code does not agree with is refused. The event is one from
//! outside: the start, a result, an event that was raised. So all that the code did because of it is done
//! again, and nothing before it:
//!
//! - Commands up to the event whose results it holds are not carried out again.
//! - Those whose results came later or never are carried out anew under the new id: activities with
//!   idempotency keys of their own, calls to actors, children, timers with what was left of them at the event.
//! - One-way messages up to the event are not sent again, also those that are due later: what is taken back
//!   of them is the message that the original has sent.
//! - Topics to which it had subscribed by the event, it subscribes to.
//! - Random numbers, the contract's and the language's, are the same up to the event and others behind it.

use std::sync::Arc;

use host_base::failure::code;
use host_base::{Digest, Failure, Limits, Outcome, Payload, Timestamp, WorkflowKey};
use host_store::Batch;
use host_store::records::{Event, EventKind, Instance, Origin, OutcomeRecord, SeedFrom, Started};

use crate::core::Core;
use crate::draft::Draft;
use crate::effect::Effect;
use crate::error::{RerunError, StoreError};
use crate::limits;
use crate::once::{Once, remembering};
use crate::rehearsal::Verdict;
use crate::repeats::{self, Begun};
use crate::runtime::Runtime;
use crate::start::{self, IdState, NewWorkflow, plugin_of};
use crate::topics::Stage;
use crate::view::{WorkflowView, is_active};
use crate::workflow::{
    Past, behind_last_command, describe, is_arrival, is_command, rehearse_past, seeds_of,
};

/// From where and with which changes a run is begun again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rerun {
    /// Which run of the id; none: the latest.
    pub run: Option<u32>,
    /// The last event that is copied: the start, a result, or an event that was raised.
    pub from: u64,
    /// The input instead of the one that it had.
    pub input: Option<Payload>,
    /// The result instead of the one that the event holds; of an event that was raised, its value.
    pub result: Option<Outcome>,
    /// The new instance's id; none: the host makes one.
    pub id: Option<String>,
}

/// Events of a history that are read at once.
const PAGE: usize = 1_000;

impl Runtime {
    /// From where a run is to be begun again so that one of its commands is done again: the last event from
    /// outside before it. `None`: that event is no command, or is not there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn rerun_point(
        &self,
        key: &WorkflowKey,
        run: u32,
        command: u64,
    ) -> Result<Option<u64>, StoreError> {
        let (mut point, mut next) = (0, 0);
        loop {
            let page = self.history(key, run, next, PAGE)?;
            for (number, event) in &page {
                match &event.kind {
                    Some(kind) if *number == command => {
                        return Ok(is_command(kind).then_some(point));
                    }
                    Some(kind) if is_arrival(kind) => point = *number,
                    _ => {}
                }
            }
            match page.last() {
                Some((last, _)) if *last < command => next = last + 1,
                _ => return Ok(None),
            }
        }
    }
}

/// Begins the run again, unless that was done before under this digest; durable when this returns.
pub(crate) async fn rerun(
    core: &Arc<Core>,
    key: &WorkflowKey,
    rerun: Rerun,
    once: Option<Digest>,
) -> Result<Begun, RerunError> {
    let instance = core.reader.instance(key).map_err(StoreError::from)?;
    let instance = instance.ok_or_else(|| RerunError::Unknown(key.id.clone()))?;
    let run = rerun.run.unwrap_or(instance.run);
    if is_active(&instance) && run == instance.run {
        let view = WorkflowView::new(key.clone(), instance);
        return Err(RerunError::NotEnded(Box::new(view)));
    }
    let past = Past::read(&core.reader, key, run).map_err(StoreError::from)?;
    let past = past.ok_or_else(|| RerunError::Unknown(key.id.clone()))?;
    let limits = core.limits_of(&key.tenant);
    check_size(&limits, "a workflow's input", rerun.input.as_ref())?;
    let result = rerun
        .result
        .as_ref()
        .and_then(|result| result.as_ref().ok());
    check_size(&limits, "a result", result)?;
    let copied = copy(core, key, run, past, &rerun)?;
    start(core, key, &rerun, copied, once).await
}

fn check_size(limits: &Limits, what: &str, value: Option<&Payload>) -> Result<(), RerunError> {
    let checked = value.map_or(Ok(()), |value| limits::check_payload(limits, what, value));
    checked.map_err(|limit| RerunError::Refused(limits::over_limit(limit)))
}

/// The history of the new run.
fn copy(
    core: &Core,
    key: &WorkflowKey,
    run: u32,
    past: Past,
    rerun: &Rerun,
) -> Result<Past, RerunError> {
    let Past {
        started,
        at,
        mut rest,
    } = past;
    rest.retain(|(number, _)| *number <= rerun.from);
    let left_at = match rest.last_mut() {
        None if rerun.from == 0 => at,
        Some((number, event)) if *number == rerun.from => {
            change(*number, event, rerun.result.as_ref())?;
            Timestamp(event.at_ms)
        }
        _ => {
            return Err(refused(format!(
                "workflow {} has no event {}",
                key.id, rerun.from
            )));
        }
    };
    let now = core.clock.now();
    for (_, event) in &mut rest {
        if let Some(EventKind::TimerScheduled(timer)) = &mut event.kind {
            // What is left of it begins now.
            timer.due_ms = now.after(Timestamp(timer.due_ms).since(left_at)).0;
        }
    }
    let seed = core.random().to_vec();
    let origin = Origin {
        workflow_id: key.id.clone(),
        run,
        event: rerun.from,
        unseen_from: behind_last_command(&rest),
        seeds: seeds(&started, rerun.from, seed.clone()),
        seed,
    };
    let mut started = Started {
        input: rerun.input.clone().unwrap_or(started.input),
        origin: Some(origin),
        starts_ms: 0,
        ..started
    };
    if rerun.from == 0 {
        // Nothing was done with the old random numbers.
        started.seed = core.random().to_vec();
    }
    Ok(Past { started, at, rest })
}

/// The copy draws what was drawn up to the event, and other numbers behind it.
fn seeds(copied: &Started, event: u64, seed: Vec<u8>) -> Vec<SeedFrom> {
    let mut seeds = seeds_of(copied);
    seeds.retain(|from| from.event < event);
    seeds.push(SeedFrom { event, seed });
    seeds
}

/// Only what came from outside can be gone on from, or be another result.
fn change(number: u64, event: &mut Event, result: Option<&Outcome>) -> Result<(), RerunError> {
    let kind = event.kind.as_mut();
    let kind = kind.ok_or_else(|| refused(format!("event {number} is of an unknown kind")))?;
    if !is_arrival(kind) {
        let what = describe(kind);
        return Err(refused(format!(
            "event {number} is {what}, which did not come from outside; choose a result or an event that was \
             raised, or the start"
        )));
    }
    match (kind, result) {
        (_, None) => Ok(()),
        (EventKind::Resolved(one), Some(result)) => {
            one.outcome = Some(OutcomeRecord::from(result.clone()));
            Ok(())
        }
        (EventKind::EventRaised(one), Some(Ok(value))) => {
            one.value.clone_from(value);
            Ok(())
        }
        (kind, Some(_)) => {
            let what = describe(kind);
            Err(refused(format!(
                "event {number} is {what}, which has no such result"
            )))
        }
    }
}

async fn start(
    core: &Arc<Core>,
    source: &WorkflowKey,
    rerun: &Rerun,
    mut past: Past,
    once: Option<Digest>,
) -> Result<Begun, RerunError> {
    let unlike = || once.map_or_else(|| core.random(), |once| once.0);
    let id = rerun.id.clone();
    let id = id.unwrap_or_else(|| start::made_id(unlike()));
    let key = WorkflowKey::new(source.tenant.clone(), id);
    let key = key.map_err(|error| RerunError::Refused(error.into()))?;
    let name = past.started.name.clone();
    let plugin = plugin_of(&core.plugins, &key, &name).map_err(RerunError::Refused)?;
    let mut permit = core.starts.permit(&key).await;
    permit.runs_on(&plugin);
    let once = remembering(core, &key.tenant, once, Payload::new());
    let batch = match once.map_err(RerunError::Refused)? {
        Once::First(batch) => batch,
        Once::Again(_) => {
            let view = repeats::begun_before(core, &key);
            return view.map(Begun::Before).map_err(RerunError::Refused);
        }
    };
    let before = match start::id_state(core, &key).map_err(StoreError::from)? {
        IdState::Active(view) => return Err(RerunError::AlreadyExists(view)),
        IdState::Free(before) => before,
    };
    past.started.component = plugin.digest().0.to_vec();
    let new = NewWorkflow {
        key,
        name,
        plugin,
        input: past.started.input.clone(),
        parent: None,
        detached: false,
        seed: core.random(),
        attributes: past.started.attributes.clone(),
        starts: None,
        before,
    };
    let now = core.clock.now();
    let mut instance = start::instance(&new, now);
    instance.cancel_reason = cancel_reason(&past);
    let batch = copied(batch, &new, &instance, &past);
    agrees(core, &new, &instance, past).await?;
    let mut draft = Draft {
        batch,
        effects: vec![Effect::Release(permit), Effect::Begin(new.key.clone())],
        topics: Vec::new(),
    };
    draft.announce(core, &new.key, &instance, Stage::Started);
    let view = WorkflowView::new(new.key, instance);
    let durable = core.commit_draft_durably(draft).await;
    durable.map_err(StoreError::from)?;
    Ok(Begun::Now(view))
}

/// Why it was asked to end, where the copy says that it was.
fn cancel_reason(past: &Past) -> Option<String> {
    past.kinds().find_map(|kind| match kind {
        EventKind::CancelRequested(asked) => Some(asked.reason.clone()),
        _ => None,
    })
}

/// Whether the code does what the copy says.
async fn agrees(
    core: &Core,
    new: &NewWorkflow,
    instance: &Instance,
    past: Past,
) -> Result<(), RerunError> {
    let unseen_from = behind_last_command(&past.rest);
    let rehearsal = rehearse_past(core, &new.key, instance, past, unseen_from, &new.plugin);
    match rehearsal.await.verdict {
        Verdict::Agrees => Ok(()),
        Verdict::Differs(stall) => Err(RerunError::Differs(stall)),
        Verdict::Unsure(why) => Err(RerunError::Refused(Failure::transient(code::BUSY, why))),
    }
}

fn copied(mut batch: Batch, new: &NewWorkflow, instance: &Instance, past: &Past) -> Batch {
    new.before.replaced_by(&mut batch, &new.key, instance);
    let started = Event {
        at_ms: past.at.0,
        kind: Some(EventKind::Started(Box::new(past.started.clone()))),
    };
    batch.put_event(&new.key, instance.run, 0, &started);
    for (number, event) in &past.rest {
        batch.put_event(&new.key, instance.run, *number, event);
    }
    batch
}

fn refused(text: String) -> RerunError {
    RerunError::Refused(Failure::new(code::BAD_INPUT, text))
}

//! Rehearsals: an instance's code runs against its history on a machine of its own, and nothing is recorded.
//!
//! The instance itself is not disturbed, whether it is in memory or not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use host_base::{Outcome, WorkflowKey};
use host_engine::Plugin;
use host_store::ReadError;
use host_store::records::{Event, EventKind, Instance, Stall};

use crate::core::Core;
use crate::locks::lock;
use crate::rehearsal::{Rehearsal, Verdict};
use crate::view::{brings, is_active};
use crate::workflow::body::{Begin, Body, Step};
use crate::workflow::commands::{describe, handle_in, is_command, is_end};
use crate::workflow::load::{Past, unseen_from};
use crate::workflow::machine::{Machine, seed_of};

/// Runs the plugin's code against all that is recorded of the instance. What has ended is run to its end.
/// None where its history is gone.
pub(crate) async fn rehearse(
    core: &Core,
    key: &WorkflowKey,
    instance: &Instance,
    plugin: &Plugin,
) -> Result<Option<Rehearsal>, ReadError> {
    let Some(mut past) = Past::read(&core.reader, key, instance.run)? else {
        return Ok(None);
    };
    if is_active(instance) {
        let unseen_from = unseen_from(instance, &past);
        let rehearsal = rehearse_past(core, key, instance, past, unseen_from, plugin);
        return Ok(Some(rehearsal.await));
    }
    let events = past.next_sequence();
    let Some(unseen_from) = instance.unseen_from else {
        let rehearsal = rehearse_past(core, key, instance, past, events, plugin).await;
        return Ok(Some(judged(rehearsal, instance)));
    };
    // It did not end by its code's return.
    past.rest
        .retain(|(_, event)| !event.kind.as_ref().is_some_and(is_end));
    let rehearsal = rehearse_past(core, key, instance, past, unseen_from, plugin).await;
    Ok(Some(Rehearsal {
        events,
        lines: Vec::new(),
        ..rehearsal
    }))
}

/// What has ended with an output must end with the same.
fn judged(rehearsal: Rehearsal, instance: &Instance) -> Rehearsal {
    let held = instance.outcome.clone().map(Outcome::from);
    let completed = matches!(held, Some(Ok(_)));
    if !completed || rehearsal.outcome == held || !rehearsal.verdict.agrees() {
        return rehearsal;
    }
    let asked = match &rehearsal.outcome {
        Some(Err(failure)) => format!("the end, with failure {}", failure.code),
        Some(Ok(_)) | None => "the end, with another output".to_owned(),
    };
    let stall = Stall {
        event: rehearsal.events.saturating_sub(1),
        history: "the end, with an output".to_owned(),
        asked,
        component: rehearsal.component.0.to_vec(),
        ..Stall::default()
    };
    let verdict = Verdict::Differs(Box::new(stall));
    Rehearsal {
        verdict,
        ..rehearsal
    }
}

/// Runs the plugin's code against a history of which it has seen the events below `unseen_from`.
pub(crate) async fn rehearse_past(
    core: &Core,
    key: &WorkflowKey,
    instance: &Instance,
    past: Past,
    unseen_from: u64,
    plugin: &Plugin,
) -> Rehearsal {
    let events = past.next_sequence();
    if !brings(plugin, &instance.name) {
        return without_workflow(instance, plugin, events);
    }
    let mut asked: HashMap<u32, String> = past.kinds().filter_map(named).collect();
    let (machine, started) = past.machine(&core.limits_of(&key.tenant), unseen_from);
    lock(&machine).begin_turn(core.clock.now());
    let begin = Begin::new(plugin.clone(), key, instance, &started, seed_of(&started));
    let step = Body::begin(core, begin, &machine)
        .await
        .run(core, &machine)
        .await;
    let mut rehearsal = Rehearsal {
        component: plugin.digest(),
        events,
        verdict: Verdict::Agrees,
        next: Vec::new(),
        waits_for: Vec::new(),
        outcome: None,
        lines: lock(&machine).take_logs(),
    };
    let recorded = lock(&machine).take_recorded();
    asked.extend(
        recorded
            .iter()
            .filter_map(|(_, event)| event.kind.as_ref())
            .filter_map(named),
    );
    rehearsal.next = next(recorded);
    tell(&mut rehearsal, step, &machine, &asked);
    rehearsal
}

/// What the code has not seen for sure: what arrived behind its last command.
pub(crate) fn behind_last_command(rest: &[(u64, Event)]) -> u64 {
    let is_command = |event: &Event| event.kind.as_ref().is_some_and(is_command);
    let last = rest.iter().rfind(|(_, event)| is_command(event));
    last.map_or(1, |(last, _)| last + 1)
}

fn named(kind: &EventKind) -> Option<(u32, String)> {
    handle_in(kind).map(|handle| (handle, describe(kind)))
}

fn next(recorded: Vec<(u64, Event)>) -> Vec<String> {
    let kinds = recorded.into_iter().filter_map(|(_, event)| event.kind);
    let commands = kinds.filter(|kind| is_command(kind) && !is_end(kind));
    commands.map(|kind| describe(&kind)).collect()
}

fn tell(
    rehearsal: &mut Rehearsal,
    step: Step,
    machine: &Arc<Mutex<Machine>>,
    asked: &HashMap<u32, String>,
) {
    match step {
        // A rehearsal has a body, and nobody ends or holds it.
        Step::Asleep | Step::Held | Step::Early | Step::Terminated(_) => {}
        Step::Waits => {
            let open = lock(machine).open_handles();
            let names = open.iter().filter_map(|handle| asked.get(handle).cloned());
            rehearsal.waits_for = names.collect();
        }
        Step::Ended(outcome) => rehearsal.outcome = Some(outcome),
        Step::Broke(failure) => rehearsal.outcome = Some(Err(failure)),
        Step::Stalls(stall) if stall.may_pass => rehearsal.verdict = Verdict::Unsure(stall.asked),
        Step::Stalls(stall) => rehearsal.verdict = Verdict::Differs(Box::new(stall)),
    }
}

fn without_workflow(instance: &Instance, plugin: &Plugin, events: u64) -> Rehearsal {
    let Instance {
        name,
        plugin: owner,
        ..
    } = instance;
    let stall = Stall {
        history: format!("the start of workflow {name}"),
        asked: format!("nothing, because plugin {owner} has no workflow {name} there"),
        component: plugin.digest().0.to_vec(),
        ..Stall::default()
    };
    Rehearsal {
        component: plugin.digest(),
        events,
        verdict: Verdict::Differs(Box::new(stall)),
        next: Vec::new(),
        waits_for: Vec::new(),
        outcome: None,
        lines: Vec::new(),
    }
}

//! How an instance comes into memory: its record, its history, and its code at the beginning.

use std::sync::{Arc, Mutex};

use host_base::{Timestamp, WorkflowKey};
use host_store::records::{Event, EventKind, Instance, Started};
use host_store::{ReadError, Reader};

use crate::core::Core;
use crate::view::{brings, is_active};
use crate::workflow::Loaded;
use crate::workflow::body::{Begin, Body};
use crate::workflow::machine::{Machine, MachineLimits, seed_of};
use crate::workflow::outstanding::Outstanding;

/// Events that are read from the store at once.
const PAGE: usize = 10_000;

/// The instance of that id, if one takes turns.
///
/// What kept a stalled one may have passed; it tries again only where it was told to look.
pub(crate) async fn load(
    core: &Arc<Core>,
    key: &WorkflowKey,
    told: bool,
) -> Result<Option<Loaded>, ReadError> {
    let Some(instance) = core.reader.instance(key)?.filter(is_active) else {
        return Ok(None);
    };
    let mut history = read_history(&core.reader, key, instance.run)?;
    if history.is_empty() {
        return Ok(None);
    }
    let (_, first) = history.remove(0);
    let at = Timestamp(first.at_ms);
    let Some(EventKind::Started(started)) = first.kind else {
        return Ok(None);
    };
    let mut loaded = with_history(core, instance, at, &started, history);
    begin_body(core, key, &mut loaded, &started, told).await;
    Ok(Some(loaded))
}

fn with_history(
    core: &Core,
    instance: Instance,
    at: Timestamp,
    started: &Started,
    history: Vec<(u64, Event)>,
) -> Loaded {
    let mut outstanding = Outstanding::default();
    for kind in history.iter().filter_map(|(_, event)| event.kind.as_ref()) {
        outstanding.follow(kind);
    }
    let unseen_from = unseen_from(&instance, &history);
    let limits = MachineLimits {
        history_events_max: core.limits.history_events_max,
        pending_max: core.limits.workflow_pending_max,
        turn_bytes_max: core.limits.turn_bytes_max,
    };
    let machine = Machine::new(started, at, history, unseen_from, limits);
    Loaded {
        instance,
        seed: started.seed.clone(),
        machine: Arc::new(Mutex::new(machine)),
        outstanding,
        body: None,
    }
}

/// Where code that is there has not been tried on a stalled instance, it gets a body; else it sleeps on.
async fn begin_body(
    core: &Arc<Core>,
    key: &WorkflowKey,
    loaded: &mut Loaded,
    started: &Started,
    told: bool,
) {
    let instance = &loaded.instance;
    let plugin = core.plugins.named(&key.tenant, &instance.plugin);
    let Some(plugin) = plugin.filter(|plugin| brings(plugin, &instance.name)) else {
        return;
    };
    if let Some(stall) = &instance.stall {
        let untried = stall.component != plugin.digest().0;
        if !(untried || told && stall.may_pass) {
            return;
        }
    }
    let seed = seed_of(started);
    let begin = Begin::new(plugin, key, instance, started, seed);
    loaded.body = Some(Body::begin(core, begin, &loaded.machine).await);
}

/// What the code has not seen yet: what arrived since its last good turn.
fn unseen_from(instance: &Instance, history: &[(u64, Event)]) -> u64 {
    match &instance.stall {
        Some(stall) => stall.unseen_from,
        None => history.last().map_or(1, |(last, _)| last + 1),
    }
}

fn read_history(
    reader: &Reader,
    key: &WorkflowKey,
    run: u32,
) -> Result<Vec<(u64, Event)>, ReadError> {
    let mut history = reader.history(key, run, 0, PAGE)?;
    while history.len() % PAGE == 0 {
        let Some((last, _)) = history.last() else {
            break;
        };
        let next = reader.history(key, run, last + 1, PAGE)?;
        if next.is_empty() {
            break;
        }
        history.extend(next);
    }
    Ok(history)
}

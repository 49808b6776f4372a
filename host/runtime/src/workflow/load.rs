//! How an instance comes into memory: its record, its history, and its code at the beginning.

use std::sync::{Arc, Mutex};

use host_base::{Limits, Timestamp, WorkflowKey};
use host_store::records::{Event, EventKind, Instance, Started, Status};
use host_store::{ReadError, Reader};

use crate::core::Core;
use crate::effect::Message;
use crate::start::key_seed;
use crate::view::{brings, is_active};
use crate::workflow::body::{Begin, Body};
use crate::workflow::machine::{Machine, MachineLimits, seed_of};
use crate::workflow::outstanding::Outstanding;
use crate::workflow::reissue;
use crate::workflow::{Loaded, control};

/// The instance of that id, if one takes turns.
///
/// What kept a stalled one may have passed; it tries again only where it was told to look. One that is held
/// has its code only where it may be about to go on, and one that begins later where it is about to begin.
pub(crate) async fn load(
    core: &Arc<Core>,
    key: &WorkflowKey,
    told: bool,
    resumes: bool,
    messages: &[Message],
) -> Result<Option<Loaded>, ReadError> {
    let Some(instance) = core.reader.instance(key)?.filter(is_active) else {
        return Ok(None);
    };
    let Some(past) = Past::read(&core.reader, key, instance.run)? else {
        return Ok(None);
    };
    let mut outstanding = Outstanding::default();
    past.kinds().for_each(|kind| {
        outstanding.follow(kind);
    });
    let unseen_from = unseen_from(&instance, &past);
    let unasked = reissue::unasked(&instance, &past);
    let (machine, started) = past.machine(&core.limits_of(&key.tenant), unseen_from);
    let mut loaded = Loaded {
        seed: key_seed(&started).to_vec(),
        machine,
        outstanding,
        body: None,
        absent: None,
        touched: false,
        unseen: (instance.status() == Status::Pending).then_some(unseen_from),
        unasked,
        instance,
    };
    let begins = |message| control::is_start(message, &loaded.instance);
    let may_begin = loaded.instance.starts_ms == 0 || messages.iter().any(begins);
    if may_begin && (loaded.instance.suspension.is_none() || resumes) {
        begin_body(core, key, &mut loaded, &started, told || resumes).await;
    }
    Ok(Some(loaded))
}

/// A run's history.
pub(crate) struct Past {
    pub(crate) started: Started,
    pub(crate) at: Timestamp,
    /// What is behind its start.
    pub(crate) rest: Vec<(u64, Event)>,
}

impl Past {
    /// None where it has no start, which no host writes.
    pub(crate) fn read(
        reader: &Reader,
        key: &WorkflowKey,
        run: u32,
    ) -> Result<Option<Past>, ReadError> {
        let Some(first) = reader.event(key, run, 0)? else {
            return Ok(None);
        };
        let Some(EventKind::Started(started)) = first.kind else {
            return Ok(None);
        };
        // `history_events_max` bounds what there is.
        let rest = reader.history(key, run, 1, usize::MAX)?;
        Ok(Some(Past {
            started: *started,
            at: Timestamp(first.at_ms),
            rest,
        }))
    }

    /// The number that the next event gets.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.rest.last().map_or(1, |(last, _)| last + 1)
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &EventKind> {
        self.rest
            .iter()
            .filter_map(|(_, event)| event.kind.as_ref())
    }

    /// A machine at its beginning; the code has seen the events below `unseen_from`.
    pub(crate) fn machine(
        self,
        limits: &Limits,
        unseen_from: u64,
    ) -> (Arc<Mutex<Machine>>, Started) {
        let limits = MachineLimits {
            history_events_max: limits.history_events_max,
            pending_max: limits.workflow_pending_max,
            turn_bytes_max: limits.turn_bytes_max,
        };
        let Past { started, at, rest } = self;
        let machine = Machine::new(&started, at, rest, unseen_from, limits);
        (Arc::new(Mutex::new(machine)), started)
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
    let component = core.component(&key.tenant, &instance.plugin, &instance.component);
    let plugin = match component.await {
        Ok(plugin) if brings(&plugin, &instance.name) => plugin,
        Ok(_) => return,
        Err(why) => {
            loaded.absent = Some(why);
            return;
        }
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
pub(crate) fn unseen_from(instance: &Instance, past: &Past) -> u64 {
    if let Some(suspension) = &instance.suspension {
        return suspension.unseen_from;
    }
    match (&instance.stall, &past.started.origin) {
        (Some(stall), _) => stall.unseen_from,
        (None, Some(origin)) if instance.status() == Status::Pending => origin.unseen_from,
        // What the code has not begun with was carried over from the run before.
        (None, None) if instance.status() == Status::Pending => 1,
        (None, _) => past.next_sequence(),
    }
}

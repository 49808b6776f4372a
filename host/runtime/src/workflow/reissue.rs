//! What a copied history asked for and had not received is asked for anew, under the new id; so are its
//! subscriptions.
//!
//! It is one commit of its own before the first turn, so that it happens once however often the host is
//! killed, and whatever becomes of that turn.

use std::collections::HashMap;
use std::sync::Arc;

use host_base::WorkflowKey;
use host_store::ReadError;
use host_store::records::{EventKind, Instance, Status};

use crate::core::Core;
use crate::locks::lock;
use crate::workflow::Loaded;
use crate::workflow::children;
use crate::workflow::commands::handle_of;
use crate::workflow::load::Past;
use crate::workflow::machine::expected_in;
use crate::workflow::turn::Change;

/// The commands of a copied history whose results it does not hold and its subscriptions, unless they were asked
/// for since. Once the code has had a turn, what is outstanding was asked for by itself.
pub(crate) fn unasked(instance: &Instance, past: &Past) -> Vec<(u64, EventKind)> {
    let pending = instance.status() == Status::Pending;
    if past.started.origin.is_none() || instance.reissued || !pending {
        return Vec::new();
    }
    outstanding(past)
}

/// What had no result, and the subscriptions.
fn outstanding(past: &Past) -> Vec<(u64, EventKind)> {
    let expected = expected_in(&past.rest);
    let topics = topics_in(past);
    let is_outstanding = |sequence: u64, kind: &EventKind| match kind {
        EventKind::Subscribed(one) => topics.get(&*one.topic) == Some(&sequence),
        other => handle_of(other).is_some_and(|handle| expected.contains(&handle)),
    };
    let events = past.rest.iter();
    let kinds = events.filter_map(|(sequence, event)| Some((*sequence, event.kind.as_ref()?)));
    let left = kinds.filter(|(sequence, kind)| is_outstanding(*sequence, kind));
    left.map(|(sequence, kind)| (sequence, kind.clone()))
        .collect()
}

/// The topics to which it has subscribed, and with which event last.
fn topics_in(past: &Past) -> HashMap<&str, u64> {
    let mut topics = HashMap::new();
    for (sequence, event) in &past.rest {
        match &event.kind {
            Some(EventKind::Subscribed(one)) => drop(topics.insert(&*one.topic, *sequence)),
            Some(EventKind::Unsubscribed(one)) => drop(topics.remove(&*one.topic)),
            _ => {}
        }
    }
    topics
}

impl Loaded {
    /// Asks anew for what was asked for where the history was copied from.
    pub(crate) async fn ask_anew(
        &mut self,
        core: &Arc<Core>,
        key: &WorkflowKey,
    ) -> Result<(), ReadError> {
        let unasked = std::mem::take(&mut self.unasked);
        if unasked.is_empty() {
            return Ok(());
        }
        let mut change = Change::new(core, key, core.clock.now());
        let mut wanted = Vec::new();
        for (sequence, kind) in unasked {
            match kind {
                EventKind::ChildScheduled(child) => wanted.push(child),
                other => change.carry_out(self, sequence, other),
            }
        }
        let mut children = Vec::new();
        let run = self.instance.run;
        let refused = children::prepare(core, key, run, wanted, &mut children).await?;
        change.start(children);
        let recorded = {
            let mut machine = lock(&self.machine);
            machine.begin_turn(change.now);
            for arrival in refused {
                machine.arrive(arrival);
            }
            machine.take_recorded()
        };
        change.record(self, recorded);
        change.update(self, |instance| instance.reissued = true);
        change.commit().await;
        Ok(())
    }
}

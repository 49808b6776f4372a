//! Who waits for whom: finds a circle before it becomes a deadlock.
//!
//! Knows actors and starts of workflows as names. A turn waits for one thing at a time, so that from each
//! actor one edge leads on at most, and a circle is found by following it. An actor that was entered again may
//! wait for something else meanwhile: the latest of what it waits for counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use host_base::{ActorKey, WorkflowKey};

use crate::locks::lock;

/// What an actor's turn may wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// An actor's answer.
    Actor(ActorKey),
    /// That another turn decides whether a workflow of this id is started.
    Start(WorkflowKey),
    /// Nothing: it was entered again, and runs.
    Nothing,
}

/// The wait would never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Circle;

/// All waits of actors' turns.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<Graph>);

#[derive(Debug, Default)]
struct Graph {
    /// The latest last. Whoever is called may give up later than its caller, so that they end in any order.
    waiting: HashMap<ActorKey, Vec<(u64, Awaited)>>,
    /// The number of the next wait.
    next: u64,
    starting: HashMap<WorkflowKey, ActorKey>,
}

impl Graph {
    fn closes(&self, who: &ActorKey, what: &Awaited) -> bool {
        let mut next = Some(what);
        while let Some(awaited) = next {
            let actor = match awaited {
                Awaited::Actor(actor) => Some(actor),
                Awaited::Start(id) => self.starting.get(id),
                Awaited::Nothing => None,
            };
            if actor == Some(who) {
                return true;
            }
            let waits = actor.and_then(|actor| self.waiting.get(actor)?.last());
            next = waits.map(|(_, awaited)| awaited);
        }
        false
    }
}

/// As long as it lives, the wait counts.
#[derive(Debug)]
pub(crate) struct Waiting {
    waits: Arc<Waits>,
    who: ActorKey,
    number: u64,
}

/// As long as it lives, the actor's turn decides about the id.
#[derive(Debug)]
pub(crate) struct Deciding {
    waits: Arc<Waits>,
    id: WorkflowKey,
}

impl Waits {
    /// The turn of `who` begins to wait.
    ///
    /// # Errors
    /// What it waits for waits for `who`, directly or through others.
    pub(crate) fn begin(
        self: &Arc<Self>,
        who: &ActorKey,
        what: Awaited,
    ) -> Result<Waiting, Circle> {
        let mut graph = lock(&self.0);
        if graph.closes(who, &what) {
            return Err(Circle);
        }
        Ok(self.note(&mut graph, who, what))
    }

    /// The turn of `who` begins to wait for a call that enters `actor` again, whose turn goes on for this call.
    pub(crate) fn enter(self: &Arc<Self>, who: &ActorKey, actor: &ActorKey) -> [Waiting; 2] {
        let mut graph = lock(&self.0);
        let runs = self.note(&mut graph, actor, Awaited::Nothing);
        let waits = self.note(&mut graph, who, Awaited::Actor(actor.clone()));
        [waits, runs]
    }

    fn note(self: &Arc<Self>, graph: &mut Graph, who: &ActorKey, what: Awaited) -> Waiting {
        let number = graph.next;
        graph.next += 1;
        graph
            .waiting
            .entry(who.clone())
            .or_default()
            .push((number, what));
        Waiting {
            waits: Arc::clone(self),
            who: who.clone(),
            number,
        }
    }

    /// The turn of `who` decides from now on whether a workflow of this id is started.
    pub(crate) fn decide(self: &Arc<Self>, who: &ActorKey, id: &WorkflowKey) -> Deciding {
        lock(&self.0).starting.insert(id.clone(), who.clone());
        Deciding {
            waits: Arc::clone(self),
            id: id.clone(),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut graph = lock(&self.waits.0);
        let Some(waits) = graph.waiting.get_mut(&self.who) else {
            return;
        };
        waits.retain(|(number, _)| *number != self.number);
        if waits.is_empty() {
            graph.waiting.remove(&self.who);
        }
    }
}

impl Drop for Deciding {
    fn drop(&mut self) {
        lock(&self.waits.0).starting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use host_base::TenantId;

    use super::*;

    fn actor(id: &str) -> ActorKey {
        ActorKey::new(TenantId::default(), "T", id).unwrap()
    }

    fn to(id: &str) -> Awaited {
        Awaited::Actor(actor(id))
    }

    #[test]
    fn a_call_to_oneself_is_a_circle() {
        let waits = Arc::new(Waits::default());
        assert_eq!(waits.begin(&actor("a"), to("a")).err(), Some(Circle));
    }

    #[test]
    fn a_circle_is_found_whoever_closes_it_and_gone_when_a_wait_ends() {
        let waits = Arc::new(Waits::default());
        let _first = waits.begin(&actor("a"), to("b")).unwrap();
        let second = waits.begin(&actor("b"), to("c")).unwrap();
        assert_eq!(waits.begin(&actor("c"), to("a")).err(), Some(Circle));
        drop(second);
        assert!(waits.begin(&actor("c"), to("a")).is_ok());
    }

    #[test]
    fn an_actor_that_was_entered_again_runs_and_waits_again_afterwards() {
        let waits = Arc::new(Waits::default());
        let _outer = waits.begin(&actor("a"), to("b")).unwrap();
        let entering = waits.enter(&actor("b"), &actor("a"));
        // Whoever waits for it now waits for what runs.
        let other = waits.begin(&actor("c"), to("a")).unwrap();
        assert_eq!(waits.begin(&actor("a"), to("c")).err(), Some(Circle));
        drop((entering, other));
        assert_eq!(waits.begin(&actor("b"), to("a")).err(), Some(Circle));
    }

    #[test]
    fn a_wait_that_ends_before_those_that_came_later_leaves_nothing_behind() {
        let waits = Arc::new(Waits::default());
        let outer = waits.begin(&actor("a"), to("b")).unwrap();
        let entering = waits.enter(&actor("b"), &actor("a"));
        // The one that was entered gives up, and waits for another before the one that has entered knows.
        drop(outer);
        let _next = waits.begin(&actor("a"), to("d")).unwrap();
        drop(entering);
        assert_eq!(waits.begin(&actor("d"), to("a")).err(), Some(Circle));
        assert!(waits.begin(&actor("b"), to("a")).is_ok());
    }

    #[test]
    fn a_start_leads_to_the_turn_that_decides_about_it() {
        let waits = Arc::new(Waits::default());
        let id = WorkflowKey::new(TenantId::default(), "w").unwrap();
        let deciding = waits.decide(&actor("a"), &id);
        let _wait = waits.begin(&actor("a"), to("b")).unwrap();
        let start = Awaited::Start(id);
        assert_eq!(waits.begin(&actor("b"), start.clone()).err(), Some(Circle));
        drop(deciding);
        assert!(waits.begin(&actor("b"), start).is_ok());
    }
}

//! Chains of calls in which an actor that waits may be entered again.
//!
//! Whoever makes such a call opens a door, as long as it waits for the answer: whoever is called in the chain
//! finds it there, and what it asks is run by the one who waits, over its own turn. So two turns of an actor
//! never overlap, and a caller that no longer waits has no door.

use std::sync::{Arc, Mutex};

use host_base::{ActorKey, Outcome, Payload};
use host_store::records::Entered;
use tokio::sync::{mpsc, oneshot};

use crate::locks::lock;

/// The doors that are open to whoever is called, the latest first.
#[derive(Clone, Debug)]
pub(crate) struct Chain(Arc<Link>);

#[derive(Debug)]
struct Link {
    owner: ActorKey,
    door: mpsc::Sender<Entry>,
    before: Option<Chain>,
    /// The calls that have entered an actor of the chain and worked, in their order.
    journal: Arc<Mutex<Vec<(ActorKey, Entered)>>>,
}

/// A call that enters an actor again.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) method: String,
    pub(crate) input: Payload,
    /// The chain in which it is made.
    pub(crate) chain: Chain,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

impl Chain {
    /// A chain that leads back to `owner`, and where the entries come out.
    pub(crate) fn open(owner: ActorKey, before: Option<Chain>) -> (Chain, mpsc::Receiver<Entry>) {
        // Calls in a chain wait for each other.
        let (door, entries) = mpsc::channel(1);
        let journal = before.as_ref().map(|before| Arc::clone(&before.0.journal));
        let link = Link {
            owner,
            door,
            before,
            journal: journal.unwrap_or_default(),
        };
        (Chain(Arc::new(link)), entries)
    }

    /// Enters the actor again, if it waits in this chain for what it has called. None where it does not.
    pub(crate) async fn enter(
        &self,
        actor: &ActorKey,
        method: &str,
        input: &Payload,
    ) -> Option<Outcome> {
        let link = self.links().find(|link| link.is_open_to(actor))?;
        let (answer, answered) = oneshot::channel();
        let entry = Entry {
            method: method.to_owned(),
            input: input.clone(),
            chain: self.clone(),
            answer,
        };
        link.door.send(entry).await.ok()?;
        let outcome = answered.await.ok()?;
        if outcome.is_ok() {
            let entered = Entered {
                actor_type: actor.actor_type.clone(),
                actor_id: actor.id.clone(),
                method: method.to_owned(),
                input: input.clone(),
            };
            lock(&self.0.journal).push((actor.clone(), entered));
        }
        Some(outcome)
    }

    /// Whether the actor waits in this chain for what it has called.
    pub(crate) fn leads_to(&self, actor: &ActorKey) -> bool {
        self.links().any(|link| link.is_open_to(actor))
    }

    /// How many calls have entered an actor again so far.
    pub(crate) fn entered(&self) -> usize {
        lock(&self.0.journal).len()
    }

    /// The calls that have entered other actors than `who` since then.
    pub(crate) fn entered_since(&self, before: usize, who: &ActorKey) -> Vec<Entered> {
        let journal = lock(&self.0.journal);
        let since = journal.iter().skip(before);
        let others = since.filter(|(owner, _)| owner != who);
        others.map(|(_, entered)| entered.clone()).collect()
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        let first = Some(&*self.0);
        std::iter::successors(first, |link| Some(&*link.before.as_ref()?.0))
    }
}

impl Link {
    fn is_open_to(&self, actor: &ActorKey) -> bool {
        self.owner == *actor && !self.door.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use host_base::TenantId;

    use super::*;

    fn actor(id: &str) -> ActorKey {
        ActorKey::new(TenantId::default(), "T", id).unwrap()
    }

    #[tokio::test]
    async fn the_latest_door_that_is_open_is_taken_and_what_worked_is_noted() {
        let (outer, mut outer_entries) = Chain::open(actor("a"), None);
        let (inner, mut inner_entries) = Chain::open(actor("a"), Some(outer.clone()));
        let one = actor("a");
        let input = Payload::new();
        let (outcome, ()) = tokio::join!(inner.enter(&one, "m", &input), async {
            let entry = inner_entries.recv().await.unwrap();
            entry.answer.send(Ok(b"1".to_vec())).unwrap();
        });
        assert_eq!(outcome, Some(Ok(b"1".to_vec())));
        assert_eq!(outer.entered(), 1);
        drop(inner_entries);
        let (outcome, ()) = tokio::join!(inner.enter(&one, "m", &input), async {
            drop(outer_entries.recv().await.unwrap().answer);
        });
        assert_eq!((outcome, outer.entered()), (None, 1));
        drop(outer_entries);
        assert!(!inner.leads_to(&actor("a")));
        assert!(inner.entered_since(0, &actor("a")).is_empty());
        assert_eq!(inner.entered_since(0, &actor("b")).len(), 1);
    }
}

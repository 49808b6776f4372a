//! One start at a time for each workflow id: whoever holds the permit may look whether the id is free.
//!
//! The permit is held until the start is durable or given up, so that the next one sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use host_base::{ActorKey, WorkflowKey};
use host_engine::Plugin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::locks::lock;
use crate::waits::{Awaited, Circle, Deciding, Waits};

/// The ids that are being started.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    ids: Mutex<HashMap<WorkflowKey, Place>>,
    waits: Arc<Waits>,
}

#[derive(Debug)]
struct Place {
    turn: Arc<Semaphore>,
    users: usize,
}

/// The right to start a workflow of one id.
#[derive(Debug)]
pub(crate) struct StartPermit {
    // Dropped in this order: the next one is let in before the place is given up.
    _deciding: Option<Deciding>,
    _turn: OwnedSemaphorePermit,
    _user: User,
    /// The component that is started on: it is kept in the store at least until the start is there.
    component: Option<Plugin>,
}

impl StartPermit {
    /// What is started runs on this component.
    pub(crate) fn runs_on(&mut self, plugin: &Plugin) {
        self.component = Some(plugin.clone());
    }
}

#[derive(Debug)]
struct User {
    starts: Arc<Starts>,
    id: WorkflowKey,
}

impl Starts {
    pub(crate) fn new(waits: Arc<Waits>) -> Starts {
        Starts {
            ids: Mutex::default(),
            waits,
        }
    }

    /// Waits for the permit, on behalf of nobody who could be waited for.
    pub(crate) async fn permit(self: &Arc<Self>, id: &WorkflowKey) -> StartPermit {
        let (user, turn) = self.enter(id);
        StartPermit {
            _deciding: None,
            _turn: take(turn).await,
            _user: user,
            component: None,
        }
    }

    /// The permit, if nobody has it.
    pub(crate) fn try_permit(self: &Arc<Self>, id: &WorkflowKey) -> Option<StartPermit> {
        let (user, turn) = self.enter(id);
        Some(StartPermit {
            _deciding: None,
            _turn: turn.try_acquire_owned().ok()?,
            _user: user,
            component: None,
        })
    }

    /// Waits for the permit in an actor's turn.
    ///
    /// # Errors
    /// The turn that holds the permit waits for this one.
    pub(crate) async fn permit_for(
        self: &Arc<Self>,
        who: &ActorKey,
        id: &WorkflowKey,
    ) -> Result<StartPermit, Circle> {
        let (user, turn) = self.enter(id);
        let waiting = self.waits.begin(who, Awaited::Start(id.clone()))?;
        let turn = take(turn).await;
        drop(waiting);
        Ok(StartPermit {
            _deciding: Some(self.waits.decide(who, id)),
            _turn: turn,
            _user: user,
            component: None,
        })
    }

    fn enter(self: &Arc<Self>, id: &WorkflowKey) -> (User, Arc<Semaphore>) {
        let mut ids = lock(&self.ids);
        let place = ids.entry(id.clone()).or_insert_with(|| Place {
            turn: Arc::new(Semaphore::new(1)),
            users: 0,
        });
        place.users += 1;
        let user = User {
            starts: Arc::clone(self),
            id: id.clone(),
        };
        (user, Arc::clone(&place.turn))
    }
}

async fn take(turn: Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = turn.acquire_owned().await;
    permit.expect("the semaphore of a place is never closed")
}

impl Drop for User {
    fn drop(&mut self) {
        let mut ids = lock(&self.starts.ids);
        if let Some(place) = ids.get_mut(&self.id) {
            place.users -= 1;
            if place.users == 0 {
                ids.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use host_base::TenantId;

    use super::*;

    #[tokio::test]
    async fn the_second_start_waits_for_the_first_and_nothing_is_left_behind() {
        let starts = Arc::new(Starts::new(Arc::default()));
        let id = WorkflowKey::new(TenantId::default(), "w").unwrap();
        let first = starts.permit(&id).await;
        let second = tokio::spawn({
            let (starts, id) = (Arc::clone(&starts), id.clone());
            async move { drop(starts.permit(&id).await) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap();
        assert!(lock(&starts.ids).is_empty());
    }
}

//! FairPlaces of which the whole host has a number: who gets the next one.
//!
//! Owns that no tenant takes them all: the fewer are left, the fewer one may hold, so that there is always one
//! for a tenant that has none. Knows nothing of what is done there.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use host_base::TenantId;
use tokio::sync::{Notify, oneshot};

use crate::locks::lock;

/// How many places a tenant may hold for each that is left. One that is alone gets all but a ninth.
const HELD_FOR_EACH_LEFT: usize = 8;

/// The places.
pub(crate) struct FairPlaces {
    state: Mutex<State>,
    /// The last one that was held is free.
    emptied: Notify,
}

struct State {
    left: usize,
    all: usize,
    closed: bool,
    tenants: HashMap<TenantId, Tenant>,
    /// Those that wait, by how many places they hold.
    order: BTreeSet<(usize, TenantId)>,
}

#[derive(Default)]
struct Tenant {
    held: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

impl Tenant {
    fn first_that_waits(&mut self) -> Option<oneshot::Sender<Place>> {
        let waiting = std::iter::from_fn(|| self.waiting.pop_front());
        waiting.into_iter().find(|give| !give.is_closed())
    }
}

/// A place, given back when it is dropped.
pub(crate) struct Place {
    places: Arc<FairPlaces>,
    tenant: TenantId,
}

impl FairPlaces {
    /// So many places.
    pub(crate) fn new(all: usize) -> Arc<FairPlaces> {
        Arc::new(FairPlaces {
            state: Mutex::new(State {
                left: all,
                all,
                closed: false,
                tenants: HashMap::new(),
                order: BTreeSet::new(),
            }),
            emptied: Notify::new(),
        })
    }

    /// Waits for a place. Once they are closed, nobody gets one.
    pub(crate) async fn place(self: &Arc<Self>, tenant: &TenantId) -> Place {
        if let Some(place) = self.free_place(tenant) {
            return place;
        }
        let (give, given) = oneshot::channel();
        lock(&self.state).put(tenant, give);
        // It may have become free meanwhile.
        self.give();
        match given.await {
            Ok(place) => place,
            Err(_) => std::future::pending().await,
        }
    }

    /// A place that nobody waits for.
    fn free_place(self: &Arc<Self>, tenant: &TenantId) -> Option<Place> {
        let mut state = lock(&self.state);
        let held = state
            .tenants
            .get(tenant)
            .map_or(0, |of_tenant| of_tenant.held);
        if !state.order.is_empty() || !state.may_have_another(held) {
            return None;
        }
        state.tenants.entry(tenant.clone()).or_default().held += 1;
        state.left -= 1;
        Some(Place {
            places: Arc::clone(self),
            tenant: tenant.clone(),
        })
    }

    /// Gives no more places, and waits until all are free.
    pub(crate) async fn close(&self) {
        let emptied = self.emptied.notified();
        let empty = lock(&self.state).close();
        if !empty {
            emptied.await;
        }
    }

    /// Gives what may be given.
    fn give(self: &Arc<Self>) {
        while let Some((tenant, give)) = self.next() {
            let places = Arc::clone(self);
            // Where nobody waits for it any more since just now, it is given back at once.
            drop(give.send(Place { places, tenant }));
        }
    }

    fn next(&self) -> Option<(TenantId, oneshot::Sender<Place>)> {
        lock(&self.state).next()
    }
}

impl State {
    /// Whether one that holds so many may have one more.
    fn may_have_another(&self, held: usize) -> bool {
        !self.closed && held < self.left * HELD_FOR_EACH_LEFT
    }

    /// Whether all places are free.
    fn close(&mut self) -> bool {
        self.closed = true;
        self.left == self.all
    }

    fn put(&mut self, tenant: &TenantId, give: oneshot::Sender<Place>) {
        let of_tenant = self.tenants.entry(tenant.clone()).or_default();
        if of_tenant.waiting.is_empty() {
            self.order.insert((of_tenant.held, tenant.clone()));
        }
        of_tenant.waiting.push_back(give);
    }

    /// Takes a place for the tenant that holds the fewest of those that wait.
    fn next(&mut self) -> Option<(TenantId, oneshot::Sender<Place>)> {
        loop {
            let (held, _) = self.order.first()?;
            if !self.may_have_another(*held) {
                return None;
            }
            let (held, tenant) = self.order.pop_first()?;
            let of_tenant = self.tenants.get_mut(&tenant)?;
            let wanted = of_tenant.first_that_waits();
            let held = held + usize::from(wanted.is_some());
            of_tenant.held = held;
            if !of_tenant.waiting.is_empty() {
                self.order.insert((held, tenant.clone()));
            } else if held == 0 {
                self.tenants.remove(&tenant);
            }
            if let Some(give) = wanted {
                self.left -= 1;
                return Some((tenant, give));
            }
        }
    }

    fn give_back(&mut self, tenant: &TenantId) {
        self.left += 1;
        let Some(of_tenant) = self.tenants.get_mut(tenant) else {
            return;
        };
        let was_waiting = self.order.remove(&(of_tenant.held, tenant.clone()));
        of_tenant.held -= 1;
        if was_waiting {
            self.order.insert((of_tenant.held, tenant.clone()));
        } else if of_tenant.held == 0 {
            self.tenants.remove(tenant);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.places.state);
        state.give_back(&self.tenant);
        let emptied = state.left == state.all;
        drop(state);
        if emptied {
            self.places.emptied.notify_waiters();
        }
        self.places.give();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waits = Pin<Box<dyn Future<Output = Place>>>;

    /// Somebody who waits for a place, and the place where there was one at once.
    fn ask(places: &Arc<FairPlaces>, tenant: &str) -> (Waits, Option<Place>) {
        let (places, tenant) = (Arc::clone(places), TenantId::new(tenant).unwrap());
        let mut waits: Waits = Box::pin(async move { places.place(&tenant).await });
        let place = look(&mut waits);
        (waits, place)
    }

    fn look(waits: &mut Waits) -> Option<Place> {
        match waits.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_tenant_that_is_alone_leaves_a_ninth_to_others() {
        let places = FairPlaces::new(90);
        let asked: Vec<_> = (0..100).map(|_| ask(&places, "many")).collect();
        assert_eq!(
            asked.iter().filter(|(_, place)| place.is_some()).count(),
            80
        );
        assert!(ask(&places, "few").1.is_some());
    }

    #[test]
    fn few_places_are_all_used_and_the_next_one_goes_to_whoever_holds_the_fewest() {
        let places = FairPlaces::new(4);
        let mut held: Vec<_> = (0..4).map(|_| ask(&places, "many").1.unwrap()).collect();
        let (mut more, none) = ask(&places, "many");
        let (mut few, neither) = ask(&places, "few");
        assert!(none.is_none() && neither.is_none());
        held.pop();
        assert!(look(&mut more).is_none());
        assert!(look(&mut few).is_some());
        // Which was given back at once.
        assert!(look(&mut more).is_some());
    }

    #[test]
    fn who_gave_up_waiting_keeps_nobody_from_a_place() {
        let places = FairPlaces::new(1);
        let (_, place) = ask(&places, "a");
        let gave_up: Vec<_> = (0..100_000).map(|_| ask(&places, "b")).collect();
        let (mut waits, none) = ask(&places, "c");
        assert!(none.is_none());
        drop(gave_up);
        drop(place);
        assert!(look(&mut waits).is_some());
    }

    #[tokio::test]
    async fn once_they_are_closed_nobody_gets_one_and_those_that_are_held_are_waited_for() {
        let places = FairPlaces::new(2);
        let (_, place) = ask(&places, "a");
        let mut closing = Box::pin(places.close());
        assert!(
            closing
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        let (mut late, none) = ask(&places, "b");
        assert!(none.is_none());
        drop(place);
        closing.await;
        assert!(look(&mut late).is_none());
    }
}

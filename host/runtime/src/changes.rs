//! Which workflows have begun, ended, stalled, been held or gone on, one change after the other, for those who watch
//! them all.
//!
//! Keeps the latest changes in memory from the first watcher on, so that whoever was cut off can go on where it
//! stopped. Knows which workflow has changed, and not how: that stands in the store.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use host_base::{TenantId, WorkflowKey};
use tokio::sync::watch;

use crate::locks::lock;
use crate::runtime::Runtime;

/// More has changed since then than is kept: whoever watches must look at everything anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed;

/// Changes of workflows behind some number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Those of the tenant, each with its number, in their order.
    pub changes: Vec<(u64, WorkflowKey)>,
    /// The number of the last one that was looked at, of whichever tenant.
    pub last: u64,
}

/// The latest changes of all tenants.
#[derive(Debug)]
pub(crate) struct Recent {
    /// Nothing is kept before somebody watches.
    watched: AtomicBool,
    kept: Mutex<VecDeque<WorkflowKey>>,
    kept_max: usize,
    /// The number of the last change.
    last: watch::Sender<u64>,
}

impl Recent {
    /// None yet; the next one has the number behind `last`.
    pub(crate) fn new(last: u64, kept_max: usize) -> Recent {
        Recent {
            watched: AtomicBool::new(false),
            kept: Mutex::default(),
            kept_max,
            last: watch::Sender::new(last),
        }
    }

    /// The workflow has changed.
    pub(crate) fn put(&self, key: &WorkflowKey) {
        if !self.watched.load(Ordering::Acquire) {
            return;
        }
        let mut kept = lock(&self.kept);
        if kept.len() == self.kept_max {
            kept.pop_front();
        }
        kept.push_back(key.clone());
        // Under the lock, so that numbers and places agree.
        self.last.send_modify(|last| *last += 1);
    }

    fn begin(&self) -> u64 {
        self.watched.store(true, Ordering::Release);
        let _kept = lock(&self.kept);
        *self.last.borrow()
    }

    fn after(&self, number: u64, tenant: &TenantId, limit: usize) -> Result<Changes, Missed> {
        let kept = lock(&self.kept);
        let last = *self.last.borrow();
        let first_kept = last - kept.len() as u64;
        let place = number.checked_sub(first_kept).filter(|_| number <= last);
        // The place of something that is kept fits.
        let place = place.ok_or(Missed)? as usize;
        let looked_at = kept.iter().skip(place).take(limit);
        let numbered = (number + 1..).zip(looked_at);
        let last = number + (kept.len() - place).min(limit) as u64;
        let changes = numbered.filter(|(_, key)| key.tenant == *tenant);
        let changes = changes.map(|(number, key)| (number, key.clone())).collect();
        Ok(Changes { changes, last })
    }
}

impl Runtime {
    /// From now on, changes are kept for whoever watches; the number of the last one until now.
    pub fn watch_changes(&self) -> u64 {
        self.core.recent.begin()
    }

    /// The changes of a tenant's workflows behind this number, `limit` of all tenants at most: each workflow that has
    /// begun, ended, stalled, been held or gone on, once it is durable.
    ///
    /// # Errors
    /// More has changed since than is kept (`changes_kept_max`), or the host was started again since.
    pub fn changes(&self, tenant: &TenantId, after: u64, limit: usize) -> Result<Changes, Missed> {
        self.core.recent.after(after, tenant, limit)
    }

    /// Ends when there is a change behind this number.
    pub fn changed(&self, after: u64) -> impl Future<Output = ()> + Send + use<> {
        let mut last = self.core.recent.last.subscribe();
        // It is never closed while somebody can ask for more.
        async move { drop(last.wait_for(|last| *last > after).await) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> WorkflowKey {
        WorkflowKey::new(TenantId::default(), id).unwrap()
    }

    fn after(recent: &Recent, number: u64) -> Result<Changes, Missed> {
        recent.after(number, &TenantId::default(), 2)
    }

    #[test]
    fn changes_are_told_in_their_order_and_by_pages() {
        let recent = Recent::new(7, 9);
        recent.put(&key("nobody watches"));
        assert_eq!(recent.begin(), 7);
        for id in ["a", "b", "c"] {
            recent.put(&key(id));
        }
        let page = |changes, last| Ok(Changes { changes, last });
        let first = page(vec![(8, key("a")), (9, key("b"))], 9);
        assert_eq!(after(&recent, 7), first);
        assert_eq!(after(&recent, 9), page(vec![(10, key("c"))], 10));
        assert_eq!(after(&recent, 10), page(vec![], 10));
    }

    #[test]
    fn who_comes_too_late_or_from_another_start_is_told_that_it_missed_some() {
        let recent = Recent::new(7, 2);
        recent.begin();
        for id in ["a", "b", "c"] {
            recent.put(&key(id));
        }
        assert_eq!(after(&recent, 7), Err(Missed));
        assert_eq!(after(&recent, 8).unwrap().changes.len(), 2);
        assert_eq!(after(&recent, 11), Err(Missed));
    }

    #[test]
    fn a_tenant_sees_none_of_anothers_changes() {
        let recent = Recent::new(0, 9);
        recent.begin();
        recent.put(&key("a"));
        let other = TenantId::new("other").unwrap();
        let seen = recent.after(0, &other, 9).unwrap();
        let nothing = (vec![], 1);
        assert_eq!((seen.changes, seen.last), nothing);
    }
}

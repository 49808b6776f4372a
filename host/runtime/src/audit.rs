//! The audit log of each tenant: who has asked for what that changes how things are run, and how it was answered.
//!
//! Owns the numbers of entries and how many are kept. Knows nothing of what is asked for.

use std::collections::HashMap;
use std::sync::Mutex;

use host_base::failure::code;
use host_base::{Failure, TenantId};
use host_store::records::AuditEntry;
use host_store::{Batch, ReadError, Reader};

use crate::core::Core;
use crate::error::StoreError;
use crate::locks::lock;
use crate::runtime::Runtime;
use crate::start::unreadable;

/// An entry with its number: entries of a tenant are numbered from 1 on.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditView {
    /// The number.
    pub number: u64,
    /// What stands there.
    pub entry: AuditEntry,
}

/// Of each tenant the number of its latest entry and how many are kept, as far as one was written since the host was
/// started.
#[derive(Default)]
pub(crate) struct Audit(Mutex<HashMap<TenantId, (u64, u64)>>);

/// Which entries make room for the one of a number.
#[derive(Debug, PartialEq)]
enum Leaves {
    None,
    One(u64),
    /// That one and all before it.
    Until(u64),
}

/// Who leaves; `anew` where another number may have been kept when the last one was written.
fn leaves(number: u64, kept_max: u64, anew: bool) -> Leaves {
    match number.checked_sub(kept_max) {
        None | Some(0) => Leaves::None,
        Some(oldest) if anew => Leaves::Until(oldest),
        Some(oldest) => Leaves::One(oldest),
    }
}

impl Audit {
    /// The number of the next entry, and which leave for it.
    fn next(
        &self,
        reader: &Reader,
        tenant: &TenantId,
        kept_max: u64,
    ) -> Result<(u64, Leaves), ReadError> {
        let mut all = lock(&self.0);
        let (latest, anew) = match all.get(tenant) {
            Some((latest, kept)) => (*latest, *kept != kept_max),
            None => {
                let kept = reader.audit(tenant, None, 1)?;
                (kept.first().map_or(0, |(number, _)| *number), true)
            }
        };
        let number = latest + 1;
        all.insert(tenant.clone(), (number, kept_max));
        Ok((number, leaves(number, kept_max, anew)))
    }

    /// Whether the entry has not left yet.
    fn keeps(&self, tenant: &TenantId, number: u64) -> bool {
        let (latest, kept) = lock(&self.0).get(tenant).copied().unwrap_or_default();
        latest.saturating_sub(number) < kept
    }
}

impl Runtime {
    /// Notes that something is asked for; durable when this returns, before it is done. The time is the host's.
    ///
    /// # Errors
    /// The store failed: it must not be done then.
    pub async fn note(&self, tenant: &TenantId, entry: &mut AuditEntry) -> Result<u64, Failure> {
        let core = &self.core;
        entry.at_ms = core.clock.now().0;
        let kept_max = core.limits_of(tenant).audit_entries_max;
        let next = core.audit.next(&core.reader, tenant, kept_max);
        let (number, leaves) = next.map_err(unreadable)?;
        let mut batch = Batch::new();
        match leaves {
            Leaves::None => {}
            Leaves::One(oldest) => batch.delete_audit(tenant, oldest),
            Leaves::Until(oldest) => batch.delete_audit_until(tenant, oldest),
        }
        batch.put_audit(tenant, number, entry);
        durably(core, batch).await?;
        Ok(number)
    }

    /// Notes how it was answered, if the entry is still kept; durable when this returns.
    ///
    /// # Errors
    /// The store failed.
    pub async fn note_outcome(
        &self,
        tenant: &TenantId,
        number: u64,
        entry: &AuditEntry,
    ) -> Result<(), Failure> {
        let core = &self.core;
        if !core.audit.keeps(tenant, number) {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.put_audit(tenant, number, entry);
        durably(core, batch).await
    }

    /// A page of a tenant's audit log, the latest first, of entries before the number `before`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audit(
        &self,
        tenant: &TenantId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditView>, StoreError> {
        let found = self.core.reader.audit(tenant, before, limit)?.into_iter();
        Ok(found
            .map(|(number, entry)| AuditView { number, entry })
            .collect())
    }
}

async fn durably(core: &Core, batch: Batch) -> Result<(), Failure> {
    let durable = core.commit_durably(batch, Vec::new()).await;
    durable.map_err(|error| Failure::transient(code::BUSY, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_and_all_older_ones_where_fewer_are_kept_than_before() {
        assert_eq!(leaves(3, 3, false), Leaves::None);
        assert_eq!(leaves(4, 3, false), Leaves::One(1));
        assert_eq!(leaves(9, 3, true), Leaves::Until(6));
        assert_eq!(leaves(2, 3, true), Leaves::None);
    }

    #[test]
    fn what_was_dropped_meanwhile_does_not_come_back() {
        let audit = Audit::default();
        let tenant = TenantId::default();
        lock(&audit.0).insert(tenant.clone(), (5, 3));
        assert!(audit.keeps(&tenant, 3));
        assert!(!audit.keeps(&tenant, 2));
    }
}

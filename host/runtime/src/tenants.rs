//! What is said of each tenant: the limits that it is held to.
//!
//! Owns that a change of them holds at once for whatever begins, and is durable. Knows nothing of who may
//! change them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use host_base::limits::BadLimit;
use host_base::{CurrentLimits, Limits, TenantId};
use host_store::records::Tenant as Record;
use host_store::{Batch, CommitError, ReadError, Reader};
use serde_json::{Map, Value};

use crate::core::Core;
use crate::error::StoreError;
use crate::shares::Account;

/// Why a tenant's limits were not changed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// They cannot be a tenant's.
    #[error(transparent)]
    BadLimit(#[from] BadLimit),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReadError> for TenantError {
    fn from(error: ReadError) -> TenantError {
        TenantError::Store(error.into())
    }
}

impl From<CommitError> for TenantError {
    fn from(error: CommitError) -> TenantError {
        TenantError::Store(error.into())
    }
}

/// The tenants that have been met: those that something is said of, and those that have plugins.
pub(crate) struct Tenants {
    of_the_host: Arc<Limits>,
    met: RwLock<HashMap<TenantId, Tenant>>,
    /// Held while what is said of one is changed.
    changing: tokio::sync::Mutex<()>,
}

struct Tenant {
    limits: Arc<CurrentLimits>,
    account: Arc<Account>,
}

impl Tenants {
    /// All tenants are held to what the host is opened with.
    pub(crate) fn new(of_the_host: Limits) -> Tenants {
        Tenants {
            of_the_host: Arc::new(of_the_host),
            met: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Reads what is said of them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn load(&self, reader: &Reader) -> Result<(), ReadError> {
        for (tenant, said) in reader.tenant_records()? {
            if said.weight > 0 {
                self.account(&tenant).weigh(said.weight);
            }
            match self.limits_with(&said.limits) {
                Ok(limits) => self.limits_to_come(&tenant).set(limits),
                // An older host knows not every limit, and the host's own may have been lowered meanwhile.
                Err(why) => {
                    tracing::warn!(%tenant, %why, "a tenant's limits are not used; the host's are");
                }
            }
        }
        Ok(())
    }

    /// What a tenant is held to now.
    pub(crate) fn limits(&self, tenant: &TenantId) -> Arc<Limits> {
        let met = self.met.read().unwrap_or_else(PoisonError::into_inner);
        let own = met.get(tenant).map(|met| met.limits.get());
        own.unwrap_or_else(|| Arc::clone(&self.of_the_host))
    }

    /// What a tenant is held to now and after each change.
    pub(crate) fn limits_to_come(&self, tenant: &TenantId) -> Arc<CurrentLimits> {
        self.meet(tenant, |met| Arc::clone(&met.limits))
    }

    /// What a tenant's share of processor time is counted in.
    pub(crate) fn account(&self, tenant: &TenantId) -> Arc<Account> {
        self.meet(tenant, |met| Arc::clone(&met.account))
    }

    fn meet<T>(&self, tenant: &TenantId, of: impl Fn(&Tenant) -> T) -> T {
        let met = self.met.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(met) = met.get(tenant) {
            return of(met);
        }
        drop(met);
        let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
        // Nobody is forgotten as long as the host runs, so that none gets another's number.
        let number = met.len() as u64;
        of(met.entry(tenant.clone()).or_insert_with(|| Tenant {
            limits: Arc::new(CurrentLimits::new(Arc::clone(&self.of_the_host))),
            account: Arc::new(Account::new(number)),
        }))
    }

    fn limits_with(&self, set: &str) -> Result<Limits, BadLimit> {
        if set.is_empty() {
            return Ok(Limits::clone(&self.of_the_host));
        }
        let set = serde_json::from_str::<Map<String, Value>>(set);
        let set = set.map_err(|error| BadLimit::Unreadable(error.to_string()))?;
        self.of_the_host.with(&set)
    }
}

impl Core {
    /// What a tenant is held to now.
    pub(crate) fn limits_of(&self, tenant: &TenantId) -> Arc<Limits> {
        self.tenants.limits(tenant)
    }

    pub(crate) async fn set_tenant_limits(
        &self,
        tenant: &TenantId,
        set: &Map<String, Value>,
    ) -> Result<Arc<Limits>, TenantError> {
        let limits = Arc::new(self.tenants.of_the_host.with(set)?);
        let _alone = self.tenants.changing.lock().await;
        let said = self.reader.tenant(tenant)?.unwrap_or_else(|| Record {
            created_ms: self.clock.now().0,
            ..Record::default()
        });
        let said = Record {
            limits: Value::Object(set.clone()).to_string(),
            ..said
        };
        let mut batch = Batch::new();
        batch.put_tenant(tenant, &said);
        self.commit_durably(batch, Vec::new()).await?;
        let to_come = self.tenants.limits_to_come(tenant);
        to_come.set(Arc::clone(&limits));
        Ok(limits)
    }
}

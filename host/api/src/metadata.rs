//! What a server says of itself, and the labels that clients give it.
//!
//! Knows neither HTTP nor gRPC. Labels are in memory: they go with the process, as in Dapr.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use host_base::TenantId;

use crate::Api;

/// As what it introduces itself.
const ID: &str = "host";
/// The version of Dapr whose API it speaks.
const DAPR_VERSION: &str = "1.18.3";
/// A value of an actor's state may expire.
const FEATURES: [&str; 1] = ["ActorStateTTL"];
/// Labels that the clients of a tenant may give it.
const LABELS_MAX: usize = 256;
/// The longest name and the longest value of a label.
const LABEL_BYTES_MAX: usize = 4 << 10;

/// What a server says of itself.
pub(crate) struct Metadata {
    pub(crate) id: &'static str,
    pub(crate) version: &'static str,
    /// What it can do that not every server can.
    pub(crate) features: &'static [&'static str],
    /// Each actor type that is hosted, with how many actors of it are in memory.
    pub(crate) actors: Vec<(String, usize)>,
    /// Its labels.
    pub(crate) extended: BTreeMap<String, String>,
}

/// The labels that each tenant's clients have given the server.
#[derive(Default)]
pub(crate) struct Labels(Mutex<BTreeMap<TenantId, BTreeMap<String, String>>>);

/// A label is longer, or there are more of them, than is allowed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum LabelError {
    #[error("a label's name and its value may have {LABEL_BYTES_MAX} bytes each")]
    Long,
    #[error("the host may be given {LABELS_MAX} labels, and has so many")]
    Many,
}

impl Labels {
    /// Gives a label, in place of the one of that name.
    pub(crate) fn set(
        &self,
        tenant: &TenantId,
        name: String,
        value: String,
    ) -> Result<(), LabelError> {
        if name.len().max(value.len()) > LABEL_BYTES_MAX {
            return Err(LabelError::Long);
        }
        let mut all = self.lock();
        let labels = all.entry(tenant.clone()).or_default();
        if labels.len() == LABELS_MAX && !labels.contains_key(&name) {
            return Err(LabelError::Many);
        }
        labels.insert(name, value);
        Ok(())
    }

    fn of(&self, tenant: &TenantId) -> BTreeMap<String, String> {
        self.lock().get(tenant).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, BTreeMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Api {
    /// What it says of itself.
    pub(crate) fn metadata(&self) -> Metadata {
        let mut extended = self.labels.of(self.tenant());
        let version = || DAPR_VERSION.to_owned();
        extended
            .entry("daprRuntimeVersion".to_owned())
            .or_insert_with(version);
        Metadata {
            id: ID,
            version: env!("CARGO_PKG_VERSION"),
            features: &FEATURES,
            actors: self.runtime.actor_types(self.tenant()),
            extended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(labels: &Labels, name: &str, value: &str) -> Result<(), LabelError> {
        labels.set(&TenantId::default(), name.to_owned(), value.to_owned())
    }

    #[test]
    fn there_are_so_many_labels_and_no_more() {
        let labels = Labels::default();
        for number in 0..LABELS_MAX {
            assert_eq!(set(&labels, &number.to_string(), "1"), Ok(()));
        }
        assert_eq!(set(&labels, "another", "1"), Err(LabelError::Many));
        assert_eq!(set(&labels, "0", "2"), Ok(()));
        assert_eq!(labels.of(&TenantId::default())["0"], "2");
        let other = TenantId::new("other").unwrap();
        assert_eq!(labels.of(&other), BTreeMap::new());
    }

    #[test]
    fn a_label_is_short() {
        let labels = Labels::default();
        let (long, longer) = ("a".repeat(LABEL_BYTES_MAX), "a".repeat(LABEL_BYTES_MAX + 1));
        assert_eq!(set(&labels, &long, &long), Ok(()));
        assert_eq!(set(&labels, "a", &longer), Err(LabelError::Long));
        assert_eq!(set(&labels, &longer, "1"), Err(LabelError::Long));
    }
}

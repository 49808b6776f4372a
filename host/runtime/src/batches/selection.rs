//! Which workflows a batch job is about, page by page.
//!
//! Knows the store's lists; changes nothing.

use host_base::{Search, TenantId, Timestamp, WorkflowKey};
use host_store::records::{BatchFilter, Instance, Status};
use host_store::{ReadError, WorkflowFilter, attributes_of_records};

use crate::core::Core;

/// Instances that are looked at at once by whoever counts.
const COUNTED_AT_ONCE: usize = 1_000;

/// Which workflows: those that fit every field that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Where they stand and what they are.
    pub filter: WorkflowFilter,
    /// Only those that were started then or later.
    pub created_from: Option<Timestamp>,
    /// Only those that were started earlier.
    pub created_until: Option<Timestamp>,
    /// Only those whose attributes fit.
    pub search: Search,
}

impl Selection {
    /// Whether all workflows fit.
    pub fn is_everything(&self) -> bool {
        *self == Selection::default()
    }

    /// What a record says; none where it asks for something that this host does not know.
    pub fn of(record: &BatchFilter) -> Option<Selection> {
        let status = record.status.map(Status::try_from).transpose().ok()?;
        let search = record.search.as_deref().map(str::parse).transpose().ok()?;
        Some(Selection {
            filter: WorkflowFilter {
                status,
                name: record.name.clone(),
            },
            created_from: record.created_from_ms.map(Timestamp),
            created_until: record.created_until_ms.map(Timestamp),
            search: search.unwrap_or_default(),
        })
    }

    fn fits(&self, instance: Instance) -> bool {
        let created = Timestamp(instance.created_ms);
        self.created_from.is_none_or(|from| created >= from)
            && self.created_until.is_none_or(|until| created < until)
            && self
                .search
                .fits(&attributes_of_records(instance.attributes))
    }
}

impl From<&Selection> for BatchFilter {
    fn from(selection: &Selection) -> BatchFilter {
        BatchFilter {
            status: selection.filter.status.map(i32::from),
            name: selection.filter.name.clone(),
            created_from_ms: selection.created_from.map(|from| from.0),
            created_until_ms: selection.created_until.map(|until| until.0),
            search: Some(selection.search.text().to_owned()).filter(|text| !text.is_empty()),
        }
    }
}

/// Some of the workflows, in the order of their ids.
pub(super) struct Page {
    /// Those that fit.
    pub(super) fitting: Vec<WorkflowKey>,
    /// The id of the last one that was looked at.
    pub(super) last: String,
    /// Whether there are no more.
    pub(super) is_last: bool,
}

/// The page behind an id; so many are looked at.
pub(super) fn page(
    core: &Core,
    tenant: &TenantId,
    selection: &Selection,
    after: &str,
    limit: usize,
) -> Result<Page, ReadError> {
    let behind = Some(after).filter(|after| !after.is_empty());
    let rows = core
        .reader
        .workflows(tenant, &selection.filter, behind, limit)?;
    let last = rows.last().map_or(after, |(key, _)| &key.id).to_owned();
    let is_last = rows.len() < limit;
    let fitting = rows
        .into_iter()
        .filter_map(|(key, instance)| selection.fits(instance).then_some(key));
    let fitting = fitting.collect();
    Ok(Page {
        fitting,
        last,
        is_last,
    })
}

/// How many fit. Others go on meanwhile.
pub(super) async fn count(
    core: &Core,
    tenant: &TenantId,
    selection: &Selection,
) -> Result<u64, ReadError> {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = page(core, tenant, selection, &after, COUNTED_AT_ONCE)?;
        count += page.fitting.len() as u64;
        if page.is_last {
            return Ok(count);
        }
        after = page.last;
        tokio::task::yield_now().await;
    }
}

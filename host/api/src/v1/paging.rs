//! Pages of lists: how many entries and how many bytes one has.
//!
//! Knows nothing of what is listed.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::problem::Problem;
use crate::json::Raw;

/// Entries of a page where nothing else is said.
const ENTRIES_DEFAULT: u32 = 100;
/// Most entries of a page.
const ENTRIES_MAX: u32 = 1_000;
/// From how many bytes on a page takes no more entries.
const BYTES_MAX: usize = 4 << 20;
/// Records that are read at once: what one may hold is large.
const READ_AT_ONCE: usize = 64;

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PageOptions {
    /// Where the page before ended: its `next_cursor`.
    pub(super) cursor: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
}

/// A page in the making.
pub(super) struct Page {
    pub(super) entries: Vec<Raw>,
    bytes: usize,
    limit: usize,
}

impl Page {
    /// One of so many entries at most.
    pub(super) fn new(limit: Option<u32>) -> Result<Page, Problem> {
        let limit = limit.unwrap_or(ENTRIES_DEFAULT);
        if !(1..=ENTRIES_MAX).contains(&limit) {
            let text = format!("limit is {limit}, and may be 1 to {ENTRIES_MAX}");
            return Err(Problem::bad_input(text));
        }
        Ok(Page {
            entries: Vec::new(),
            bytes: 0,
            limit: limit as usize,
        })
    }

    /// How many entries it may have.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether what comes next belongs to the next page.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.limit || self.bytes >= BYTES_MAX
    }

    /// How many records are to be read next.
    pub(super) fn wanted(&self) -> usize {
        READ_AT_ONCE.min(self.limit - self.entries.len())
    }

    pub(super) fn put(&mut self, entry: &impl Serialize) {
        let entry = Raw::of(entry);
        self.bytes += entry.len();
        self.entries.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_entries_and_at_its_bytes() {
        assert!(Page::new(Some(0)).is_err() && Page::new(Some(ENTRIES_MAX + 1)).is_err());
        let mut page = Page::new(Some(2)).unwrap();
        page.put(&1);
        assert!(!page.is_full() && page.wanted() == 1);
        page.put(&2);
        assert!(page.is_full());
        let mut page = Page::new(None).unwrap();
        page.put(&"x".repeat(BYTES_MAX));
        assert!(page.is_full());
    }
}

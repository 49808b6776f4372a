//! Lists that a server gives page by page.
//!
//! Knows nothing of what is listed.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Remote, with_options};
use crate::exit::Problem;

/// Entries of a page: as many as a server gives.
const PAGE: usize = 1_000;

/// A page, whose entries have the list's name.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(
        alias = "activities",
        alias = "actors",
        alias = "reminders",
        alias = "schedules",
        alias = "topics",
        alias = "workflows"
    )]
    entries: Vec<T>,
    next_cursor: Option<String>,
}

impl Remote {
    /// The first entries of a list, so many at most.
    pub(crate) fn first<T: DeserializeOwned>(
        &self,
        path: &str,
        options: &[(&str, Option<&str>)],
        number: usize,
    ) -> Result<Vec<T>, Problem> {
        let mut entries = Vec::new();
        self.pages(path, options, number, |page| {
            entries.extend(page);
            Ok(entries.len() < number)
        })?;
        entries.truncate(number);
        Ok(entries)
    }

    /// All entries of a list.
    pub(crate) fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Problem> {
        self.first(path, &[], usize::MAX)
    }

    /// Reads a list page by page, of so many entries at most, as long as more are wanted.
    pub(crate) fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        options: &[(&str, Option<&str>)],
        number: usize,
        mut more: impl FnMut(Vec<T>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        let limit = number.min(PAGE).to_string();
        let mut cursor: Option<String> = None;
        loop {
            let of_page = [
                ("limit", Some(limit.as_str())),
                ("cursor", cursor.as_deref()),
            ];
            let options = [options, &of_page].concat();
            let page: Page<T> = self.get(&with_options(path, &options))?;
            let wants_more = more(page.entries)?;
            match page.next_cursor {
                Some(next) if wants_more => cursor = Some(next),
                Some(_) | None => return Ok(()),
            }
        }
    }
}

//! Lists of what an actor owns: what lies in the store, with what memory knows better.
//!
//! Each list is read page by page, and no page takes more work than a bounded number of rows.

use std::collections::BTreeMap;
use std::ops::Bound;

use host_base::{ActorKey, Payload, Timestamp};
use host_engine::{ReminderInfo, StatePage};
use host_store::records::Reminder;
use host_store::{ReadError, Reader, StateValue};

use crate::actor::reminders;
use crate::actor::turn::Turn;

/// Entries of one page.
const PAGE_MAX: usize = 1_000;
/// Rows that are looked at for one page, also those that are not there any more.
const ROWS_MAX: usize = 10_000;

/// Rows by their names, some of which are not there.
type Known<V> = BTreeMap<String, Option<V>>;

/// Where a list is read.
pub(crate) struct List<'a> {
    pub(crate) reader: &'a Reader,
    pub(crate) actor: &'a ActorKey,
    /// Names behind this one only.
    pub(crate) after: Option<&'a str>,
    /// Entries at most.
    pub(crate) limit: u32,
}

impl List<'_> {
    fn limit(&self) -> usize {
        usize::try_from(self.limit).map_or(PAGE_MAX, |limit| limit.clamp(1, PAGE_MAX))
    }

    /// A page of the values whose keys begin with `prefix`; behind the first one, no more than `bytes_max`
    /// bytes of them.
    pub(crate) fn state(
        &self,
        turn: &mut Turn,
        prefix: &str,
        bytes_max: usize,
    ) -> Result<StatePage, ReadError> {
        let (known, now) = (turn.known_under(prefix), turn.now);
        let mut page = Page::new(self.limit(), bytes_max);
        let mut after = self.after.map(str::to_owned);
        let limit = self.limit();
        loop {
            turn.store_reads += 1;
            let read =
                |after: Option<&str>| self.reader.state_keys(self.actor, prefix, after, limit);
            let rows = if turn.has_deleted() {
                Vec::new()
            } else {
                read(after.as_deref())?
            };
            let (merged, end) = merge(rows, &known, after.as_deref(), limit);
            for (key, value) in merged {
                if !page.take(key, value, now) {
                    return Ok(page.cut());
                }
            }
            match end {
                Some(end) => after = Some(end),
                None => return Ok(page.whole()),
            }
        }
    }

    /// A page of the reminders.
    pub(crate) fn reminders(&self, turn: &mut Turn) -> Result<Vec<ReminderInfo>, ReadError> {
        let (known, limit) = (turn.known_reminders(), self.limit());
        let mut found = Vec::new();
        let mut after = self.after.map(str::to_owned);
        loop {
            turn.store_reads += 1;
            let rows: Vec<(String, Reminder)> = if turn.has_deleted() {
                Vec::new()
            } else {
                self.reader.reminders(self.actor, after.as_deref(), limit)?
            };
            let (merged, end) = merge(rows, &known, after.as_deref(), limit);
            let there = merged.into_iter().filter_map(|(name, reminder)| {
                let reminder = reminder?;
                Some(reminders::info(&name, &reminder))
            });
            found.extend(there.take(limit - found.len()));
            match end {
                Some(end) if found.len() < limit => after = Some(end),
                _ => return Ok(found),
            }
        }
    }
}

/// Rows of the store behind `after`, with what memory knows better of the same span. Says where the span
/// ends if there may be more behind it.
fn merge<V: Clone>(
    rows: Vec<(String, V)>,
    known: &Known<V>,
    after: Option<&str>,
    limit: usize,
) -> (Known<V>, Option<String>) {
    let end = match rows.last() {
        Some((last, _)) if rows.len() == limit => Some(last.clone()),
        _ => None,
    };
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let until = end.as_deref().map_or(Bound::Unbounded, Bound::Included);
    let mut merged: Known<V> = rows
        .into_iter()
        .map(|(name, row)| (name, Some(row)))
        .collect();
    let better = known.range::<str, _>((from, until));
    merged.extend(better.map(|(name, row)| (name.clone(), row.clone())));
    (merged, end)
}

/// A page in the making.
struct Page {
    entries: Vec<(String, Payload)>,
    bytes: usize,
    looked_at: usize,
    last: Option<String>,
    limit: usize,
    bytes_max: usize,
}

impl Page {
    fn new(limit: usize, bytes_max: usize) -> Page {
        Page {
            entries: Vec::new(),
            bytes: 0,
            looked_at: 0,
            last: None,
            limit,
            bytes_max,
        }
    }

    /// Takes the next row, if it is there. False where the page is full and the row belongs to the next.
    fn take(&mut self, key: String, value: Option<StateValue>, now: Timestamp) -> bool {
        let value = value.filter(|value| value.is_there(now));
        let bytes = value.as_ref().map_or(0, |one| key.len() + one.bytes.len());
        let has_room = self.bytes + bytes <= self.bytes_max || self.entries.is_empty();
        if self.entries.len() == self.limit || self.looked_at == ROWS_MAX || !has_room {
            return false;
        }
        self.looked_at += 1;
        self.bytes += bytes;
        self.last = Some(key.clone());
        self.entries.extend(value.map(|value| (key, value.bytes)));
        true
    }

    fn cut(self) -> StatePage {
        let (entries, next) = (self.entries, self.last);
        StatePage { entries, next }
    }

    fn whole(self) -> StatePage {
        let (entries, next) = (self.entries, None);
        StatePage { entries, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(keys: &[&str]) -> Vec<(String, u8)> {
        keys.iter().map(|key| ((*key).to_owned(), 1)).collect()
    }

    fn names(known: Known<u8>) -> Vec<(String, Option<u8>)> {
        known.into_iter().collect()
    }

    fn row(name: &str, value: Option<u8>) -> (String, Option<u8>) {
        (name.to_owned(), value)
    }

    #[test]
    fn memory_knows_better_within_the_span_that_was_read() {
        let known = [
            row("a", Some(2)),
            row("b", None),
            row("c", Some(2)),
            row("z", Some(2)),
        ];
        let known: Known<u8> = known.into_iter().collect();
        let (merged, end) = merge(rows(&["b", "d"]), &known, Some("a"), 2);
        let expected = [row("b", None), row("c", Some(2)), row("d", Some(1))];
        assert_eq!(
            (names(merged), end),
            (expected.to_vec(), Some("d".to_owned()))
        );
        let (merged, end) = merge(rows(&["e"]), &known, Some("d"), 2);
        let expected = [row("e", Some(1)), row("z", Some(2))];
        assert_eq!((names(merged), end), (expected.to_vec(), None));
    }

    #[test]
    fn a_page_ends_at_its_limit_and_at_its_bytes_and_has_one_entry_at_least() {
        let value = |length: usize| Some(StateValue::from(vec![0; length]));
        let mut page = Page::new(2, 10);
        assert!(page.take("a".to_owned(), value(20), Timestamp(0)));
        assert!(!page.take("b".to_owned(), value(1), Timestamp(0)));
        assert_eq!(page.cut().next.as_deref(), Some("a"));
        let mut page = Page::new(1, 10);
        assert!(page.take("a".to_owned(), None, Timestamp(0)));
        assert!(page.take("b".to_owned(), value(1), Timestamp(0)));
        assert!(!page.take("c".to_owned(), None, Timestamp(0)));
    }
}

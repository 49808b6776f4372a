//! Lists: a table for people, entries for programs.
//!
//! Knows nothing of what stands in them.

use std::io;

use serde::Serialize;

use super::console::Console;
use super::table::table;

/// Shows so many entries at most, and says whether there are more.
pub(crate) fn first<T: Serialize, const N: usize>(
    console: &Console,
    heads: [&str; N],
    entries: &[T],
    limit: usize,
    row: impl Fn(&T) -> [String; N],
    none: &str,
) -> io::Result<()> {
    let shown = entries.get(..limit).unwrap_or(entries);
    show(console, heads, shown, row, none)?;
    if shown.len() < entries.len() {
        console.note(&format!("There are more than {limit}; --limit shows more"));
    }
    Ok(())
}

/// Shows the entries, of which people see these columns; says so where there are none.
pub(crate) fn show<T: Serialize, const N: usize>(
    console: &Console,
    heads: [&str; N],
    entries: &[T],
    row: impl Fn(&T) -> [String; N],
    none: &str,
) -> io::Result<()> {
    if entries.is_empty() {
        console.note(none);
    }
    if console.is_for_programs() {
        entries.iter().try_for_each(|entry| console.entry(entry))?;
        return console.end_of_list();
    }
    if entries.is_empty() {
        return Ok(());
    }
    console.result(&table(heads, entries.iter().map(row).collect()))
}

//! What is told of batches, wherever they are.
//!
//! Owns the words; asks for nothing.

use std::io;
use std::sync::Arc;

use anyhow::anyhow;
use host_api::json::{BatchLine, BatchMatched, BatchOperation, BatchState};

use crate::commands::workflow::told::kept;
use crate::exit::{Exit, Problem};
use crate::session::Ending;
use crate::show::console::{self, Console};
use crate::show::progress::Progress;
use crate::show::table::table;
use crate::show::{list, text};

const HEADS: [&str; 8] = [
    "ID",
    "OPERATION",
    "STATE",
    "CREATED",
    "MATCHED",
    "DONE",
    "SKIPPED",
    "FAILED",
];

/// How far a batch is.
pub(super) struct Watcher {
    console: Arc<Console>,
    progress: Option<Progress>,
}

impl Watcher {
    pub(super) fn new(console: &Arc<Console>) -> Watcher {
        Watcher {
            console: Arc::clone(console),
            progress: None,
        }
    }

    /// It is that far now.
    pub(super) fn see(&mut self, batch: &BatchLine<'_>) {
        if let Some(matched) = batch.matched {
            let console = &self.console;
            let begin = || Progress::new(console, number(matched));
            let progress = self.progress.get_or_insert_with(begin);
            progress.set(number(batch.looked_at()));
        }
    }
}

/// How many workflows fit.
pub(super) fn matched(console: &Console, found: &BatchMatched) -> Ending {
    let shown = if console.is_for_programs() {
        console::encode(found)
    } else {
        let fit = if found.matched == 1 { "fits" } else { "fit" };
        format!("{} {fit}", text::count(number(found.matched), "workflow"))
    };
    console.result(&shown)?;
    Ok(Exit::Done)
}

/// It goes on without this command: `goes_on` says where.
pub(super) fn begun(console: &Console, id: &str, goes_on: &str) {
    console.note(&format!(
        "Batch {id}: {goes_on} if this command is stopped, and \"host batch abort {id}\" gives it up"
    ));
}

/// What it did, and of which workflows that is not known.
pub(super) fn ended(console: &Console, batch: &BatchLine<'_>) -> Ending {
    if console.is_for_programs() {
        console.last_result(&console::encode(batch))?;
    } else {
        failures(batch).iter().for_each(|line| console.say(line));
        console.note(&summary(batch));
        kept(console, number(batch.left.unwrap_or_default()));
    }
    let all_is_well = batch.failed == 0 && batch.state == BatchState::Completed;
    Ok(if all_is_well {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn failures(batch: &BatchLine<'_>) -> Vec<String> {
    let told = batch.failures.iter();
    let mut lines: Vec<_> = told
        .map(|one| text::printable(&format!("[Workflow {}] {}", one.id, one.reason)))
        .collect();
    let untold = batch.failed - batch.failures.len() as u64;
    if untold > 0 {
        lines.push(format!("... and {untold} more"));
    }
    lines
}

fn summary(batch: &BatchLine<'_>) -> String {
    let workflows = |count| text::count(number(count), "workflow");
    let done = workflows(batch.done);
    let mut told = match batch.operation {
        Some(BatchOperation::Cancel) => format!("Asked {done} to end"),
        Some(BatchOperation::Terminate) => format!("Terminated {done}"),
        Some(BatchOperation::Suspend) => format!("Suspended {done}"),
        Some(BatchOperation::Resume) => format!("Resumed {done}"),
        Some(BatchOperation::Purge) => {
            format!("Deleted {}", workflows(batch.deleted.unwrap_or_default()))
        }
        Some(BatchOperation::Raise) => format!("Raised an event for {done}"),
        None => format!("Dealt with {done}"),
    };
    if batch.skipped > 0 && batch.deleted.is_none() {
        told += &format!(", skipped {}", batch.skipped);
    }
    if batch.failed > 0 {
        told += &format!(", {} failed", batch.failed);
    }
    match batch.state {
        BatchState::Completed => told,
        BatchState::Running => told + " so far",
        BatchState::Aborted => told + " until it was given up",
    }
}

pub(super) fn listed(console: &Console, batches: &[BatchLine<'_>]) -> io::Result<()> {
    list::show(console, HEADS, batches, row, "There are no batches")
}

/// All that is known of one.
pub(super) fn show(console: &Console, batch: &BatchLine<'_>) -> Ending {
    let shown = if console.is_for_programs() {
        console::encode(batch)
    } else {
        let facts = vec![table(HEADS, vec![row(batch)]), summary(batch)];
        [facts, failures(batch)].concat().join("\n")
    };
    console.result(&shown)?;
    Ok(Exit::Done)
}

fn row(batch: &BatchLine<'_>) -> [String; 8] {
    let operation = batch.operation.map_or("", BatchOperation::name);
    let matched = batch.matched.map(|matched| matched.to_string());
    [
        batch.id.to_string(),
        operation.to_owned(),
        batch.state.name().to_owned(),
        batch.created.clone(),
        matched.unwrap_or_default(),
        batch.done.to_string(),
        batch.skipped.to_string(),
        batch.failed.to_string(),
    ]
}

pub(super) fn unknown(id: &str, place: &str) -> Problem {
    let error =
        anyhow!("no batch has the id {id} {place}; \"host batch list\" shows those there are");
    Problem::new(Exit::Failed, error)
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(operation: &str, state: &str, more: &str) -> BatchLine<'static> {
        let json = format!(
            "{{\"id\":\"b\",\"operation\":\"{operation}\",\"state\":\"{state}\",\"filter\":{{}},\"created\":\"\",{more}}}"
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn what_was_done_is_told_with_what_was_not() {
        let some = r#""done":2,"skipped":1,"failed":0"#;
        let told = summary(&batch("terminate", "completed", some));
        assert_eq!(told, "Terminated 2 workflows, skipped 1");
        let told = summary(&batch("cancel", "aborted", some));
        assert_eq!(
            told,
            "Asked 2 workflows to end, skipped 1 until it was given up"
        );
        let purged = r#""done":1,"skipped":3,"failed":0,"deleted":4,"left":3"#;
        assert_eq!(
            summary(&batch("purge", "completed", purged)),
            "Deleted 4 workflows"
        );
    }

    #[test]
    fn failures_that_are_not_told_one_by_one_are_counted() {
        let some = r#""done":0,"skipped":0,"failed":3,"failures":[{"id":"w","reason":"busy"}]"#;
        let batch = batch("resume", "completed", some);
        assert_eq!(failures(&batch), ["[Workflow w] busy", "... and 2 more"]);
        assert_eq!(summary(&batch), "Resumed 0 workflows, 3 failed");
    }
}

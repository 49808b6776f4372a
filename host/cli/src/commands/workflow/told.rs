//! What is told of workflows, wherever they are.
//!
//! Owns the words, and which of them are results; knows what programs are shown and asks for nothing.

use std::io;

use anyhow::{Error, anyhow};
use host_api::json::{Agreement, EventLine, ForkReport, Report, StallReport, TrialReport};
use serde::{Deserialize, Serialize};

use crate::args::ListArgs;
use crate::exit::{Exit, Problem};
use crate::session::Ending;
use crate::show::console::{self, Console};
use crate::show::history::Narrator;
use crate::show::{list, report, stall, text, trial};

const HEADS: [&str; 7] = [
    "ID",
    "NAME",
    "STATUS",
    "RUN",
    "CREATED",
    "UPDATED",
    "ENDED WITH",
];

/// What a purge did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Purged {
    pub(super) deleted: usize,
    pub(super) left: usize,
}

/// Tells one history, from its first event on.
pub(super) struct Historian<'a> {
    console: &'a Console,
    narrator: Narrator,
}

impl<'a> Historian<'a> {
    pub(super) fn new(console: &'a Console) -> Historian<'a> {
        let narrator = Narrator::default();
        Historian { console, narrator }
    }

    pub(super) fn tell(&mut self, event: &EventLine<'_>) -> io::Result<()> {
        if self.console.is_for_programs() {
            return self.console.entry(event);
        }
        self.console.result(&self.narrator.line(event))
    }
}

/// The first of those that fit, and whether there are more.
pub(super) fn listed(console: &Console, args: &ListArgs, reports: &[Report<'_>]) -> Ending {
    let none = "There are no such workflows";
    list::first(console, HEADS, reports, args.limit, row, none)?;
    Ok(Exit::Done)
}

fn row(report: &Report<'_>) -> [String; 7] {
    [
        report.id.to_string(),
        text::printable(&report.name),
        report.status.name().to_owned(),
        report.run.to_string(),
        report.created.clone(),
        report.updated.clone(),
        report::ending(report),
    ]
}

/// All that is known of one.
pub(super) fn show(console: &Console, report: &Report<'_>) -> Ending {
    let shown = if console.is_for_programs() {
        console::encode(report)
    } else {
        report::block(report)
    };
    console.result(&shown)?;
    Ok(Exit::Done)
}

/// One that was started, now or earlier: its id.
pub(super) fn started(console: &Console, report: &Report<'_>) -> io::Result<()> {
    if console.is_for_programs() {
        return console.result(&console::encode(report));
    }
    console.result(&report.id)
}

pub(super) fn known_already(console: &Console, report: &Report<'_>) {
    let (id, status) = (&report.id, report.status.name());
    console.note(&format!(
        "Workflow {id} was started earlier and is {status}"
    ));
}

/// One that was begun again from an event of another one.
pub(super) fn begun_again(
    console: &Console,
    report: &Report<'_>,
    from: u64,
    source: &str,
) -> io::Result<()> {
    let id = &report.id;
    console.note(&format!(
        "Workflow {id} goes on from event {from} of {source}"
    ));
    started(console, report)
}

/// One as it stands now that something was done to it.
pub(super) fn done(console: &Console, report: &Report<'_>, done: &str) -> io::Result<()> {
    if console.is_for_programs() {
        return console.result(&console::encode(report));
    }
    let (id, status) = (&report.id, report.status.name());
    console.note(&format!("{done} workflow {id} ({status})"));
    Ok(())
}

/// Whether one was moved, and where history and component differ if they do.
pub(super) fn moved(console: &Console, report: &TrialReport<'_>) -> Ending {
    let shown = if console.is_for_programs() {
        console::encode(report)
    } else {
        trial::told(report)
    };
    console.result(&shown)?;
    Ok(if report.moved {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// What one would do next.
pub(super) fn forked(console: &Console, report: &ForkReport<'_>) -> Ending {
    let shown = if console.is_for_programs() {
        console::encode(report)
    } else {
        trial::fork(report)
    };
    console.result(&shown)?;
    Ok(match report.verdict.verdict {
        Agreement::Agrees => Exit::Done,
        Agreement::Differs | Agreement::Unsure => Exit::Failed,
    })
}

pub(super) fn raised(console: &Console, id: &str, name: &str) {
    console.note(&format!("Raised event {name} for workflow {id}"));
}

pub(super) fn purged(console: &Console, purged: &Purged) -> Ending {
    if console.is_for_programs() {
        console.result(&console::encode(purged))?;
        return Ok(Exit::Done);
    }
    let deleted = text::count(purged.deleted, "workflow");
    console.note(&format!("Deleted {deleted}"));
    kept(console, purged.left);
    Ok(Exit::Done)
}

/// So many were not deleted.
pub(in crate::commands) fn kept(console: &Console, left: usize) {
    if left > 0 {
        let left = text::count(left, "workflow");
        console.note(&format!(
            "Kept {left} that did not end; --force ends what is purged first"
        ));
    }
}

/// How one ended that was waited for, or why it is not waited for any longer.
pub(in crate::commands) fn ending(console: &Console, report: &Report<'_>) -> Ending {
    let id = &report.id;
    if console.is_for_programs() {
        console.last_result(&console::encode(report))?;
        return Ok(crate::exit::of(report.status));
    }
    match (&report.output, &report.failure, &report.stall) {
        (Some(output), _, _) => {
            console.last_result(&console.payload(output.bytes()))?;
            Ok(Exit::Done)
        }
        (None, Some(failure), _) => {
            let failure = failure.failure();
            Err(failed(anyhow!("workflow {id} failed: {failure}")))
        }
        (None, None, Some(stall)) => Err(failed(anyhow!(stalled(id, stall)))),
        (None, None, None) => {
            let status = report.status.name();
            Err(failed(anyhow!("workflow {id} is {status}")))
        }
    }
}

/// The same of one whose history was followed, which told how it ended.
pub(super) fn followed(console: &Console, report: &Report<'_>) -> Ending {
    console.end_of_list()?;
    if !report.status.has_ended() {
        let (id, status) = (&report.id, report.status.name());
        console.note(&format!("Workflow {id} is {status}"));
    }
    Ok(crate::exit::of(report.status))
}

/// Why one is not deleted, and what to do.
pub(super) fn not_ended(id: &str) -> String {
    format!("workflow {id} has not ended; --force ends it first")
}

pub(super) fn no_such_run(report: &Report<'_>, run: u32) -> Problem {
    let (id, runs) = (&report.id, text::count(report.run as usize, "run"));
    failed(anyhow!(
        "workflow {id} has no history of run {run}; it has had {runs}"
    ))
}

fn failed(error: Error) -> Problem {
    Problem::new(Exit::Failed, error)
}

fn stalled(id: &str, stall: &StallReport<'_>) -> String {
    let facts = text::indented(&stall::lines(stall));
    let advice = stall::ADVICE;
    format!("workflow {id} stalled: its code does not do what its history says\n{facts}\n{advice}")
}

//! `host activity list`: activities that have not ended, in a data directory or on a server.
//!
//! Knows how to page through them, and how they look.

use host_api::json::ActivityUnderWayLine;
use host_runtime::{ActivityUnderWay, Runtime};

use crate::args::{ActivityCommand, Common};
use crate::exit::{Exit, Problem};
use crate::remote::{self, Remote};
use crate::session::{self, Ending, Session};
use crate::show::console::Console;
use crate::show::trace::Detail;
use crate::show::{list, text};

const HEADS: [&str; 6] = [
    "WORKFLOW",
    "RUN",
    "ACTIVITY",
    "ATTEMPT",
    "DUE",
    "LAST FAILURE",
];
/// Characters of a failure.
const FAILURE_CHARS: usize = 60;
/// Activities that are read at once.
const PAGE: usize = 1_000;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &ActivityCommand) -> Ending {
    let ActivityCommand::List { limit } = *command;
    // Whether there are more is told, too.
    let number = limit.saturating_add(1);
    if let Some(remote) = remote::chosen(common)? {
        let activities = of_server(&remote, number)?;
        return listed(&Console::new(common.output), &activities, limit);
    }
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async |session| {
        let activities = of_directory(session, number)?;
        let lines: Vec<_> = activities.iter().map(ActivityUnderWayLine::new).collect();
        listed(&session.console, &lines, limit)
    })
}

fn of_server(
    remote: &Remote,
    number: usize,
) -> Result<Vec<ActivityUnderWayLine<'static>>, Problem> {
    remote.first("/activities", &[], number)
}

fn of_directory(session: &Session, number: usize) -> Result<Vec<ActivityUnderWay>, Problem> {
    let mut found: Vec<ActivityUnderWay> = Vec::new();
    loop {
        let limit = PAGE.min(number - found.len());
        let after = match found.last() {
            Some(last) => (last.workflow.clone(), last.run, last.activity.handle),
            None => Runtime::before_all_activities(&session.tenant),
        };
        let page = session.runtime.activities(after, limit)?;
        let full = page.len() == limit;
        found.extend(page);
        if !full || found.len() == number {
            return Ok(found);
        }
    }
}

fn listed(console: &Console, activities: &[ActivityUnderWayLine<'_>], limit: usize) -> Ending {
    let none = "There are no activities that have not ended";
    list::first(console, HEADS, activities, limit, row, none)?;
    Ok(Exit::Done)
}

fn row(line: &ActivityUnderWayLine<'_>) -> [String; 6] {
    let activity = &line.activity;
    let failure = activity.last_failure.as_ref();
    let failure = failure.map(|failure| failure.failure().to_string());
    let failure = text::printable(&failure.unwrap_or_default());
    [
        text::printable(&line.workflow),
        line.run.to_string(),
        text::printable(&activity.name),
        activity.attempt.to_string(),
        activity.due.clone(),
        text::shortened(&failure, FAILURE_CHARS),
    ]
}

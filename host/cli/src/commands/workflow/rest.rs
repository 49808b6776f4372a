//! Waiting for workflows on a server until they rest: until they have ended, stall or are suspended.
//!
//! Owns how long one request waits; tells nobody.

use std::time::Duration;

use host_api::json::{Report, Status};

use crate::exit::{self, Exit, Problem};
use crate::remote::{self, Remote, Trouble};

/// How long one request waits: shorter than what lies between may cut off an answer that does not come.
const WAIT_MAX: Duration = Duration::from_secs(25);
/// Workflows that are waited for before it is looked again.
const AT_ONCE: usize = 1_000;

/// The workflow as soon as it rests, or else when the time is over.
pub(super) fn wait_for(
    remote: &Remote,
    id: &str,
    mut left: Duration,
) -> Result<Report<'static>, Trouble> {
    let path = remote::path(&["workflows", id, "result"]);
    loop {
        let now = left.min(WAIT_MAX);
        left -= now;
        let wait = format!("{}ms", now.as_millis());
        let options = [("wait", Some(wait.as_str()).filter(|_| !now.is_zero()))];
        let report: Report<'_> = remote.get(&remote::with_options(&path, &options))?;
        if report.status.rests() || left.is_zero() {
            return Ok(report);
        }
    }
}

/// Waits until nothing runs any more; tells whether all that was seen to run has ended well.
pub(in crate::commands) fn wait_for_all(remote: &Remote) -> Result<Exit, Problem> {
    let mut exit = Exit::Done;
    loop {
        let mut active = with_status(remote, Status::Pending)?;
        active.extend(with_status(remote, Status::Running)?);
        if active.is_empty() {
            return Ok(exit);
        }
        for report in active {
            match wait_for(remote, &report.id, Duration::MAX) {
                Ok(report) => exit = exit.or(exit::of(report.status)),
                // It is not kept any longer.
                Err(trouble) if trouble.is(remote::NOT_FOUND) => {}
                Err(trouble) => return Err(trouble.into()),
            }
        }
    }
}

fn with_status(remote: &Remote, status: Status) -> Result<Vec<Report<'static>>, Problem> {
    remote.first("/workflows", &[("status", Some(status.name()))], AT_ONCE)
}

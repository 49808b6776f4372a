//! A history on a server that is told as it happens.
//!
//! Owns how it is gone on with where a connection is lost: each event is told once.

use std::thread;
use std::time::Duration;

use host_api::json::{EventLine, Report};
use serde::de::DeserializeOwned;

use super::server::Server;
use super::told::{self, Historian};
use crate::exit::Problem;
use crate::remote::{self, Event, Trouble};
use crate::session::Ending;

/// The type of the event that tells that the workflow does not go on by itself.
const REST: &str = "rest";
/// How long is waited before a server is asked again that was lost.
const WAIT: Duration = Duration::from_secs(1);
/// How often it is asked again at most, since the last event.
const TRIES_MAX: u32 = 60;

/// A history, as far as it is told.
struct Follower<'a> {
    server: &'a Server<'a>,
    id: &'a str,
    /// Where the workflow is.
    path: String,
    historian: Historian<'a>,
    /// The id of the last event.
    last: Option<String>,
    /// How often the server was lost since then.
    losses: u32,
}

/// Tells what happens until the workflow rests.
pub(super) fn follow(server: &Server<'_>, id: &str) -> Ending {
    let mut follower = Follower {
        server,
        id,
        path: remote::path(&["workflows", id]),
        historian: Historian::new(&server.console),
        last: None,
        losses: 0,
    };
    loop {
        if let Some(report) = follower.go_on()? {
            return told::followed(&server.console, &report);
        }
    }
}

impl Follower<'_> {
    /// Tells what one connection brings; returns the workflow where it rests.
    fn go_on(&mut self) -> Result<Option<Report<'static>>, Problem> {
        let path = format!("{}/events", self.path);
        let events = match self.server.remote.stream(&path, self.last.as_deref()) {
            Ok(Some(events)) => events,
            Ok(None) => return Ok(Some(self.server.known(&self.path, self.id)?)),
            Err(trouble) => return self.lost(trouble).map(|()| None),
        };
        let mut is_empty = true;
        for event in events.map_while(Result::ok) {
            if event.kind == REST {
                return self.read(&event).map(Some);
            }
            self.tell(event)?;
            is_empty = false;
        }
        if is_empty {
            self.lost(self.server.remote.broken_off())?;
        }
        Ok(None)
    }

    fn tell(&mut self, event: Event) -> Result<(), Problem> {
        let line: EventLine<'_> = self.read(&event)?;
        if self.last.as_deref().map(run_of) != Some(run_of(&event.id)) {
            self.historian = Historian::new(&self.server.console);
        }
        self.historian.tell(&line)?;
        self.last = Some(event.id);
        self.losses = 0;
        Ok(())
    }

    /// Waits until it is worth asking again, unless it is not.
    fn lost(&mut self, trouble: Trouble) -> Result<(), Problem> {
        if !trouble.may_pass() || self.last.is_none() || self.losses == TRIES_MAX {
            return Err(self.server.of(trouble, self.id).into());
        }
        if self.losses == 0 {
            let server = self.server.remote.name();
            let note = format!("{server} is lost; it is asked again, for a minute at most");
            self.server.console.note(&note);
        }
        self.losses += 1;
        thread::sleep(WAIT);
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, event: &Event) -> Result<T, Problem> {
        let remote = self.server.remote;
        Ok(remote.parse(&self.path, event.data.as_bytes())?)
    }
}

/// The run of an event whose id is `RUN.NUMBER`.
fn run_of(id: &str) -> &str {
    id.split_once('.').map_or(id, |(run, _)| run)
}

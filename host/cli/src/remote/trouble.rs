//! What a server refuses, as this program's problems: each has the exit code that it has without a server.
//!
//! Knows problem documents (RFC 9457) and nothing of what was asked for.

use anyhow::{Error, anyhow};
use host_api::json::FailureReport;
use host_base::Failure;
use serde::Deserialize;

use crate::exit::{self, Exit, Problem};

/// What the names of kinds begin with.
const TYPE: &str = "urn:host:problem:";

const BUSY: &str = "busy";
pub(super) const NO_SUCH_ROUTE: &str = "no-such-route";
pub(crate) const NOT_FOUND: &str = "not-found";
pub(crate) const NOT_ENDED: &str = "not-ended";
pub(crate) const ALREADY_EXISTS: &str = "already-exists";

/// A request has not done what it should.
pub(crate) enum Trouble {
    /// The server says why.
    Told(Box<Told>),
    /// What is there is no server that could.
    Server(Error),
    /// Nobody has answered.
    Unreached(Error),
}

/// What the server says.
#[derive(Deserialize)]
pub(crate) struct Told {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    failure: Option<FailureReport<'static>>,
}

impl Told {
    pub(super) fn kind(&self) -> &str {
        self.kind.strip_prefix(TYPE).unwrap_or(&self.kind)
    }

    fn failure(&self) -> Option<Failure> {
        self.failure.as_ref().map(FailureReport::failure)
    }

    fn exit(&self) -> Exit {
        match self.kind() {
            "bad-input" | "too-large" | "limit" | ALREADY_EXISTS => Exit::BadUsage,
            "store-failed" => Exit::BadData,
            _ => Exit::Failed,
        }
    }
}

impl Trouble {
    /// Whether the server itself tells of this kind of problem, and not a plugin's code.
    pub(crate) fn is(&self, kind: &str) -> bool {
        match self {
            Trouble::Told(told) => told.failure.is_none() && told.kind() == kind,
            Trouble::Server(_) | Trouble::Unreached(_) => false,
        }
    }

    /// Whether it may be gone when the same is asked for once more.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Trouble::Unreached(_)) || self.is(BUSY)
    }

    /// The problem in words of this program where it is of this kind; any other one as it is. The server's own words
    /// say what to do over HTTP.
    pub(crate) fn worded(mut self, kind: &str, words: impl FnOnce() -> String) -> Trouble {
        if self.is(kind)
            && let Trouble::Told(told) = &mut self
        {
            told.detail = words();
        }
        self
    }

    /// The problem where a plugin's code was asked, and may have failed.
    pub(crate) fn of_code(self) -> Problem {
        self.with(|failure| Problem::new(Exit::Failed, failure))
    }

    /// The problem where something was to be started.
    pub(crate) fn of_start(self) -> Problem {
        self.with(|failure| Problem::new(exit::of_refusal(&failure), failure))
    }

    fn with(self, of_failure: impl FnOnce(Failure) -> Problem) -> Problem {
        match self {
            Trouble::Server(error) | Trouble::Unreached(error) => {
                Problem::new(Exit::BadData, error)
            }
            Trouble::Told(told) => match told.failure() {
                Some(failure) => of_failure(failure),
                None => Problem::new(told.exit(), anyhow!(told.detail)),
            },
        }
    }
}

/// The problem where no plugin's code had a say in it.
impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Problem {
        trouble.with(exit::refused)
    }
}

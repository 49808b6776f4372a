//! Why something did not work, as a value that can be recorded, sent on and answered with.
//!
//! Knows the contract's codes; knows nothing of who produced the failure.

use std::fmt;

use crate::{InvalidId, Payload};

/// What came of a call: a value or a failure.
pub type Outcome = Result<Payload, Failure>;

/// A failure as the contract has it (`types.failure`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure, for programs; the host's own are in [`code`].
    pub code: String,
    /// What happened, for people: names the thing and the reason.
    pub message: String,
    /// Whether trying again can help.
    pub retryable: bool,
    /// More for programs, as JSON.
    pub details: Option<Payload>,
    /// What led to it, the nearest first; [`CAUSES_MAX`] at most.
    pub causes: Vec<Cause>,
}

/// A failure that led to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What kind of failure.
    pub code: String,
    /// What happened.
    pub message: String,
}

/// Causes that a failure keeps; those furthest away are left out.
pub const CAUSES_MAX: usize = 16;

/// The codes that the host itself gives to failures.
pub mod code {
    /// The code panicked or broke a rule of the sandbox.
    pub const TRAP: &str = "trap";
    /// It used up its time.
    pub const TIMEOUT: &str = "timeout";
    /// It asked for more memory than it may have.
    pub const MEMORY_LIMIT: &str = "memory-limit";
    /// It asked for something that its kind of code may not have.
    pub const REFUSED: &str = "refused";
    /// What was named is not there.
    pub const NOT_FOUND: &str = "not-found";
    /// The id is in use.
    pub const ALREADY_EXISTS: &str = "already-exists";
    /// The workflow has ended.
    pub const ALREADY_ENDED: &str = "already-ended";
    /// The input is not what was asked for.
    pub const BAD_INPUT: &str = "bad-input";
    /// The call would wait for itself.
    pub const DEADLOCK: &str = "deadlock";
    /// A named limit is reached.
    pub const LIMIT: &str = "limit";
    /// Not now; try again.
    pub const BUSY: &str = "busy";
    /// Nothing more is known.
    pub const FAILED: &str = "failed";
    /// It was asked to stop.
    pub const CANCELLED: &str = "cancelled";
    /// It was ended from outside, at once.
    pub const TERMINATED: &str = "terminated";
    /// The workflow's code no longer does what its history says.
    pub const STALLED: &str = "stalled";
}

/// Who must act so that it works the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The plugin's author.
    Plugin,
    /// Whoever made the call.
    Caller,
    /// Whoever runs the host.
    Operator,
    /// Nobody: it may work when tried again.
    TryAgain,
    /// We: this is a defect of the host.
    Bug,
}

impl Failure {
    /// A failure that trying again does not mend.
    pub fn new(code: &str, message: impl Into<String>) -> Failure {
        Failure {
            code: code.to_owned(),
            message: message.into(),
            retryable: false,
            details: None,
            causes: Vec::new(),
        }
    }

    /// The same failure, with what led to it.
    #[must_use]
    pub fn caused_by(mut self, cause: Failure) -> Failure {
        let (code, message) = (cause.code, cause.message);
        self.causes.push(Cause { code, message });
        self.causes.extend(cause.causes);
        self.causes.truncate(CAUSES_MAX);
        self
    }

    /// A failure that trying again may mend.
    pub fn transient(code: &str, message: impl Into<String>) -> Failure {
        Failure {
            retryable: true,
            ..Failure::new(code, message)
        }
    }

    /// Who must act. A code that is not the host's own was chosen by the plugin.
    pub fn fault(&self) -> Fault {
        match self.code.as_str() {
            code::NOT_FOUND
            | code::ALREADY_EXISTS
            | code::ALREADY_ENDED
            | code::BAD_INPUT
            | code::LIMIT => Fault::Caller,
            code::BUSY => Fault::TryAgain,
            _ => Fault::Plugin,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        let mut causes = self.causes.iter();
        causes.try_for_each(|cause| write!(f, ", caused by: {} ({})", cause.message, cause.code))
    }
}

impl std::error::Error for Failure {}

impl From<InvalidId> for Failure {
    fn from(error: InvalidId) -> Failure {
        Failure::new(code::BAD_INPUT, error.to_string())
    }
}

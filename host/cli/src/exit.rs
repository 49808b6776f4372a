//! How the binary ends: the exit codes, and problems that carry one.
//!
//! Owns which code a problem gets, decided once where its kind is known. Knows nothing of commands.

use std::io;
use std::process::ExitCode;

use anyhow::Error;
use host_api::json::Status;
use host_base::failure::code;
use host_base::{Failure, Fault};
use host_runtime::{
    ControlError, DeployError, LoadError, MoveError, RehearseError, RemoveError, RerunError,
    StartError, StartupError, StoreError,
};

use crate::args::Output;
use crate::show::console;

/// How the binary ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All that was asked for is done.
    Done,
    /// A workflow failed or stalled, an actor call failed, or something named is not there.
    Failed,
    /// The user asked for something that cannot be.
    BadUsage,
    /// The data directory or the server cannot be used.
    BadData,
    /// Stopped by Ctrl-C.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
}

impl Exit {
    /// The process's exit code. The last two are what a shell reports of a process that a signal ends.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::BadUsage => 2,
            Exit::BadData => 3,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// This one, or the other where all is well so far.
    pub(crate) fn or(self, other: Exit) -> Exit {
        if self == Exit::Done { other } else { self }
    }
}

/// What a workflow that was waited for means for the exit code.
pub(crate) fn of(status: impl Into<Status>) -> Exit {
    match status.into() {
        Status::Completed => Exit::Done,
        Status::Failed
        | Status::Stalled
        | Status::Cancelled
        | Status::Terminated
        | Status::Suspended
        | Status::Pending
        | Status::Running => Exit::Failed,
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        exit.code().into()
    }
}

/// Why the binary ends early.
#[derive(Debug)]
pub(crate) struct Problem {
    exit: Exit,
    /// None where nobody is left to be told.
    error: Option<Error>,
}

impl Problem {
    /// A problem with what there is to say of it.
    pub(crate) fn new(exit: Exit, error: impl Into<Error>) -> Problem {
        let error = Some(error.into());
        Problem { exit, error }
    }

    /// Says what is wrong on standard error; returns how the binary ends.
    pub(crate) fn tell(self, output: Output) -> Exit {
        if let Some(error) = self.error {
            console::error(&format!("{error:#}"), output);
        }
        self.exit
    }
}

/// Gives an error the exit code of its kind.
pub(crate) trait OrExit<T> {
    /// The value, or the error as a problem with this exit code.
    fn or_exit(self, exit: Exit) -> Result<T, Problem>;
}

impl<T, E: Into<Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Problem> {
        self.map_err(|error| Problem::new(exit, error))
    }
}

impl From<StartupError> for Problem {
    fn from(error: StartupError) -> Problem {
        let exit = match &error {
            StartupError::Store(_) | StartupError::Read(_) => Exit::BadData,
            StartupError::Engine(_) | StartupError::Threads(_) => Exit::Failed,
        };
        Problem::new(exit, error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::new(Exit::BadData, error)
    }
}

/// What a component that cannot be loaded means for the exit code.
fn of_load(error: &LoadError) -> Exit {
    match error.fault {
        Fault::Plugin | Fault::Caller => Exit::BadUsage,
        Fault::TryAgain | Fault::Operator | Fault::Bug => Exit::Failed,
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Problem {
        let exit = match &error {
            DeployError::Load(error) => of_load(error),
            DeployError::Taken { .. } => Exit::BadUsage,
            DeployError::Store(_) => Exit::BadData,
        };
        Problem::new(exit, error)
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Problem {
        let exit = match &error {
            RemoveError::Unknown(_) | RemoveError::Needed { .. } => Exit::Failed,
            RemoveError::Store(_) => Exit::BadData,
        };
        Problem::new(exit, error)
    }
}

impl From<MoveError> for Problem {
    fn from(error: MoveError) -> Problem {
        let exit = match &error {
            MoveError::Unknown(_) | MoveError::Ended(_) | MoveError::NotDeployed(_) => Exit::Failed,
            MoveError::Store(_) => Exit::BadData,
        };
        Problem::new(exit, error)
    }
}

impl From<RehearseError> for Problem {
    fn from(error: RehearseError) -> Problem {
        let exit = match &error {
            RehearseError::Unknown(_) | RehearseError::Absent(_) => Exit::Failed,
            RehearseError::Load(error) => of_load(error),
            RehearseError::Store(_) => Exit::BadData,
        };
        Problem::new(exit, error)
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Problem {
        let exit = match &error {
            ControlError::Store(_) => Exit::BadData,
            ControlError::NotFound { .. }
            | ControlError::AlreadyEnded(_)
            | ControlError::NotEnded(_)
            | ControlError::NotSuspended(_)
            | ControlError::Busy(_) => Exit::Failed,
        };
        Problem::new(exit, error)
    }
}

impl From<RerunError> for Problem {
    fn from(error: RerunError) -> Problem {
        let exit = match &error {
            RerunError::Unknown(_) | RerunError::NotEnded(_) | RerunError::Differs(_) => {
                Exit::Failed
            }
            RerunError::AlreadyExists(_) => Exit::BadUsage,
            RerunError::Refused(failure) => of_refusal(failure),
            RerunError::Store(_) => Exit::BadData,
        };
        Problem::new(exit, error)
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Problem {
        let exit = match &error {
            StartError::AlreadyExists(_) => Exit::BadUsage,
            StartError::Refused(failure) => of_refusal(failure),
        };
        Problem::new(exit, error)
    }
}

/// What the host did not do, where no plugin's code had a say in it.
pub(crate) fn refused(failure: Failure) -> Problem {
    let exit = match failure.code.as_str() {
        code::BAD_INPUT | code::LIMIT => Exit::BadUsage,
        _ => Exit::Failed,
    };
    Problem::new(exit, failure)
}

/// What was not started.
pub(crate) fn of_refusal(failure: &Failure) -> Exit {
    match failure.fault() {
        Fault::Caller => Exit::BadUsage,
        Fault::Plugin | Fault::Operator | Fault::TryAgain | Fault::Bug => Exit::Failed,
    }
}

/// Of standard output. A reader that has seen enough closes the pipe: that is its way to end us, and no
/// problem.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Problem {
                exit: Exit::Done,
                error: None,
            },
            _ => Problem::new(
                Exit::Failed,
                Error::new(error).context("write to standard output"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(problem: impl Into<Problem>) -> Exit {
        problem.into().exit
    }

    #[test]
    fn a_closed_pipe_ends_the_binary_quietly() {
        let problem = Problem::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(problem.exit, Exit::Done);
        assert!(problem.error.is_none());
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(exit_of(full), Exit::Failed);
    }

    #[test]
    fn a_refused_start_is_bad_usage_only_where_the_caller_must_act() {
        let of = |code| exit_of(StartError::Refused(Failure::new(code, "no")));
        assert_eq!(of(code::NOT_FOUND), Exit::BadUsage);
        assert_eq!(of(code::BAD_INPUT), Exit::BadUsage);
        assert_eq!(of(code::BUSY), Exit::Failed);
    }

    #[test]
    fn a_deed_that_is_refused_is_bad_usage_where_what_was_typed_is_wrong() {
        let of = |code| refused(Failure::new(code, "no")).exit;
        assert_eq!(of(code::BAD_INPUT), Exit::BadUsage);
        assert_eq!(of(code::NOT_FOUND), Exit::Failed);
    }
}

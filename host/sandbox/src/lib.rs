//! What the kernel holds a process to: how much it may use, which files it may reach and which calls it may make.
//!
//! Owns the lists of calls and what is asked of Landlock and seccomp. Knows nothing of why somebody is held to it.

mod bounds;
mod calls;
mod files;

pub use bounds::{Bounds, bound, no_core_dumps};
pub use calls::{no_administration, only_compute};
pub use files::{Files, no_files, only_files};

/// What this process is held to from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// All that was asked for.
    Whole,
    /// Some of it: the kernel is older than the rest.
    Partly,
    /// Nothing: the kernel has none of it.
    Nothing,
}

/// The kernel refused what it should have; the operator must act.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A bound was not set.
    #[error("set the bound {0} of this process: {1}")]
    Bound(&'static str, std::io::Error),
    /// Landlock failed.
    #[error("restrict the files that this process may reach: {0}")]
    Files(#[from] landlock::RulesetError),
    /// seccomp failed.
    #[error("restrict the calls that this process may make: {0}")]
    Calls(#[from] seccompiler::Error),
}

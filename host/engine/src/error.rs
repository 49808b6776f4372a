//! What can go wrong between host and guest, and who must act.
//!
//! Knows the reasons; the sentences name the plugin, the function and what to do.

use std::fmt;
use std::time::Duration;

use host_base::{Failure, Fault, failure::code};

/// The kind of code that a guest runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A workflow body.
    Workflow,
    /// An actor's method.
    Actor,
    /// An activity.
    Activity,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Workflow => "workflow",
            Role::Actor => "actor",
            Role::Activity => "activity",
        })
    }
}

/// The engine could not be set up; the operator must act.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused the configuration or the machine.
    #[error("set up the WebAssembly engine: {0}")]
    Setup(String),
}

/// A file cannot be loaded as a plugin; the message names the file, the reason and what to do.
#[derive(Debug, thiserror::Error)]
#[error("load {file}: {problem}. {advice}")]
pub struct LoadError {
    /// The file or plugin, as the user named it.
    pub file: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it, as a sentence.
    pub advice: String,
    /// Who must do it.
    pub fault: Fault,
}

/// An answer of the runtime that ends the guest at once. What it means is known to who gave it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Interrupt(pub String);

/// Why a guest's call did not come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It panicked, or broke a rule of WebAssembly; in words.
    Trap(String),
    /// It used more CPU time than a turn may.
    Overran {
        /// How much a turn may use.
        limit: Duration,
    },
    /// It asked for more memory than it may have, in bytes.
    Memory {
        /// How much it may have.
        limit: usize,
        /// How much it would have had.
        asked: usize,
    },
    /// It used an import that its role may not have.
    Refused {
        /// Which, as `interface#function`.
        import: String,
        /// What to do instead.
        advice: String,
    },
    /// The runtime ended it.
    Interrupted(Interrupt),
    /// The component does not export this role.
    Missing,
    /// All instances that the machine allows are in use.
    Exhausted(String),
}

/// A guest's call that did not come back: names the plugin, the function and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestError {
    /// The plugin's name.
    pub plugin: String,
    /// What ran, for example `activity validate_task` or `TaskActor.UpdateStatus`.
    pub function: String,
    /// Why it did not come back.
    pub reason: Reason,
    /// The guest's frames, innermost first, one a line; empty where none are known.
    pub backtrace: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Trap(what) => write!(f, "it trapped: {what}"),
            Reason::Overran { limit } => write!(
                f,
                "it used up the CPU time of one turn, which is {limit:?} (`turn_cpu_max`)"
            ),
            Reason::Memory { limit, asked } => write!(
                f,
                "it asked for {asked} bytes of memory, and the limit `memory_bytes_max` is {limit}"
            ),
            Reason::Refused { import, advice } => write!(f, "it used {import}: {advice}"),
            Reason::Interrupted(Interrupt(why)) => f.write_str(why),
            Reason::Missing => f.write_str("the plugin has no such function"),
            Reason::Exhausted(what) => write!(f, "no instance is free: {what}"),
        }
    }
}

impl fmt::Display for GuestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in plugin {}: {}",
            self.function, self.plugin, self.reason
        )
    }
}

impl std::error::Error for GuestError {}

impl GuestError {
    /// The failure that the caller is answered with.
    pub fn failure(&self) -> Failure {
        let message = self.to_string();
        match &self.reason {
            Reason::Trap(_) => Failure::transient(code::TRAP, message),
            Reason::Overran { .. } => Failure::transient(code::TIMEOUT, message),
            Reason::Memory { .. } => Failure::new(code::MEMORY_LIMIT, message),
            Reason::Refused { .. } => Failure::new(code::REFUSED, message),
            Reason::Interrupted(_) => Failure::new(code::LIMIT, message),
            Reason::Missing => Failure::new(code::NOT_FOUND, message),
            Reason::Exhausted(_) => Failure::transient(code::BUSY, message),
        }
    }
}

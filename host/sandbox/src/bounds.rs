//! How much a process may use.

use std::io;
use std::time::Duration;

use rustix::process::{self, DumpableBehavior, Resource, Rlimit, Signal};

use crate::SandboxError;

/// Files that a process may have open which only computes: its streams, and what is open for a moment.
const FILES_MAX: u64 = 16;
/// Others go first.
const NICE: i32 = 5;

/// How much a process may use. It cannot be raised again.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Addresses beyond those that it has when it is bound, in bytes; it is told that there are no more.
    pub memory_bytes: u64,
    /// CPU time of all threads, in whole seconds, one at least; it is ended with SIGXCPU then.
    pub cpu: Duration,
    /// Largest file that it writes, in bytes; it is ended when it writes more.
    pub file_bytes: u64,
}

/// Binds this process. It also ends with the thread that started it, goes behind others for the CPU, and leaves no
/// image of its memory.
///
/// # Errors
/// The kernel refuses it; the message says what.
pub fn bound(bounds: &Bounds) -> Result<(), SandboxError> {
    let mapped = mapped_bytes().map_err(|error| SandboxError::Bound("RLIMIT_AS", error))?;
    let addresses = mapped.saturating_add(bounds.memory_bytes);
    limit("RLIMIT_AS", Resource::As, addresses)?;
    // Where both bounds are the same, nobody is told which one it was.
    let seconds = bounds.cpu.as_secs().max(1);
    between(
        "RLIMIT_CPU",
        Resource::Cpu,
        seconds,
        seconds.saturating_add(1),
    )?;
    limit("RLIMIT_FSIZE", Resource::Fsize, bounds.file_bytes)?;
    limit("RLIMIT_NOFILE", Resource::Nofile, FILES_MAX)?;
    no_core_dumps()?;
    process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| failed("PR_SET_PDEATHSIG", error))?;
    // Whoever is behind others already may not be moved; it is a courtesy and no bound.
    process::nice(NICE).ok();
    Ok(())
}

/// From now on this process leaves no image of its memory, which holds what guests have in theirs, and no other
/// process of its user may look into it.
///
/// # Errors
/// The kernel refuses it; the message says what.
pub fn no_core_dumps() -> Result<(), SandboxError> {
    limit("RLIMIT_CORE", Resource::Core, 0)?;
    let set = process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    set.map_err(|error| failed("PR_SET_DUMPABLE", error))
}

fn limit(name: &'static str, resource: Resource, value: u64) -> Result<(), SandboxError> {
    between(name, resource, value, value)
}

fn between(
    name: &'static str,
    resource: Resource,
    current: u64,
    maximum: u64,
) -> Result<(), SandboxError> {
    let limit = Rlimit {
        current: Some(current),
        maximum: Some(maximum),
    };
    process::setrlimit(resource, limit).map_err(|error| failed(name, error))
}

fn failed(what: &'static str, error: rustix::io::Errno) -> SandboxError {
    SandboxError::Bound(what, io::Error::from(error))
}

/// Addresses that this process has: its program, and what its allocator has set aside.
fn mapped_bytes() -> io::Result<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages = pages.split(' ').next().and_then(|pages| pages.parse().ok());
    let pages: u64 = pages.ok_or(io::ErrorKind::InvalidData)?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

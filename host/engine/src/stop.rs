//! Why a call ended before its time: the host's own reasons, and wasmtime's put into words.
//!
//! Owns the way from a wasmtime error to a [`Reason`] and a readable backtrace.

use std::time::Duration;

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::error::{Interrupt, Reason};

/// Frames of a backtrace that are kept; the innermost ones tell the story.
const FRAMES_MAX: usize = 20;
/// Linux's number for "cannot allocate memory", which is also what a full map table is answered with.
const ENOMEM: i32 = 12;

/// A reason of the host's own. It travels through wasmtime as an error and is found again by its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the CPU time of one turn is used up")]
    Overran { limit: Duration },
    #[error("the memory limit of {limit} bytes is reached")]
    Memory { limit: usize, asked: usize },
    #[error("{import} is refused: {advice}")]
    Refused { import: String, advice: String },
    #[error(transparent)]
    Interrupted(#[from] Interrupt),
    #[error("it called exit; code returns to end, and returns a failure or panics to fail")]
    Exit,
    #[error("{0}")]
    Broke(&'static str),
    #[error("this is a defect of the host, not of the plugin: {0}")]
    Defect(String),
    #[error("the instance was given up")]
    Left,
}

impl From<Stop> for Reason {
    fn from(stop: Stop) -> Reason {
        match stop {
            Stop::Overran { limit } => Reason::Overran { limit },
            Stop::Memory { limit, asked } => Reason::Memory { limit, asked },
            Stop::Refused { import, advice } => Reason::Refused { import, advice },
            Stop::Interrupted(interrupt) => Reason::Interrupted(interrupt),
            Stop::Exit | Stop::Broke(_) | Stop::Defect(_) | Stop::Left => {
                Reason::Trap(stop.to_string())
            }
        }
    }
}

/// What a wasmtime error means. `last_words` is what the guest wrote to standard error before it ended.
pub(crate) fn reason(error: &wasmtime::Error, last_words: &str) -> Reason {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stop.clone().into();
    }
    if let Some(interrupt) = error.downcast_ref::<Interrupt>() {
        return Reason::Interrupted(interrupt.clone());
    }
    if let Some(limit) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        return Reason::Exhausted(limit.to_string());
    }
    if is_out_of_maps(error) {
        let what = "the machine has no memory or no mapping left".to_owned();
        return Reason::Exhausted(what);
    }
    let what = match error.downcast_ref::<Trap>() {
        Some(trap) => trap_in_words(*trap),
        None => error.root_cause().to_string(),
    };
    Reason::Trap(with_last_words(what, last_words))
}

fn is_out_of_maps(error: &wasmtime::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.and_then(std::io::Error::raw_os_error) == Some(ENOMEM)
}

fn trap_in_words(trap: Trap) -> String {
    match trap {
        Trap::UnreachableCodeReached => "unreachable code was reached".to_owned(),
        Trap::StackOverflow => "its stack is full, which endless recursion does".to_owned(),
        // A Rust guest's stack lies at the bottom of its memory and runs out at address zero.
        Trap::MemoryOutOfBounds => {
            "it reached outside of its memory, which endless recursion does in Rust".to_owned()
        }
        other => {
            let text = other.to_string();
            text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned()
        }
    }
}

fn with_last_words(what: String, last_words: &str) -> String {
    if last_words.is_empty() {
        return what;
    }
    format!("{what}: {last_words}")
}

/// The guest's frames, innermost first, one a line as `function at file:line:column`.
pub(crate) fn backtrace(error: &wasmtime::Error) -> String {
    let frames = error.downcast_ref::<WasmBacktrace>();
    frames
        .map(|frames| one_line_each(&frames.to_string()))
        .unwrap_or_default()
}

/// wasmtime's text has a heading, an address before each function, and the place on a line of its own.
/// The text is taken rather than the frames because only it has the names as a person writes them.
fn one_line_each(text: &str) -> String {
    let mut frames: Vec<String> = Vec::new();
    for line in text.lines().skip(1).map(str::trim) {
        match (line.strip_prefix("at "), frames.last_mut()) {
            (Some(place), Some(frame)) => frame.push_str(&format!(" at {place}")),
            _ => frames.push(function_of(line).to_owned()),
        }
    }
    frames.truncate(FRAMES_MAX);
    frames.join("\n")
}

/// `0:   0x1234 - name` and, for what was inlined, `- name`.
fn function_of(line: &str) -> &str {
    let name = line.split_once("- ").map_or(line, |(_, name)| name);
    name.strip_prefix("<unknown>!").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_has_one_line_for_each_frame() {
        let text = "error while executing at wasm backtrace:\n    \
            0:   0x1f2a - probe::inner\n                    at src/lib.rs:10:5\n                \
            - probe::outer\n                    at src/lib.rs:20:9\n    1:   0x77 - <unknown>!start";
        let expected = "probe::inner at src/lib.rs:10:5\nprobe::outer at src/lib.rs:20:9\nstart";
        assert_eq!(one_line_each(text), expected);
    }

    #[test]
    fn the_hosts_own_reason_is_found_under_what_wasmtime_adds() {
        let limit = Duration::from_secs(1);
        let error = wasmtime::Error::new(Stop::Overran { limit }).context("somewhere");
        assert_eq!(reason(&error, ""), Reason::Overran { limit });
    }

    #[test]
    fn a_trap_is_told_with_the_guests_last_words() {
        let error = wasmtime::Error::new(Trap::UnreachableCodeReached);
        let expected = "unreachable code was reached: panicked at src/lib.rs:1:2: boom";
        let words = "panicked at src/lib.rs:1:2: boom";
        assert_eq!(reason(&error, words), Reason::Trap(expected.to_owned()));
    }
}

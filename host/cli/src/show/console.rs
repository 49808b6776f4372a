//! The two streams: results to standard output, everything else to standard error.
//!
//! Owns how a line and a progress bar share a terminal. Knows nothing of what is said.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use serde::Serialize;

use host_api::json::compact;

use super::{json, text};
use crate::args::Output;

/// The two streams.
#[derive(Debug, Default)]
pub(crate) struct Console {
    output: Output,
    bar: OnceLock<ProgressBar>,
    /// Whether an entry of the list that is being written was written.
    has_entries: AtomicBool,
}

/// A sentence for people among JSON lines.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Sentence<'a> {
    Note { text: &'a str },
    Error { message: &'a str },
}

impl Console {
    /// Two streams for people, or for programs.
    pub(crate) fn new(output: Output) -> Console {
        Console {
            output,
            ..Console::default()
        }
    }

    /// Whether programs read along.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.output.is_for_programs()
    }

    /// From now on, lines are written above this bar.
    pub(crate) fn draw_above(&self, bar: ProgressBar) {
        self.bar.get_or_init(|| bar);
    }

    /// Whether a person watches standard error.
    pub(crate) fn is_watched(&self) -> bool {
        !self.is_for_programs() && io::stderr().is_terminal()
    }

    /// A payload as standard output's reader wants it: many lines for a person, one for a program.
    pub(crate) fn payload(&self, payload: &[u8]) -> String {
        if !self.is_for_programs() && io::stdout().is_terminal() {
            json::pretty(payload)
        } else {
            compact(payload)
        }
    }

    /// Writes a line of results.
    pub(crate) fn result(&self, line: &str) -> io::Result<()> {
        self.without_bar(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(format!("{line}\n").as_bytes())?;
            stdout.flush()
        })
    }

    /// Writes an entry of a list, for programs.
    pub(crate) fn entry(&self, entry: &impl Serialize) -> io::Result<()> {
        let entry = encode(entry);
        match self.output {
            Output::Json if self.has_entries.swap(true, Ordering::Relaxed) => {
                self.result(&format!(",{entry}"))
            }
            Output::Json => self.result(&format!("[{entry}")),
            Output::Table | Output::Jsonl => self.result(&entry),
        }
    }

    /// Writes an entry behind which it is known how the binary ends, as behind [`Console::last_result`].
    pub(crate) fn last_entry(&self, entry: &impl Serialize) -> io::Result<()> {
        self.entry(entry).or_else(unless_unread)
    }

    /// There are no more entries of the list. Behind the last of them it is known how the binary ends, as behind
    /// [`Console::last_result`].
    pub(crate) fn end_of_list(&self) -> io::Result<()> {
        match self.output {
            Output::Json if self.has_entries.swap(false, Ordering::Relaxed) => {
                self.last_result("]")
            }
            Output::Json => self.last_result("[]"),
            Output::Table | Output::Jsonl => Ok(()),
        }
    }

    /// Writes the last line of results. How the binary ends is decided by then, and stays so where nobody
    /// reads it any more.
    pub(crate) fn last_result(&self, line: &str) -> io::Result<()> {
        self.result(line).or_else(unless_unread)
    }

    /// Says a sentence of the binary's own.
    pub(crate) fn note(&self, text: &str) {
        if self.is_for_programs() {
            self.said(&Sentence::Note { text });
        } else {
            self.say(text);
        }
    }

    /// Writes a line for people.
    pub(crate) fn say(&self, line: &str) {
        self.without_bar(|| stderr(line));
    }

    /// Writes a line for programs.
    pub(crate) fn said(&self, line: &impl Serialize) {
        self.without_bar(|| stderr(&encode(line)));
    }

    fn without_bar<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.bar.get() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// Says what is wrong, when nothing else is said any more.
pub(crate) fn error(message: &str, output: Output) {
    let message = &text::printable_lines(message);
    if output.is_for_programs() {
        stderr(&encode(&Sentence::Error { message }));
    } else {
        stderr(&format!("error: {message}"));
    }
}

/// No error where it is only that nobody reads any more.
fn unless_unread(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}

/// A record of ours as JSON on one line.
pub(crate) fn encode(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("our lines have text for keys and no failing fields")
}

/// A standard error that nobody reads must not end the work. One write a line: other processes may write
/// to the same terminal.
fn stderr(line: &str) {
    let line = format!("{line}\n");
    io::stderr().lock().write_all(line.as_bytes()).ok();
}

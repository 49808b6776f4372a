//! What a guest says: standard output and error as whole lines, within limits.
//!
//! Knows nothing of who listens; lines are handed out in the order in which they were said.

use std::collections::VecDeque;

use host_base::Limits;

use crate::imports::LogLevel;

/// Lines of standard error that are kept for the message of a trap.
const LAST_LINES: usize = 8;
/// Longest of them, in bytes.
const LAST_LINE_BYTES_MAX: usize = 512;

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// A line, as it is logged.
pub(crate) type Line = (LogLevel, String);

/// The streams of one instance.
#[derive(Debug)]
pub(crate) struct Output {
    line_bytes_max: usize,
    lines_max: usize,
    lines: usize,
    out: Vec<u8>,
    error: Vec<u8>,
    last: VecDeque<String>,
}

impl Output {
    /// Streams that nothing was written to.
    pub(crate) fn new(limits: &Limits) -> Output {
        Output {
            line_bytes_max: limits.log_line_bytes_max,
            lines_max: limits.log_lines_max,
            lines: 0,
            out: Vec::new(),
            error: Vec::new(),
            last: VecDeque::new(),
        }
    }

    /// Takes what was written to a stream; gives out the lines that it completes.
    pub(crate) fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.append(stream, &bytes[..end]);
            lines.extend(self.end_line(stream));
            bytes = &bytes[end + 1..];
        }
        self.append(stream, bytes);
        lines
    }

    /// A line of the contract's `log`; none where the turn has logged too much already.
    pub(crate) fn say(&mut self, level: LogLevel, mut message: String) -> Option<Line> {
        self.lines = self.lines.saturating_add(1);
        if self.lines > self.lines_max {
            return None;
        }
        message.truncate(message.floor_char_boundary(self.line_bytes_max));
        Some((level, message))
    }

    /// Ends a turn: says how many lines were dropped, if any were.
    pub(crate) fn end_turn(&mut self) -> Option<Line> {
        let dropped = self.lines.saturating_sub(self.lines_max);
        self.lines = 0;
        (dropped > 0).then(|| {
            let max = self.lines_max;
            let text = format!("{dropped} more lines were not logged; one turn may log {max}");
            (LogLevel::Warn, text)
        })
    }

    /// Ends the call: the lines that were begun, then the count of what was dropped.
    pub(crate) fn end_call(&mut self) -> Vec<Line> {
        let begun = [Stream::Out, Stream::Error];
        let begun = begun
            .into_iter()
            .filter(|stream| !self.buffer(*stream).is_empty());
        let begun: Vec<_> = begun.collect();
        let mut lines: Vec<_> = begun.into_iter().filter_map(|s| self.end_line(s)).collect();
        lines.extend(self.end_turn());
        lines
    }

    /// Forgets everything, so that another call can use the streams.
    pub(crate) fn clear(&mut self) {
        self.lines = 0;
        self.out.clear();
        self.error.clear();
        self.last.clear();
    }

    /// The last panic message, or else the last lines of standard error.
    pub(crate) fn last_words(&self) -> String {
        let panic = self
            .last
            .iter()
            .rposition(|line| line.contains("panicked at"));
        let from = panic.unwrap_or(self.last.len().saturating_sub(3));
        let lines = self.last.iter().skip(from).map(|line| line.trim());
        // The note tells how to get a backtrace from a process, which this is not.
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("note: run with"));
        lines.collect::<Vec<_>>().join(" ")
    }

    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Error => &mut self.error,
        }
    }

    /// One byte more than a line may have is kept, so that cutting can tell a character's start.
    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let room = self.line_bytes_max.saturating_add(1);
        let buffer = self.buffer(stream);
        let room = room.saturating_sub(buffer.len());
        buffer.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self, stream: Stream) -> Option<Line> {
        let bytes = std::mem::take(self.buffer(stream));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match stream {
            Stream::Out => self.say(LogLevel::Info, text),
            Stream::Error => {
                self.remember(&text);
                self.say(LogLevel::Error, text)
            }
        }
    }

    fn remember(&mut self, line: &str) {
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        let end = line.floor_char_boundary(LAST_LINE_BYTES_MAX);
        self.last.push_back(line[..end].to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(log_line_bytes_max: usize, log_lines_max: usize) -> Output {
        Output::new(&Limits {
            log_line_bytes_max,
            log_lines_max,
            ..Limits::default()
        })
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn lines_are_whole_whatever_the_writes_are() {
        let mut output = output(100, 100);
        assert_eq!(texts(output.write(Stream::Out, b"one\ntw")), ["one"]);
        assert_eq!(texts(output.write(Stream::Out, b"o\n\nthree")), ["two", ""]);
        assert_eq!(texts(output.end_call()), ["three"]);
        assert_eq!(texts(output.end_call()), [""; 0]);
    }

    #[test]
    fn a_long_line_is_cut_where_a_character_begins() {
        let mut output = output(4, 100);
        let lines = output.write(Stream::Out, "abc\u{e9}\u{e9}\nx\n".as_bytes());
        assert_eq!(texts(lines), ["abc", "x"]);
    }

    #[test]
    fn too_many_lines_are_dropped_counted_and_counted_anew_in_the_next_turn() {
        let mut output = output(100, 2);
        assert_eq!(output.write(Stream::Out, b"1\n2\n3\n4\n").len(), 2);
        assert_eq!(output.say(LogLevel::Info, "5".to_owned()), None);
        let dropped = "3 more lines were not logged; one turn may log 2";
        let expected = Some((LogLevel::Warn, dropped.to_owned()));
        assert_eq!(output.end_turn(), expected);
        assert_eq!(output.end_turn(), None);
        assert_eq!(output.write(Stream::Out, b"6\n").len(), 1);
    }

    #[test]
    fn a_panic_message_is_found_among_the_last_lines() {
        let mut output = output(100, 100);
        output.write(
            Stream::Error,
            b"noise\n\nthread 'main' panicked at src/lib.rs:1:2:\n",
        );
        output.write(Stream::Error, b"boom\nnote: run with `RUST_BACKTRACE=1`\n");
        let expected = "thread 'main' panicked at src/lib.rs:1:2: boom";
        assert_eq!(output.last_words(), expected);
    }
}

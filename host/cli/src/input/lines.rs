//! A file of JSON lines, an input each: read and checked as a whole, before anything is started.
//!
//! Owns which id a line gets; knows nothing of the runtime.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use host_base::{Payload, ids};
use serde_json::Value;

use super::pattern::Pattern;

/// What some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file as it was read.
pub(crate) struct Source {
    name: String,
    bytes: Vec<u8>,
}

/// One line that is to be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number in the file, from 1.
    pub(crate) number: usize,
    /// The workflow's id.
    pub(crate) id: String,
    /// The workflow's input.
    pub(crate) input: Payload,
}

/// How lines get their ids.
pub(crate) enum Naming<'a> {
    /// From the line's fields.
    Pattern(&'a Pattern),
    /// From the workflow's name and the line's number, which a repeat of the same file finds again.
    Number { workflow: &'a str },
}

/// Reads a file, or standard input where it is named `-`.
pub(crate) fn read(file: &Path) -> Result<Source> {
    if file == Path::new(super::STDIN) {
        let name = "standard input".to_owned();
        let bytes = super::stdin()?;
        return Ok(Source { name, bytes });
    }
    let name = file.display().to_string();
    let bytes = fs::read(file).with_context(|| format!("read {name}"))?;
    Ok(Source { name, bytes })
}

/// The file's lines; empty ones are passed over. The first that cannot be run is an error.
pub(crate) fn check(source: &Source, naming: &Naming<'_>, bytes_max: usize) -> Result<Vec<Line>> {
    let text = source.bytes.strip_prefix(BYTE_ORDER_MARK);
    let text = text.unwrap_or(&source.bytes);
    let mut lines = Vec::new();
    for (index, text) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let text = text.trim_ascii();
        if !text.is_empty() {
            let line = line(number, text, naming, bytes_max);
            lines.push(line.with_context(|| source.place(number))?);
        }
    }
    check_distinct(source, &lines)?;
    Ok(lines)
}

impl Source {
    fn place(&self, number: usize) -> String {
        format!("{} line {number}", self.name)
    }
}

fn line(number: usize, text: &[u8], naming: &Naming<'_>, bytes_max: usize) -> Result<Line> {
    let value = parse(text)?;
    let bytes = text.len();
    ensure!(
        bytes <= bytes_max,
        "an input may have {bytes_max} bytes (`payload_bytes_max`), and this one has {bytes}"
    );
    let id = naming.id(number, &value)?;
    ids::check_id("workflow id", &id)?;
    let input = text.to_vec();
    Ok(Line { number, id, input })
}

/// The parser counts lines within what it is given, which is one line: only its column is of use.
fn parse(text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text).or_else(|error| {
        let column = error.column();
        let whole = error.to_string();
        let reason = whole.split(" at line ").next().unwrap_or(&whole);
        bail!("no JSON: {reason} at column {column}")
    })
}

fn check_distinct(source: &Source, lines: &[Line]) -> Result<()> {
    let mut first = HashMap::with_capacity(lines.len());
    for line in lines {
        if let Some(earlier) = first.insert(line.id.as_str(), line.number) {
            let (place, id) = (source.place(line.number), &line.id);
            bail!("{place}: its id {id} is that of line {earlier} already");
        }
    }
    Ok(())
}

impl Naming<'_> {
    fn id(&self, number: usize, input: &Value) -> Result<String> {
        match self {
            Naming::Pattern(pattern) => pattern.fill(input),
            Naming::Number { workflow } => Ok(format!("{workflow}-{number}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: usize = 100;

    fn source(text: &str) -> Source {
        Source {
            name: "tasks.jsonl".to_owned(),
            bytes: text.as_bytes().to_vec(),
        }
    }

    fn ids(text: &str, naming: &Naming<'_>) -> Vec<String> {
        match check(&source(text), naming, BYTES_MAX) {
            Ok(lines) => lines.into_iter().map(|line| line.id).collect(),
            Err(error) => vec![format!("{error:#}")],
        }
    }

    fn by_field(text: &str) -> Vec<String> {
        let pattern = Pattern::parse("task-{id}").unwrap();
        ids(text, &Naming::Pattern(&pattern))
    }

    fn by_number(text: &str) -> Vec<String> {
        ids(text, &Naming::Number { workflow: "w" })
    }

    #[test]
    fn every_line_gets_an_id_and_empty_lines_count_as_lines() {
        assert_eq!(
            by_field("{\"id\":1}\r\n\n{\"id\":\"b\"}"),
            ["task-1", "task-b"]
        );
        assert_eq!(by_number("\u{feff}1\n \n3\n"), ["w-1", "w-3"]);
        assert!(by_number("").is_empty());
    }

    #[test]
    fn a_line_keeps_its_text() {
        let lines = check(
            &source(" {\"b\": 1,\"a\":2} \n"),
            &Naming::Number { workflow: "w" },
            BYTES_MAX,
        );
        assert_eq!(lines.unwrap()[0].input, b"{\"b\": 1,\"a\":2}");
    }

    #[test]
    fn a_line_that_is_no_json_is_named_with_its_column() {
        assert_eq!(
            by_number("1\n{\"a\" 2}\n"),
            ["tasks.jsonl line 2: no JSON: expected `:` at column 6"]
        );
    }

    #[test]
    fn a_line_without_the_field_of_its_id_is_named() {
        assert_eq!(
            by_field("{\"id\":1}\n{}"),
            [
                "tasks.jsonl line 2: fill the id pattern task-{id} from the input: it has no field id"
            ]
        );
    }

    #[test]
    fn an_id_that_cannot_be_one_is_named() {
        let [problem] = by_field("{\"id\":\"a\\u0000\"}").try_into().unwrap();
        assert!(
            problem.starts_with("tasks.jsonl line 1: the workflow id must not contain control")
        );
    }

    #[test]
    fn two_lines_with_one_id_are_named_both() {
        assert_eq!(
            by_field("{\"id\":1}\n{\"id\":2}\n{\"id\":1,\"x\":0}"),
            ["tasks.jsonl line 3: its id task-1 is that of line 1 already"]
        );
    }

    #[test]
    fn an_input_that_the_host_would_refuse_is_refused_before_anything_starts() {
        let long = format!("\"{}\"", "x".repeat(BYTES_MAX));
        let [problem] = by_number(&long).try_into().unwrap();
        assert!(problem.starts_with("tasks.jsonl line 1: an input may have 100 bytes"));
    }
}

//! What the user gives a workflow, an actor or an event: JSON from the command line, a file or a pipe.
//!
//! Owns reading and checking it; knows nothing of the runtime.

pub(crate) mod lines;
pub(crate) mod pattern;

use std::fs;
use std::io::{self, Read};

use anyhow::{Context, Result};
use host_api::json;
use host_base::Payload;

/// What stands for standard input.
pub(crate) const STDIN: &str = "-";

/// JSON that was given as text, as `@FILE`, or as `-` for standard input.
pub(crate) fn read(source: &str) -> Result<Payload> {
    let (name, bytes) = bytes(source)?;
    json::check(&bytes).with_context(|| format!("parse {name} as JSON"))?;
    Ok(bytes)
}

/// What the arguments may leave out: no bytes stand for `null`.
pub(crate) fn read_optional(source: Option<&str>) -> Result<Payload> {
    source.map_or_else(|| Ok(Payload::new()), read)
}

/// A secret that was given in the same ways. Spaces around it do not count: files end with a line break.
pub(crate) fn secret(source: &str) -> Result<String> {
    let (name, bytes) = bytes(source)?;
    let text = String::from_utf8(bytes).with_context(|| format!("read {name} as text"))?;
    Ok(text.trim().to_owned())
}

/// All of standard input.
pub(crate) fn stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .context("read standard input")?;
    Ok(bytes)
}

fn bytes(source: &str) -> Result<(String, Vec<u8>)> {
    if source == STDIN {
        return Ok(("standard input".to_owned(), stdin()?));
    }
    match source.strip_prefix('@') {
        Some(file) => {
            let bytes = fs::read(file).with_context(|| format!("read {file}"))?;
            Ok((file.to_owned(), bytes))
        }
        None => Ok((format!("{source:?}"), source.as_bytes().to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn problem(source: &str) -> String {
        format!("{:#}", read(source).unwrap_err())
    }

    #[test]
    fn text_is_taken_as_it_is() {
        assert_eq!(read(r#"{"b":1, "a":2}"#).unwrap(), br#"{"b":1, "a":2}"#);
        assert_eq!(read_optional(None).unwrap(), b"");
    }

    #[test]
    fn a_file_is_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[1]\n").unwrap();
        let source = format!("@{}", file.path().display());
        assert_eq!(read(&source).unwrap(), b"[1]\n");
    }

    #[test]
    fn what_is_no_json_is_named_with_its_place() {
        assert_eq!(
            problem("{a}"),
            r#"parse "{a}" as JSON: key must be a string at line 1 column 2"#
        );
        assert!(problem("").contains("EOF while parsing"));
        assert!(problem("1 2").contains("trailing characters"));
    }

    #[test]
    fn a_missing_file_is_named() {
        assert!(problem("@/nowhere/x.json").starts_with("read /nowhere/x.json: No such file"));
    }
}

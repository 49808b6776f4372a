//! Payloads as text: JSON with the plugin's order of fields and all digits of its numbers.
//!
//! Pure. What is shown never goes through a value tree, which would sort fields and round numbers.

use std::str::Chars;

use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::text;

const INDENT: &str = "  ";
/// No bytes stand for this.
const NULL: &str = "null";

/// Whether this is JSON: the parser's complaint where it is not.
pub(crate) fn check(bytes: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<IgnoredAny>(bytes).map(|_| ())
}

/// A payload as a value tree, to look fields up.
pub(crate) fn value(payload: &[u8]) -> Result<Value, serde_json::Error> {
    let payload = if payload.is_empty() {
        NULL.as_bytes()
    } else {
        payload
    };
    serde_json::from_slice(payload)
}

/// A payload inside other JSON. What is no JSON becomes a string.
pub(crate) fn raw(payload: &[u8]) -> Box<RawValue> {
    let quoted = || serde_json::value::to_raw_value(&*String::from_utf8_lossy(payload));
    RawValue::from_string(compact(payload))
        .or_else(|_| quoted())
        .expect("text is JSON once it is quoted")
}

/// A payload on one line. What is no JSON is left as it is.
pub(crate) fn compact(payload: &[u8]) -> String {
    match json_text(payload) {
        Ok(text) => without_spaces(text),
        Err(text) => text,
    }
}

/// A payload on many lines, for people. What is no JSON is left as it is, made printable.
pub(crate) fn pretty(payload: &[u8]) -> String {
    match json_text(payload) {
        Ok(text) => indented(&without_spaces(text)),
        Err(text) => text::printable(&text),
    }
}

/// A payload on one line of at most so many characters, for people.
pub(crate) fn excerpt(payload: &[u8], chars_max: usize) -> String {
    text::shortened(&text::printable(&compact(payload)), chars_max)
}

fn json_text(payload: &[u8]) -> Result<&str, String> {
    let payload = if payload.is_empty() {
        NULL.as_bytes()
    } else {
        payload
    };
    let lossy = || String::from_utf8_lossy(payload).into_owned();
    check(payload).map_err(|_| lossy())?;
    str::from_utf8(payload).map_err(|_| lossy())
}

fn without_spaces(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut chars = json.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => copy_string(&mut chars, &mut out, char::to_string),
            ' ' | '\t' | '\r' | '\n' => {}
            _ => out.push(char),
        }
    }
    out
}

fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let mut depth = 0;
    let mut chars = compact.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => copy_string(&mut chars, &mut out, shown_in_string),
            '{' | '[' if chars.as_str().starts_with(['}', ']']) => {
                out.push(char);
                out.extend(chars.next());
            }
            '{' | '[' => {
                depth += 1;
                out.push(char);
                new_line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(char);
            }
            ',' => {
                out.push(char);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => out.push(char),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    (0..depth).for_each(|_| out.push_str(INDENT));
}

/// Copies a string whose opening quote has been read, up to and with its closing one.
fn copy_string(chars: &mut Chars<'_>, out: &mut String, show: impl Fn(&char) -> String) {
    out.push('"');
    while let Some(char) = chars.next() {
        out.push_str(&show(&char));
        match char {
            '"' => return,
            '\\' => out.extend(chars.next()),
            _ => {}
        }
    }
}

/// JSON lets control characters from U+007F on stand in a string as they are; a terminal would obey them.
fn shown_in_string(char: &char) -> String {
    if char.is_control() {
        format!("\\u{:04x}", u32::from(*char))
    } else {
        char.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fields_and_the_digits_of_numbers_are_kept() {
        let spaced = br#" {"b" : 12345678901234567890.10,
            "a":"x \\\" y" } "#;
        assert_eq!(
            compact(spaced),
            r#"{"b":12345678901234567890.10,"a":"x \\\" y"}"#
        );
    }

    #[test]
    fn people_see_one_field_a_line() {
        let text = r#"{"z":[1,{"a":10}],"b":{},"c":[],"d":"x: {\" , y"}"#;
        let expected = r#"{
  "z": [
    1,
    {
      "a": 10
    }
  ],
  "b": {},
  "c": [],
  "d": "x: {\" , y"
}"#;
        assert_eq!(pretty(text.as_bytes()), expected);
    }

    #[test]
    fn nothing_is_null_and_what_is_no_json_becomes_a_string_within_json() {
        assert_eq!(compact(b""), "null");
        assert_eq!(raw(b"").get(), "null");
        assert_eq!(raw(b"{ \"a\" : 1 }").get(), r#"{"a":1}"#);
        assert_eq!(raw(b"say \"hi\"").get(), r#""say \"hi\"""#);
        assert_eq!(raw(b"\xff").get(), "\"\u{fffd}\"");
    }

    #[test]
    fn a_terminal_is_sent_no_control_characters() {
        assert_eq!(pretty("\"\u{9b}\u{7f}\"".as_bytes()), r#""\u009b\u007f""#);
        assert_eq!(pretty(b"\x1b[2J"), "\\u{1b}[2J");
        assert_eq!(excerpt("\"\u{9b}1m\"".as_bytes(), 20), "\"\\u{9b}1m\"");
    }

    #[test]
    fn an_excerpt_is_short() {
        assert_eq!(excerpt(b"[1, 2, 3]", 7), "[1,2,3]");
        assert_eq!(excerpt(b"[1, 2, 3]", 5), "[1,2\u{2026}");
    }
}

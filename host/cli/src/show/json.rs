//! Payloads as text for people: JSON on many lines, or the beginning of it.
//!
//! Pure. What programs are shown is [`host_api::json`]'s.

use host_api::json;

use super::text;

const INDENT: &str = "  ";

/// A payload on many lines. What is no JSON is left as it is, made printable.
pub(crate) fn pretty(payload: &[u8]) -> String {
    match json::text(payload) {
        Ok(text) => indented(&text),
        Err(text) => text::printable(&text),
    }
}

/// A payload on one line of at most so many characters.
pub(crate) fn excerpt(payload: &[u8], chars_max: usize) -> String {
    text::shortened(&text::printable(&json::compact(payload)), chars_max)
}

fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let mut depth = 0;
    let mut chars = compact.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => json::copy_string(&mut chars, &mut out, shown_in_string),
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

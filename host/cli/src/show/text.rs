//! Text for people: what a terminal may be sent, how long it is, one thing or several.
//!
//! Pure. Plugins are not trusted, so what they say must not drive the user's terminal.

/// The text without control characters, which are spelled out.
pub(crate) fn printable(text: &str) -> String {
    spelled(text, |char| char == '\t')
}

/// The same of a text that may have many lines.
pub(crate) fn printable_lines(text: &str) -> String {
    spelled(text, |char| matches!(char, '\t' | '\n'))
}

/// The text, or its beginning where it has more than so many characters.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(chars_max - 1)
            .chain(['\u{2026}'])
            .collect(),
    }
}

/// "1 workflow", "2 workflows".
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The lines, set in by two spaces.
pub(crate) fn indented(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn spelled(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && !allowed(char) {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(printable("a\tb\x1b[0m\n\u{85}"), "a\tb\\u{1b}[0m\\n\\u{85}");
        assert_eq!(printable_lines("a\nb\r"), "a\nb\\r");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö\u{2026}");
    }

    #[test]
    fn one_is_one() {
        let counted = [0, 1, 2].map(|number| count(number, "line"));
        assert_eq!(counted, ["0 lines", "1 line", "2 lines"]);
    }
}

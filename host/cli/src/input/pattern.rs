//! Patterns of workflow ids: text in which `{name}` stands for the input's field of that name.
//!
//! Pure. Braces that are meant as such are doubled.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A pattern of ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(char),
    Field(String),
}

impl Pattern {
    /// The pattern that this text is.
    pub(crate) fn parse(text: &str) -> Result<Pattern> {
        let parts = parts(text).with_context(|| format!("parse the id pattern {text}"))?;
        let text = text.to_owned();
        Ok(Pattern { text, parts })
    }

    /// The id for this input.
    pub(crate) fn fill(&self, input: &Value) -> Result<String> {
        let parts = self.parts.iter().map(|part| part.fill(input));
        let id: Result<String> = parts.collect();
        id.with_context(|| format!("fill the id pattern {self} from the input"))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Part {
    fn fill(&self, input: &Value) -> Result<String> {
        match self {
            Part::Text(text) => Ok(text.to_string()),
            Part::Field(name) => field(input, name),
        }
    }
}

fn field(input: &Value, name: &str) -> Result<String> {
    match input.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(truth)) => Ok(truth.to_string()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
            bail!("its field {name} is neither text nor a number")
        }
        None => bail!("it has no field {name}"),
    }
}

fn parts(text: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let doubled = is_brace(char) && chars.next_if_eq(&char).is_some();
        match char {
            '{' if !doubled => parts.push(Part::Field(name(&mut chars)?)),
            '}' if !doubled => bail!("a }} without a {{ is written }}}}"),
            _ => parts.push(Part::Text(char)),
        }
    }
    Ok(parts)
}

fn is_brace(char: char) -> bool {
    matches!(char, '{' | '}')
}

fn name(chars: &mut Peekable<Chars<'_>>) -> Result<String> {
    let mut name = String::new();
    for char in chars {
        match char {
            '}' if name.is_empty() => bail!("{{}} names no field"),
            '}' => return Ok(name),
            _ => name.push(char),
        }
    }
    bail!("{{{name} lacks its }}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(pattern: &str, input: &Value) -> String {
        match Pattern::parse(pattern).and_then(|pattern| pattern.fill(input)) {
            Ok(id) => id,
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn fields_take_the_place_of_their_names() {
        let input = json!({"task_id": "task-123", "n": 7, "b": true});
        let cases = [
            ("task-processing-{task_id}", "task-processing-task-123"),
            ("{n}/{b}", "7/true"),
            ("aabb", "aabb"),
            ("{{{n}}}", "{7}"),
        ];
        for (pattern, id) in cases {
            assert_eq!(fill(pattern, &input), id);
        }
    }

    #[test]
    fn what_cannot_be_filled_says_why() {
        let input = json!({"list": [1]});
        assert_eq!(
            fill("x-{id}", &input),
            "fill the id pattern x-{id} from the input: it has no field id"
        );
        assert!(fill("{list}", &input).ends_with("its field list is neither text nor a number"));
        assert!(fill("{id}", &json!("text")).ends_with("it has no field id"));
    }

    #[test]
    fn a_pattern_with_a_lone_brace_says_what_is_wrong() {
        assert!(fill("a{b", &json!({})).ends_with("{b lacks its }"));
        assert!(fill("a}b", &json!({})).ends_with("a } without a { is written }}"));
        assert!(fill("a{}", &json!({})).ends_with("{} names no field"));
    }
}

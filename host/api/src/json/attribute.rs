//! Search attributes, as JSON has them.
//!
//! Pure. A time is an object, so that a text may look like one.

use std::collections::BTreeMap;

use host_base::{AttributeValue, Attributes, InvalidAttribute};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

use super::rfc3339_of;

/// The attributes of a workflow, by their names.
pub type AttributeLines = BTreeMap<String, AttributeLine>;

/// By what a workflow is found: a text, a number, true or false, or a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "an attribute is a text, a number, true, false, or a time such as {\"time\": \"2030-01-31T12:00:00Z\"}"
)]
#[schema(as = Attribute)]
pub enum AttributeLine {
    /// A text.
    Text(String),
    /// A number between -2^53 and 2^53.
    #[schema(value_type = f64)]
    Number(Number),
    /// True or false.
    Bool(bool),
    /// A point in time.
    Time(TimeLine),
}

/// A point in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AttributeTime)]
pub struct TimeLine {
    // The schema sets it no bounds: one of many that cannot be started does not keep the others from it.
    /// RFC 3339.
    pub time: String,
}

impl AttributeLine {
    /// An attribute as it is shown.
    fn new(value: &AttributeValue) -> AttributeLine {
        match value {
            AttributeValue::Text(text) => AttributeLine::Text(text.clone()),
            AttributeValue::Number(number) => AttributeLine::Number(shortest(*number)),
            AttributeValue::Bool(truth) => AttributeLine::Bool(*truth),
            AttributeValue::Time(millis) => AttributeLine::Time(TimeLine {
                time: rfc3339_of(*millis),
            }),
        }
    }

    fn value(self) -> Result<AttributeValue, InvalidAttribute> {
        match self {
            AttributeLine::Text(text) => Ok(AttributeValue::Text(text)),
            // What is no number of this size is none of the larger ones either.
            AttributeLine::Number(number) => {
                Ok(AttributeValue::Number(number.as_f64().unwrap_or(f64::MAX)))
            }
            AttributeLine::Bool(truth) => Ok(AttributeValue::Bool(truth)),
            AttributeLine::Time(TimeLine { time }) => AttributeValue::time(&time),
        }
    }
}

/// Whole numbers are written without a fraction.
fn shortest(number: f64) -> Number {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an attribute lies within what is exact in both"
    )]
    let whole = number as i64;
    if number.fract() == 0.0 {
        return whole.into();
    }
    Number::from_f64(number).unwrap_or_else(|| whole.into())
}

/// Attributes as they are shown.
pub fn shown(attributes: &Attributes) -> AttributeLines {
    let attributes = attributes.iter();
    attributes
        .map(|(name, value)| (name.clone(), AttributeLine::new(value)))
        .collect()
}

/// Attributes as they are asked for.
///
/// # Errors
/// A time is none; the message names the attribute.
pub(crate) fn read(lines: AttributeLines) -> Result<Attributes, InvalidAttribute> {
    let lines = lines.into_iter();
    lines
        .map(|(name, line)| {
            let value = line.value().map_err(|error| error.of(&name))?;
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_they_were_shown() {
        let json = r#"{"a":"2030-01-31T12:00:00Z","b":10,"c":-0.5,"d":true,"e":{"time":"1969-12-31T23:59:59.000Z"}}"#;
        let lines: AttributeLines = serde_json::from_str(json).unwrap();
        let read = read(lines).unwrap();
        assert_eq!(read["b"], AttributeValue::Number(10.0));
        assert_eq!(read["e"], AttributeValue::Time(-1000));
        assert_eq!(serde_json::to_string(&shown(&read)).unwrap(), json);
    }

    #[test]
    fn what_is_no_attribute_is_told_by_its_name() {
        for json in ["null", "[1]", r#"{"time":"noon","zone":"x"}"#, r#"{}"#] {
            let line = serde_json::from_str::<AttributeLine>(json);
            assert!(line.is_err(), "{json}");
        }
        let lines = serde_json::from_str(r#"{"due":{"time":"noon"}}"#).unwrap();
        let error = read(lines).unwrap_err().to_string();
        assert_eq!(
            error,
            "attribute due: `noon` is no time such as 2030-01-31T12:00:00Z"
        );
    }
}

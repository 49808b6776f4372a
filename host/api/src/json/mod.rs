//! What programs are shown of workflows, actors, schedules and plugins, as JSON: by this API and by the command
//! line alike.
//!
//! Pure. Payloads keep the plugin's order of fields and all digits of its numbers: what is shown never goes
//! through a value tree, which would sort fields and round numbers.

mod activity;
mod actor;
mod attribute;
mod audit;
mod batch;
mod event;
mod failure;
mod plugin;
mod reminder;
mod schedule;
mod token;
mod topic;
mod trial;
mod workflow;

use std::str::Chars;

use host_base::{Payload, Timestamp};
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub use activity::ActivityUnderWayLine;
pub use actor::ActorLine;
pub(crate) use attribute::read as read_attributes;
pub use attribute::{AttributeLine, AttributeLines, TimeLine, shown as shown_attributes};
pub use audit::AuditLine;
pub use batch::{
    BatchFailureLine, BatchFilter, BatchLine, BatchMatched, BatchOperation, BatchOrder, BatchState,
};
pub use event::{
    ActivityLine, CallLine, ChildLine, EventLine, KindLine, OriginLine, OutcomeLine, RetryLine,
};
pub use failure::{CauseReport, FailureReport};
pub use plugin::{Brings, ComponentLine, DefinitionLine, Deployed, RolloutPolicy, Tally};
pub use reminder::{CatchUpPolicy, ReminderLine};
pub use schedule::{FiredReport, OverlapPolicy, SCHEDULED_ID_DEFAULT, ScheduleLine, Target};
pub use token::{RoleName, TokenLine, TokenOrder, TokenStanding};
pub use topic::{Subscriber, SubscriptionLine};
pub use trial::{Agreement, ForkReport, LogLine, TrialReport, VerdictReport, level_name};
pub use workflow::{ActivityReport, Report, StallReport, Status, SuspensionReport};

/// No bytes stand for this.
const NULL: &str = "null";

/// A payload inside other JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Box<RawValue>);

impl Raw {
    /// What is no JSON becomes a string.
    pub fn new(payload: &[u8]) -> Raw {
        let quoted = || serde_json::value::to_raw_value(&*String::from_utf8_lossy(payload));
        let raw = RawValue::from_string(compact(payload)).or_else(|_| quoted());
        Raw(raw.expect("text is JSON once it is quoted"))
    }

    /// Any value.
    pub(crate) fn of(value: &impl Serialize) -> Raw {
        let raw = serde_json::value::to_raw_value(value);
        Raw(raw.expect("texts, numbers and what is JSON already are JSON"))
    }

    /// Its text, on one line.
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.0.get().len()
    }

    /// The bytes that stand for it.
    pub fn bytes(&self) -> &[u8] {
        self.0.get().as_bytes()
    }

    /// The same as a payload of its own.
    pub fn payload(&self) -> Payload {
        self.bytes().to_vec()
    }

    /// Whether it stands for nothing.
    pub fn is_null(&self) -> bool {
        self.0.get() == NULL
    }
}

/// `null`.
impl Default for Raw {
    fn default() -> Raw {
        Raw::new(&[])
    }
}

/// A payload that is there although it may be `null`, which serde would take for one that is not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Raw>, D::Error> {
    Raw::deserialize(deserializer).map(Some)
}

impl PartialSchema for Raw {
    fn schema() -> RefOr<Schema> {
        let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        any.description(Some("Any JSON, as the plugin has it."))
            .into()
    }
}

impl ToSchema for Raw {
    fn name() -> std::borrow::Cow<'static, str> {
        "Payload".into()
    }
}

/// A point in time as RFC 3339 has it, in UTC, to the millisecond.
pub fn rfc3339(time: Timestamp) -> String {
    format!("{:.3}", date(time))
}

/// The same of milliseconds since the epoch, which may be negative.
fn rfc3339_of(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.3}")
}

/// A point in time on the calendar.
pub(crate) fn date(time: Timestamp) -> jiff::Timestamp {
    // A clock that is set beyond the year 9999 must not keep a list from being shown.
    time.date().unwrap_or(jiff::Timestamp::MAX)
}

/// A point in time as [`rfc3339`] writes it.
fn moment(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(Timestamp)
}

/// Arrays and objects that may lie in one another. Parsers that build values go no deeper, here and in plugins.
const DEPTH_MAX: usize = 128;

/// Whether this is JSON: the parser's complaint where it is not.
///
/// # Errors
/// It is not, or it is nested in more than 128 levels.
pub fn check(bytes: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<IgnoredAny>(bytes)?;
    if depth(bytes) > DEPTH_MAX {
        let text = format!("it is nested in more than {DEPTH_MAX} levels");
        return Err(serde_json::Error::custom(text));
    }
    Ok(())
}

/// How many arrays and objects lie in one another at most, in what is JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A payload as a value tree, to look fields up.
///
/// # Errors
/// It is no JSON.
pub fn value(payload: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(or_null(payload))
}

/// A payload on one line. What is no JSON is left as it is.
pub fn compact(payload: &[u8]) -> String {
    text(payload).unwrap_or_else(|text| text)
}

/// A payload as JSON on one line.
///
/// # Errors
/// It is no JSON; its text, however it reads.
pub fn text(payload: &[u8]) -> Result<String, String> {
    let payload = or_null(payload);
    let lossy = || String::from_utf8_lossy(payload).into_owned();
    check(payload).map_err(|_| lossy())?;
    let json = str::from_utf8(payload).map_err(|_| lossy())?;
    Ok(without_spaces(json))
}

fn or_null(payload: &[u8]) -> &[u8] {
    if payload.is_empty() {
        return NULL.as_bytes();
    }
    payload
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

/// Copies a string of JSON whose opening quote has been read, up to and with its closing one.
pub fn copy_string(chars: &mut Chars<'_>, out: &mut String, show: impl Fn(&char) -> String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(payload: &[u8]) -> String {
        serde_json::to_string(&Raw::new(payload)).unwrap()
    }

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
    fn nothing_is_null_and_what_is_no_json_becomes_a_string_within_json() {
        assert_eq!(compact(b""), "null");
        assert_eq!(raw(b""), "null");
        assert_eq!(raw(b"{ \"a\" : 1 }"), r#"{"a":1}"#);
        assert_eq!(raw(b"say \"hi\""), r#""say \"hi\"""#);
        assert_eq!(raw(b"\xff"), "\"\u{fffd}\"");
    }

    #[test]
    fn points_in_time_are_utc() {
        let time = Timestamp(1_763_964_000_007);
        assert_eq!(rfc3339(time), "2025-11-24T06:00:00.007Z");
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)), rfc3339(Timestamp(1 << 60)));
    }
}

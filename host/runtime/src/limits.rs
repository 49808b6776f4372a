//! Checks of what guests hand over against the limits; each message names the limit and its value.

use std::fmt;
use std::time::Duration;

use host_base::attribute::check_attribute_name;
use host_base::failure::code;
use host_base::ids::check_id;
use host_base::limits::ID_BYTES_MAX;
use host_base::{AttributeValue, Attributes, Failure, InvalidAttribute, Limits, Outcome};
use host_engine::Interrupt;

/// Longest key of an actor's state, in bytes: it is part of a key on disk, as an id is.
const STATE_KEY_BYTES_MAX: usize = ID_BYTES_MAX;

/// What is over a limit, as an answer rather than as the end of whoever asked.
pub(crate) fn over_limit(Interrupt(text): Interrupt) -> Failure {
    Failure::new(code::LIMIT, text)
}

/// Whether a payload may be as long as it is.
pub(crate) fn check_payload(limits: &Limits, what: &str, payload: &[u8]) -> Result<(), Interrupt> {
    let (bytes, max) = (payload.len(), limits.payload_bytes_max);
    if bytes <= max {
        return Ok(());
    }
    Err(Interrupt(format!(
        "{what} of {bytes} bytes is longer than the limit `payload_bytes_max` of {max}"
    )))
}

/// Whether a name (of a method or an event) may be as it is.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Interrupt> {
    check_id(what, name).map_err(|error| Interrupt(error.to_string()))
}

/// Whether a method may be called with that input.
pub(crate) fn check_call(limits: &Limits, method: &str, input: &[u8]) -> Result<(), Interrupt> {
    check_name("method", method)?;
    check_payload(limits, "a call's input", input)
}

/// Whether an event may be raised with that value.
pub(crate) fn check_event(limits: &Limits, name: &str, value: &[u8]) -> Result<(), Interrupt> {
    check_name("event name", name)?;
    check_payload(limits, "an event's value", value)
}

/// Whether a workflow may be asked that; `what` is a query or an update.
pub(crate) fn check_ask(
    limits: &Limits,
    what: &'static str,
    name: &str,
    input: &[u8],
) -> Result<(), Interrupt> {
    check_name(what, name)?;
    check_payload(limits, "what a workflow is asked with", input)
}

/// Whether a turn that has sent so much may send one thing more.
pub(crate) fn check_sent(limits: &Limits, sent: usize) -> Result<(), Interrupt> {
    let max = limits.turn_effects_max;
    if sent < max {
        return Ok(());
    }
    let text = format!("a turn may send and start {max} things (`turn_effects_max`)");
    Err(Interrupt(text))
}

/// Whether a custom status may be as long as it is.
pub(crate) fn check_custom_status(limits: &Limits, value: &[u8]) -> Result<(), Interrupt> {
    let (bytes, max) = (value.len(), limits.custom_status_bytes_max);
    if bytes <= max {
        return Ok(());
    }
    Err(Interrupt(format!(
        "a custom status of {bytes} bytes is longer than the limit `custom_status_bytes_max` of {max}"
    )))
}

/// Whether a workflow may have that attribute at all, as every replay says.
pub(crate) fn check_attribute(name: &str, value: &AttributeValue) -> Result<(), InvalidAttribute> {
    check_attribute_name(name)?;
    value.check()
}

/// Whether a workflow may have so many attributes.
pub(crate) fn check_attributes_number(limits: &Limits, number: usize) -> Result<(), Interrupt> {
    let max = limits.attributes_max;
    if number <= max {
        return Ok(());
    }
    Err(Interrupt(format!(
        "a workflow may have {max} attributes (`attributes_max`), and this one is to have {number}"
    )))
}

/// Whether an attribute may be as long as it is.
pub(crate) fn check_attribute_bytes(
    limits: &Limits,
    name: &str,
    value: &AttributeValue,
) -> Result<(), Interrupt> {
    let (bytes, max) = (value.bytes(), limits.attribute_value_bytes_max);
    if bytes <= max {
        return Ok(());
    }
    Err(Interrupt(format!(
        "the attribute {name} of {bytes} bytes is longer than the limit `attribute_value_bytes_max` of {max}"
    )))
}

/// Whether a workflow may be started with these attributes.
pub(crate) fn check_attributes(limits: &Limits, attributes: &Attributes) -> Result<(), Failure> {
    for (name, value) in attributes {
        check_attribute(name, value)
            .map_err(|error| Failure::new(code::BAD_INPUT, error.to_string()))?;
        check_attribute_bytes(limits, name, value).map_err(over_limit)?;
    }
    check_attributes_number(limits, attributes.len()).map_err(over_limit)
}

/// Counts bytes of values and inputs that a turn hands over.
pub(crate) fn take_bytes(
    limits: &Limits,
    taken: &mut usize,
    bytes: usize,
) -> Result<(), Interrupt> {
    let max = limits.turn_bytes_max;
    let sum = *taken + bytes;
    if sum <= max {
        *taken = sum;
        return Ok(());
    }
    Err(Interrupt(format!(
        "a turn may write and send {max} bytes (`turn_bytes_max`)"
    )))
}

/// The outcome of a call, or that it did not come in the time that is said with who is called.
pub(crate) async fn in_time(
    limit: Option<(Duration, String)>,
    answer: impl Future<Output = Outcome>,
) -> Outcome {
    let Some((limit, who)) = limit else {
        return answer.await;
    };
    let answered = tokio::time::timeout(limit, answer).await;
    answered.unwrap_or_else(|_| {
        let text = format!("{who} did not answer within {limit:?}");
        Err(Failure::transient(code::TIMEOUT, text))
    })
}

/// The outcome of code, or why it is too long. `who` gave it.
pub(crate) fn bounded(limits: &Limits, who: impl fmt::Display, outcome: Outcome) -> Outcome {
    let bytes = match &outcome {
        Ok(output) => output.len(),
        Err(failure) => failure_bytes(failure),
    };
    match over_payload(limits, who, bytes) {
        None => outcome,
        Some(failure) => Err(failure),
    }
}

/// A failure of code, or why it is too long. `who` gave it.
pub(crate) fn bounded_failure(
    limits: &Limits,
    who: impl fmt::Display,
    failure: Failure,
) -> Failure {
    over_payload(limits, who, failure_bytes(&failure)).unwrap_or(failure)
}

fn over_payload(limits: &Limits, who: impl fmt::Display, bytes: usize) -> Option<Failure> {
    let max = limits.payload_bytes_max;
    (bytes > max).then(|| {
        let text = format!("{who} answered {bytes} bytes; `payload_bytes_max` is {max}");
        Failure::new(code::LIMIT, text)
    })
}

fn failure_bytes(failure: &Failure) -> usize {
    let details = failure.details.as_ref().map_or(0, Vec::len);
    let causes = failure.causes.iter();
    let causes: usize = causes.map(|one| one.code.len() + one.message.len()).sum();
    failure.code.len() + failure.message.len() + details + causes
}

/// Whether the key of a state value may be as long as it is.
pub(crate) fn check_state_key(key: &str) -> Result<(), Interrupt> {
    let bytes = key.len();
    if bytes <= STATE_KEY_BYTES_MAX {
        return Ok(());
    }
    Err(Interrupt(format!(
        "a state key may have {STATE_KEY_BYTES_MAX} bytes, and this one has {bytes}"
    )))
}

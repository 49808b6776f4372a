//! What an actor is to be reminded of.
//!
//! Pure.

use host_runtime::ReminderInfo;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Raw, rfc3339};

/// A reminder of an actor.
#[derive(Serialize, ToSchema)]
#[schema(as = Reminder)]
pub struct ReminderLine<'a> {
    /// Its name, unique for the actor.
    name: &'a str,
    /// The method that is run.
    method: &'a str,
    /// What the method is called with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Raw, required = false)]
    input: Option<Raw>,
    /// When it is due next (RFC 3339, UTC).
    #[schema(format = DateTime)]
    due: String,
    /// After how long it is due again, as it was given; absent: once.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<&'a str>,
    /// How often it is still due; absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
    /// From when on it is not there any more (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ends: Option<String>,
}

impl<'a> ReminderLine<'a> {
    /// What is known of it.
    pub fn new(reminder: &'a ReminderInfo) -> ReminderLine<'a> {
        ReminderLine {
            name: &reminder.name,
            method: &reminder.method,
            input: (!reminder.input.is_empty()).then(|| Raw::new(&reminder.input)),
            due: rfc3339(reminder.due),
            period: reminder.period.as_deref(),
            left: reminder.left,
            ends: reminder.ends.map(rfc3339),
        }
    }
}

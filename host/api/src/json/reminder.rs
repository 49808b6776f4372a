//! What an actor is to be reminded of.
//!
//! Pure.

use std::borrow::Cow;

use host_runtime::{CatchUp, ReminderInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Raw, present, rfc3339};

/// A reminder of an actor.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Reminder)]
pub struct ReminderLine<'a> {
    /// Its name, unique for the actor.
    pub name: Cow<'a, str>,
    /// The method that is run.
    pub method: Cow<'a, str>,
    /// What the method is called with.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub input: Option<Raw>,
    /// When it is due next (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub due: String,
    /// After how long it is due again, as it was given; absent: once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Cow<'a, str>>,
    /// How often it is still due; absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// From when on it is not there any more (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ends: Option<String>,
}

/// What becomes of times at which a reminder was due while the host was away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CatchUp)]
pub enum CatchUpPolicy {
    /// It fires once for all of them.
    #[default]
    Once,
    /// It does not fire for them.
    Skip,
    /// It fires for each of them, for a hundred at most.
    All,
}

impl From<CatchUpPolicy> for CatchUp {
    fn from(policy: CatchUpPolicy) -> CatchUp {
        match policy {
            CatchUpPolicy::Once => CatchUp::Once,
            CatchUpPolicy::Skip => CatchUp::Skip,
            CatchUpPolicy::All => CatchUp::All,
        }
    }
}

impl<'a> ReminderLine<'a> {
    /// What is known of it.
    pub fn new(reminder: &'a ReminderInfo) -> ReminderLine<'a> {
        ReminderLine {
            name: (&reminder.name).into(),
            method: (&reminder.method).into(),
            input: (!reminder.input.is_empty()).then(|| Raw::new(&reminder.input)),
            due: rfc3339(reminder.due),
            period: reminder.period.as_deref().map(Cow::from),
            left: reminder.left,
            ends: reminder.ends.map(rfc3339),
        }
    }
}

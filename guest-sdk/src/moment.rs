//! A time, in the form in which it is at hand.
//!
//! What a text means is known to the host, which says so where it does not understand it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bindings::durable::plugin::types;
use crate::policy::milliseconds;

/// A time: so long after the present turn began ([`Duration`]), at a point of time ([`SystemTime`]), or as
/// people write either: a duration of ISO 8601 (`PT1H30M`) or of Go (`1h30m`), or a time of RFC 3339
/// (`2030-01-31T12:00:00Z`).
#[derive(Clone, Debug)]
pub struct Moment(pub(crate) types::Moment);

impl From<Duration> for Moment {
    fn from(duration: Duration) -> Self {
        Self(types::Moment::AfterMs(milliseconds(duration)))
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        // What was before 1970 is over, as everything else that is past.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(types::Moment::AtMs(milliseconds(since)))
    }
}

impl From<String> for Moment {
    fn from(text: String) -> Self {
        Self(types::Moment::Text(text))
    }
}

impl From<&str> for Moment {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

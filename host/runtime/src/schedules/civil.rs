//! Time zones for cron expressions: what `croner` asks of a time, answered by `jiff`.
//!
//! Knows nothing of schedules.

use std::cmp::Ordering;

use croner::errors::CronError;
use croner::{CivilDateTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, ZonedDateTime};

/// A time in its zone.
#[derive(Clone, Debug)]
pub(crate) struct Local(pub(crate) ZonedDateTime);

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let local = self.0.datetime();
        let part = |part: i8| u32::from(part.unsigned_abs());
        let (month, day) = (part(local.month()), part(local.day()));
        let time = (
            part(local.hour()),
            part(local.minute()),
            part(local.second()),
        );
        let civil = CivilDateTime::from_ymd_hms_opt(
            local.year().into(),
            month,
            day,
            time.0,
            time.1,
            time.2,
        );
        civil.expect("what a calendar holds is a date to every other")
    }

    fn civil_weekday(&self) -> Weekday {
        let day = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::from(day.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Local>, CronError> {
        let local = from_civil(civil).ok_or(CronError::InvalidDate)?;
        let zoned = self.0.time_zone().to_ambiguous_zoned_datetime(local);
        let invalid = |_| CronError::InvalidTime;
        Ok(match zoned.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                Resolution::Single(Local(zoned.unambiguous().map_err(invalid)?))
            }
            AmbiguousOffset::Fold { .. } => {
                let earlier = zoned.clone().earlier().map_err(invalid)?;
                Resolution::Ambiguous(Local(earlier), Local(zoned.later().map_err(invalid)?))
            }
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Local> {
        let later = self.0.checked_add(SignedDuration::from_secs(seconds));
        later.ok().map(Local)
    }

    fn cmp_instant(&self, other: &Local) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

fn from_civil(civil: CivilDateTime) -> Option<DateTime> {
    let part = |part: u32| i8::try_from(part).ok();
    let (year, month, day) = (
        i16::try_from(civil.year()).ok()?,
        part(civil.month())?,
        part(civil.day())?,
    );
    let (hour, minute, second) = (
        part(civil.hour())?,
        part(civil.minute())?,
        part(civil.second())?,
    );
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

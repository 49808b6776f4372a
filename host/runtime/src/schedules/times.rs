//! When a schedule is due: a cron expression in a time zone, or an interval.
//!
//! Pure: the time that is counted from is an argument.

use std::str::FromStr;

use croner::Cron;
use host_base::failure::code;
use host_base::{Digest, Failure, Timestamp};
use host_store::records::Schedule;
use jiff::tz::TimeZone;

use crate::schedules::civil::Local;

/// No schedule is due more often, in milliseconds: a cron expression cannot say so either.
const INTERVAL_MS_MIN: u64 = 1_000;

/// The times of one schedule.
pub(crate) enum Times {
    Cron(Box<Cron>, TimeZone),
    /// Counted from when it was created.
    Interval {
        from: Timestamp,
        every_ms: u64,
    },
}

impl Times {
    /// # Errors
    /// The definition says no times.
    pub(crate) fn of(schedule: &Schedule) -> Result<Times, Failure> {
        if schedule.cron.is_empty() {
            return interval(schedule);
        }
        let cron = Cron::from_str(&schedule.cron).map_err(|error| {
            let text = format!("`{}` is no cron expression: {error}", schedule.cron);
            Failure::new(code::BAD_INPUT, text)
        })?;
        let zone = TimeZone::get(&schedule.zone).map_err(|_| {
            let text = format!(
                "there is no time zone `{}`; one is named like Europe/Berlin or UTC",
                schedule.zone
            );
            Failure::new(code::BAD_INPUT, text)
        })?;
        Ok(Times::Cron(Box::new(cron), zone))
    }

    /// The first time behind `time`, if there is one.
    pub(crate) fn after(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Times::Cron(cron, zone) => {
                let millis = i64::try_from(time.0).ok()?;
                let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
                let local = Local(instant.to_zoned_datetime(zone.clone()));
                let Local(next) = cron.find_next_occurrence(&local, false).ok()?;
                let next = u64::try_from(next.timestamp().as_millisecond()).ok()?;
                (next > time.0).then_some(Timestamp(next))
            }
            Times::Interval { from, every_ms } => {
                let passed = time
                    .0
                    .checked_sub(from.0)
                    .map_or(0, |past| past / every_ms + 1);
                let passed = passed.max(1);
                let next = every_ms.checked_mul(passed)?.checked_add(from.0)?;
                Some(Timestamp(next))
            }
        }
    }
}

fn interval(schedule: &Schedule) -> Result<Times, Failure> {
    if schedule.interval_ms < INTERVAL_MS_MIN {
        let text = "a schedule has a cron expression or an interval of a second or more";
        return Err(Failure::new(code::BAD_INPUT, text));
    }
    Ok(Times::Interval {
        from: Timestamp(schedule.created_ms),
        every_ms: schedule.interval_ms,
    })
}

/// By how many milliseconds chance puts a time off: the same whenever it is asked for.
pub(crate) fn put_off(name: &str, time: Timestamp, jitter_ms: u64) -> u64 {
    if jitter_ms == 0 {
        return 0;
    }
    let Digest(bytes) = Digest::of(&[name.as_bytes(), &time.0.to_be_bytes()].concat());
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) % jitter_ms.saturating_add(1)
}

/// A time as it stands in a workflow's id: RFC 3339 in UTC, with milliseconds where it has any.
pub(crate) fn shown(time: Timestamp) -> String {
    let millis = i64::try_from(time.0).ok();
    let date = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    date.map_or_else(|| time.to_string(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp(time.as_millisecond().cast_unsigned())
    }

    fn cron(expression: &str, zone: &str) -> Result<Times, Failure> {
        Times::of(&Schedule {
            cron: expression.to_owned(),
            zone: zone.to_owned(),
            ..Schedule::default()
        })
    }

    fn next(times: &Times, after: &str, count: usize) -> Vec<String> {
        let first = times.after(at(after));
        let all = std::iter::successors(first, |time| times.after(*time));
        all.take(count).map(shown).collect()
    }

    #[test]
    fn a_cron_expression_is_read_in_its_zone() {
        let times = cron("30 9 * * MON-FRI", "America/New_York").unwrap();
        assert_eq!(
            next(&times, "2026-01-02T14:30:00Z", 2),
            ["2026-01-05T14:30:00Z", "2026-01-06T14:30:00Z"]
        );
        let seconds = cron("*/20 * * * * *", "UTC").unwrap();
        assert_eq!(
            next(&seconds, "2026-01-01T00:00:00.5Z", 2),
            ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z"]
        );
    }

    #[test]
    fn a_fixed_hour_comes_once_on_the_days_on_which_clocks_are_set() {
        let times = cron("30 2 * * *", "Europe/Berlin").unwrap();
        // On 29 March there is no half past two, and on 25 October there are two.
        assert_eq!(next(&times, "2026-03-28T12:00:00Z", 2).len(), 2);
        let spring = next(&times, "2026-03-28T12:00:00Z", 1);
        assert!(spring[0].starts_with("2026-03-29T01"), "{spring:?}");
        let autumn = next(&times, "2026-10-24T12:00:00Z", 2);
        assert!(autumn[0].starts_with("2026-10-25"), "{autumn:?}");
        assert!(autumn[1].starts_with("2026-10-26"), "{autumn:?}");
    }

    #[test]
    fn an_interval_counts_from_its_beginning() {
        let times = Times::of(&Schedule {
            interval_ms: 60_000,
            created_ms: 5_000,
            ..Schedule::default()
        });
        let after = |time| times.as_ref().unwrap().after(Timestamp(time));
        assert_eq!(
            [0, 5_000, 64_999, 65_000].map(|time| after(time).unwrap().0),
            [65_000, 65_000, 65_000, 125_000]
        );
    }

    #[test]
    fn what_says_no_times_is_refused_by_its_name() {
        let refused = |times: Result<Times, Failure>| times.err().unwrap().message;
        assert!(refused(cron("61 * * * *", "UTC")).starts_with("`61 * * * *` is no cron"));
        assert!(refused(cron("* * * * *", "Mars/Base")).contains("time zone `Mars/Base`"));
        assert!(refused(Times::of(&Schedule::default())).contains("interval of a second"));
        let never = cron("0 0 30 2 *", "UTC");
        assert_eq!(never.ok().and_then(|times| times.after(Timestamp(0))), None);
    }

    #[test]
    fn chance_puts_a_time_off_by_no_more_than_it_may() {
        let off: Vec<_> = (0..100)
            .map(|time| put_off("s", Timestamp(time), 50))
            .collect();
        assert!(off.iter().all(|off| *off <= 50) && off.iter().any(|off| *off > 25));
        assert_eq!(put_off("s", Timestamp(7), 50), off[7]);
        assert_eq!(put_off("s", Timestamp(7), 0), 0);
    }
}

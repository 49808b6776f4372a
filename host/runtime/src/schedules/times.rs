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

/// A gap in a zone's clock that is longer than this is no matter of summer and winter: the zone leaves out a day.
const GAP_S_MAX: i32 = 2 * 60 * 60;

/// The times of one schedule.
pub(crate) struct Times {
    rule: Rule,
    /// None is earlier.
    from: Timestamp,
    /// None is later.
    until: Timestamp,
}

enum Rule {
    Cron(Box<Cron>, TimeZone),
    Interval {
        /// The time from which it is counted.
        base: Timestamp,
        every_ms: u64,
        /// How many intervals behind `base` the first time is.
        first: u64,
    },
}

impl Times {
    /// # Errors
    /// The definition says no times.
    pub(crate) fn of(schedule: &Schedule) -> Result<Times, Failure> {
        let rule = match schedule.cron.is_empty() {
            true => interval(schedule)?,
            false => expression(&schedule.cron, &schedule.zone)?,
        };
        let until = Some(schedule.until_ms).filter(|until| *until != 0);
        Ok(Times {
            rule,
            from: Timestamp(schedule.from_ms),
            until: Timestamp(until.unwrap_or(u64::MAX)),
        })
    }

    /// The first time behind `time`, if there is one.
    pub(crate) fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = time.max(Timestamp(self.from.0.saturating_sub(1)));
        let next = match &self.rule {
            Rule::Cron(cron, zone) => occurrence(cron, zone, time),
            Rule::Interval {
                base,
                every_ms,
                first,
            } => {
                let passed = time.0.checked_sub(base.0).map(|past| past / every_ms + 1);
                let count = passed.map_or(*first, |passed| passed.max(*first));
                every_ms
                    .checked_mul(count)?
                    .checked_add(base.0)
                    .map(Timestamp)
            }
        };
        next.filter(|next| *next > time && *next <= self.until)
    }
}

fn expression(cron: &str, zone: &str) -> Result<Rule, Failure> {
    let parsed = Cron::from_str(cron).map_err(|error| {
        let text = format!("`{cron}` is no cron expression: {error}");
        Failure::new(code::BAD_INPUT, text)
    })?;
    let zone = TimeZone::get(zone).map_err(|_| {
        let text =
            format!("there is no time zone `{zone}`; one is named like Europe/Berlin or UTC");
        Failure::new(code::BAD_INPUT, text)
    })?;
    Ok(Rule::Cron(Box::new(parsed), zone))
}

fn interval(schedule: &Schedule) -> Result<Rule, Failure> {
    if schedule.interval_ms < INTERVAL_MS_MIN {
        let text = "a schedule has a cron expression or an interval of a second or more";
        return Err(Failure::new(code::BAD_INPUT, text));
    }
    let (base, first) = match schedule.from_ms {
        0 => (schedule.created_ms, 1),
        from => (from, 0),
    };
    Ok(Rule::Interval {
        base: Timestamp(base),
        every_ms: schedule.interval_ms,
        first,
    })
}

/// The first time behind `time` of which the expression speaks. One of a single hour and minute that the
/// zone's clock leaves out is met right behind the gap, and one that comes twice the first time; of all
/// other expressions, what is left out is left out, and what comes twice is met twice.
fn occurrence(cron: &Cron, zone: &TimeZone, time: Timestamp) -> Option<Timestamp> {
    let local = Local(time.date()?.to_zoned_datetime(zone.clone()));
    let next = cron.find_next_occurrence(&local, false).ok();
    let Local(next) = next.or_else(|| behind_lost_day(cron, &local))?;
    let millis = next.timestamp().as_millisecond();
    u64::try_from(millis).ok().map(Timestamp)
}

/// `croner` gives up where a zone leaves out a whole day; there are times behind it.
fn behind_lost_day(cron: &Cron, Local(from): &Local) -> Option<Local> {
    let zone = from.time_zone();
    let mut offset = from.offset().seconds();
    zone.following(from.timestamp()).find_map(|transition| {
        let before = std::mem::replace(&mut offset, transition.offset().seconds());
        if offset - before <= GAP_S_MAX {
            return None;
        }
        let behind = transition.timestamp().to_zoned_datetime(zone.clone());
        cron.find_next_occurrence(&Local(behind), true).ok()
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
    time.date()
        .map_or_else(|| time.to_string(), |date| date.to_string())
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
        assert_eq!(
            next(&times, "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            next(&times, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
    }

    #[test]
    fn any_other_time_comes_as_often_as_the_clock_shows_it() {
        let times = cron("0,30 2 * * *", "Europe/Berlin").unwrap();
        assert_eq!(
            next(&times, "2026-03-28T12:00:00Z", 1),
            ["2026-03-30T00:00:00Z"]
        );
        assert_eq!(
            next(&times, "2026-10-24T12:00:00Z", 5),
            [
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-26T01:00:00Z"
            ]
        );
    }

    #[test]
    fn a_day_that_the_zone_leaves_out_ends_nothing() {
        // Samoa had no 30 December 2011.
        let times = cron("0 9 * * *", "Pacific/Apia").unwrap();
        assert_eq!(
            next(&times, "2011-12-29T12:00:00Z", 3),
            [
                "2011-12-29T19:00:00Z",
                "2011-12-30T19:00:00Z",
                "2011-12-31T19:00:00Z"
            ]
        );
        let only = cron("0 9 30 12 *", "Pacific/Apia").unwrap();
        assert_eq!(
            next(&only, "2011-12-01T12:00:00Z", 1),
            ["2012-12-29T19:00:00Z"]
        );
    }

    #[test]
    fn no_time_is_before_the_beginning_or_behind_the_end() {
        let bounded = |schedule: Schedule| {
            let times = Times::of(&Schedule {
                from_ms: at("2026-01-03T00:00:00Z").0,
                until_ms: at("2026-01-04T00:00:00Z").0,
                ..schedule
            });
            next(&times.unwrap(), "2026-01-01T12:00:00Z", 3)
        };
        let both = ["2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"];
        let daily = Schedule {
            cron: "0 0 * * *".to_owned(),
            zone: "UTC".to_owned(),
            ..Schedule::default()
        };
        assert_eq!(bounded(daily), both);
        let every = Schedule {
            interval_ms: 24 * 60 * 60 * 1_000,
            created_ms: at("2026-01-01T07:00:00Z").0,
            ..Schedule::default()
        };
        assert_eq!(bounded(every), both);
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

//! Times and periods as people write them, and the arithmetic of periods.
//!
//! Pure: the time that is counted from is an argument. Months are those of the calendar in UTC; everything
//! else is a fixed number of milliseconds.

use std::str::FromStr;

use host_base::failure::code;
use host_base::{Failure, Timestamp, duration};
use host_engine::Moment;
use host_store::records::Period;
use jiff::ToSpan;
use jiff::tz::TimeZone;

const MONTHS_PER_YEAR: u32 = 12;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const DAYS_PER_WEEK: u64 = 7;
/// No month is longer.
const MONTH_MS_MAX: u64 = 31 * DAY_MS;

/// A period, and how often it is due in all, where that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repetition {
    pub(crate) period: Period,
    pub(crate) times: Option<u32>,
}

/// The time that is meant, counted from `now`. `what` names it in the message.
pub(crate) fn resolve(what: &str, moment: &Moment, now: Timestamp) -> Result<Timestamp, Failure> {
    match moment {
        Moment::After(duration) => Ok(now.after(*duration)),
        Moment::At(time) => Ok(*time),
        Moment::Text(text) => {
            let time = jiff::Timestamp::from_str(text.trim()).ok().map(from_jiff);
            let time = time.or_else(|| nth(now, &period_of(text)?, 1));
            time.ok_or_else(|| misunderstood(what, text, EXPECTED_TIME))
        }
    }
}

/// The repetition that is meant.
pub(crate) fn repetition(what: &str, moment: &Moment) -> Result<Repetition, Failure> {
    let misunderstood = |text: &str| misunderstood(what, text, EXPECTED_PERIOD);
    let (period, times) = match moment {
        Moment::After(duration) => (millis(duration.as_millis()), None),
        Moment::At(time) => return Err(misunderstood(&time.to_string())),
        Moment::Text(text) => {
            let (times, rest) = times_of(text.trim()).ok_or_else(|| misunderstood(text))?;
            (period_of(rest).ok_or_else(|| misunderstood(text))?, times)
        }
    };
    if period == Period::default() {
        let text = format!("{what} must be longer than no time at all");
        return Err(Failure::new(code::BAD_INPUT, text));
    }
    Ok(Repetition { period, times })
}

const EXPECTED_TIME: &str = "a duration (PT1H30M or 1h30m) or a time (2030-01-31T12:00:00Z)";
const EXPECTED_PERIOD: &str = "a duration (PT10S or 10s), with R5/ before it for five times";

fn misunderstood(what: &str, text: &str, expected: &str) -> Failure {
    Failure::new(
        code::BAD_INPUT,
        format!("{what} `{text}` is not {expected}"),
    )
}

/// `R5/PT10S` says five times. None where the number is none, or nought.
fn times_of(text: &str) -> Option<(Option<u32>, &str)> {
    let Some(rest) = text.strip_prefix('R') else {
        return Some((None, text.strip_prefix("@every ").unwrap_or(text)));
    };
    let (times, rest) = rest.split_once('/')?;
    if times.is_empty() {
        return Some((None, rest));
    }
    let times = times.parse().ok().filter(|times| *times > 0)?;
    Some((Some(times), rest))
}

/// A duration of ISO 8601 or of Go. None where it is neither, or goes backwards.
fn period_of(text: &str) -> Option<Period> {
    let text = text.trim();
    if matches!(text, "0" | "") {
        return (text == "0").then(Period::default);
    }
    let span = duration::span(text)?;
    let part = |part: i64| u64::try_from(part).ok();
    let months = part(span.get_years().into())?
        .checked_mul(MONTHS_PER_YEAR.into())?
        .checked_add(part(span.get_months().into())?)?;
    let days = part(span.get_weeks().into())?
        .checked_mul(DAYS_PER_WEEK)?
        .checked_add(part(span.get_days().into())?)?;
    let mut sum = u128::from(days) * u128::from(DAY_MS) * 1_000_000;
    for (count, nanos) in [
        (i64::from(span.get_hours()), 3_600_000_000_000_u128),
        (span.get_minutes(), 60_000_000_000),
        (span.get_seconds(), 1_000_000_000),
        (span.get_milliseconds(), 1_000_000),
        (span.get_microseconds(), 1_000),
        (span.get_nanoseconds(), 1),
    ] {
        sum += u128::from(part(count)?) * nanos;
    }
    Some(Period {
        months: months.try_into().ok()?,
        // Nothing may come earlier than it was asked to.
        ..millis(sum.div_ceil(1_000_000))
    })
}

fn millis(millis: u128) -> Period {
    Period {
        months: 0,
        millis: millis.try_into().unwrap_or(u64::MAX),
    }
}

/// The time that lies `count` periods behind `first`; none where it lies beyond all calendars.
pub(crate) fn nth(first: Timestamp, period: &Period, count: u64) -> Option<Timestamp> {
    let millis = period.millis.checked_mul(count)?;
    let first = match u64::from(period.months).checked_mul(count)? {
        0 => first,
        months => add_months(first, months)?,
    };
    first.0.checked_add(millis).map(Timestamp)
}

/// How many periods lie between `first` and the first time that is later than `now`, at least `least`.
pub(crate) fn periods_until(
    first: Timestamp,
    period: &Period,
    least: u64,
    now: Timestamp,
) -> Option<u64> {
    let longest = u64::from(period.months)
        .saturating_mul(MONTH_MS_MAX)
        .saturating_add(period.millis);
    let sure = now.0.saturating_sub(first.0) / longest.max(1);
    let mut count = least.max(sure);
    while nth(first, period, count)? <= now {
        count += 1;
    }
    Some(count)
}

/// As a duration of ISO 8601.
pub(crate) fn iso(period: &Period) -> String {
    let months = match period.months {
        0 => String::new(),
        months => format!("{months}M"),
    };
    let (seconds, millis) = (period.millis / 1_000, period.millis % 1_000);
    let time = match (seconds, millis) {
        (0, 0) if !months.is_empty() => String::new(),
        (seconds, 0) => format!("T{seconds}S"),
        (seconds, millis) => format!("T{seconds}.{millis:03}S"),
    };
    format!("P{months}{time}")
}

fn add_months(time: Timestamp, months: u64) -> Option<Timestamp> {
    let time = time.date()?;
    let months = i32::try_from(months).ok()?;
    let later = time
        .to_zoned_datetime(TimeZone::UTC)
        .checked_add(0.months().try_months(months).ok()?)
        .ok()?;
    Some(from_jiff(later.timestamp()))
}

/// What was before 1970 is over, as everything else that is past.
fn from_jiff(time: jiff::Timestamp) -> Timestamp {
    // Rounded up: nothing may come earlier than it was asked to.
    let millis = time.as_nanosecond().div_euclid(1_000_000)
        + i128::from(time.as_nanosecond().rem_euclid(1_000_000) > 0);
    Timestamp(
        millis
            .clamp(0, i128::from(u64::MAX))
            .try_into()
            .unwrap_or(u64::MAX),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn due(text: &str) -> Result<u64, String> {
        let due = resolve("the due time", &Moment::Text(text.to_owned()), NOW);
        due.map(|time| time.0).map_err(|failure| failure.message)
    }

    fn after(text: &str) -> u64 {
        due(text).unwrap() - NOW.0
    }

    fn every(text: &str) -> Result<(u32, u64, Option<u32>), String> {
        let found = repetition("the period", &Moment::Text(text.to_owned()));
        let found = found.map_err(|failure| failure.message)?;
        let Period { months, millis } = found.period;
        Ok((months, millis, found.times))
    }

    fn at(text: &str) -> Timestamp {
        from_jiff(text.parse().unwrap())
    }

    #[test]
    fn durations_are_those_of_iso_8601_and_of_go() {
        let hour_and_a_half = 90 * 60 * 1_000;
        for text in [
            "PT1H30M",
            "1h30m",
            "1.5h",
            "90m",
            "5400s",
            "0h90m0s0ms0\u{3bc}s",
            "0h90m0s0ms0\u{b5}s",
        ] {
            assert_eq!(after(text), hour_and_a_half, "{text}");
        }
        assert_eq!(
            (after("P1W"), after("P1DT1S")),
            (7 * DAY_MS, DAY_MS + 1_000)
        );
        assert_eq!(
            (after("100ms"), after("1us"), after("0s"), after("0")),
            (100, 1, 0, 0)
        );
    }

    #[test]
    fn a_time_is_that_of_rfc_3339() {
        assert_eq!(due("1970-01-01T01:00:00Z"), Ok(3_600_000));
        assert_eq!(due("1970-01-01T01:00:00.0001+01:00"), Ok(1));
        assert_eq!(due("1969-01-01T00:00:00Z"), Ok(0));
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_is() {
        for text in ["", "soon", "-1h", "5", "PT", "1h30"] {
            let message = due(text).unwrap_err();
            let start = format!("the due time `{text}` is not a duration");
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn a_repetition_says_how_often_in_all() {
        assert_eq!(every("R5/PT10S"), Ok((0, 10_000, Some(5))));
        assert_eq!(every("R/P1M"), Ok((1, 0, None)));
        assert_eq!(every("@every 1s"), Ok((0, 1_000, None)));
        assert_eq!(every("P1Y2M3D"), Ok((14, 3 * DAY_MS, None)));
        for text in ["R0/PT1S", "R5", "R-1/PT1S", "2030-01-31T12:00:00Z"] {
            assert!(
                every(text).unwrap_err().contains("is not a duration"),
                "{text}"
            );
        }
        assert!(every("PT0S").unwrap_err().contains("longer"));
    }

    #[test]
    fn months_are_those_of_the_calendar_and_do_not_drift() {
        let (first, month) = (
            at("2023-12-31T10:00:00Z"),
            Period {
                months: 1,
                millis: 0,
            },
        );
        let nth = |count| nth(first, &month, count).unwrap();
        assert_eq!(nth(1), at("2024-01-31T10:00:00Z"));
        assert_eq!(nth(2), at("2024-02-29T10:00:00Z"));
        assert_eq!(nth(3), at("2024-03-31T10:00:00Z"));
        let until = |now: &str| periods_until(first, &month, 1, at(now));
        assert_eq!(until("2024-02-29T10:00:00Z"), Some(3));
        assert_eq!(until("2123-12-31T09:00:00Z"), Some(1_200));
    }

    #[test]
    fn periods_are_counted_to_the_first_that_is_later() {
        let ten = millis(10);
        let until = |least, now| periods_until(Timestamp(100), &ten, least, Timestamp(now));
        assert_eq!(
            [until(1, 5), until(1, 109), until(1, 110), until(5, 120)],
            [1, 1, 2, 5].map(Some)
        );
        assert_eq!(
            periods_until(Timestamp(100), &millis(u128::MAX), 1, NOW),
            None
        );
    }

    #[test]
    fn a_period_is_shown_as_it_can_be_written() {
        for text in ["PT10S", "PT0.250S", "P14M", "P1MT5S"] {
            let found = repetition("", &Moment::Text(text.to_owned())).unwrap();
            assert_eq!(iso(&found.period), text);
        }
        let day = repetition("", &Moment::After(Duration::from_secs(86_400))).unwrap();
        assert_eq!(iso(&day.period), "PT86400S");
    }
}

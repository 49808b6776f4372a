//! What a reminder or timer is, and what becomes of it when it has fired: pure rules.
//!
//! Knows nothing of turns and of the store.

use std::time::Duration;

use host_base::{Failure, Timestamp};
use host_engine::{self as engine, Alarm, NewReminder, ReminderInfo};
use host_store::records::{CatchUp, Reminder, ReminderRetry};

use crate::when::{self, Repetition};

/// Times at which a reminder was due while it did not fire, and for which it fires one after the other: the
/// first of them and the latest.
const CATCH_UP_MAX: u64 = 100;

/// A reminder as it is stored.
pub(crate) fn reminder(new: NewReminder, now: Timestamp) -> Result<Reminder, Failure> {
    Ok(Reminder {
        catch_up: match new.catch_up {
            engine::CatchUp::Once => CatchUp::Once.into(),
            engine::CatchUp::Skip => CatchUp::Skip.into(),
            engine::CatchUp::All => CatchUp::All.into(),
        },
        retry: new.retry.map(|retry| ReminderRetry {
            interval_ms: Timestamp::default().after(retry.interval).0,
            max_retries: retry.max_retries,
        }),
        ..timer(new.alarm, now)?
    })
}

/// A timer: as a reminder, and dropped for the time where its method fails.
pub(crate) fn timer(alarm: Alarm, now: Timestamp) -> Result<Reminder, Failure> {
    let due = when::resolve("the due time", &alarm.due, now)?;
    let repetition = alarm
        .period
        .map(|period| when::repetition("the period", &period));
    let repetition = repetition.transpose()?;
    let ends = alarm.ttl.map(|ttl| when::resolve("the ttl", &ttl, now));
    Ok(Reminder {
        method: alarm.method,
        input: alarm.input,
        due_ms: due.0,
        fires_ms: due.0,
        period: repetition.map(|Repetition { period, .. }| period),
        left: repetition.and_then(|Repetition { times, .. }| times),
        ends_ms: ends.transpose()?.map(|ends| ends.0),
        first_ms: due.0,
        ..Reminder::default()
    })
}

/// As others are told of it.
pub(crate) fn info(name: &str, reminder: &Reminder) -> ReminderInfo {
    ReminderInfo {
        name: name.to_owned(),
        method: reminder.method.clone(),
        input: reminder.input.clone(),
        due: Timestamp(reminder.due_ms),
        period: reminder.period.as_ref().map(when::iso),
        left: reminder.left,
        ends: reminder.ends_ms.map(Timestamp),
    }
}

/// Whether it does not fire this time, because the host was away: it has been there since `opened`.
pub(crate) fn is_skipped(reminder: &Reminder, opened: Timestamp) -> bool {
    reminder.catch_up() == CatchUp::Skip && reminder.fires_ms < opened.0
}

/// Whether it ended before it could fire.
pub(crate) fn is_over(reminder: &Reminder) -> bool {
    reminder.ends_ms.is_some_and(|ends| reminder.due_ms > ends)
}

/// What it is after its method was run and worked, or failed; nothing where it is over.
pub(crate) fn after(reminder: &Reminder, succeeded: bool, now: Timestamp) -> Option<Reminder> {
    let retry = reminder.retry.filter(|retry| {
        let more = retry.max_retries.is_none_or(|max| reminder.failures < max);
        !succeeded && more
    });
    if let Some(retry) = retry {
        let interval = Duration::from_millis(retry.interval_ms);
        return Some(Reminder {
            fires_ms: now.after(interval).0,
            failures: reminder.failures.saturating_add(1),
            ..reminder.clone()
        });
    }
    let left = reminder.left.map(|left| left.saturating_sub(1));
    let fired = Reminder {
        left,
        ..reminder.clone()
    };
    if left == Some(0) {
        None
    } else {
        next(fired, now)
    }
}

/// The next time at which it is due; nothing where there is none.
pub(crate) fn next(reminder: Reminder, now: Timestamp) -> Option<Reminder> {
    let period = reminder.period?;
    let first = Timestamp(reminder.first_ms);
    let following = reminder.periods.checked_add(1)?;
    let later = when::periods_until(first, &period, following, now)?;
    let periods = match reminder.catch_up() {
        CatchUp::All => following.max(later.saturating_sub(CATCH_UP_MAX - 1)),
        CatchUp::Once | CatchUp::Skip => later,
    };
    let due = when::nth(first, &period, periods)?;
    let next = Reminder {
        due_ms: due.0,
        fires_ms: due.0,
        failures: 0,
        periods,
        ..reminder
    };
    (!is_over(&next)).then_some(next)
}

#[cfg(test)]
mod tests {
    use host_engine::{ConstantRetry, Moment};

    use super::*;

    fn every(period: &str) -> NewReminder {
        NewReminder {
            alarm: Alarm {
                name: "r".to_owned(),
                method: "m".to_owned(),
                input: Vec::new(),
                due: Moment::At(Timestamp(1_000)),
                period: Some(Moment::Text(period.to_owned())),
                ttl: None,
            },
            catch_up: engine::CatchUp::Once,
            retry: None,
            overwrite: true,
        }
    }

    fn made(new: NewReminder) -> Reminder {
        reminder(new, Timestamp(500)).unwrap()
    }

    /// When it fires, each time a little late and for the last time at `until` or before.
    fn firings(mut reminder: Reminder, late: u64, until: u64) -> Vec<u64> {
        let mut fired = Vec::new();
        while reminder.fires_ms <= until {
            fired.push(reminder.fires_ms);
            let now = Timestamp(reminder.fires_ms + late);
            match after(&reminder, true, now) {
                Some(next) => reminder = next,
                None => break,
            }
        }
        fired
    }

    #[test]
    fn periods_are_counted_from_the_first_time_however_late_it_fires() {
        let reminder = made(every("10ms"));
        assert_eq!(firings(reminder, 3, 1_030), [1_000, 1_010, 1_020, 1_030]);
    }

    #[test]
    fn it_fires_as_often_as_it_was_told_and_not_behind_its_end() {
        assert_eq!(firings(made(every("R2/10ms")), 0, 9_000), [1_000, 1_010]);
        let mut new = every("10ms");
        new.alarm.ttl = Some(Moment::At(Timestamp(1_015)));
        assert_eq!(firings(made(new), 0, 9_000), [1_000, 1_010]);
        let mut new = every("10ms");
        new.alarm.period = None;
        assert_eq!(firings(made(new), 0, 9_000), [1_000]);
    }

    #[test]
    fn what_was_missed_is_caught_up_with_by_rule() {
        let missed = |rule| {
            let new = NewReminder {
                catch_up: rule,
                ..every("10ms")
            };
            let next = after(&made(new), true, Timestamp(1_035)).unwrap();
            next.fires_ms
        };
        assert_eq!(missed(engine::CatchUp::Once), 1_040);
        assert_eq!(missed(engine::CatchUp::All), 1_010);
        let all = NewReminder {
            catch_up: engine::CatchUp::All,
            ..every("10ms")
        };
        let next = after(&made(all), true, Timestamp(101_005)).unwrap();
        assert_eq!(next.fires_ms, 101_010 - 10 * (CATCH_UP_MAX - 1));
    }

    #[test]
    fn only_what_was_due_before_the_host_came_is_skipped() {
        let skip = NewReminder {
            catch_up: engine::CatchUp::Skip,
            ..every("10ms")
        };
        let skip = made(skip);
        assert!(is_skipped(&skip, Timestamp(1_001)) && !is_skipped(&skip, Timestamp(1_000)));
        assert!(!is_skipped(&made(every("10ms")), Timestamp(1_001)));
    }

    #[test]
    fn a_failed_method_is_run_again_as_often_as_allowed_and_the_next_time_comes_all_the_same() {
        let new = NewReminder {
            retry: Some(ConstantRetry {
                interval: Duration::from_millis(7),
                max_retries: Some(2),
            }),
            ..every("R2/10ms")
        };
        let mut reminder = made(new);
        for fires in [1_007, 1_014] {
            reminder = after(&reminder, false, Timestamp(reminder.fires_ms)).unwrap();
            assert_eq!((reminder.fires_ms, reminder.due_ms), (fires, 1_000));
        }
        let next = after(&reminder, false, Timestamp(1_014)).unwrap();
        assert_eq!(
            (next.fires_ms, next.failures, next.left),
            (1_020, 0, Some(1))
        );
        assert_eq!(after(&next, true, Timestamp(1_020)), None);
    }

    #[test]
    fn without_a_policy_a_failure_ends_it_for_this_time() {
        let next = after(&made(every("10ms")), false, Timestamp(1_000)).unwrap();
        assert_eq!((next.fires_ms, next.failures), (1_010, 0));
    }
}

//! Whether a failed activity is tried again, and when.
//!
//! A synchronous function of the outcome, the attempt and the policy: time and chance are arguments.

use std::time::Duration;

use host_base::failure::code;
use host_base::{Digest, Failure, Limits, Outcome, Timestamp};
use host_engine::{ActivityOptions, Manifest, RetryPolicy};

use crate::effect::ActivityJob;

/// What holds where neither the workflow nor the manifest says: five attempts, after 1, 2, 4 and 8 seconds.
const RETRY_DEFAULT: RetryPolicy = RetryPolicy {
    max_attempts: 5,
    first_interval: Duration::from_secs(1),
    coefficient: 2.0,
    max_interval: Duration::from_secs(60),
    jitter: 0.1,
    non_retryable: Vec::new(),
};

/// How one activity is run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) retry: RetryPolicy,
    /// Time for one attempt.
    pub(crate) timeout: Duration,
    /// Time for all of it.
    pub(crate) schedule_to_close: Option<Duration>,
    /// How long an attempt may go without a heartbeat.
    pub(crate) heartbeat_timeout: Option<Duration>,
}

impl Options {
    /// The workflow's word first, then the manifest's, then the host's.
    pub(crate) fn of(job: &ActivityJob, manifest: &Manifest, limits: &Limits) -> Options {
        let mut activities = manifest.activities.iter();
        let defined = activities.find(|one| one.definition.name == job.name);
        let (asked, defined) = (&job.options, defined.map(|one| &one.options));
        let either = |of: fn(&ActivityOptions) -> Option<Duration>| of(asked).or(of(defined?));
        let retry = asked.retry.as_ref();
        let retry = retry.or_else(|| defined?.retry.as_ref());
        Options {
            retry: retry.cloned().unwrap_or(RETRY_DEFAULT),
            timeout: either(|one| one.timeout).unwrap_or(limits.activity_time_default),
            schedule_to_close: either(|one| one.schedule_to_close),
            heartbeat_timeout: either(|one| one.heartbeat_timeout),
        }
    }

    /// By when all of it must have ended.
    pub(crate) fn deadline(&self, scheduled: Timestamp) -> Option<Timestamp> {
        Some(scheduled.after(self.schedule_to_close?))
    }

    /// All of it took too long.
    pub(crate) fn too_late(&self, activity: &str, last: Option<Failure>) -> Failure {
        let limit = self.schedule_to_close.unwrap_or_default();
        let text =
            format!("activity {activity} did not end within its schedule to close of {limit:?}");
        let failure = Failure::new(code::TIMEOUT, text);
        match last {
            Some(last) => failure.caused_by(last),
            None => failure,
        }
    }
}

/// The attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) activity: &'a str,
    /// Counts from 1.
    pub(crate) number: u32,
    pub(crate) scheduled: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) chance: Chance<'a>,
}

/// Where a retry's jitter comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance<'a> {
    /// The workflow run's random seed.
    pub(crate) seed: &'a [u8],
    /// The activity's handle.
    pub(crate) handle: u32,
}

impl Chance<'_> {
    /// A number from 0 to 1 that is the same whenever it is asked for.
    fn of_attempt(&self, attempt: u32) -> f64 {
        let parts: [&[u8]; 4] = [
            self.seed,
            b"retry",
            &self.handle.to_be_bytes(),
            &attempt.to_be_bytes(),
        ];
        let Digest(bytes) = Digest::of(&parts.concat());
        let [a, b, c, d, ..] = bytes;
        f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
    }
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The activity has ended.
    Done(Outcome),
    /// Another attempt follows.
    Again(Again),
}

/// Another attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Again {
    /// After which wait it begins.
    pub(crate) wait: Duration,
    /// How many attempts there may be.
    pub(crate) max_attempts: u32,
    /// Why the last one failed.
    pub(crate) failure: Failure,
}

/// Judges an attempt.
pub(crate) fn judge(outcome: Outcome, attempt: Attempt<'_>, options: &Options) -> Verdict {
    let failure = match outcome {
        Err(failure) if may_retry(&failure, attempt.number, &options.retry) => failure,
        outcome => return Verdict::Done(outcome),
    };
    let wait = wait_after(attempt.number, attempt.chance, &options.retry);
    let deadline = options.deadline(attempt.scheduled);
    if deadline.is_some_and(|deadline| attempt.now.after(wait) >= deadline) {
        return Verdict::Done(Err(options.too_late(attempt.activity, Some(failure))));
    }
    Verdict::Again(Again {
        wait,
        max_attempts: options.retry.max_attempts,
        failure,
    })
}

fn may_retry(failure: &Failure, attempt: u32, policy: &RetryPolicy) -> bool {
    let ends = policy.non_retryable.contains(&failure.code);
    failure.retryable && !ends && attempt < policy.max_attempts
}

/// Each wait is longer than the one before by the coefficient, up to the ceiling, less what chance takes off.
fn wait_after(attempt: u32, chance: Chance<'_>, policy: &RetryPolicy) -> Duration {
    let steps = i32::try_from(attempt - 1).unwrap_or(i32::MAX);
    let factor = policy.coefficient.max(1.0).powi(steps);
    let seconds = policy.first_interval.as_secs_f64() * factor;
    let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let wait = wait.min(policy.max_interval);
    if policy.jitter <= 0.0 {
        return wait;
    }
    let left = 1.0 - policy.jitter.min(1.0) * chance.of_attempt(attempt);
    Duration::try_from_secs_f64(wait.as_secs_f64() * left).unwrap_or(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            retry: RetryPolicy {
                max_attempts: 4,
                first_interval: Duration::from_millis(100),
                coefficient: 3.0,
                max_interval: Duration::from_millis(500),
                jitter: 0.0,
                non_retryable: vec!["sold-out".to_owned()],
            },
            timeout: Duration::from_secs(1),
            schedule_to_close: None,
            heartbeat_timeout: None,
        }
    }

    fn with(change: impl FnOnce(&mut RetryPolicy)) -> Options {
        let mut options = options();
        change(&mut options.retry);
        options
    }

    fn attempt(number: u32, handle: u32) -> Attempt<'static> {
        Attempt {
            activity: "a",
            number,
            scheduled: Timestamp(1_000),
            now: Timestamp(1_000),
            chance: Chance {
                seed: b"seed",
                handle,
            },
        }
    }

    fn waits(failure: &Failure, options: &Options) -> Vec<u128> {
        waits_of(1, failure, options)
    }

    fn waits_of(handle: u32, failure: &Failure, options: &Options) -> Vec<u128> {
        let verdicts =
            (1..100).map(|number| judge(Err(failure.clone()), attempt(number, handle), options));
        let waits = verdicts.map_while(|verdict| match verdict {
            Verdict::Again(again) => Some(again.wait.as_millis()),
            Verdict::Done(_) => None,
        });
        waits.collect()
    }

    fn busy() -> Failure {
        Failure::transient("busy", "try again")
    }

    #[test]
    fn waits_grow_to_the_ceiling_and_attempts_end() {
        assert_eq!(waits(&busy(), &options()), [100, 300, 500]);
    }

    #[test]
    fn what_trying_again_does_not_mend_is_not_tried_again() {
        let failure = Failure::new("torn", "no more");
        assert_eq!(waits(&failure, &options()), [0_u128; 0]);
        let listed = Failure::transient("sold-out", "no more");
        assert_eq!(waits(&listed, &options()), [0_u128; 0]);
    }

    #[test]
    fn jitter_takes_a_part_off_that_is_another_for_each_handle_and_the_same_each_time() {
        let options = with(|retry| {
            retry.jitter = 0.5;
            retry.max_attempts = 50;
        });
        let one = waits_of(1, &busy(), &options);
        assert_eq!(one, waits_of(1, &busy(), &options));
        assert_ne!(one, waits_of(2, &busy(), &options));
        assert!((50..=100).contains(&one[0]), "{one:?}");
        assert!(
            one[3..].iter().all(|wait| (250..=500).contains(wait)),
            "{one:?}"
        );
    }

    #[test]
    fn an_attempt_that_would_come_too_late_is_not_made() {
        let schedule_to_close = Some(Duration::from_millis(101));
        let options = Options {
            schedule_to_close,
            ..options()
        };
        let in_time = judge(Err(busy()), attempt(1, 1), &options);
        assert!(matches!(in_time, Verdict::Again(_)), "{in_time:?}");
        let late = Attempt {
            now: Timestamp(1_001),
            ..attempt(1, 1)
        };
        let Verdict::Done(Err(failure)) = judge(Err(busy()), late, &options) else {
            panic!("another attempt follows")
        };
        assert_eq!((&*failure.code, failure.retryable), ("timeout", false));
        assert_eq!(failure.causes[0].code, "busy");
    }

    #[test]
    fn a_policy_of_nonsense_still_ends() {
        let nonsense = with(|retry| {
            retry.max_attempts = 0;
            retry.coefficient = -1.0;
        });
        assert_eq!(waits(&busy(), &nonsense), [0_u128; 0]);
        let endless = with(|retry| {
            retry.max_attempts = u32::MAX;
            retry.coefficient = f64::MAX;
        });
        assert_eq!(waits(&busy(), &endless).pop(), Some(500));
    }
}

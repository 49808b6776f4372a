//! Whether a failed activity is tried again, and when.
//!
//! A synchronous function of the outcome, the attempt's number and the policy.

use std::time::Duration;

use host_base::{Failure, Limits, Outcome};
use host_engine::{Manifest, RetryPolicy};

use crate::effect::ActivityJob;

/// What holds where neither the workflow nor the manifest says: five attempts, after 1, 2, 4 and 8 seconds.
const RETRY_DEFAULT: RetryPolicy = RetryPolicy {
    max_attempts: 5,
    first_interval: Duration::from_secs(1),
    coefficient: 2.0,
    max_interval: Duration::from_secs(60),
};

/// How one activity is run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
}

impl Options {
    /// The workflow's word first, then the manifest's, then the host's.
    pub(crate) fn of(job: &ActivityJob, manifest: &Manifest, limits: &Limits) -> Options {
        let mut activities = manifest.activities.iter();
        let defined = activities.find(|one| one.definition.name == job.name);
        let asked = &job.options;
        let retry = asked.retry.clone();
        let retry = retry.or_else(|| defined?.retry.clone());
        let timeout = asked.timeout_ms.map(Duration::from_millis);
        let timeout = timeout.or_else(|| defined?.timeout);
        Options {
            retry: retry.unwrap_or(RETRY_DEFAULT),
            timeout: timeout.unwrap_or(limits.activity_time_default),
        }
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

/// Judges the attempt of that number, which counts from 1.
pub(crate) fn judge(outcome: Outcome, attempt: u32, policy: &RetryPolicy) -> Verdict {
    match outcome {
        Err(failure) if failure.retryable && attempt < policy.max_attempts => {
            Verdict::Again(Again {
                wait: wait_after(attempt, policy),
                max_attempts: policy.max_attempts,
                failure,
            })
        }
        outcome => Verdict::Done(outcome),
    }
}

/// Each wait is longer than the one before by the coefficient, up to the ceiling.
fn wait_after(attempt: u32, policy: &RetryPolicy) -> Duration {
    let steps = i32::try_from(attempt - 1).unwrap_or(i32::MAX);
    let factor = policy.coefficient.max(1.0).powi(steps);
    let seconds = policy.first_interval.as_secs_f64() * factor;
    let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    wait.min(policy.max_interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_attempts: 4,
            first_interval: Duration::from_millis(100),
            coefficient: 3.0,
            max_interval: Duration::from_millis(500),
        }
    }

    fn waits(failure: &Failure, policy: &RetryPolicy) -> Vec<u128> {
        let attempts = 1..100;
        let verdicts = attempts.map(|attempt| judge(Err(failure.clone()), attempt, policy));
        let waits = verdicts.map_while(|verdict| match verdict {
            Verdict::Again(again) => Some(again.wait.as_millis()),
            Verdict::Done(_) => None,
        });
        waits.collect()
    }

    #[test]
    fn waits_grow_to_the_ceiling_and_attempts_end() {
        let failure = Failure::transient("busy", "try again");
        assert_eq!(waits(&failure, &policy()), [100, 300, 500]);
    }

    #[test]
    fn what_trying_again_does_not_mend_is_not_tried_again() {
        let failure = Failure::new("sold-out", "no more");
        assert_eq!(waits(&failure, &policy()), [0_u128; 0]);
    }

    #[test]
    fn a_policy_of_nonsense_still_ends() {
        let nonsense = RetryPolicy {
            max_attempts: 0,
            coefficient: -1.0,
            ..policy()
        };
        let failure = Failure::transient("busy", "try again");
        assert_eq!(waits(&failure, &nonsense), [0_u128; 0]);
        let endless = RetryPolicy {
            max_attempts: u32::MAX,
            coefficient: f64::MAX,
            ..policy()
        };
        let last = waits(&failure, &endless).pop();
        assert_eq!(last, Some(500));
    }
}

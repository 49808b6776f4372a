//! How often and when failed work is tried again.

use std::time::Duration;

use crate::bindings::durable::plugin::types;

/// How often and when a failed activity is tried again. The wait after attempt n is
/// `first_interval * coefficient^(n-1)`, at most `max_interval`, and shorter by a random part of it where
/// there is `jitter`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 1 means that it is never repeated, `u32::MAX` that there is no
    /// end to it.
    pub max_attempts: u32,
    /// Wait after the first failed attempt.
    pub first_interval: Duration,
    /// By what each wait is longer than the one before. At least 1.
    pub coefficient: f64,
    /// No wait is longer than this.
    pub max_interval: Duration,
    /// The greatest part of a wait, from 0 to 1, that is taken off it, so that what failed together is not
    /// tried again together.
    pub jitter: f64,
    /// Codes of failures that end the retries, though they say that trying again can help.
    pub non_retryable: &'static [&'static str],
}

impl RetryPolicy {
    /// Five attempts over a quarter of a minute: what is left of a policy where only a part of it is said.
    /// An activity that says nothing at all is tried again as the host has it.
    pub const DEFAULT: Self = Self {
        max_attempts: 5,
        first_interval: Duration::from_secs(1),
        coefficient: 2.0,
        max_interval: Duration::from_mins(1),
        jitter: 0.1,
        non_retryable: &[],
    };
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl From<RetryPolicy> for types::RetryPolicy {
    fn from(policy: RetryPolicy) -> Self {
        Self {
            max_attempts: policy.max_attempts,
            first_interval_ms: milliseconds(policy.first_interval),
            coefficient: policy.coefficient,
            max_interval_ms: milliseconds(policy.max_interval),
            jitter: policy.jitter,
            non_retryable: policy
                .non_retryable
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

/// A duration in the contract's unit, rounded up, because nothing may come earlier than it was asked to.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    let whole = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(whole).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_is_a_whole_one() {
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(7)), 7);
        assert_eq!(milliseconds(Duration::MAX), u64::MAX);
    }
}

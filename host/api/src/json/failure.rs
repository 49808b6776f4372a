//! A failure with its details and what led to it.
//!
//! Pure.

use std::borrow::Cow;

use host_base::Failure;
use host_base::failure::Cause;
use host_runtime::records::{CauseRecord, FailureRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Raw, present};

/// Why something did not work.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureReport<'a> {
    /// What kind of failure: one of the host's own, or one that the plugin chose.
    pub code: Cow<'a, str>,
    /// What happened, for people.
    pub message: Cow<'a, str>,
    /// Whether trying again can help.
    pub retryable: bool,
    /// More for programs.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub details: Option<Raw>,
    /// What led to it, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<CauseReport<'a>>,
}

/// A failure that led to another one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Cause)]
pub struct CauseReport<'a> {
    /// What kind of failure.
    pub code: Cow<'a, str>,
    /// What happened, for people.
    pub message: Cow<'a, str>,
}

impl<'a> FailureReport<'a> {
    /// Of one that was answered with.
    pub fn new(failure: &'a Failure) -> FailureReport<'a> {
        FailureReport {
            code: (&failure.code).into(),
            message: (&failure.message).into(),
            retryable: failure.retryable,
            details: failure.details.as_deref().map(Raw::new),
            causes: failure.causes.iter().map(CauseReport::new).collect(),
        }
    }

    /// Of one that was recorded.
    pub fn recorded(record: &'a FailureRecord) -> FailureReport<'a> {
        FailureReport {
            code: (&record.code).into(),
            message: (&record.message).into(),
            retryable: record.retryable,
            details: record.details.as_deref().map(Raw::new),
            causes: record.causes.iter().map(CauseReport::recorded).collect(),
        }
    }

    /// The failure that it tells of.
    pub fn failure(&self) -> Failure {
        let cause = |cause: &CauseReport<'_>| Cause {
            code: cause.code.to_string(),
            message: cause.message.to_string(),
        };
        Failure {
            code: self.code.to_string(),
            message: self.message.to_string(),
            retryable: self.retryable,
            details: self.details.as_ref().map(Raw::payload),
            causes: self.causes.iter().map(cause).collect(),
        }
    }
}

impl<'a> CauseReport<'a> {
    fn new(Cause { code, message }: &'a Cause) -> CauseReport<'a> {
        let (code, message) = (code.into(), message.into());
        CauseReport { code, message }
    }

    fn recorded(CauseRecord { code, message }: &'a CauseRecord) -> CauseReport<'a> {
        let (code, message) = (code.into(), message.into());
        CauseReport { code, message }
    }
}

//! A failure with its details and what led to it.
//!
//! Pure.

use host_base::Failure;
use host_base::failure::Cause;
use host_runtime::records::{CauseRecord, FailureRecord};
use serde::Serialize;
use utoipa::ToSchema;

use super::Raw;

/// Why something did not work.
#[derive(Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureReport<'a> {
    /// What kind of failure: one of the host's own, or one that the plugin chose.
    code: &'a str,
    /// What happened, for people.
    message: &'a str,
    /// Whether trying again can help.
    retryable: bool,
    /// More for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Raw, required = false)]
    details: Option<Raw>,
    /// What led to it, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<CauseReport<'a>>,
}

/// A failure that led to another one.
#[derive(Serialize, ToSchema)]
#[schema(as = Cause)]
struct CauseReport<'a> {
    /// What kind of failure.
    code: &'a str,
    /// What happened, for people.
    message: &'a str,
}

impl<'a> FailureReport<'a> {
    /// Of one that was answered with.
    pub fn new(failure: &'a Failure) -> FailureReport<'a> {
        FailureReport {
            code: &failure.code,
            message: &failure.message,
            retryable: failure.retryable,
            details: failure.details.as_deref().map(Raw::new),
            causes: failure.causes.iter().map(CauseReport::new).collect(),
        }
    }

    /// Of one that was recorded.
    pub fn recorded(record: &'a FailureRecord) -> FailureReport<'a> {
        FailureReport {
            code: &record.code,
            message: &record.message,
            retryable: record.retryable,
            details: record.details.as_deref().map(Raw::new),
            causes: record.causes.iter().map(CauseReport::recorded).collect(),
        }
    }
}

impl<'a> CauseReport<'a> {
    fn new(Cause { code, message }: &'a Cause) -> CauseReport<'a> {
        CauseReport { code, message }
    }

    fn recorded(CauseRecord { code, message }: &'a CauseRecord) -> CauseReport<'a> {
        CauseReport { code, message }
    }
}

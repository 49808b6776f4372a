//! Activities of all workflows.
//!
//! Pure.

use std::borrow::Cow;

use host_runtime::ActivityUnderWay;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ActivityReport;

/// An activity that has not ended, and whose it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ActivityUnderWay)]
pub struct ActivityUnderWayLine<'a> {
    /// The id of the workflow that scheduled it.
    pub workflow: Cow<'a, str>,
    /// In which run.
    pub run: u32,
    /// What is known of it.
    pub activity: ActivityReport<'a>,
}

impl<'a> ActivityUnderWayLine<'a> {
    /// What is known of it.
    pub fn new(one: &'a ActivityUnderWay) -> ActivityUnderWayLine<'a> {
        ActivityUnderWayLine {
            workflow: (&one.workflow.id).into(),
            run: one.run,
            activity: ActivityReport::new(&one.activity),
        }
    }
}

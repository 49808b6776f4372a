//! All that most plugins need: `use guest_sdk::prelude::*;`.

pub use std::time::Duration;

pub use schemars::{self, JsonSchema};
pub use serde::{Deserialize, Serialize};

pub use crate::future::{Either, join_all, select, try_join_all};
pub use crate::{
    ActivityContext, ActorContext, Elapsed, Failure, LogLevel, Query, RetryPolicy, StartError,
    Update, WorkflowContext, WorkflowStatus, activity, actor, failure, workflow,
};

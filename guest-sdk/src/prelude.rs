//! All that most plugins need: `use guest_sdk::prelude::*;`.

pub use std::time::Duration;

pub use schemars::{self, JsonSchema};
pub use serde::{Deserialize, Serialize};

pub use crate::future::{
    Either, join, join_all, map_concurrent, select, try_join, try_join_all, try_map_concurrent,
};
pub use crate::{
    ActivityContext, ActorContext, Cancelled, CatchUp, Elapsed, Failure, FailurePolicy, LogLevel,
    MessageId, ParentClose, Query, RetryPolicy, StartError, Update, WorkflowContext, WorkflowEvent,
    WorkflowStage, WorkflowStatus, activity, actor, failure, topic, workflow,
};

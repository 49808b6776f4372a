//! Topics: values that are published for whoever has subscribed.
//!
//! Owns the host's own topics and what they tell. Must not know who subscribes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::value::encode;

/// The topic that tells where each instance of a workflow starts and ends, as [`WorkflowEvent`]s.
///
/// ```
/// # use guest_sdk::prelude::*;
/// /// How many orders have failed.
/// #[derive(Default, Serialize, Deserialize, JsonSchema)]
/// struct Watcher {
///     failed: u32,
/// }
///
/// #[actor]
/// impl Watcher {
///     #[method]
///     fn watch(&mut self, ctx: &ActorContext) {
///         ctx.subscribe(topic::of_workflow("order"), "Note");
///     }
///
///     #[method]
///     fn note(&mut self, event: WorkflowEvent) {
///         if event.stage == WorkflowStage::Failed {
///             self.failed += 1;
///         }
///     }
/// }
/// ```
pub fn of_workflow(name: &str) -> String {
    format!("$workflow/{name}")
}

/// The topic that tells where the workflow instance of this id starts and ends, as [`WorkflowEvent`]s.
pub fn of_instance(id: &str) -> String {
    format!("$instance/{id}")
}

/// What happened to a workflow instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowEvent {
    /// The instance's id.
    pub id: String,
    /// The name of the workflow that it runs.
    pub workflow: String,
    /// Counts from 1: how often the id has been used.
    pub run: u32,
    /// What happened.
    pub stage: WorkflowStage,
    /// The code of its failure, where it ended with one.
    pub failure: Option<String>,
}

/// What can happen to a workflow instance. Written in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowStage {
    /// It was started.
    Started,
    /// It ended with an output.
    Completed,
    /// It ended with a failure.
    Failed,
    /// It was asked to stop, and did.
    Cancelled,
    /// It was ended from outside.
    Terminated,
}

/// What is published must have a text: that it has none is a mistake in its type.
pub(crate) fn value_of(topic: &str, value: &impl Serialize) -> Vec<u8> {
    try_value_of(topic, value).unwrap_or_else(|failure| panic!("{failure}"))
}

pub(crate) fn try_value_of(topic: &str, value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    encode(value, format_args!("what is published to topic `{topic}`"))
}

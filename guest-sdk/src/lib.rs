//! What a plugin author writes against.

extern crate self as guest_sdk;

mod activity;
mod actor;
#[doc(hidden)]
pub mod bindings;
pub mod client;
mod executor;
mod failure;
pub mod future;
mod instance;
mod log;
mod plugin;
mod policy;
pub mod prelude;
mod value;
mod workflow;

pub use activity::{Activity, ActivityContext, Execution};
pub use actor::{ActivateHook, Actor, ActorContext, StartWorkflow};
pub use failure::Failure;
pub use guest_sdk_macros::{activity, actor, export, workflow};
pub use instance::{StartError, WorkflowInfo, WorkflowStatus};
pub use log::LogLevel;
pub use policy::RetryPolicy;
pub use value::Value;
pub use workflow::{
    AwaitEvent, Call, CallActor, Command, Elapsed, Instance, RunActivity, RunChild, Scheduled,
    Sleep, Workflow, WorkflowContext,
};
pub use {schemars, serde, serde_json};

/// What the macros' code calls. Not for authors: it may change at any time.
#[doc(hidden)]
pub mod macros {
    pub use crate::activity::run_activity;
    pub use crate::actor::{Turn, activate, invoke};
    pub use crate::bindings::export_plugin;
    pub use crate::bindings::exports::durable::plugin::manifest::MethodDefinition;
    pub use crate::plugin::{Manifest, Plugin, are_distinct, method};
    pub use crate::workflow::run_workflow;
}

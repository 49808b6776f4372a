//! wasmtime: loads, checks, compiles, caches, links by role and runs components within limits.
//!
//! Knows `base` only. What the guests import is answered through the traits in [`imports`]; what they
//! mean (durability, replay, entities) is the runtime's business, which in turn sees no wasmtime.

mod activity;
mod actor;
mod bindings;
mod cache;
mod check;
mod child;
mod code;
mod compiled;
mod compiler;
mod convert;
mod describe;
pub mod engine;
pub mod error;
mod guest;
mod idle;
pub mod imports;
mod inspect;
mod key;
mod leave;
mod load;
mod locks;
mod machine;
pub mod manifest;
mod output;
mod panics;
pub mod plugin;
mod randomness;
mod refuse;
mod setup;
mod stop;
mod streams;
mod wasi;
mod workflow;

pub use child::compile_as_child;
pub use compiler::{Compiler, Program};
pub use engine::{Engine, EngineOptions};
pub use error::{EngineError, GuestError, Interrupt, LoadError, Reason, Role};
pub use imports::{
    ActivityImports, ActivityInfo, ActivityOptions, ActorImports, Alarm, BoxFuture, CallOptions,
    CatchUp, Command, Completion, ConstantRetry, HistorySize, LogLevel, MethodCall, Moment,
    NewReminder, ParentClose, Query, ReminderInfo, RetryPolicy, StartError, StatePage, Update,
    Wakeup, WorkflowImports, WorkflowInfo, WorkflowInstance, WorkflowStatus,
};
pub use manifest::{ActorDefinition, Manifest};
pub use plugin::{ActorCall, Plugin, WeakPlugin, WorkflowRun};

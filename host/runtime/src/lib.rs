//! Actors, workflows and activities: turns, replay, and what follows from them.
//!
//! Knows `base`, `store` and `engine`; sees neither RocksDB nor wasmtime. Everything is asked of a
//! [`Runtime`]. Inside, `workflow`, `actor` and `activity` do not know each other: a turn of each yields one
//! batch and plain effects, which are performed once the batch is durable.

mod activity;
mod actor;
mod audit;
mod batches;
mod chain;
mod changes;
mod components;
mod control;
mod core;
mod dedup;
mod draft;
mod effect;
mod entity;
mod error;
mod handles;
mod inventory;
mod keeper;
mod limits;
mod locks;
mod message_id;
mod observer;
mod once;
mod options;
mod outbox;
mod pending;
mod places;
mod plugins;
mod recovery;
mod rehearsal;
mod removal;
mod repeats;
mod rerun;
mod retention;
mod rollout;
mod runtime;
mod schedules;
mod shares;
mod start;
mod starts;
mod tenants;
mod threads;
mod timers;
mod tokens;
mod topics;
mod updates;
mod view;
mod waiting;
mod waits;
mod watchers;
mod when;
pub mod workflow;

pub use audit::AuditView;
pub use batches::{BatchView, Selection};
pub use changes::{Changes, Missed};
pub use control::Purged;
pub use effect::StateChange;
pub use error::{
    ControlError, DeployError, MoveError, RehearseError, RemoveError, RerunError, StartError,
    StartupError, StoreError,
};
pub use inventory::{ActivityUnderWay, StateEntries, StateEntry};
pub use observer::{Happening, Observer, Speaker};
pub use options::RuntimeOptions;
pub use pending::PendingActivity;
pub use rehearsal::{Rehearsal, Verdict};
pub use repeats::Begun;
pub use rerun::Rerun;
pub use rollout::{KeptComponent, RolledOut, Rollout, Trial};
pub use runtime::{Deployed, Runtime, Unfinished};
pub use schedules::{Fired, ScheduleView};
pub use start::{IdReuse, Start};
pub use tenants::TenantError;
pub use tokens::{Grant, NewToken, TokenState, TokenView, Unfit};
pub use topics::SubscriptionView;
pub use view::{WorkflowView, status_name};

pub use host_engine::{
    Alarm, CatchUp, ConstantRetry, LoadError, LogLevel, Manifest, Moment, NewReminder,
    ReminderInfo, WorkflowStatus,
};
pub use host_store::{StateValue, WorkflowFilter, attributes_of_records, records};

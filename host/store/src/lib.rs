//! RocksDB: keyspaces, typed keys, the one committer, reads of what is durable.
//!
//! Knows `base` only. Only the [`Committer`] writes; what the records mean is the runtime's business.

mod batch;
mod committer;
mod convert;
mod database;
mod keys;
mod open;
mod reader;
pub mod records;
mod settings;
mod state;

pub use batch::{Batch, Change, Op};
pub use committer::{Commit, CommitError, Committer};
pub use convert::{attributes_of_records, attributes_to_records};
pub use keys::{Keyspace, TaskKey, TimerKey, TimerOf};
pub use open::{FORMAT, OpenError, Store};
pub use reader::{ReadError, Reader, WorkflowFilter};
pub use settings::{Stop, StoreOptions};
pub use state::StateValue;

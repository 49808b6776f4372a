//! What every other part of the host talks about: ids, time, limits and failures.
//!
//! Knows nobody: no store, no engine, no runtime, no I/O besides reading the clock.

pub mod access;
pub mod attribute;
pub mod duration;
pub mod failure;
pub mod ids;
pub mod limits;
pub mod time;

pub use access::{InvalidRole, Role, Scope};
pub use attribute::{AttributeValue, Attributes, InvalidAttribute, Search};
pub use failure::{Failure, Fault, Outcome};
pub use ids::{ActorKey, Digest, Entity, InvalidId, TenantId, WorkflowKey};
pub use limits::{BadLimit, CurrentLimits, Limits, Retention, ServerLimits};
pub use time::{Clock, SystemClock, Timestamp};

/// A value that crosses the boundary between host and guest: JSON text in UTF-8; no bytes at all stand
/// for JSON's `null`. At most [`Limits::payload_bytes_max`] long.
pub type Payload = Vec<u8>;

//! Every bound of the host by name, with its unit and default.
//!
//! Relations between bounds are checked when the host is compiled.

use std::time::Duration;

/// Longest id of a tenant, workflow, actor type or actor, in bytes. An id is part of many keys, and keys
/// are compared all the time.
pub const ID_BYTES_MAX: usize = 512;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The bounds that an operator may set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest input, output, event or state value, in bytes. Default 1 MiB.
    pub payload_bytes_max: usize,
    /// Memory of one guest instance, in bytes. Default 64 MiB.
    pub memory_bytes_max: usize,
    /// CPU time of one turn of a workflow or actor between two waits. Default 1 s.
    pub turn_cpu_max: Duration,
    /// Time of an actor's turn with the calls that it waits for. Default 60 s.
    pub turn_time_max: Duration,
    /// Time of one attempt of an activity where neither workflow nor manifest says. Default 60 s.
    pub activity_time_default: Duration,
    /// Largest details of an activity's heartbeat, in bytes. Default 64 KiB.
    pub heartbeat_bytes_max: usize,
    /// How long an attempt of an activity may go on after it was asked to stop; then it is dropped.
    /// Default 5 s.
    pub activity_cancel_grace: Duration,
    /// Activities that run at once. Default 256.
    pub activities_running_max: usize,
    /// Activities that are held in memory, those that wait for their turn or their next attempt included;
    /// more wait in the store. Default 100,000.
    pub activities_held_max: usize,
    /// Commands that one workflow has scheduled and not seen completed. Default 10,000.
    pub workflow_pending_max: usize,
    /// Events in one workflow's history. Default 100,000.
    pub history_events_max: u64,
    /// Keys that one actor's turn may write. Default 10,000.
    pub turn_writes_max: usize,
    /// Messages, starts and events that one turn may send. Default 10,000.
    pub turn_effects_max: usize,
    /// Bytes of the values and inputs that one turn writes, sends and schedules. Default 64 MiB.
    pub turn_bytes_max: usize,
    /// Undelivered messages of one entity. Default 10,000.
    pub inbox_messages_max: usize,
    /// Live entities (workflow fibers and actors in memory). Default 20,000; workflow fibers are held to
    /// what the engine's pool offers besides.
    pub entities_live_max: usize,
    /// Bytes that live entities hold, in all. Default 1 GiB.
    pub entities_live_bytes_max: usize,
    /// After how long without a turn an entity leaves the memory. Default 60 s.
    pub entity_idle_max: Duration,
    /// Log lines of one turn or attempt; more are dropped and counted. Default 1,000.
    pub log_lines_max: usize,
    /// Longest log line, in bytes; the rest is cut off. Default 16 KiB.
    pub log_line_bytes_max: usize,
    /// Largest component file, in bytes. Default 64 MiB.
    pub component_bytes_max: usize,
    /// Components that stand for no plugin any more and stay in memory for the instances that run on them;
    /// more are loaded again when they are needed. Default 16.
    pub components_loaded_max: usize,
    /// How long a caller waits for the answer to a query. Default 10 s.
    pub query_time_max: Duration,
    /// How long an answer is kept for a repeat. Default 24 h.
    pub reply_retention: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            payload_bytes_max: MIB,
            memory_bytes_max: 64 * MIB,
            turn_cpu_max: Duration::from_secs(1),
            turn_time_max: Duration::from_secs(60),
            activity_time_default: Duration::from_secs(60),
            heartbeat_bytes_max: 64 * KIB,
            activity_cancel_grace: Duration::from_secs(5),
            activities_running_max: 256,
            activities_held_max: 100_000,
            workflow_pending_max: 10_000,
            history_events_max: 100_000,
            turn_writes_max: 10_000,
            turn_effects_max: 10_000,
            turn_bytes_max: 64 * MIB,
            inbox_messages_max: 10_000,
            entities_live_max: 20_000,
            entities_live_bytes_max: 1024 * MIB,
            entity_idle_max: Duration::from_secs(60),
            log_lines_max: 1_000,
            log_line_bytes_max: 16 * KIB,
            component_bytes_max: 64 * MIB,
            components_loaded_max: 16,
            query_time_max: Duration::from_secs(10),
            reply_retention: Duration::from_secs(24 * 60 * 60),
        }
    }
}

//! Every bound of the host by name, with its unit and default; an operator may set them in a file.
//!
//! Owns what the fields are called there, and which bounds contradict each other. Knows no file.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::duration;

/// Longest id of a tenant, workflow, actor type or actor, in bytes. An id is part of many keys, and keys
/// are compared all the time.
pub const ID_BYTES_MAX: usize = 512;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The limits of the whole machine, which no tenant can have of its own: what they bound is shared.
pub const OF_THE_MACHINE: [&str; 18] = [
    "schedules_max",
    "activities_running_max",
    "activities_held_max",
    "actor_reads_max",
    "inbox_messages_max",
    "entities_live_max",
    "entities_live_bytes_max",
    "entity_idle_max",
    "compiles_running_max",
    "compiles_held_max",
    "compiled_kept_bytes_max",
    "components_loaded_max",
    "continued_runs_kept",
    "event_streams_max",
    "changes_kept_max",
    "reply_retention",
    "retention",
    "server",
];

/// The limits that hold where a request arrives, before it is known whose it is: a tenant's own may be lower,
/// and not higher.
const AT_THE_DOOR: [&str; 2] = ["payload_bytes_max", "component_bytes_max"];

/// The bounds that an operator may set. What is said of a field here is what an operator is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest input, output, event or state value, in bytes. Default 1 MiB.
    pub payload_bytes_max: usize,
    /// Memory of one guest instance, in bytes. Default 64 MiB.
    pub memory_bytes_max: usize,
    /// CPU time of one turn of a workflow or actor between two waits. Default 1 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub turn_cpu_max: Duration,
    /// Time of an actor's turn with the calls that it waits for. Default 60 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub turn_time_max: Duration,
    /// Time of one attempt of an activity where neither workflow nor manifest says. Default 60 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub activity_time_default: Duration,
    /// Largest details of an activity's heartbeat, in bytes. Default 64 KiB.
    pub heartbeat_bytes_max: usize,
    /// How long an attempt of an activity may go on after it was asked to stop; then it is dropped.
    /// Default 5 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub activity_cancel_grace: Duration,
    /// Schedules of all tenants. Default 10,000.
    pub schedules_max: usize,
    /// Times of one schedule that may wait to be made up for. Default 1,000.
    pub schedule_backfill_max: usize,
    /// Batch operations of one tenant that are at work at once; one more is refused. Default 4.
    pub batches_running_max: usize,
    /// Batch operations of one tenant that have ended and can still be looked at, the latest ones. Default 100.
    pub batches_kept_max: usize,
    /// Tokens of one tenant that are kept; where all of them count, one more is refused, or else the one is forgotten
    /// that has been dead for longest. Default 100.
    pub tokens_max: usize,
    /// How long a token counts at most, and where nothing else is said. Default 365 d.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub token_lifetime_max: Duration,
    /// Entries of one tenant's audit log that are kept, the latest ones. Default 10,000.
    pub audit_entries_max: u64,
    /// Activities that run at once. Default 256.
    pub activities_running_max: usize,
    /// Activities that are held in memory, those that wait for their turn or their next attempt included;
    /// more wait in the store. Default 100,000.
    pub activities_held_max: usize,
    /// Commands that one workflow has scheduled and not seen completed. Default 10,000.
    pub workflow_pending_max: usize,
    /// Events in one workflow's history. Default 100,000.
    pub history_events_max: u64,
    /// From which share of `history_events_max` on a workflow is told that it should continue as new, and
    /// the observer that a history is long. Default 80 %.
    pub history_warn_percent: u64,
    /// Runs that a workflow has gone on from by continuing as new and whose histories are kept, the latest
    /// ones; those before are deleted. Default 10.
    pub continued_runs_kept: u32,
    /// Timers that one actor may have. Default 1,000.
    pub actor_timers_max: usize,
    /// Read-only methods of actors that run at once; more wait. Default 256.
    pub actor_reads_max: usize,
    /// Keys that one actor's turn may write. Default 10,000.
    pub turn_writes_max: usize,
    /// Messages, starts and events that one turn may send. Default 10,000.
    pub turn_effects_max: usize,
    /// Bytes of the values and inputs that one turn writes, sends and schedules. Default 64 MiB.
    pub turn_bytes_max: usize,
    /// Actors and workflows that one topic is sent to: publishing writes a message for each. Default 1,000.
    pub topic_subscribers_max: usize,
    /// Topics that one actor or workflow subscribes to. Default 1,000.
    pub entity_topics_max: usize,
    /// Largest value that is published, in bytes. Default 64 KiB: with all subscribers of a topic, what one
    /// turn may send.
    pub topic_value_bytes_max: usize,
    /// Undelivered messages of one entity, those included that wait for a plugin that is missing; whoever sends
    /// one more is refused, except a workflow, which cannot be. Default 10,000.
    pub inbox_messages_max: usize,
    /// Live entities (workflow fibers and actors in memory). Default 20,000; workflow fibers are held to
    /// what the machine allows besides, which is about 7,600 where Linux's `vm.max_map_count` was not raised.
    pub entities_live_max: usize,
    /// Bytes that live entities hold, in all. Default 1 GiB.
    pub entities_live_bytes_max: usize,
    /// After how long without a turn an entity leaves the memory. Default 60 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub entity_idle_max: Duration,
    /// Log lines of one turn or attempt; more are dropped and counted. Default 1,000.
    pub log_lines_max: usize,
    /// Longest log line, in bytes; the rest is cut off. Default 16 KiB.
    pub log_line_bytes_max: usize,
    /// Largest component file, in bytes. Default 64 MiB.
    pub component_bytes_max: usize,
    /// Functions of a component, in all of its modules, those included that only convert a call. Default 100,000.
    pub component_functions_max: usize,
    /// Largest body of a function, in bytes: the time to compile one grows faster than its size. Default 1 MiB.
    pub component_function_bytes_max: usize,
    /// Local variables of a function. Default 10,000.
    pub component_function_locals_max: usize,
    /// Types of a component, in all of its modules and types. Default 20,000.
    pub component_types_max: usize,
    /// How deep types may hold types. Default 16.
    pub component_type_depth_max: usize,
    /// Imports of a component, in all of its modules. Default 10,000.
    pub component_imports_max: usize,
    /// Exports of a component, in all of its modules. Default 50,000.
    pub component_exports_max: usize,
    /// Names by which the parts of a component reach what others export. Default 50,000.
    pub component_aliases_max: usize,
    /// Modules and components that a component holds. Default 100.
    pub component_modules_max: usize,
    /// Instances that a component makes of them. Default 500.
    pub component_instances_max: usize,
    /// How deep components may hold components. Default 8.
    pub component_depth_max: usize,
    /// Global variables of a component. Default 20,000.
    pub component_globals_max: usize,
    /// Memories of a component. Default 100.
    pub component_memories_max: usize,
    /// Tables of a component. Default 100.
    pub component_tables_max: usize,
    /// Pieces of data and of tables that a component brings. Default 100,000.
    pub component_segments_max: usize,
    /// Data that a component brings, what it fills tables with included, in bytes. Default 32 MiB.
    pub component_data_bytes_max: usize,
    /// CPU time to compile a component, once for workflows and once for the rest, in whole seconds. Default 60 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub compile_cpu_max: Duration,
    /// Time to compile a component, however busy the machine is. Default 10 min.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub compile_time_max: Duration,
    /// Memory to compile a component, in bytes. Default 1 GiB.
    pub compile_memory_bytes_max: usize,
    /// Components that are compiled at once; more wait. Default 4.
    pub compiles_running_max: usize,
    /// Components that are compiled or wait for it; one more is told to come back later. Default 64.
    pub compiles_held_max: usize,
    /// Largest code that a component is compiled to, in bytes. Default 256 MiB.
    pub compiled_bytes_max: usize,
    /// Compiled code that is kept on disk so that a restart need not compile, in bytes; what was used longest ago
    /// goes first. Default 2 GiB.
    pub compiled_kept_bytes_max: usize,
    /// Components that stand for no plugin any more and stay in memory for the instances that run on them;
    /// more are loaded again when they are needed. Default 16.
    pub components_loaded_max: usize,
    /// Largest custom status of a workflow, in bytes: it is part of each list. Default 16 KiB.
    pub custom_status_bytes_max: usize,
    /// Search attributes of one workflow. Default 32.
    pub attributes_max: usize,
    /// Longest text of a search attribute, in bytes: a search reads the attributes of many workflows.
    /// Default 1 KiB.
    pub attribute_value_bytes_max: usize,
    /// How long a caller waits for the answer to a query. Default 10 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub query_time_max: Duration,
    /// Streams of events that a server's clients have open at once; one more is told to come back later.
    /// Default 2,048.
    pub event_streams_max: usize,
    /// Changes of workflows that are kept for streams of them that broke off; whoever missed more begins anew.
    /// Default 16,384.
    pub changes_kept_max: usize,
    /// How long an answer is kept for a repeat. Default 24 h.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub reply_retention: Duration,
    /// How long a workflow is kept after it has ended, by how it ended. Default: for ever.
    pub retention: Retention,
    /// What a server takes from the network.
    pub server: ServerLimits,
}

/// What a server takes from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerLimits {
    /// Connections that are open at once; one more is told to come back later. Default 16,384.
    pub connections_max: usize,
    /// Requests that are answered at once; one more is told to come back later. Default 4,096.
    pub requests_max: usize,
    /// Requests of one HTTP/2 connection that are answered at once. Default 256.
    pub streams_max: u32,
    /// Largest head of a request: its line and its headers, in bytes. Default 64 KiB.
    pub request_head_bytes_max: usize,
    /// How long a connection may take for the head of its next request; it is closed then. Default 75 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub connection_idle_max: Duration,
    /// How long a request's body may take. Default 60 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub request_body_time_max: Duration,
    /// How long a client may take nothing of what is sent to it; it is cut off then. Default 60 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub response_stall_max: Duration,
    /// Wrong tokens that one address may send within `wrong_tokens_kept`; behind that, only such tokens of it are
    /// looked at that it has sent before and that were right. Default 20.
    pub wrong_tokens_max: u32,
    /// How long it counts that a token was wrong, from the first one of its address on. Default 60 s.
    #[serde(with = "duration::field")]
    #[schemars(with = "String")]
    pub wrong_tokens_kept: Duration,
    /// Addresses of which it is known that they have sent wrong tokens, and tokens of which it is known that an
    /// address has sent them and they were right; of more, the oldest are forgotten. Default 4,096.
    pub wrong_token_addresses_max: usize,
}

const USUAL_OF_SERVER: ServerLimits = ServerLimits {
    connections_max: 16_384,
    requests_max: 4_096,
    streams_max: 256,
    request_head_bytes_max: 64 * KIB,
    connection_idle_max: Duration::from_secs(75),
    request_body_time_max: Duration::from_secs(60),
    response_stall_max: Duration::from_secs(60),
    wrong_tokens_max: 20,
    wrong_tokens_kept: Duration::from_secs(60),
    wrong_token_addresses_max: 4_096,
};

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        USUAL_OF_SERVER
    }
}

/// How long a workflow is kept after it has ended; none: for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// How long one is kept that ended with an output.
    #[serde(with = "duration::field_or_forever")]
    #[schemars(with = "String")]
    pub completed: Option<Duration>,
    /// How long one is kept that ended with a failure.
    #[serde(with = "duration::field_or_forever")]
    #[schemars(with = "String")]
    pub failed: Option<Duration>,
    /// How long one is kept that ended because it was asked to.
    #[serde(with = "duration::field_or_forever")]
    #[schemars(with = "String")]
    pub cancelled: Option<Duration>,
    /// How long one is kept that was ended from outside.
    #[serde(with = "duration::field_or_forever")]
    #[schemars(with = "String")]
    pub terminated: Option<Duration>,
}

const FOREVER: Retention = Retention {
    completed: None,
    failed: None,
    cancelled: None,
    terminated: None,
};

/// Two limits that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: lower the one or raise the other")]
pub struct Contradiction(&'static str);

/// Why some limits cannot be a tenant's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLimit {
    /// It bounds what all tenants share.
    #[error("`{0}` is a limit of the whole machine: set it in the limits' file")]
    OfTheMachine(String),
    /// It is higher than the host's, which is looked at first.
    #[error(
        "`{name}` may be {max} at most for a tenant, as the host's is: raise that in the limits' file first"
    )]
    AboveTheHosts {
        /// Which.
        name: &'static str,
        /// The host's.
        max: u64,
    },
    /// There is no such limit, or it has another type.
    #[error("{0}")]
    Unreadable(String),
    /// Two of them do not go together.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

impl Limits {
    /// These limits, but for those that are set by name, as a tenant's are.
    ///
    /// # Errors
    /// One of them is unknown, is not a tenant's, or contradicts another.
    pub fn with(&self, set: &Map<String, Value>) -> Result<Limits, BadLimit> {
        let unreadable = |error: serde_json::Error| BadLimit::Unreadable(error.to_string());
        if let Some(shared) = set
            .keys()
            .find(|name| OF_THE_MACHINE.contains(&name.as_str()))
        {
            return Err(BadLimit::OfTheMachine(shared.clone()));
        }
        let mut all = serde_json::to_value(self).map_err(unreadable)?;
        for name in AT_THE_DOOR {
            let max = all[name].as_u64().unwrap_or(u64::MAX);
            if set.get(name).and_then(Value::as_u64) > Some(max) {
                return Err(BadLimit::AboveTheHosts { name, max });
            }
        }
        if let Value::Object(all) = &mut all {
            all.extend(set.clone());
        }
        let limits: Limits = serde_json::from_value(all).map_err(unreadable)?;
        limits.check()?;
        Ok(limits)
    }

    /// Whether what one limit allows is within the others.
    ///
    /// # Errors
    /// It is not; the message names both.
    pub fn check(&self) -> Result<(), Contradiction> {
        let published = self
            .topic_value_bytes_max
            .saturating_mul(self.topic_subscribers_max);
        if published > self.turn_bytes_max {
            let text =
                "topic_value_bytes_max times topic_subscribers_max is more than turn_bytes_max";
            return Err(Contradiction(text));
        }
        if self.activities_running_max > self.activities_held_max {
            let text = "activities_running_max is more than activities_held_max";
            return Err(Contradiction(text));
        }
        if self.compiles_running_max > self.compiles_held_max {
            let text = "compiles_running_max is more than compiles_held_max";
            return Err(Contradiction(text));
        }
        Ok(())
    }

    /// From how many events on a history is long.
    pub fn history_suggest_from(&self) -> u64 {
        let share = u128::from(self.history_events_max) * u128::from(self.history_warn_percent);
        u64::try_from(share / 100).unwrap_or(u64::MAX)
    }
}

/// The limits that hold for somebody now. Whoever began under others goes on with those.
#[derive(Debug, Default)]
pub struct CurrentLimits(RwLock<Arc<Limits>>);

impl CurrentLimits {
    /// They hold from the start.
    pub fn new(limits: impl Into<Arc<Limits>>) -> CurrentLimits {
        CurrentLimits(RwLock::new(limits.into()))
    }

    /// Those that hold now.
    pub fn get(&self) -> Arc<Limits> {
        // A whole value is put in place: nobody can have left half of one.
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    /// From now on these hold.
    pub fn set(&self, limits: impl Into<Arc<Limits>>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = limits.into();
    }
}

/// What holds where nothing is set.
const USUAL: Limits = Limits {
    payload_bytes_max: MIB,
    memory_bytes_max: 64 * MIB,
    turn_cpu_max: Duration::from_secs(1),
    turn_time_max: Duration::from_secs(60),
    activity_time_default: Duration::from_secs(60),
    heartbeat_bytes_max: 64 * KIB,
    activity_cancel_grace: Duration::from_secs(5),
    schedules_max: 10_000,
    schedule_backfill_max: 1_000,
    batches_running_max: 4,
    batches_kept_max: 100,
    tokens_max: 100,
    token_lifetime_max: Duration::from_secs(365 * 24 * 60 * 60),
    audit_entries_max: 10_000,
    activities_running_max: 256,
    activities_held_max: 100_000,
    workflow_pending_max: 10_000,
    history_events_max: 100_000,
    history_warn_percent: 80,
    continued_runs_kept: 10,
    actor_timers_max: 1_000,
    actor_reads_max: 256,
    turn_writes_max: 10_000,
    turn_effects_max: 10_000,
    turn_bytes_max: 64 * MIB,
    topic_subscribers_max: 1_000,
    entity_topics_max: 1_000,
    topic_value_bytes_max: 64 * KIB,
    inbox_messages_max: 10_000,
    entities_live_max: 20_000,
    entities_live_bytes_max: 1024 * MIB,
    entity_idle_max: Duration::from_secs(60),
    log_lines_max: 1_000,
    log_line_bytes_max: 16 * KIB,
    component_bytes_max: 64 * MIB,
    component_functions_max: 100_000,
    component_function_bytes_max: MIB,
    component_function_locals_max: 10_000,
    component_types_max: 20_000,
    component_type_depth_max: 16,
    component_imports_max: 10_000,
    component_exports_max: 50_000,
    component_aliases_max: 50_000,
    component_modules_max: 100,
    component_instances_max: 500,
    component_depth_max: 8,
    component_globals_max: 20_000,
    component_memories_max: 100,
    component_tables_max: 100,
    component_segments_max: 100_000,
    component_data_bytes_max: 32 * MIB,
    compile_cpu_max: Duration::from_secs(60),
    compile_time_max: Duration::from_secs(600),
    compile_memory_bytes_max: 1024 * MIB,
    compiles_running_max: 4,
    compiles_held_max: 64,
    compiled_bytes_max: 256 * MIB,
    compiled_kept_bytes_max: 2048 * MIB,
    components_loaded_max: 16,
    custom_status_bytes_max: 16 * KIB,
    attributes_max: 32,
    attribute_value_bytes_max: KIB,
    query_time_max: Duration::from_secs(10),
    event_streams_max: 2_048,
    changes_kept_max: 16_384,
    reply_retention: Duration::from_secs(24 * 60 * 60),
    retention: FOREVER,
    server: USUAL_OF_SERVER,
};

impl Default for Limits {
    fn default() -> Limits {
        USUAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_agree_with_each_other_and_a_contradiction_names_both_sides() {
        assert_eq!(Limits::default().check(), Ok(()));
        let narrow = Limits {
            turn_bytes_max: MIB,
            ..Limits::default()
        };
        let text = narrow.check().unwrap_err().to_string();
        assert!(text.contains("topic_subscribers_max") && text.contains("turn_bytes_max"));
    }

    fn set(text: &str) -> Result<Limits, BadLimit> {
        Limits::default().with(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_tenant_has_the_limits_of_the_machine_but_for_those_that_are_its_own() {
        let of_tenant = set(r#"{"memory_bytes_max": 1048576, "turn_cpu_max": "50ms"}"#).unwrap();
        let expected = Limits {
            memory_bytes_max: MIB,
            turn_cpu_max: Duration::from_millis(50),
            ..Limits::default()
        };
        assert_eq!(of_tenant, expected);
    }

    #[test]
    fn a_limit_that_is_unknown_or_shared_or_contradicts_another_is_refused_by_name() {
        let refused = |text: &str| set(text).unwrap_err().to_string();
        for shared in OF_THE_MACHINE {
            assert!(refused(&format!("{{\"{shared}\": 1}}")).contains(shared));
        }
        for name in AT_THE_DOOR {
            let above = refused(&format!("{{\"{name}\": 1099511627776}}"));
            assert!(above.contains(name) && above.contains("at most"), "{above}");
        }
        assert!(refused(r#"{"no_such": 1}"#).contains("no_such"));
        assert!(refused(r#"{"turn_bytes_max": 1}"#).contains("turn_bytes_max"));
    }

    #[test]
    fn every_limit_of_the_machine_is_one_that_an_operator_can_set() {
        let all = serde_json::to_value(Limits::default()).unwrap();
        for name in OF_THE_MACHINE {
            assert!(all.get(name).is_some(), "{name}");
        }
    }
}

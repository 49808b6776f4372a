//! The messages of `dapr.proto.runtime.v1.Dapr` that the host serves. Tags are those of the published clients (dapr
//! 1.19), for ever; fields that the host neither reads nor writes are left out.
//!
//! Knows nothing of what is done with them.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "they are seen from outside by tests only, and are called what they are called in Dapr"
)]

use std::collections::BTreeMap;

use prost::{Enumeration, Message, Oneof};
use prost_types::{Any, Duration, Timestamp};

/// Nothing at all.
pub type Empty = ();

#[derive(Clone, PartialEq, Message)]
pub struct InvokeActorRequest {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(string, tag = "3")]
    pub method: String,
    #[prost(bytes = "vec", tag = "4")]
    pub data: Vec<u8>,
    /// What is a header of the request over HTTP.
    #[prost(btree_map = "string, string", tag = "5")]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct InvokeActorResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetActorStateRequest {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(string, tag = "3")]
    pub key: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetActorStateResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
    #[prost(btree_map = "string, string", tag = "2")]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ActorStateTransactionRequest {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(message, repeated, tag = "3")]
    pub operations: Vec<StateOperation>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StateOperation {
    /// `upsert` or `delete`.
    #[prost(string, tag = "1")]
    pub operation: String,
    #[prost(string, tag = "2")]
    pub key: String,
    /// Its bytes are the value, whatever it says that they are.
    #[prost(message, optional, tag = "3")]
    pub value: Option<Any>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RegisterReminderRequest {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub due_time: String,
    #[prost(string, tag = "5")]
    pub period: String,
    #[prost(bytes = "vec", tag = "6")]
    pub data: Vec<u8>,
    #[prost(string, tag = "7")]
    pub ttl: String,
    #[prost(bool, optional, tag = "8")]
    pub overwrite: Option<bool>,
    #[prost(message, optional, tag = "9")]
    pub failure_policy: Option<FailurePolicy>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct FailurePolicy {
    #[prost(oneof = "Policy", tags = "1, 2")]
    pub policy: Option<Policy>,
}

#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum Policy {
    #[prost(message, tag = "1")]
    Drop(Empty),
    #[prost(message, tag = "2")]
    Constant(ConstantPolicy),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct ConstantPolicy {
    #[prost(message, optional, tag = "1")]
    pub interval: Option<Duration>,
    #[prost(uint32, optional, tag = "2")]
    pub max_retries: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RegisterTimerRequest {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub due_time: String,
    #[prost(string, tag = "5")]
    pub period: String,
    #[prost(string, tag = "6")]
    pub callback: String,
    #[prost(bytes = "vec", tag = "7")]
    pub data: Vec<u8>,
    #[prost(string, tag = "8")]
    pub ttl: String,
}

/// A reminder or a timer is meant.
#[derive(Clone, PartialEq, Message)]
pub struct NamedAlarm {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(string, tag = "3")]
    pub name: String,
}

/// The reminders of all actors of a type are meant, or the reminders or timers of one actor.
#[derive(Clone, PartialEq, Message)]
pub struct AlarmsOf {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, optional, tag = "2")]
    pub actor_id: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListRemindersResponse {
    #[prost(message, repeated, tag = "1")]
    pub reminders: Vec<NamedReminder>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NamedReminder {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub reminder: Option<Reminder>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListTimersResponse {
    #[prost(message, repeated, tag = "1")]
    pub timers: Vec<NamedTimer>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NamedTimer {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub timer: Option<Timer>,
}

/// What is known of a timer.
#[derive(Clone, PartialEq, Message)]
pub struct Timer {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(string, optional, tag = "3")]
    pub due_time: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub period: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub ttl: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub callback: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub data: Option<Any>,
}

/// What is known of a reminder.
#[derive(Clone, PartialEq, Message)]
pub struct Reminder {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(string, tag = "2")]
    pub actor_id: String,
    #[prost(string, optional, tag = "4")]
    pub due_time: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub period: Option<String>,
    #[prost(message, optional, tag = "6")]
    pub data: Option<Any>,
    #[prost(string, optional, tag = "7")]
    pub ttl: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StartWorkflowRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "3")]
    pub workflow_name: String,
    #[prost(btree_map = "string, string", tag = "4")]
    pub options: BTreeMap<String, String>,
    #[prost(bytes = "vec", tag = "5")]
    pub input: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StartWorkflowResponse {
    #[prost(string, tag = "1")]
    pub instance_id: String,
}

/// A workflow is meant.
#[derive(Clone, PartialEq, Message)]
pub struct WorkflowRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetWorkflowResponse {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub workflow_name: String,
    #[prost(message, optional, tag = "3")]
    pub created_at: Option<Timestamp>,
    #[prost(message, optional, tag = "4")]
    pub last_updated_at: Option<Timestamp>,
    #[prost(string, tag = "5")]
    pub runtime_status: String,
    #[prost(btree_map = "string, string", tag = "6")]
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RaiseWorkflowEventRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "3")]
    pub event_name: String,
    #[prost(bytes = "vec", tag = "4")]
    pub event_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetMetadataResponse {
    #[prost(string, tag = "1")]
    pub id: String,
    /// Where clients look that are older than `actor_runtime`.
    #[prost(message, repeated, tag = "2")]
    pub active_actors: Vec<ActiveActors>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub extended: BTreeMap<String, String>,
    #[prost(string, tag = "8")]
    pub runtime_version: String,
    #[prost(string, repeated, tag = "9")]
    pub enabled_features: Vec<String>,
    #[prost(message, optional, tag = "10")]
    pub actor_runtime: Option<ActorRuntime>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ActiveActors {
    #[prost(string, tag = "1")]
    pub actor_type: String,
    #[prost(int32, tag = "2")]
    pub count: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ActorRuntime {
    #[prost(enumeration = "ActorRuntimeStatus", tag = "1")]
    pub status: i32,
    #[prost(message, repeated, tag = "2")]
    pub active_actors: Vec<ActiveActors>,
    #[prost(bool, tag = "3")]
    pub host_ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ActorRuntimeStatus {
    Initializing = 0,
    Disabled = 1,
    Running = 2,
}

#[derive(Clone, PartialEq, Message)]
pub struct SetMetadataRequest {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

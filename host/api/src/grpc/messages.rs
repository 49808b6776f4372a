//! The messages of `TaskHubSidecarService`. Tags are those of the published clients (dapr 1.19), for ever; fields
//! that the host neither reads nor writes are left out.
//!
//! Knows nothing of what is done with them. A text that is absent is not the empty one.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "they are seen from outside by tests only, and are called what they are called in Dapr"
)]

use std::collections::BTreeMap;

use prost::{Enumeration, Message, Oneof};
pub use prost_types::Timestamp;

/// Nothing at all.
pub type Empty = ();

/// Starts a workflow.
#[derive(Clone, PartialEq, Message)]
pub struct StartRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
    /// Not before that time.
    #[prost(message, optional, tag = "5")]
    pub start_at: Option<Timestamp>,
    /// By what it is found.
    #[prost(btree_map = "string, string", tag = "8")]
    pub tags: BTreeMap<String, String>,
    /// Not where the id was ever used, as long as that is known.
    #[prost(bool, tag = "10")]
    pub enforce_unique_id: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct StartResponse {
    #[prost(string, tag = "1")]
    pub instance_id: String,
}

/// Reads a workflow.
#[derive(Clone, PartialEq, Message)]
pub struct GetRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    /// Whether input, output, custom status and failure are wanted, too.
    #[prost(bool, tag = "2")]
    pub with_payloads: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetResponse {
    #[prost(bool, tag = "1")]
    pub exists: bool,
    #[prost(message, optional, tag = "2")]
    pub state: Option<WorkflowState>,
}

/// What is known of an instance.
#[derive(Clone, PartialEq, Message)]
pub struct WorkflowState {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(enumeration = "Status", tag = "4")]
    pub status: i32,
    /// When it begins, as long as it waits for that.
    #[prost(message, optional, tag = "5")]
    pub starts: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub created: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    pub updated: Option<Timestamp>,
    #[prost(message, optional, tag = "8")]
    pub input: Option<String>,
    #[prost(message, optional, tag = "9")]
    pub output: Option<String>,
    #[prost(message, optional, tag = "10")]
    pub custom_status: Option<String>,
    #[prost(message, optional, tag = "11")]
    pub failure: Option<FailureDetails>,
    #[prost(message, optional, tag = "12")]
    pub execution_id: Option<String>,
    #[prost(message, optional, tag = "13")]
    pub completed: Option<Timestamp>,
    /// By which texts it is found.
    #[prost(btree_map = "string, string", tag = "15")]
    pub tags: BTreeMap<String, String>,
}

/// Where an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Status {
    Running = 0,
    Completed = 1,
    ContinuedAsNew = 2,
    Failed = 3,
    Canceled = 4,
    Terminated = 5,
    Pending = 6,
    Suspended = 7,
    Stalled = 8,
}

#[derive(Clone, PartialEq, Message)]
pub struct FailureDetails {
    #[prost(string, tag = "1")]
    pub error_type: String,
    #[prost(string, tag = "2")]
    pub message: String,
    /// What led to it.
    #[prost(message, optional, boxed, tag = "4")]
    pub inner: Option<Box<FailureDetails>>,
    #[prost(bool, tag = "5")]
    pub is_non_retriable: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct RaiseRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TerminateRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    /// As what it ends.
    #[prost(message, optional, tag = "2")]
    pub output: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SuspendRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, optional, tag = "2")]
    pub reason: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ResumeRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
}

/// Deletes what has ended.
#[derive(Clone, PartialEq, Message)]
pub struct PurgeRequest {
    #[prost(oneof = "Purge", tags = "1, 2")]
    pub which: Option<Purge>,
    /// Whether what has not ended is ended first.
    #[prost(bool, optional, tag = "4")]
    pub force: Option<bool>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Purge {
    #[prost(string, tag = "1")]
    InstanceId(String),
    #[prost(message, tag = "2")]
    Filter(PurgeFilter),
}

/// All that were created in a span of time and stand at one of these.
#[derive(Clone, PartialEq, Message)]
pub struct PurgeFilter {
    #[prost(message, optional, tag = "1")]
    pub created_from: Option<Timestamp>,
    #[prost(message, optional, tag = "2")]
    pub created_to: Option<Timestamp>,
    /// Any, where there is none.
    #[prost(enumeration = "Status", repeated, tag = "3")]
    pub statuses: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PurgeResponse {
    #[prost(int32, tag = "1")]
    pub deleted: i32,
    #[prost(message, optional, tag = "2")]
    pub is_complete: Option<bool>,
}

/// Begins a run that has ended again.
#[derive(Clone, PartialEq, Message)]
pub struct RerunRequest {
    #[prost(string, tag = "1")]
    pub source_id: String,
    #[prost(uint32, tag = "2")]
    pub event_id: u32,
    #[prost(string, optional, tag = "3")]
    pub new_id: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
    /// Whether `input` counts, also where it is absent.
    #[prost(bool, tag = "5")]
    pub overwrite_input: bool,
    #[prost(string, optional, tag = "6")]
    pub new_child_id: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RerunResponse {
    #[prost(string, tag = "1")]
    pub new_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListRequest {
    #[prost(string, optional, tag = "1")]
    pub continuation_token: Option<String>,
    #[prost(uint32, optional, tag = "2")]
    pub page_size: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListResponse {
    #[prost(string, repeated, tag = "1")]
    pub instance_ids: Vec<String>,
    /// Absent on the last page.
    #[prost(string, optional, tag = "2")]
    pub continuation_token: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HistoryRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct HistoryResponse {
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<HistoryEvent>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HistoryEvent {
    /// By what results refer to what was scheduled; -1 for what nothing refers to.
    #[prost(int32, tag = "1")]
    pub event_id: i32,
    #[prost(message, optional, tag = "2")]
    pub at: Option<Timestamp>,
    #[prost(
        oneof = "Kind",
        tags = "3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 20, 21, 22, 31, 32"
    )]
    pub kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    #[prost(message, tag = "3")]
    Started(ExecutionStarted),
    #[prost(message, tag = "4")]
    Completed(ExecutionCompleted),
    #[prost(message, tag = "5")]
    Terminated(Carried),
    #[prost(message, tag = "6")]
    TaskScheduled(TaskScheduled),
    #[prost(message, tag = "7")]
    TaskCompleted(ResultOf),
    #[prost(message, tag = "8")]
    TaskFailed(FailureOf),
    #[prost(message, tag = "9")]
    ChildCreated(ChildCreated),
    #[prost(message, tag = "10")]
    ChildCompleted(ResultOf),
    #[prost(message, tag = "11")]
    ChildFailed(FailureOf),
    #[prost(message, tag = "12")]
    TimerCreated(TimerCreated),
    #[prost(message, tag = "13")]
    TimerFired(TimerFired),
    #[prost(message, tag = "16")]
    EventSent(EventSent),
    #[prost(message, tag = "17")]
    EventRaised(EventRaised),
    #[prost(message, tag = "20")]
    ContinuedAsNew(Carried),
    #[prost(message, tag = "21")]
    Suspended(Carried),
    #[prost(message, tag = "22")]
    Resumed(Carried),
    #[prost(message, tag = "31")]
    Stalled(ExecutionStalled),
    #[prost(message, tag = "32")]
    DetachedCreated(DetachedCreated),
}

#[derive(Clone, PartialEq, Message)]
pub struct ExecutionStarted {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub instance: Option<WorkflowInstance>,
}

#[derive(Clone, PartialEq, Message)]
pub struct WorkflowInstance {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, optional, tag = "2")]
    pub execution_id: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ExecutionCompleted {
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    #[prost(message, optional, tag = "2")]
    pub result: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub failure: Option<FailureDetails>,
}

/// The input, the output or the reason that came with an event.
#[derive(Clone, PartialEq, Message)]
pub struct Carried {
    #[prost(message, optional, tag = "1")]
    pub input: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TaskScheduled {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
}

/// What an activity or a child ended with.
#[derive(Clone, PartialEq, Message)]
pub struct ResultOf {
    #[prost(int32, tag = "1")]
    pub scheduled_id: i32,
    #[prost(message, optional, tag = "2")]
    pub result: Option<String>,
}

/// Why an activity or a child failed.
#[derive(Clone, PartialEq, Message)]
pub struct FailureOf {
    #[prost(int32, tag = "1")]
    pub scheduled_id: i32,
    #[prost(message, optional, tag = "2")]
    pub failure: Option<FailureDetails>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ChildCreated {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TimerCreated {
    #[prost(message, optional, tag = "1")]
    pub fire_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TimerFired {
    #[prost(message, optional, tag = "1")]
    pub fire_at: Option<Timestamp>,
    #[prost(int32, tag = "2")]
    pub timer_id: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct EventSent {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct EventRaised {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub input: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ExecutionStalled {
    #[prost(string, optional, tag = "2")]
    pub description: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DetachedCreated {
    #[prost(string, tag = "1")]
    pub instance_id: String,
}

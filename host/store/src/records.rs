//! What the store's values hold. Protobuf messages derived from these types: a field keeps its tag for
//! ever, new ones are added at the end, removed tags are never used again.
//!
//! Knows nothing of keys, RocksDB or what the runtime does with a record.

use prost::{Enumeration, Message, Oneof};

/// A failure (`types.failure` of the contract).
#[derive(Clone, PartialEq, Message)]
pub struct FailureRecord {
    /// What kind, for programs.
    #[prost(string, tag = "1")]
    pub code: String,
    /// What happened, for people.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Whether trying again can help.
    #[prost(bool, tag = "3")]
    pub retryable: bool,
    /// More for programs, as JSON.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub details: Option<Vec<u8>>,
    /// What led to it, the nearest first.
    #[prost(message, repeated, tag = "5")]
    pub causes: Vec<CauseRecord>,
}

/// A failure that led to another one.
#[derive(Clone, PartialEq, Message)]
pub struct CauseRecord {
    /// What kind, for programs.
    #[prost(string, tag = "1")]
    pub code: String,
    /// What happened, for people.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// A value or a failure.
#[derive(Clone, PartialEq, Message)]
pub struct OutcomeRecord {
    /// Which of the two; absent stands for an empty value.
    #[prost(oneof = "OutcomeKind", tags = "1, 2")]
    pub kind: Option<OutcomeKind>,
}

/// The two kinds of outcome.
#[derive(Clone, PartialEq, Oneof)]
pub enum OutcomeKind {
    /// It worked.
    #[prost(bytes = "vec", tag = "1")]
    Value(Vec<u8>),
    /// It did not.
    #[prost(message, tag = "2")]
    Failure(Box<FailureRecord>),
}

/// Where a workflow instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Status {
    /// Started, without a turn yet.
    Pending = 0,
    /// Begun and not ended.
    Running = 1,
    /// Ended with an output.
    Completed = 2,
    /// Ended with a failure.
    Failed = 3,
    /// Its code no longer does what its history says.
    Stalled = 4,
    /// Ended because it was asked to.
    Cancelled = 5,
    /// Ended from outside, at once.
    Terminated = 6,
    /// Held: what arrives is kept, and nothing moves.
    Suspended = 7,
}

/// The workflow that waits for a child's end or an actor's answer.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Waiter {
    /// The workflow's id.
    #[prost(string, tag = "1")]
    pub workflow_id: String,
    /// Its run.
    #[prost(uint32, tag = "2")]
    pub run: u32,
    /// Its handle.
    #[prost(uint32, tag = "3")]
    pub handle: u32,
}

/// Keyspace `instance`: one workflow instance.
#[derive(Clone, PartialEq, Message)]
pub struct Instance {
    /// The workflow's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The plugin that brings it.
    #[prost(string, tag = "2")]
    pub plugin: String,
    /// Counts from 1: how often the id has been used.
    #[prost(uint32, tag = "3")]
    pub run: u32,
    /// Where it stands.
    #[prost(enumeration = "Status", tag = "4")]
    pub status: i32,
    /// When it was started, in milliseconds since the epoch.
    #[prost(uint64, tag = "5")]
    pub created_ms: u64,
    /// When its status last changed, in milliseconds since the epoch.
    #[prost(uint64, tag = "6")]
    pub updated_ms: u64,
    /// Who waits for its end.
    #[prost(message, optional, tag = "7")]
    pub parent: Option<Waiter>,
    /// What it ended with, once it has.
    #[prost(message, optional, tag = "8")]
    pub outcome: Option<OutcomeRecord>,
    /// Why it stalls, while it does.
    #[prost(message, optional, tag = "9")]
    pub stall: Option<Stall>,
    /// Where it did not end by its code's return: the first event that the code has not seen.
    #[prost(uint64, optional, tag = "20")]
    pub unseen_from: Option<u64>,
    /// Where its code says that it stands.
    #[prost(bytes = "vec", optional, tag = "21")]
    pub custom_status: Option<Vec<u8>>,
    /// Whether the parent does not wait for its end.
    #[prost(bool, tag = "10")]
    pub detached: bool,
    /// The run with which it began, where it has gone on as others since; 0: the present one.
    #[prost(uint32, tag = "11")]
    pub first_run: u32,
    /// Why nothing moves, while it is suspended.
    #[prost(message, optional, tag = "12")]
    pub suspension: Option<Suspension>,
    /// Why it was asked to end, once it was.
    #[prost(string, optional, tag = "13")]
    pub cancel_reason: Option<String>,
    /// When it is deleted, in milliseconds since the epoch; 0: never.
    #[prost(uint64, tag = "14")]
    pub retained_until_ms: u64,
    /// The digest of the component that it runs on, from its start to its end or until it is moved. Absent:
    /// the one that stands for its plugin, whichever that is.
    #[prost(bytes = "vec", tag = "25")]
    pub component: Vec<u8>,
    /// Whether what a copied history asked for and had not received was asked for anew.
    #[prost(bool, tag = "26")]
    pub reissued: bool,
    /// By what it is found, in the order of the names.
    #[prost(message, repeated, tag = "40")]
    pub attributes: Vec<Attribute>,
    /// When it begins, in milliseconds since the epoch, as long as it waits for that: there is a timer then, which
    /// bears no handle. 0: it does not wait.
    #[prost(uint64, tag = "41")]
    pub starts_ms: u64,
}

impl Instance {
    /// The run with which it began.
    pub fn began_with(&self) -> u32 {
        match self.first_run {
            0 => self.run,
            first => first,
        }
    }
}

/// A search attribute of a workflow.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value. Absent only where a newer host wrote a type that this one does not know.
    #[prost(oneof = "AttributeKind", tags = "2, 3, 4, 5")]
    pub value: Option<AttributeKind>,
}

/// What an attribute can be.
#[derive(Clone, PartialEq, Oneof)]
pub enum AttributeKind {
    /// A text.
    #[prost(string, tag = "2")]
    Text(String),
    /// A number.
    #[prost(double, tag = "3")]
    Number(f64),
    /// True or false.
    #[prost(bool, tag = "4")]
    Bool(bool),
    /// In milliseconds since the epoch.
    #[prost(sint64, tag = "5")]
    TimeMs(i64),
}

/// Keyspace `meta`: how often the id of a deleted instance has been used. What still comes for one of those runs
/// must not be taken for a later one's.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct LastRun {
    /// The last run.
    #[prost(uint32, tag = "1")]
    pub run: u32,
    /// When nothing can come any more and this is forgotten, in milliseconds since the epoch.
    #[prost(uint64, tag = "2")]
    pub expires_ms: u64,
}

/// Why an instance is held.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Suspension {
    /// In the words of whoever asked for it.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Since when, in milliseconds since the epoch.
    #[prost(uint64, tag = "2")]
    pub at_ms: u64,
    /// The first event that the code has not seen: what arrived since its last turn starts here.
    #[prost(uint64, tag = "3")]
    pub unseen_from: u64,
}

/// A difference between a workflow's history and its code.
#[derive(Clone, PartialEq, Message)]
pub struct Stall {
    /// The event's number in the history.
    #[prost(uint64, tag = "1")]
    pub event: u64,
    /// What history holds there.
    #[prost(string, tag = "2")]
    pub history: String,
    /// What the code asked for.
    #[prost(string, tag = "3")]
    pub asked: String,
    /// Where in the code, innermost frame first.
    #[prost(string, tag = "4")]
    pub backtrace: String,
    /// The digest of the component whose code it was.
    #[prost(bytes = "vec", tag = "5")]
    pub component: Vec<u8>,
    /// The first event that the code has not seen: what arrived since its last good turn starts here.
    #[prost(uint64, tag = "6")]
    pub unseen_from: u64,
    /// Whether the same code may go on another time: it had no time, no room or was not there.
    #[prost(bool, tag = "7")]
    pub may_pass: bool,
}

/// How often and when a failed activity is tried again.
#[derive(Clone, PartialEq, Message)]
pub struct RetryRecord {
    /// Attempts in all.
    #[prost(uint32, tag = "1")]
    pub max_attempts: u32,
    /// Wait after the first, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub first_interval_ms: u64,
    /// Factor from wait to wait.
    #[prost(double, tag = "3")]
    pub coefficient: f64,
    /// Longest wait, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub max_interval_ms: u64,
    /// The greatest part of a wait that is taken off it, from 0 to 1.
    #[prost(double, tag = "5")]
    pub jitter: f64,
    /// Codes of failures that end the retries.
    #[prost(string, repeated, tag = "6")]
    pub non_retryable: Vec<String>,
}

/// Keyspace `history`: one event of a workflow instance.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// When it was recorded, in milliseconds since the epoch.
    #[prost(uint64, tag = "1")]
    pub at_ms: u64,
    /// What happened. Absent only where a newer host wrote a kind that this one does not know.
    #[prost(
        oneof = "EventKind",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 30, 31, 32, 33, 60, 61, 62, 63, 64"
    )]
    pub kind: Option<EventKind>,
}

/// What can be in a history. The first is always `Started`.
///
/// What is big and rare is boxed: a replay moves every event of a history a few times.
#[derive(Clone, PartialEq, Oneof)]
pub enum EventKind {
    /// The instance was started.
    #[prost(message, tag = "2")]
    Started(Box<Started>),
    /// Command: run an activity.
    #[prost(message, tag = "3")]
    ActivityScheduled(ActivityScheduled),
    /// Command: call an actor and wait for its answer.
    #[prost(message, tag = "4")]
    ActorCallScheduled(ActorCallScheduled),
    /// Command: start another workflow and wait for its end.
    #[prost(message, tag = "5")]
    ChildScheduled(ChildScheduled),
    /// Command: arm a timer.
    #[prost(message, tag = "6")]
    TimerScheduled(TimerScheduled),
    /// Command: wait for an event from outside.
    #[prost(message, tag = "7")]
    EventAwaited(EventAwaited),
    /// Command: send an actor a message without waiting (`handle` is 0).
    #[prost(message, tag = "8")]
    ActorMessageSent(ActorCallScheduled),
    /// Command: give up a handle.
    #[prost(message, tag = "9")]
    Cancelled(Cancelled),
    /// A command's result arrived.
    #[prost(message, tag = "10")]
    Resolved(Resolved),
    /// An event from outside arrived.
    #[prost(message, tag = "11")]
    EventRaised(EventRaised),
    /// The instance ended with an output.
    #[prost(message, tag = "12")]
    Completed(Completed),
    /// The instance ended with a failure.
    #[prost(message, tag = "13")]
    Failed(Box<FailureRecord>),
    /// An update was accepted where the code waited.
    #[prost(message, tag = "30")]
    UpdateAccepted(UpdateAccepted),
    /// Command: an update that was accepted is applied.
    #[prost(message, tag = "31")]
    UpdateCompleted(UpdateCompleted),
    /// The code goes the new way of a name.
    #[prost(message, tag = "32")]
    Patched(Patched),
    /// Command: record a value.
    #[prost(message, tag = "33")]
    ValueRecorded(ValueRecorded),
    /// It was asked to end.
    #[prost(message, tag = "14")]
    CancelRequested(Reason),
    /// It was ended from outside.
    #[prost(message, tag = "15")]
    Terminated(Reason),
    /// Command: this run ends, and the next one begins with another input.
    #[prost(message, tag = "16")]
    ContinuedAsNew(ContinuedAsNew),
    /// Command: ask an activity or a child to stop.
    #[prost(message, tag = "17")]
    CancelSent(Cancelled),
    /// It is held from here on.
    #[prost(message, tag = "18")]
    Suspended(Reason),
    /// It is held no longer.
    #[prost(message, tag = "19")]
    Resumed(Resumed),
    /// Command: a request to end does not reach an activity or a child.
    #[prost(message, tag = "20")]
    Shielded(Cancelled),
    /// Command: publish a value.
    #[prost(message, tag = "60")]
    Published(Published),
    /// Command: receive what is published to a topic as events of its name.
    #[prost(message, tag = "61")]
    Subscribed(TopicNamed),
    /// Command: receive no more of it.
    #[prost(message, tag = "62")]
    Unsubscribed(TopicNamed),
    /// Command: send an actor a message that is delivered when it is due.
    #[prost(message, boxed, tag = "63")]
    MessageDelayed(Box<MessageDelayed>),
    /// Command: take such a message back.
    #[prost(message, tag = "64")]
    MessageTakenBack(MessageNamed),
}

/// Why something was asked for from outside.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Reason {
    /// In the words of whoever asked; may be empty.
    #[prost(string, tag = "1")]
    pub reason: String,
}

/// A run ended, and the next one begins.
#[derive(Clone, PartialEq, Message)]
pub struct ContinuedAsNew {
    /// What the next one takes.
    #[prost(bytes = "vec", tag = "1")]
    pub input: Vec<u8>,
}

/// An instance is held no longer.
#[derive(Clone, PartialEq, Message)]
pub struct Resumed {}

/// An instance was started.
#[derive(Clone, PartialEq, Message)]
pub struct Started {
    /// The workflow's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it takes.
    #[prost(bytes = "vec", tag = "2")]
    pub input: Vec<u8>,
    /// Where its random numbers come from: 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub seed: Vec<u8>,
    /// The digest of the component that was deployed then.
    #[prost(bytes = "vec", tag = "4")]
    pub component: Vec<u8>,
    /// From how many events on the code is told that it should continue as new; 0: never. Recorded, so that
    /// every replay is told the same.
    #[prost(uint64, tag = "10")]
    pub suggest_from: u64,
    /// The run whose history was copied, where the instance does not begin at its beginning.
    #[prost(message, optional, tag = "25")]
    pub origin: Option<Origin>,
    /// By what the instance was found at the beginning of this run, in the order of the names.
    #[prost(message, repeated, tag = "40")]
    pub attributes: Vec<Attribute>,
    /// Earlier than this, its code did not begin, in milliseconds since the epoch; 0: it began at once.
    #[prost(uint64, tag = "41")]
    pub starts_ms: u64,
}

/// Where a copied history comes from.
#[derive(Clone, PartialEq, Message)]
pub struct Origin {
    /// The workflow's id.
    #[prost(string, tag = "1")]
    pub workflow_id: String,
    /// Its run.
    #[prost(uint32, tag = "2")]
    pub run: u32,
    /// The last event that was copied.
    #[prost(uint64, tag = "3")]
    pub event: u64,
    /// The first event that the copied run's code saw in a turn of its own.
    #[prost(uint64, tag = "4")]
    pub unseen_from: u64,
    /// Where idempotency keys come from: 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub seed: Vec<u8>,
    /// Where random numbers come from, in the order of the events: one for each copy that led here. Without
    /// any, as earlier hosts wrote it, those of the contract come from `seed` from `unseen_from` on.
    #[prost(message, repeated, tag = "6")]
    pub seeds: Vec<SeedFrom>,
}

/// Random numbers come from another seed from an event on.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct SeedFrom {
    /// That event, or the first one behind it that the code is told of.
    #[prost(uint64, tag = "1")]
    pub event: u64,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub seed: Vec<u8>,
}

/// An activity is to be run.
#[derive(Clone, PartialEq, Message)]
pub struct ActivityScheduled {
    /// Which handle stands for its result.
    #[prost(uint32, tag = "1")]
    pub handle: u32,
    /// The activity's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What it takes.
    #[prost(bytes = "vec", tag = "3")]
    pub input: Vec<u8>,
    /// The policy that the workflow asked for.
    #[prost(message, optional, boxed, tag = "4")]
    pub retry: Option<Box<RetryRecord>>,
    /// The time for one attempt that the workflow asked for, in milliseconds.
    #[prost(uint64, optional, tag = "5")]
    pub timeout_ms: Option<u64>,
    /// The time for all of it that the workflow asked for, in milliseconds.
    #[prost(uint64, optional, tag = "6")]
    pub schedule_to_close_ms: Option<u64>,
    /// How long an attempt may go without a heartbeat, as the workflow asked for, in milliseconds.
    #[prost(uint64, optional, tag = "7")]
    pub heartbeat_timeout_ms: Option<u64>,
}

/// An actor is to be called or sent a message.
#[derive(Clone, PartialEq, Message)]
pub struct ActorCallScheduled {
    /// Which handle stands for its answer; 0 where none is waited for.
    #[prost(uint32, tag = "1")]
    pub handle: u32,
    /// The actor's type.
    #[prost(string, tag = "2")]
    pub actor_type: String,
    /// The actor's id.
    #[prost(string, tag = "3")]
    pub actor_id: String,
    /// The method.
    #[prost(string, tag = "4")]
    pub method: String,
    /// What it takes.
    #[prost(bytes = "vec", tag = "5")]
    pub input: Vec<u8>,
}

/// An actor is to be sent a message that is delivered when it is due.
#[derive(Clone, PartialEq, Message)]
pub struct MessageDelayed {
    /// Which (`handle` is 0).
    #[prost(message, optional, tag = "1")]
    pub call: Option<ActorCallScheduled>,
    /// When, in the words of the code.
    #[prost(oneof = "Asked", tags = "2, 3, 4")]
    pub asked: Option<Asked>,
    /// When that is, in milliseconds since the epoch.
    #[prost(uint64, tag = "5")]
    pub due_ms: u64,
    /// The message's id.
    #[prost(string, tag = "6")]
    pub id: String,
}

/// A time, as code says it.
#[derive(Clone, PartialEq, Eq, Hash, Oneof)]
pub enum Asked {
    /// So many milliseconds later.
    #[prost(uint64, tag = "2")]
    AfterMs(u64),
    /// In milliseconds since the epoch.
    #[prost(uint64, tag = "3")]
    AtMs(u64),
    /// As people write it.
    #[prost(string, tag = "4")]
    Text(String),
}

/// A message that is delivered later is meant.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct MessageNamed {
    /// Which.
    #[prost(string, tag = "1")]
    pub id: String,
}

/// A child is to be started.
#[derive(Clone, PartialEq, Message)]
pub struct ChildScheduled {
    /// Which handle stands for its end.
    #[prost(uint32, tag = "1")]
    pub handle: u32,
    /// The workflow's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The id that was asked for; absent: the one made from parent and handle.
    #[prost(string, optional, tag = "3")]
    pub id: Option<String>,
    /// What it takes.
    #[prost(bytes = "vec", tag = "4")]
    pub input: Vec<u8>,
    /// Whether the handle stands for its start instead of its end.
    #[prost(bool, tag = "10")]
    pub detached: bool,
    /// What becomes of it when its parent ends.
    #[prost(enumeration = "ParentClose", tag = "11")]
    pub parent_close: i32,
}

/// What becomes of a child that runs when its parent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ParentClose {
    /// It is ended at once.
    Terminate = 0,
    /// It is asked to end.
    Cancel = 1,
    /// It runs on.
    Abandon = 2,
}

/// A timer is armed.
#[derive(Clone, PartialEq, Message)]
pub struct TimerScheduled {
    /// Which handle stands for it.
    #[prost(uint32, tag = "1")]
    pub handle: u32,
    /// How long, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub duration_ms: u64,
    /// When it is due, in milliseconds since the epoch.
    #[prost(uint64, tag = "3")]
    pub due_ms: u64,
}

/// An event from outside is waited for.
#[derive(Clone, PartialEq, Message)]
pub struct EventAwaited {
    /// Which handle stands for it.
    #[prost(uint32, tag = "1")]
    pub handle: u32,
    /// The event's name as the code wrote it.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A handle was given up.
#[derive(Clone, PartialEq, Message)]
pub struct Cancelled {
    /// Which.
    #[prost(uint32, tag = "1")]
    pub handle: u32,
}

/// A command's result arrived.
#[derive(Clone, PartialEq, Message)]
pub struct Resolved {
    /// Whose.
    #[prost(uint32, tag = "1")]
    pub handle: u32,
    /// What it is.
    #[prost(message, optional, tag = "2")]
    pub outcome: Option<OutcomeRecord>,
}

/// An event from outside arrived.
#[derive(Clone, PartialEq, Message)]
pub struct EventRaised {
    /// Its name as the raiser wrote it.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// The code goes the new way of a name.
#[derive(Clone, PartialEq, Message)]
pub struct Patched {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A value was recorded.
#[derive(Clone, PartialEq, Message)]
pub struct ValueRecorded {
    /// Which.
    #[prost(bytes = "vec", tag = "1")]
    pub value: Vec<u8>,
}

/// An update was accepted.
#[derive(Clone, PartialEq, Message)]
pub struct UpdateAccepted {
    /// Its id: the same id is applied once.
    #[prost(string, tag = "1")]
    pub id: String,
    /// What is to be changed.
    #[prost(string, tag = "2")]
    pub name: String,
    /// How.
    #[prost(bytes = "vec", tag = "3")]
    pub input: Vec<u8>,
}

/// An update that was accepted is applied.
#[derive(Clone, PartialEq, Message)]
pub struct UpdateCompleted {
    /// Which.
    #[prost(string, tag = "1")]
    pub id: String,
    /// What its caller is answered.
    #[prost(message, optional, tag = "2")]
    pub outcome: Option<OutcomeRecord>,
}

/// The instance ended with an output, which its [`Instance`] holds.
#[derive(Clone, PartialEq, Message)]
pub struct Completed {}

/// A value was published.
#[derive(Clone, PartialEq, Message)]
pub struct Published {
    /// To which topic.
    #[prost(string, tag = "1")]
    pub topic: String,
    /// What.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// A topic is meant.
#[derive(Clone, PartialEq, Message)]
pub struct TopicNamed {
    /// Which.
    #[prost(string, tag = "1")]
    pub topic: String,
}

/// Keyspace `topic`: an entity wants what is published to a topic.
#[derive(Clone, PartialEq, Message)]
pub struct Subscription {
    /// The method of an actor that is run with each value; empty for a workflow.
    #[prost(string, tag = "1")]
    pub method: String,
    /// Since when, in milliseconds since the epoch.
    #[prost(uint64, tag = "2")]
    pub since_ms: u64,
}

/// Keyspace `inbox`: one undelivered message to an entity.
#[derive(Clone, PartialEq, Message)]
pub struct Mail {
    /// What it is.
    #[prost(oneof = "MailKind", tags = "1, 2, 3, 4, 15")]
    pub kind: Option<MailKind>,
}

/// What can be sent to an entity.
#[derive(Clone, PartialEq, Oneof)]
pub enum MailKind {
    /// To an actor: run a method.
    #[prost(message, tag = "1")]
    Call(Call),
    /// To a workflow: a command's result.
    #[prost(message, tag = "2")]
    Resolved(MailResolved),
    /// To a workflow: an event from outside.
    #[prost(message, tag = "3")]
    Raised(EventRaised),
    /// To a workflow: something that is wanted of it as a whole.
    #[prost(message, tag = "4")]
    Control(MailControl),
    /// To an actor: a delayed message is not wanted any more.
    #[prost(string, tag = "15")]
    CancelDelayed(String),
}

/// Something that is wanted of a workflow as a whole.
#[derive(Clone, PartialEq, Message)]
pub struct MailControl {
    /// What.
    #[prost(enumeration = "Control", tag = "1")]
    pub control: i32,
    /// Why, in the words of whoever asks.
    #[prost(string, tag = "2")]
    pub reason: String,
    /// Meant is only the instance that began with this run; 0: see `parent`.
    #[prost(uint32, tag = "3")]
    pub began_with: u32,
    /// Meant is only the child of this one, where that asks.
    #[prost(message, optional, tag = "4")]
    pub parent: Option<Waiter>,
}

/// What can be wanted of a workflow as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Control {
    /// Nothing that this host knows.
    Unknown = 0,
    /// That it ends by itself, after cleaning up.
    Cancel = 1,
    /// That it ends at once.
    Terminate = 2,
    /// That nothing moves from now on.
    Suspend = 3,
    /// That it goes on.
    Resume = 4,
}

/// A method to run.
#[derive(Clone, PartialEq, Message)]
pub struct Call {
    /// Which.
    #[prost(string, tag = "1")]
    pub method: String,
    /// What it takes.
    #[prost(bytes = "vec", tag = "2")]
    pub input: Vec<u8>,
    /// Which workflow waits for the answer; absent: nobody.
    #[prost(message, optional, tag = "3")]
    pub waiter: Option<Waiter>,
}

/// A command's result on its way to a workflow.
#[derive(Clone, PartialEq, Message)]
pub struct MailResolved {
    /// For which run.
    #[prost(uint32, tag = "1")]
    pub run: u32,
    /// Whose.
    #[prost(uint32, tag = "2")]
    pub handle: u32,
    /// What it is.
    #[prost(message, optional, tag = "3")]
    pub outcome: Option<OutcomeRecord>,
}

/// Keyspace `reminder`: what an actor is to be reminded of.
#[derive(Clone, PartialEq, Message)]
pub struct Reminder {
    /// Which method is run.
    #[prost(string, tag = "1")]
    pub method: String,
    /// What it takes.
    #[prost(bytes = "vec", tag = "2")]
    pub input: Vec<u8>,
    /// When it is due next, in milliseconds since the epoch.
    #[prost(uint64, tag = "3")]
    pub due_ms: u64,
    /// When its timer fires: at `due_ms`, or later where the method has failed and is tried again.
    #[prost(uint64, tag = "4")]
    pub fires_ms: u64,
    /// After how long it is due again; absent: it is not.
    #[prost(message, optional, tag = "5")]
    pub period: Option<Period>,
    /// How often it is due, this time included; absent: without an end.
    #[prost(uint32, optional, tag = "6")]
    pub left: Option<u32>,
    /// It is not due later than this, in milliseconds since the epoch.
    #[prost(uint64, optional, tag = "7")]
    pub ends_ms: Option<u64>,
    /// What becomes of times at which it was due while the host was away.
    #[prost(enumeration = "CatchUp", tag = "8")]
    pub catch_up: i32,
    /// When a failed method is tried again; absent: never.
    #[prost(message, optional, tag = "9")]
    pub retry: Option<ReminderRetry>,
    /// How often the method has failed this time.
    #[prost(uint32, tag = "10")]
    pub failures: u32,
    /// When it was due for the first time, in milliseconds since the epoch: periods are counted from there.
    #[prost(uint64, tag = "11")]
    pub first_ms: u64,
    /// Periods from the first time to the next.
    #[prost(uint64, tag = "12")]
    pub periods: u64,
}

/// How long it is from one time to the next. Months are those of the calendar in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Period {
    /// Months.
    #[prost(uint32, tag = "1")]
    pub months: u32,
    /// Milliseconds besides.
    #[prost(uint64, tag = "2")]
    pub millis: u64,
}

/// When a reminder whose method has failed is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ReminderRetry {
    /// After how long, in milliseconds.
    #[prost(uint64, tag = "1")]
    pub interval_ms: u64,
    /// How often at most; absent: until it works.
    #[prost(uint32, optional, tag = "2")]
    pub max_retries: Option<u32>,
}

/// What becomes of the times at which a reminder was due and did not fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum CatchUp {
    /// It fires once for all of them.
    Once = 0,
    /// It does not fire for those at which the host was away.
    Skip = 1,
    /// It fires for each of them.
    All = 2,
}

/// Keyspace `delayed`: a message to an actor that is not due yet.
#[derive(Clone, PartialEq, Message)]
pub struct Delayed {
    /// What is run when it is due.
    #[prost(message, optional, tag = "1")]
    pub call: Option<Call>,
    /// When it is due, in milliseconds since the epoch.
    #[prost(uint64, tag = "2")]
    pub due_ms: u64,
}

/// Keyspace `task`: a scheduled activity that has not ended.
#[derive(Clone, PartialEq, Message)]
pub struct Task {
    /// The event that scheduled it, which holds name, input and options.
    #[prost(uint64, tag = "1")]
    pub event: u64,
    /// Attempts that have failed.
    #[prost(uint32, tag = "2")]
    pub failed_attempts: u32,
    /// When the next attempt is due, in milliseconds since the epoch; 0: at once.
    #[prost(uint64, tag = "3")]
    pub due_ms: u64,
    /// The details of the last heartbeat that was written.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub heartbeat: Option<Vec<u8>>,
    /// Why the last attempt failed, without its details.
    #[prost(message, optional, tag = "5")]
    pub last_failure: Option<FailureRecord>,
}

/// Keyspace `reply`: an answer kept for a repeat of its call.
#[derive(Clone, PartialEq, Message)]
pub struct Reply {
    /// The answer.
    #[prost(message, optional, tag = "1")]
    pub outcome: Option<OutcomeRecord>,
    /// When it may be forgotten, in milliseconds since the epoch.
    #[prost(uint64, tag = "2")]
    pub expires_ms: u64,
    /// The calls by which actors that waited for the answer were entered again before it was given. Their
    /// effects are part of turns that may not have become durable: a repeat makes them again.
    #[prost(message, repeated, tag = "3")]
    pub entered: Vec<Entered>,
}

/// A call that entered an actor again, over its turn that waited.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Entered {
    /// The actor's type.
    #[prost(string, tag = "1")]
    pub actor_type: String,
    /// The actor's id.
    #[prost(string, tag = "2")]
    pub actor_id: String,
    /// The method.
    #[prost(string, tag = "3")]
    pub method: String,
    /// What it takes.
    #[prost(bytes = "vec", tag = "4")]
    pub input: Vec<u8>,
}

/// Keyspace `meta`: which component stands for a plugin.
#[derive(Clone, PartialEq, Message)]
pub struct Deployment {
    /// The component's digest: 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub component: Vec<u8>,
    /// The file that it came from, for people.
    #[prost(string, tag = "2")]
    pub file: String,
    /// When, in milliseconds since the epoch.
    #[prost(uint64, tag = "3")]
    pub deployed_ms: u64,
}

/// Keyspace `meta`: a component that is kept, because it stands for a plugin or instances run on it.
#[derive(Clone, PartialEq, Message)]
pub struct Component {
    /// The plugin's name.
    #[prost(string, tag = "1")]
    pub plugin: String,
    /// The plugin's version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// The file that it came from, for people.
    #[prost(string, tag = "3")]
    pub file: String,
    /// When it was deployed last, in milliseconds since the epoch.
    #[prost(uint64, tag = "4")]
    pub deployed_ms: u64,
}

/// Keyspace `meta`: a schedule, which starts a workflow or calls an actor again and again.
#[derive(Clone, PartialEq, Message)]
pub struct Schedule {
    /// When, as a cron expression; empty: see `interval_ms`.
    #[prost(string, tag = "1")]
    pub cron: String,
    /// After how long again, in milliseconds, counted from `from_ms`, or else from `created_ms`.
    #[prost(uint64, tag = "2")]
    pub interval_ms: u64,
    /// The time zone in which the expression is read.
    #[prost(string, tag = "3")]
    pub zone: String,
    /// What is done.
    #[prost(oneof = "ScheduleTarget", tags = "4, 5")]
    pub target: Option<ScheduleTarget>,
    /// What the workflow or the method takes.
    #[prost(bytes = "vec", tag = "6")]
    pub input: Vec<u8>,
    /// What becomes of a time at which the last workflow still goes on.
    #[prost(enumeration = "Overlap", tag = "7")]
    pub overlap: i32,
    /// How many times may wait where they are queued.
    #[prost(uint32, tag = "8")]
    pub queue_max: u32,
    /// How long ago a time may be for which it is not too late, in milliseconds.
    #[prost(uint64, tag = "9")]
    pub catch_up_ms: u64,
    /// By how much a time may be put off by chance, in milliseconds.
    #[prost(uint64, tag = "10")]
    pub jitter_ms: u64,
    /// When it was created, in milliseconds since the epoch.
    #[prost(uint64, tag = "11")]
    pub created_ms: u64,
    /// Whether nothing is done until it is resumed.
    #[prost(bool, tag = "12")]
    pub paused: bool,
    /// The next time by its definition, in milliseconds since the epoch; 0: there is none.
    #[prost(uint64, tag = "13")]
    pub next_ms: u64,
    /// The same, put off by chance.
    #[prost(uint64, tag = "14")]
    pub due_ms: u64,
    /// Times that wait until the last workflow has ended.
    #[prost(uint64, repeated, tag = "15")]
    pub queued: Vec<u64>,
    /// The id of the workflow that was started last.
    #[prost(string, tag = "16")]
    pub running: String,
    /// For how many times something was started or called.
    #[prost(uint64, tag = "17")]
    pub started: u64,
    /// For how many times nothing was.
    #[prost(uint64, tag = "18")]
    pub skipped: u64,
    /// How often times were too long ago.
    #[prost(uint64, tag = "19")]
    pub missed: u64,
    /// The last time for which something was started or called, in milliseconds since the epoch.
    #[prost(uint64, tag = "20")]
    pub last_ms: u64,
    /// Why nothing was, the last time that was so; empty since it worked.
    #[prost(string, tag = "21")]
    pub problem: String,
    /// None of its times is earlier, in milliseconds since the epoch.
    #[prost(uint64, tag = "22")]
    pub from_ms: u64,
    /// None of its times is later, in milliseconds since the epoch; 0: it has no end.
    #[prost(uint64, tag = "23")]
    pub until_ms: u64,
    /// Times that are made up for when nothing else waits.
    #[prost(uint64, repeated, tag = "24")]
    pub backfill: Vec<u64>,
    /// Whether the workflow that was started last makes up for a time.
    #[prost(bool, tag = "25")]
    pub makes_up: bool,
}

/// What a schedule does.
#[derive(Clone, PartialEq, Eq, Hash, Oneof)]
pub enum ScheduleTarget {
    /// It starts a workflow.
    #[prost(message, tag = "4")]
    Workflow(ScheduledWorkflow),
    /// It calls an actor's method.
    #[prost(message, tag = "5")]
    Actor(ScheduledCall),
}

/// A workflow that is started by a schedule.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ScheduledWorkflow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its id; `{schedule}` and `{time}` stand for the schedule's name and the time.
    #[prost(string, tag = "2")]
    pub id: String,
}

/// A method that is called by a schedule.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ScheduledCall {
    /// The actor's type.
    #[prost(string, tag = "1")]
    pub actor_type: String,
    /// The actor's id.
    #[prost(string, tag = "2")]
    pub actor_id: String,
    /// The method.
    #[prost(string, tag = "3")]
    pub method: String,
}

/// What becomes of a time at which the workflow that a schedule started last still goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Overlap {
    /// Nothing is started.
    Skip = 0,
    /// It waits until that one has ended.
    Queue = 1,
    /// Another one is started beside it.
    Allow = 2,
    /// That one is asked to end, and another one is started when it has.
    Cancel = 3,
    /// That one is ended at once, and another one is started.
    Terminate = 4,
}

/// Keyspace `meta`: something that is done to all of a tenant's workflows that fit, one after the other.
#[derive(Clone, PartialEq, Message)]
pub struct BatchJob {
    /// What is done to each. Absent only where a newer host wrote a kind that this one does not know.
    #[prost(oneof = "BatchDeed", tags = "1, 2, 3, 4, 5, 6")]
    pub deed: Option<BatchDeed>,
    /// To which.
    #[prost(message, optional, tag = "7")]
    pub filter: Option<BatchFilter>,
    /// Where it stands.
    #[prost(enumeration = "BatchStage", tag = "8")]
    pub stage: i32,
    /// When it was asked for, in milliseconds since the epoch. What is started later is left alone.
    #[prost(uint64, tag = "9")]
    pub created_ms: u64,
    /// When it ended, in milliseconds since the epoch; 0: it has not.
    #[prost(uint64, tag = "10")]
    pub ended_ms: u64,
    /// How many workflows fit when it began; absent: they are not counted yet.
    #[prost(uint64, optional, tag = "11")]
    pub matched: Option<u64>,
    /// The id of the last workflow that it has dealt with, in the order of the ids; empty: it begins.
    #[prost(string, tag = "12")]
    pub after: String,
    /// Workflows to which it was done.
    #[prost(uint64, tag = "13")]
    pub done: u64,
    /// Workflows to which it could not be done as they stood.
    #[prost(uint64, tag = "14")]
    pub skipped: u64,
    /// Workflows of which it is not known that it was done.
    #[prost(uint64, tag = "15")]
    pub failed: u64,
    /// Why, for the first of them.
    #[prost(message, repeated, tag = "16")]
    pub failures: Vec<BatchFailure>,
    /// Of a purge: workflows that were deleted, children included.
    #[prost(uint64, tag = "17")]
    pub deleted: u64,
    /// Of a purge: workflows that have not ended and were left alone, children included.
    #[prost(uint64, tag = "18")]
    pub left: u64,
}

/// What can be done to each.
#[derive(Clone, PartialEq, Oneof)]
pub enum BatchDeed {
    /// It is asked to end.
    #[prost(message, tag = "1")]
    Cancel(Reason),
    /// It is ended at once.
    #[prost(message, tag = "2")]
    Terminate(Reason),
    /// It is held.
    #[prost(message, tag = "3")]
    Suspend(Reason),
    /// It is held no longer.
    #[prost(message, tag = "4")]
    Resume(Resumed),
    /// It is deleted.
    #[prost(message, tag = "5")]
    Purge(BatchPurge),
    /// An event is raised for it.
    #[prost(message, tag = "6")]
    Raise(EventRaised),
}

/// How workflows are deleted.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct BatchPurge {
    /// Whether what has not ended is terminated first.
    #[prost(bool, tag = "1")]
    pub force: bool,
}

/// Which workflows: those that fit every field that is set.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct BatchFilter {
    /// Only those that stand there.
    #[prost(enumeration = "Status", optional, tag = "1")]
    pub status: Option<i32>,
    /// Only those of the workflow of this name.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    /// Only those that were started then or later, in milliseconds since the epoch.
    #[prost(uint64, optional, tag = "3")]
    pub created_from_ms: Option<u64>,
    /// Only those that were started earlier, in milliseconds since the epoch.
    #[prost(uint64, optional, tag = "4")]
    pub created_until_ms: Option<u64>,
    /// Only those whose attributes fit this search, as it was written.
    #[prost(string, optional, tag = "5")]
    pub search: Option<String>,
}

/// A workflow of which it is not known that it was done.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct BatchFailure {
    /// Its id.
    #[prost(string, tag = "1")]
    pub workflow_id: String,
    /// Why.
    #[prost(string, tag = "2")]
    pub reason: String,
}

/// Where a batch job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum BatchStage {
    /// It goes on.
    Running = 0,
    /// It has dealt with all that fit.
    Completed = 1,
    /// It was given up before.
    Aborted = 2,
}

/// Keyspace `meta`: what an operator says of a tenant.
#[derive(Clone, PartialEq, Message)]
pub struct Tenant {
    /// When it was first spoken of, in milliseconds since the epoch.
    #[prost(uint64, tag = "1")]
    pub created_ms: u64,
    /// The limits that it has of its own: a JSON object by name, as an operator writes them; empty: none.
    #[prost(string, tag = "2")]
    pub limits: String,
    /// Its share of processor time beside other tenants that want some; 0: as much as any other.
    #[prost(uint32, tag = "3")]
    pub weight: u32,
}

/// Keyspace `meta`: by what a caller is known. What the caller holds is not in it, and cannot be made of it.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Token {
    /// The BLAKE3 hash of the token's secret, keyed with `salt`.
    #[prost(bytes = "vec", tag = "1")]
    pub digest: Vec<u8>,
    /// 32 random bytes of its own.
    #[prost(bytes = "vec", tag = "2")]
    pub salt: Vec<u8>,
    /// The name of the role; a token of one that is not known counts for nothing.
    #[prost(string, tag = "3")]
    pub role: String,
    /// Names of workflows to which it is limited.
    #[prost(string, repeated, tag = "4")]
    pub workflows: Vec<String>,
    /// Types of actors to which it is limited. Where both lists are empty it is not limited.
    #[prost(string, repeated, tag = "5")]
    pub actor_types: Vec<String>,
    /// When it was created, in milliseconds since the epoch.
    #[prost(uint64, tag = "6")]
    pub created_ms: u64,
    /// From when on it counts no longer, in milliseconds since the epoch.
    #[prost(uint64, tag = "7")]
    pub expires_ms: u64,
    /// When it was revoked, in milliseconds since the epoch; 0: it is not.
    #[prost(uint64, tag = "8")]
    pub revoked_ms: u64,
    /// When it got the secret that it has, in milliseconds since the epoch; 0: it has its first one.
    #[prost(uint64, tag = "9")]
    pub rotated_ms: u64,
    /// What it is for, for people.
    #[prost(string, tag = "10")]
    pub description: String,
}

/// Keyspace `audit`: that somebody has asked for something that changes how things are run.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct AuditEntry {
    /// When, in milliseconds since the epoch.
    #[prost(uint64, tag = "1")]
    pub at_ms: u64,
    /// The id of the caller's token; empty: whoever runs the host.
    #[prost(string, tag = "2")]
    pub token: String,
    /// The caller's role.
    #[prost(string, tag = "3")]
    pub role: String,
    /// The caller's address.
    #[prost(string, tag = "4")]
    pub address: String,
    /// What was asked for: a method and a route, or a call.
    #[prost(string, tag = "5")]
    pub deed: String,
    /// To what it was to be done, as far as the request names it.
    #[prost(string, tag = "6")]
    pub object: String,
    /// With which status it was answered; empty: the caller was gone before, or the host.
    #[prost(string, tag = "7")]
    pub outcome: String,
}

//! What guests may ask for, one trait per role, answered by whoever runs them.
//!
//! Owns the plain values of the contract. No wasmtime type appears here.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use host_base::{AttributeValue, Failure, Outcome, Payload, Timestamp};

use crate::error::Interrupt;

/// A future that owns what it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Only of use to who looks for a mistake.
    Debug,
    /// What a user wants to see; standard output of the guest.
    Info,
    /// Something is odd, and work goes on.
    Warn,
    /// Something did not work; standard error of the guest.
    Error,
}

/// How often and when a failed activity is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 0 counts as 1.
    pub max_attempts: u32,
    /// Wait after the first failed attempt.
    pub first_interval: Duration,
    /// By what each wait is longer than the one before; below 1 counts as 1.
    pub coefficient: f64,
    /// No wait is longer than this.
    pub max_interval: Duration,
    /// The greatest part of a wait that is taken off it, from 0 to 1.
    pub jitter: f64,
    /// Codes of failures that end the retries, though they say that trying again can help.
    pub non_retryable: Vec<String>,
}

/// How an activity is to be run. What is absent comes from the manifest, then from the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivityOptions {
    /// How often and when it is tried again.
    pub retry: Option<RetryPolicy>,
    /// Time for one attempt (start to close).
    pub timeout: Option<Duration>,
    /// Time for all of it, waits included (schedule to close).
    pub schedule_to_close: Option<Duration>,
    /// How long an attempt may go without a heartbeat.
    pub heartbeat_timeout: Option<Duration>,
}

/// What a workflow schedules. Each yields a handle, except those that have no result.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Runs an activity of the same plugin.
    Activity {
        /// Its name.
        name: String,
        /// What it takes.
        input: Payload,
        /// Overrides what the manifest says.
        options: ActivityOptions,
    },
    /// Calls an actor's method.
    ActorCall {
        /// The actor's type.
        actor_type: String,
        /// The actor's id.
        actor_id: String,
        /// The method.
        method: String,
        /// What it takes.
        input: Payload,
    },
    /// Starts another workflow.
    Child {
        /// The workflow's name.
        name: String,
        /// The child's id; absent: parent's id, a colon and the handle.
        id: Option<String>,
        /// What it takes.
        input: Payload,
        /// Whether the handle stands for its start instead of its end.
        detached: bool,
        /// What becomes of it when its parent ends.
        parent_close: ParentClose,
    },
    /// Completes when so much time has passed.
    Timer {
        /// How much.
        duration: Duration,
    },
    /// Completes with the next event of that name.
    Event {
        /// The name; case does not matter.
        name: String,
    },
    /// Sends an actor a message without waiting.
    SendActor {
        /// The actor's type.
        actor_type: String,
        /// The actor's id.
        actor_id: String,
        /// The method.
        method: String,
        /// What it takes.
        input: Payload,
    },
    /// Takes back a message that is not due yet.
    CancelMessage {
        /// Which.
        id: String,
    },
    /// Publishes a value.
    Publish {
        /// To which topic.
        topic: String,
        /// What.
        value: Payload,
    },
    /// Receives what is published to a topic as events of its name.
    Subscribe {
        /// Which.
        topic: String,
    },
    /// Receives no more of a topic.
    Unsubscribe {
        /// Which.
        topic: String,
    },
    /// Gives up interest in a handle.
    Cancel {
        /// Which.
        handle: u32,
    },
    /// Asks an activity or a child to stop.
    RequestCancel {
        /// Which.
        handle: u32,
    },
    /// Keeps a request to end from reaching an activity or a child.
    Shield {
        /// Which.
        handle: u32,
    },
    /// Ends this run when the body returns, and begins the next one.
    ContinueAsNew {
        /// What it takes.
        input: Payload,
    },
    /// Records a value.
    RecordValue {
        /// Which.
        value: Payload,
    },
    /// Answers an update that was accepted.
    CompleteUpdate {
        /// Which.
        id: String,
        /// With what.
        outcome: Outcome,
    },
}

/// What ends a workflow's wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Wakeup {
    /// One of the handles is complete.
    Completion(Completion),
    /// The workflow is asked to stop, for that reason.
    CancelRequested(String),
    /// An update is to be judged and applied.
    Update(Update),
    /// A query is to be answered.
    Query(Query),
}

/// A question about a workflow instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What is asked.
    pub name: String,
    /// What the asker says besides.
    pub input: Payload,
}

/// A change that somebody wants of a workflow instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The same id is applied once.
    pub id: String,
    /// What is to be changed.
    pub name: String,
    /// How.
    pub input: Payload,
    /// Whether history says that it was accepted.
    pub accepted: bool,
}

/// What becomes of a child that runs when its parent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentClose {
    /// It is ended at once, or asked to end where the parent was.
    Terminate,
    /// It is asked to end.
    Cancel,
    /// It runs on.
    Abandon,
}

/// How long the history of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySize {
    /// Events, as far as the code has come.
    pub events: u64,
    /// Whether the code should continue as new soon.
    pub continue_as_new_suggested: bool,
}

/// What came of one scheduled thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Which.
    pub handle: u32,
    /// Its value or failure.
    pub outcome: Outcome,
}

/// Who the running workflow instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowInstance {
    /// Its id, unique within the tenant.
    pub id: String,
    /// The workflow's name.
    pub name: String,
    /// Counts from 1.
    pub run: u32,
}

/// What a workflow body asks for. An `Err` ends the guest with [`crate::Reason::Interrupted`].
pub trait WorkflowImports: Send + 'static {
    /// Who is running.
    fn instance(&self) -> WorkflowInstance;

    /// Takes a command; returns its handle, 0 where it has none.
    ///
    /// # Errors
    /// The run must stop, for example because history holds another command.
    fn command(&mut self, command: Command) -> Result<u32, Interrupt>;

    /// The first of these handles that is complete, or what else reaches the workflow. `Pending` suspends
    /// the guest until whoever polls the run polls it again; the waker in `cx` may be kept or ignored.
    fn poll_wait_any(
        &mut self,
        handles: &[u32],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Wakeup, Interrupt>>;

    /// The same for these and all handles that were said here before and are neither returned nor given up.
    fn poll_wait_more(
        &mut self,
        more: &[u32],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Wakeup, Interrupt>>;

    /// What came of this handle, for code that can be told nothing else meanwhile.
    fn poll_wait(&mut self, handle: u32, cx: &mut Context<'_>) -> Poll<Result<Outcome, Interrupt>>;

    /// Sends an actor a message that is delivered when it is due; returns its id.
    ///
    /// # Errors
    /// As for a command; the inner one is the guest's.
    fn send_later(
        &mut self,
        call: MethodCall,
        due: Moment,
    ) -> Result<Result<String, Failure>, Interrupt>;

    /// Takes back a message that is not due yet.
    ///
    /// # Errors
    /// As for a command; the inner one is the guest's.
    fn cancel_message(&mut self, id: String) -> Result<Result<(), Failure>, Interrupt>;

    /// The code accepts the update that its last wait returned.
    ///
    /// # Errors
    /// None is being judged.
    fn accept_update(&mut self) -> Result<(), Interrupt>;

    /// The code refuses it.
    ///
    /// # Errors
    /// None is being judged, or history says that it was accepted.
    fn refuse_update(&mut self, why: Failure) -> Result<(), Interrupt>;

    /// The code answers the query that it was given last.
    ///
    /// # Errors
    /// None is being answered.
    fn answer_query(&mut self, outcome: Outcome) -> Result<(), Interrupt>;

    /// The next query for code that has come to its end; always none in an ordinary run.
    ///
    /// # Errors
    /// History says that the code went on.
    fn next_query(&mut self) -> Result<Option<Query>, Interrupt>;

    /// How long the history is, as far as the code has come.
    fn history_size(&self) -> HistorySize;

    /// Says where the workflow stands.
    ///
    /// # Errors
    /// The value is too long, or the code is in the middle of an answer.
    fn set_status(&mut self, value: Payload) -> Result<(), Interrupt>;

    /// Has the workflow found by another value of an attribute, or by none.
    ///
    /// # Errors
    /// There is no such attribute, a limit is reached, or the code is in the middle of an answer.
    fn set_attribute(
        &mut self,
        name: String,
        value: Option<AttributeValue>,
    ) -> Result<(), Interrupt>;

    /// Whether the code is to go the new way of that name.
    ///
    /// # Errors
    /// A limit is reached, or the code is in the middle of an answer.
    fn patched(&mut self, name: &str) -> Result<bool, Interrupt>;

    /// The value that history holds where the code is; none where it comes there for the first time.
    ///
    /// # Errors
    /// History holds something else, or the code is in the middle of an answer.
    fn recorded_value(&mut self) -> Result<Option<Payload>, Interrupt>;

    /// The time of the event that is being handled. It is WASI's wall and monotonic clock too.
    fn now(&self) -> Timestamp;

    /// Where WASI's random numbers come from from here on, where that has changed with what the code was told
    /// last. Says it once.
    fn take_seed(&mut self) -> Option<[u8; 32]>;

    /// The next number of the instance's random stream.
    fn random_u64(&mut self) -> u64;

    /// A new unique id that every replay repeats.
    fn new_id(&mut self) -> String;

    /// A log line, of the contract's `log` or of standard output or error.
    fn log(&mut self, level: LogLevel, message: String);
}

/// Where a workflow instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowStatus {
    /// Started, without a turn yet.
    Pending,
    /// Begun and not ended.
    Running,
    /// Ended with an output.
    Completed,
    /// Ended with a failure.
    Failed,
    /// Its code no longer does what its history says.
    Stalled,
    /// Ended because it was asked to.
    Cancelled,
    /// Ended from outside, at once.
    Terminated,
    /// Held until it is resumed.
    Suspended,
}

/// One workflow instance, as others see it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowInfo {
    /// Its id.
    pub id: String,
    /// The workflow's name.
    pub name: String,
    /// Where it stands.
    pub status: WorkflowStatus,
    /// When it was started.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Its result, once completed.
    pub output: Option<Payload>,
    /// Its failure, once failed, cancelled or terminated.
    pub failure: Option<Failure>,
    /// Where it says that it stands, if it says so.
    pub custom_status: Option<Payload>,
}

/// Why a workflow was not started.
#[derive(Clone, Debug, PartialEq)]
pub enum StartError {
    /// The id belongs to an instance that has not ended.
    AlreadyExists(Box<WorkflowInfo>),
    /// The host refused.
    Refused(Failure),
}

/// A time, as a guest says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So much later than the present turn began.
    After(Duration),
    /// At this time.
    At(Timestamp),
    /// As people write it.
    Text(String),
}

/// When a reminder or a timer is due, and what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name, unique among the actor's.
    pub name: String,
    /// Which method it runs.
    pub method: String,
    /// What the method takes.
    pub input: Payload,
    /// When it is due first.
    pub due: Moment,
    /// After how long it is due again.
    pub period: Option<Moment>,
    /// Later than this it is not due any more.
    pub ttl: Option<Moment>,
}

/// What becomes of times at which a reminder was due and did not fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// It fires once for all of them.
    #[default]
    Once,
    /// It does not fire for those at which the host was away.
    Skip,
    /// It fires for each of them.
    All,
}

/// When a reminder's failed method is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantRetry {
    /// After how long.
    pub interval: Duration,
    /// How often at most; none: until it works.
    pub max_retries: Option<u32>,
}

/// A reminder that is to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReminder {
    /// When it is due, and what it runs.
    pub alarm: Alarm,
    /// What becomes of times at which it did not fire.
    pub catch_up: CatchUp,
    /// When its failed method is run again; none: never.
    pub retry: Option<ConstantRetry>,
    /// Whether it may replace one of the same name.
    pub overwrite: bool,
}

/// What is known of a reminder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReminderInfo {
    /// Its name.
    pub name: String,
    /// Which method it runs.
    pub method: String,
    /// What the method takes.
    pub input: Payload,
    /// When it is due next.
    pub due: Timestamp,
    /// After how long it is due again, as a duration of ISO 8601.
    pub period: Option<String>,
    /// How often it is still due; none: without an end.
    pub left: Option<u32>,
    /// Later than this it is not due any more.
    pub ends: Option<Timestamp>,
}

/// Some of an actor's values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatePage {
    /// Keys and values, in the order of the keys.
    pub entries: Vec<(String, Payload)>,
    /// Behind which key the next page begins; none: this is the last.
    pub next: Option<String>,
}

/// A method to be run, and of which actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodCall {
    /// The actor's type.
    pub actor_type: String,
    /// The actor's id.
    pub actor_id: String,
    /// The method.
    pub method: String,
    /// What it takes.
    pub input: Payload,
}

/// How an actor is to be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// How long the answer is waited for; none: as long as the caller's own time lasts.
    pub timeout: Option<Duration>,
    /// Whether whoever is called may call the caller again before it answers.
    pub reentrant: bool,
}

/// What an actor's method asks for. An `Err(Interrupt)` ends the turn.
pub trait ActorImports: Send + 'static {
    /// Type and id of the actor.
    fn identity(&self) -> (String, String);

    /// The value under a key, with this turn's own writes applied.
    ///
    /// # Errors
    /// The turn must stop.
    fn get_state(&mut self, key: &str) -> Result<Option<Payload>, Interrupt>;

    /// Writes (`Some`) or deletes (`None`) the value under a key. With a `ttl`, it is there for so long.
    ///
    /// # Errors
    /// The turn must stop, for example because a limit is reached.
    fn set_state(
        &mut self,
        key: &str,
        value: Option<Payload>,
        ttl: Option<Duration>,
    ) -> Result<(), Interrupt>;

    /// Some of the values whose keys begin with `prefix` and lie behind `after`, with this turn's own
    /// writes applied.
    ///
    /// # Errors
    /// The turn must stop.
    fn list_state(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<StatePage, Interrupt>;

    /// Sets a reminder as part of this turn.
    ///
    /// # Errors
    /// The turn must stop; the inner one is the guest's.
    fn set_reminder(&mut self, reminder: NewReminder) -> Result<Result<(), Failure>, Interrupt>;

    /// Cancels a reminder as part of this turn; says whether there was one.
    ///
    /// # Errors
    /// The turn must stop.
    fn cancel_reminder(&mut self, name: &str) -> Result<bool, Interrupt>;

    /// A reminder, with this turn's own changes applied.
    ///
    /// # Errors
    /// The turn must stop.
    fn reminder(&mut self, name: &str) -> Result<Option<ReminderInfo>, Interrupt>;

    /// Some of the reminders behind the name `after`, with this turn's own changes applied.
    ///
    /// # Errors
    /// The turn must stop.
    fn reminders(
        &mut self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ReminderInfo>, Interrupt>;

    /// Sets a timer as part of this turn.
    ///
    /// # Errors
    /// The turn must stop; the inner one is the guest's.
    fn set_timer(&mut self, timer: Alarm) -> Result<Result<(), Failure>, Interrupt>;

    /// Cancels a timer as part of this turn; says whether there was one.
    ///
    /// # Errors
    /// The turn must stop.
    fn cancel_timer(&mut self, name: &str) -> Result<bool, Interrupt>;

    /// Calls another actor and waits for its answer.
    fn call(&mut self, call: MethodCall, options: CallOptions) -> BoxFuture<Outcome>;

    /// Sends an actor a message as part of this turn.
    ///
    /// # Errors
    /// The turn must stop, for example because a limit is reached.
    fn send(&mut self, call: MethodCall) -> Result<(), Interrupt>;

    /// Sends an actor a message that is delivered when it is due; returns its id.
    ///
    /// # Errors
    /// The turn must stop; the inner one is the guest's.
    fn send_later(
        &mut self,
        call: MethodCall,
        due: Moment,
    ) -> Result<Result<String, Failure>, Interrupt>;

    /// Takes back a message that is not due yet.
    ///
    /// # Errors
    /// The turn must stop; the inner one is the guest's.
    fn cancel_message(&mut self, id: &str) -> Result<Result<(), Failure>, Interrupt>;

    /// The actor leaves the memory after this turn.
    ///
    /// # Errors
    /// The turn must stop.
    fn deactivate(&mut self) -> Result<(), Interrupt>;

    /// Deletes the actor with all that it owns as part of this turn.
    ///
    /// # Errors
    /// The turn must stop.
    fn delete(&mut self) -> Result<(), Interrupt>;

    /// Publishes a value as part of this turn.
    ///
    /// # Errors
    /// The turn must stop, for example because a limit is reached.
    fn publish(&mut self, topic: String, value: Payload) -> Result<(), Interrupt>;

    /// Has a method run for each value that is published to a topic (`Some`), or no more (`None`).
    ///
    /// # Errors
    /// The turn must stop, for example because a limit is reached.
    fn subscribe(&mut self, topic: String, method: Option<String>) -> Result<(), Interrupt>;

    /// Starts a workflow as part of this turn and returns its id.
    fn start_workflow(
        &mut self,
        name: String,
        id: Option<String>,
        input: Payload,
    ) -> BoxFuture<Result<String, StartError>>;

    /// Looks up a workflow instance.
    fn get_workflow(&mut self, id: String) -> BoxFuture<Option<WorkflowInfo>>;

    /// Raises an event for a workflow instance as part of this turn.
    fn raise_event(
        &mut self,
        workflow_id: String,
        name: String,
        value: Payload,
    ) -> BoxFuture<Result<(), Failure>>;

    /// The time at which this turn began. It is WASI's wall clock too.
    fn now(&self) -> Timestamp;

    /// A log line, of the contract's `log` or of standard output or error.
    fn log(&mut self, level: LogLevel, message: String);
}

/// Which activity is running, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityInfo {
    /// The activity's name.
    pub name: String,
    /// The workflow instance that scheduled it.
    pub workflow_id: String,
    /// Counts from 1.
    pub attempt: u32,
    /// The same on every attempt.
    pub idempotency_key: String,
}

/// What an activity asks for.
pub trait ActivityImports: Send + 'static {
    /// Which activity is running.
    fn info(&self) -> ActivityInfo;

    /// The attempt is alive, and this is what it has done so far. Whether the activity was asked to stop.
    ///
    /// # Errors
    /// The attempt must stop, for example because a limit is reached.
    fn heartbeat(&mut self, details: Option<Payload>) -> Result<bool, Interrupt>;

    /// The details of the last heartbeat of the attempts before this one.
    fn last_heartbeat(&self) -> Option<Payload>;

    /// Calls an actor and waits for its answer.
    fn call_actor(&mut self, call: MethodCall, options: CallOptions) -> BoxFuture<Outcome>;

    /// Sends an actor a message.
    fn send(&mut self, call: MethodCall) -> BoxFuture<Result<(), Failure>>;

    /// Sends an actor a message that is delivered when it is due; returns its id.
    fn send_later(&mut self, call: MethodCall, due: Moment) -> BoxFuture<Result<String, Failure>>;

    /// Takes back a message that is not due yet.
    fn cancel_message(&mut self, id: String) -> BoxFuture<Result<(), Failure>>;

    /// Raises an event for a workflow instance.
    fn raise_event(
        &mut self,
        workflow_id: String,
        name: String,
        value: Payload,
    ) -> BoxFuture<Result<(), Failure>>;

    /// Publishes a value.
    fn publish(&mut self, topic: String, value: Payload) -> BoxFuture<Result<(), Failure>>;

    /// A log line, of the contract's `log` or of standard output or error.
    fn log(&mut self, level: LogLevel, message: String);
}

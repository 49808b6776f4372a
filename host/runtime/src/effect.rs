//! What follows from a turn once its batch is durable, as plain values.
//!
//! The parts of the runtime meet here and know nothing of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use host_base::{Digest, Entity, Failure, Outcome, Payload, Timestamp, WorkflowKey};
use host_engine::{ActivityOptions, Alarm, NewReminder, Plugin, Query, ReminderInfo, Update};
use host_store::records::{FailureRecord, Mail, Task};
use host_store::{TaskKey, TimerKey};
use tokio::sync::oneshot;

use crate::chain::Chain;
use crate::observer::Happening;
use crate::rehearsal::Rehearsal;
use crate::starts::StartPermit;
use crate::timers::Firing;

/// One consequence of a turn.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Answers whoever called and waits.
    Answer(oneshot::Sender<Outcome>, Outcome),
    /// A message lies in an entity's inbox under this number.
    Deliver(Entity, u64, Box<Mail>),
    /// Answers whoever asked a workflow to move.
    Moved(oneshot::Sender<Moved>, Box<Moved>),
    /// A workflow was started and waits for its first turn.
    Begin(WorkflowKey),
    /// An instance has begun to run on a component, and the store says so: it need not be held for it.
    Hold(Plugin),
    /// A timer was armed.
    Arm(TimerKey),
    /// An activity was scheduled.
    Run(Box<ActivityJob>),
    /// A workflow began, ended, stalled, was held or goes on: whoever waits for one of these looks again.
    Changed(WorkflowKey),
    /// Something may have been recorded of a workflow's history.
    Recorded(WorkflowKey),
    /// Something happened that may be told.
    Tell(Box<Happening>),
    /// An update of a workflow's run is applied, with that outcome.
    Applied(WorkflowKey, u32, String, Outcome),
    /// A workflow's run has ended, and its updates with it.
    Unapplied(WorkflowKey, u32),
    /// The start that the permit was for is durable.
    Release(StartPermit),
    /// The turn of that number is durable.
    Settle(Progress, u64),
    /// An activity's result is recorded and its task gone.
    LetGo(TaskKey),
    /// An activity was asked to stop; the store says so, too. Its end still comes.
    CancelActivity(TaskKey),
}

/// How far an entity's turns are; shared between the entity, whoever performs effects and whoever reads.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Marks>);

/// An entity at rest. Two that are alike say that it has taken no turn in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// In memory: which stay there, and which turn was the last one.
    After { stay: u64, turn: u64 },
    /// Not in memory: how many have come there that it may be one of.
    Away { came: u64 },
}

#[derive(Debug)]
struct Marks {
    stay: u64,
    begun: AtomicU64,
    settled: AtomicU64,
}

impl Progress {
    /// Of an entity that has come into memory; `stay` is a number that no other time has.
    pub(crate) fn of_stay(stay: u64) -> Progress {
        Progress(Arc::new(Marks {
            stay,
            begun: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }))
    }

    /// The turn of that number is about to be handed to the disk.
    pub(crate) fn begin(&self, turn: u64) {
        self.0.begun.store(turn, Ordering::Release);
    }

    /// All turns up to this number are durable.
    pub(crate) fn settle(&self, turn: u64) {
        self.0.settled.store(turn, Ordering::Release);
    }

    /// The last turn that is known to be durable.
    pub(crate) fn settled(&self) -> u64 {
        self.0.settled.load(Ordering::Acquire)
    }

    /// The last turn, where it is durable and no other is on its way to the disk.
    pub(crate) fn at_rest(&self) -> Option<Rest> {
        let begun = self.0.begun.load(Ordering::Acquire);
        let rest = Rest::After {
            stay: self.0.stay,
            turn: begun,
        };
        (self.settled() == begun).then_some(rest)
    }
}

/// A scheduled activity, with all that an attempt needs.
#[derive(Clone, Debug)]
pub(crate) struct ActivityJob {
    pub(crate) task: TaskKey,
    /// The event that scheduled it.
    pub(crate) event: u64,
    pub(crate) plugin: String,
    /// The component that its workflow runs on; empty: the one that stands for the plugin.
    pub(crate) component: Vec<u8>,
    pub(crate) name: String,
    pub(crate) input: Payload,
    /// What the workflow asked for; the rest comes from the manifest, then from the host.
    pub(crate) options: ActivityOptions,
    /// When it was scheduled.
    pub(crate) scheduled: Timestamp,
    /// The workflow run's random seed: makes idempotency keys that nobody else has.
    pub(crate) seed: Vec<u8>,
    pub(crate) failed_attempts: u32,
    /// When the next attempt is due, in milliseconds since the epoch; 0: at once.
    pub(crate) due_ms: u64,
    /// The details of the last heartbeat of the attempts that have failed.
    pub(crate) heartbeat: Option<Payload>,
    /// Why the last attempt failed, without its details.
    pub(crate) last_failure: Option<Failure>,
}

impl ActivityJob {
    /// What the store holds of it.
    pub(crate) fn task_row(&self) -> Task {
        Task {
            event: self.event,
            failed_attempts: self.failed_attempts,
            due_ms: self.due_ms,
            heartbeat: self.heartbeat.clone(),
            last_failure: self.last_failure.clone().map(FailureRecord::from),
        }
    }
}

/// What can be told to an entity.
#[derive(Debug)]
pub(crate) enum Message {
    /// A message of the inbox, with its number.
    Mail(u64, Box<Mail>),
    /// To an actor: a call whose caller waits.
    Call(Box<WaitingCall>),
    /// To an actor: something that is to be done to it without running its code.
    Order(Box<Order>),
    /// To an actor: one of its timers may be due.
    Tick,
    /// To a workflow: an activity's last attempt ended.
    Activity(Box<ActivityEnd>),
    /// To a workflow or an actor: a timer is due.
    Timer(Box<TimerKey>, Firing),
    /// To a workflow: go on with another component.
    Move(Box<Move>),
    /// To a workflow: something about it has changed, in the store or in what is deployed. Look there.
    Look,
    /// To a workflow: somebody asks its code, and waits.
    Ask(Box<Asked>),
    /// There is mail in the store that may not have been handled.
    Mailed,
}

/// A workflow is to go on with another component. The answer comes when that is durable.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) plugin: Plugin,
    /// Whether it is moved although its history says something else than the code.
    pub(crate) force: bool,
    pub(crate) answer: oneshot::Sender<Moved>,
}

/// What became of a move.
#[derive(Debug)]
pub(crate) struct Moved {
    /// None: the instance has ended.
    pub(crate) rehearsal: Option<Rehearsal>,
    pub(crate) moved: bool,
}

/// A call whose caller waits. If the caller goes away, the call is not made.
#[derive(Debug)]
pub(crate) struct WaitingCall {
    pub(crate) method: String,
    pub(crate) input: Payload,
    /// Under which key the answer is kept for a repeat.
    pub(crate) key: Option<Digest>,
    /// Who can be entered again by whoever is called.
    pub(crate) chain: Option<Chain>,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// Something that is to be done to an actor without running its code; whoever asked for it waits.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) what: Deed,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// What can be done to an actor without running its code. What comes of it is JSON.
#[derive(Debug)]
pub(crate) enum Deed {
    /// Writes values of its state, all or none.
    WriteState(Vec<StateChange>),
    /// Sets a reminder.
    SetReminder(NewReminder),
    /// Cancels the reminder of that name; answers whether there was one.
    CancelReminder(String),
    /// Sets a timer, which is there as long as the actor is in memory.
    SetTimer(Alarm),
    /// Cancels the timer of that name; answers whether there was one.
    CancelTimer(String),
    /// Tells its timers, in the order of their names.
    TellTimers(oneshot::Sender<Vec<ReminderInfo>>),
    /// Deletes it with all that it owns.
    Delete,
}

/// A value of an actor's state that is to be written, or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Under which key.
    pub key: String,
    /// The value; none: what is there is deleted.
    pub value: Option<Payload>,
    /// After how long the value is not there any more; none: it stays.
    pub ttl: Option<Duration>,
}

/// How an activity ended.
#[derive(Debug)]
pub(crate) struct ActivityEnd {
    pub(crate) task: TaskKey,
    pub(crate) outcome: Outcome,
    /// The keys of the calls that it made: nobody repeats them any more.
    pub(crate) replies: Vec<Digest>,
}

/// A query or an update whose caller waits. If the caller goes away before the code was asked, it is not.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// What is asked of a workflow's code while it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A question.
    Query(Query),
    /// A change.
    Update(Update),
}

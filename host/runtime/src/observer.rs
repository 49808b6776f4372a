//! What happens in the runtime, for those who watch: lines of plugins, retries, ends and stalls.
//!
//! Knows the facts; how they are shown is the observer's business.

use std::time::Duration;

use host_base::{ActorKey, Failure, Outcome, WorkflowKey};
use host_engine::{LogLevel, WorkflowStatus};
use host_store::records::Stall;

/// Who said a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// A workflow instance.
    Workflow(WorkflowKey),
    /// An actor.
    Actor(ActorKey),
    /// An activity.
    Activity {
        /// Its name.
        name: String,
        /// The workflow that scheduled it.
        workflow: WorkflowKey,
    },
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A plugin said a line. A workflow's and an actor's come once their turn is durable, and once; an
    /// activity's come at once, from every attempt.
    Said {
        /// Who.
        speaker: Speaker,
        /// How important it is.
        level: LogLevel,
        /// What.
        line: String,
    },
    /// An activity's attempt failed and another one follows.
    Retrying {
        /// The activity's name.
        activity: String,
        /// The workflow that scheduled it.
        workflow: WorkflowKey,
        /// Which attempt failed, from 1.
        attempt: u32,
        /// How many there may be.
        max_attempts: u32,
        /// After which wait the next one begins.
        wait: Duration,
        /// Why it failed.
        failure: Failure,
    },
    /// An actor's turn that nobody waits for failed.
    MessageFailed {
        /// Whose turn.
        actor: ActorKey,
        /// Which method.
        method: String,
        /// Why.
        failure: Failure,
    },
    /// A workflow ended.
    Ended {
        /// Which.
        workflow: WorkflowKey,
        /// As what.
        status: WorkflowStatus,
        /// With what.
        outcome: Outcome,
    },
    /// A workflow is held: nothing moves until it is resumed.
    Suspended {
        /// Which.
        workflow: WorkflowKey,
        /// Why, in the words of whoever asked.
        reason: String,
    },
    /// A workflow is held no longer.
    Resumed {
        /// Which.
        workflow: WorkflowKey,
    },
    /// A workflow's run has ended and the next one begins.
    ContinuedAsNew {
        /// Which.
        workflow: WorkflowKey,
        /// The run that begins.
        run: u32,
    },
    /// A workflow's history is long. At the limit, the workflow fails: it should continue as new before.
    HistoryLong {
        /// Which.
        workflow: WorkflowKey,
        /// Events in it.
        events: u64,
        /// How many there may be (`history_events_max`).
        events_max: u64,
    },
    /// A workflow cannot go on with its plugin's present component.
    Stalled {
        /// Which.
        workflow: WorkflowKey,
        /// Where code and history differ.
        stall: Stall,
    },
    /// The store takes no more changes: the host must be restarted.
    Closed {
        /// Why.
        reason: String,
    },
}

/// Is told what happens. Called from many tasks at once, and must not wait.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, happening: Happening);
}

/// Tells nobody.
pub(crate) struct Silent;

impl Observer for Silent {
    fn observe(&self, _: Happening) {}
}

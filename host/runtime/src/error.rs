//! What the runtime answers when it cannot do what it is asked, and who must act.

use host_base::Failure;
use host_engine::{EngineError, LoadError};
use host_store::records::Stall;
use host_store::{CommitError, OpenError, ReadError};

use crate::view::WorkflowView;

/// A runtime cannot be opened; the operator must act.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The data directory cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The data directory cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sandbox cannot be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The operating system gives no threads.
    #[error("start the runtime's threads: {0}")]
    Threads(std::io::Error),
}

/// The store failed under a running host. The operator must act.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It takes no changes.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A component was not deployed. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The file is no plugin that this host can run.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Another plugin of the tenant brings something of the same name.
    #[error(
        "deploy {file}: its {what} {name} is brought by plugin {owner} already; rename one of the two, or \
         give both components the same plugin name if one replaces the other"
    )]
    Taken {
        /// The file.
        file: String,
        /// A workflow or an actor type.
        what: &'static str,
        /// Its name.
        name: String,
        /// The plugin that has it.
        owner: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A plugin or a component was not taken away. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no such plugin, or no such component of it.
    #[error("no plugin or component {0} is deployed")]
    Unknown(String),
    /// Something needs it; the caller may end or delete that first.
    #[error("{what} is needed by {}: end or delete that first{}", by.join(", and by "), or_keep(*only_state))]
    Needed {
        /// The plugin or the component.
        what: String,
        /// What needs it, the first of each kind by name.
        by: Vec<String>,
        /// Whether that is nothing but actors' state.
        only_state: bool,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn or_keep(only_state: bool) -> &'static str {
    match only_state {
        true => ", or say that it is kept (keep_state), for whichever plugin brings the type next",
        false => "",
    }
}

impl From<ReadError> for RemoveError {
    fn from(error: ReadError) -> RemoveError {
        StoreError::from(error).into()
    }
}

impl From<CommitError> for RemoveError {
    fn from(error: CommitError) -> RemoveError {
        StoreError::from(error).into()
    }
}

/// A workflow was not moved to another component. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MoveError {
    /// There is no such instance.
    #[error("no workflow has the id {0}")]
    Unknown(String),
    /// It has ended.
    #[error("workflow {} is {} already", .0.key.id, .0.status_name())]
    Ended(Box<WorkflowView>),
    /// No component stands for its plugin.
    #[error("no plugin {0} is deployed")]
    NotDeployed(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A workflow's history was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// There is no such instance, or its history is gone.
    #[error("no workflow has the id {0}")]
    Unknown(String),
    /// Its component is not there.
    #[error("{0}")]
    Absent(String),
    /// The file is no plugin that this host can run.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A workflow was not cancelled, terminated, suspended, resumed or purged. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no instance of that id; the caller named another one.
    #[error("no workflow has the id {id}")]
    NotFound {
        /// The id.
        id: String,
    },
    /// It has ended; there is nothing left to do.
    #[error("workflow {} is {} already", .0.key.id, .0.status_name())]
    AlreadyEnded(Box<WorkflowView>),
    /// It has not ended; the caller may end it first.
    #[error("workflow {} has not ended: it is {}", .0.key.id, .0.status_name())]
    NotEnded(Box<WorkflowView>),
    /// It is not held.
    #[error("workflow {} is not suspended: it is {}", .0.key.id, .0.status_name())]
    NotSuspended(Box<WorkflowView>),
    /// It has too many messages waiting; the caller may try again.
    #[error("{0}")]
    Busy(Failure),
    /// The store failed; the operator must act.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A run was not begun again. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RerunError {
    /// There is no such instance, or its history is gone.
    #[error("no workflow has the id {0}")]
    Unknown(String),
    /// It has not ended.
    #[error("workflow {} is {}; only what has ended can be begun again", .0.key.id, .0.status_name())]
    NotEnded(Box<WorkflowView>),
    /// The new id belongs to an instance that has not ended.
    #[error("workflow {} already exists and is {}", .0.key.id, .0.status_name())]
    AlreadyExists(Box<WorkflowView>),
    /// The code that is deployed does not do what is copied.
    #[error("event {} of the history is {}, and the code asks for {}; choose an earlier event", .0.event, .0.history, .0.asked)]
    Differs(Box<Stall>),
    /// The host refused, for example because there is no such event.
    #[error("{0}")]
    Refused(Failure),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A workflow was not started.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// The id belongs to an instance that has not ended. Nothing was started.
    #[error("workflow {} already exists and is {}", .0.key.id, .0.status_name())]
    AlreadyExists(Box<WorkflowView>),
    /// The host refused, for example because no plugin has a workflow of that name.
    #[error("{0}")]
    Refused(Failure),
}

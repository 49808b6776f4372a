//! What a batch job does to one workflow, and what came of it.
//!
//! Knows nothing of pages. Whatever is done here can be done again.

use std::sync::Arc;
use std::time::Duration;

use host_base::failure::code;
use host_base::{Failure, WorkflowKey};
use host_store::records::{BatchDeed, EventRaised};

use crate::control::Purged;
use crate::core::Core;
use crate::dedup::What;
use crate::error::{ControlError, StoreError};
use crate::repeats;

/// How long one workflow may take for what it is asked: the others wait.
const DEED_TIME_MAX: Duration = Duration::from_secs(30);

/// What came of it.
pub(super) enum Came {
    /// It is done; of a purge, what went with it.
    Done(Purged),
    /// It could not be done to the workflow as it stands, or the workflow is gone.
    Skipped,
    /// The workflow has not ended and is not deleted.
    Left,
    /// It is not known that it is done.
    Failed(String),
}

pub(super) async fn apply(
    core: &Arc<Core>,
    job: &str,
    deed: &BatchDeed,
    key: &WorkflowKey,
) -> Result<Came, StoreError> {
    let Ok(done) = tokio::time::timeout(DEED_TIME_MAX, perform(core, job, deed, key)).await else {
        let text = format!("it was asked, and was not so far after {DEED_TIME_MAX:?}");
        return Ok(Came::Failed(text));
    };
    match done {
        Ok(purged) => Ok(Came::Done(purged)),
        Err(ControlError::NotEnded(_)) => Ok(Came::Left),
        Err(
            ControlError::NotFound { .. }
            | ControlError::AlreadyEnded(_)
            | ControlError::NotSuspended(_),
        ) => Ok(Came::Skipped),
        Err(ControlError::Busy(failure)) => Ok(of_failure(&failure)),
        Err(ControlError::Store(error)) => Err(error),
    }
}

async fn perform(
    core: &Arc<Core>,
    job: &str,
    deed: &BatchDeed,
    key: &WorkflowKey,
) -> Result<Purged, ControlError> {
    match deed {
        BatchDeed::Cancel(why) => core.cancel(key, &why.reason).await.map(drop),
        BatchDeed::Terminate(why) => core.terminate(key, &why.reason).await.map(drop),
        BatchDeed::Suspend(why) => core.suspend(key, &why.reason).await.map(drop),
        BatchDeed::Resume(_) => core.resume(key).await.map(drop),
        BatchDeed::Raise(event) => raise(core, job, event, key)
            .await
            .map_err(ControlError::Busy),
        BatchDeed::Purge(how) => return core.purge(key, how.force).await,
    }?;
    Ok(Purged::default())
}

/// Once for each job, however often it comes to this workflow.
async fn raise(
    core: &Arc<Core>,
    job: &str,
    event: &EventRaised,
    key: &WorkflowKey,
) -> Result<(), Failure> {
    let target = repeats::target_of(&key.tenant, "workflow event", &key.id)?;
    let cause = format!("batch {job}");
    let once = repeats::digest(What::Raise, &target, &event.name, &event.value, &cause);
    core.raise_once(key, event.clone(), Some(once)).await
}

fn of_failure(failure: &Failure) -> Came {
    match failure.code.as_str() {
        code::NOT_FOUND | code::ALREADY_ENDED => Came::Skipped,
        _ => Came::Failed(failure.to_string()),
    }
}

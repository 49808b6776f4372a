//! How long a request waits for an end: of a workflow, of a batch.
//!
//! Knows nothing of what is answered then.

use std::time::Duration;

use host_base::WorkflowKey;
use host_runtime::WorkflowView;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Api;
use crate::v1::extract::length;
use crate::v1::problem::Problem;

/// Longest time that a request waits.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Patience {
    /// How long to wait for the end, such as `30s` or `PT30S`; one minute at most. Default: not at all.
    wait: Option<String>,
}

impl Patience {
    /// The time that was said; none where nothing was.
    pub(super) fn limit(&self) -> Result<Option<Duration>, Problem> {
        self.wait.as_deref().map(read).transpose()
    }
}

/// The workflow as soon as it has ended, stalls or is suspended; none where it does not in time or before the host
/// stops, or is not there.
pub(super) async fn ended(
    api: &Api,
    key: &WorkflowKey,
    limit: Option<Duration>,
) -> Result<Option<WorkflowView>, Problem> {
    let waited = in_time(api, limit, api.runtime.wait_for_workflow(key)).await;
    Ok(waited.transpose()?.flatten())
}

/// What is waited for; none where it does not come in time or before the host stops.
pub(super) async fn in_time<T>(
    api: &Api,
    limit: Option<Duration>,
    waiting: impl Future<Output = T>,
) -> Option<T> {
    let waiting = tokio::time::timeout(limit?, waiting);
    tokio::select! {
        waited = waiting => waited.ok(),
        () = api.stopping() => None,
    }
}

fn read(text: &str) -> Result<Duration, Problem> {
    let wait = length("wait", text)?;
    if wait > WAIT_MAX {
        let max = WAIT_MAX.as_secs();
        return Err(Problem::bad_input(format!(
            "wait is {text}, and may be {max} s: ask again"
        )));
    }
    Ok(wait)
}

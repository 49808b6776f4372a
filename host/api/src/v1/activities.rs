//! `activities`: those of all workflows that have not ended.
//!
//! Reads; what drives them is their workflow.

use axum::response::{IntoResponse, Response};
use host_base::WorkflowKey;
use host_runtime::Runtime;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Query;
use super::paging::{Page, PageOptions};
use super::problem::Problem;
use crate::json::{ActivityUnderWayLine, Raw};
use crate::{Api, Shared};

/// A page of activities: by workflow, run and handle.
#[derive(Serialize, ToSchema)]
struct Activities {
    #[schema(value_type = Vec<ActivityUnderWayLine<'static>>)]
    activities: Vec<Raw>,
    /// Where the next page begins; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists activities that have not ended
///
/// Those that run, wait for their turn, or wait to be tried again.
#[utoipa::path(
    get,
    path = "/activities",
    operation_id = "list_activities",
    tag = "activities",
    params(PageOptions),
    responses((status = 200, description = "A page of activities.", body = Activities))
)]
async fn list(api: Api, Query(options): Query<PageOptions>) -> Result<Response, Problem> {
    let mut page = Page::new(options.limit)?;
    let mut after = start(&api, options.cursor.as_deref())?;
    let mut more = true;
    while more && !page.is_full() {
        let wanted = page.wanted();
        let found = api.runtime.activities(after.clone(), wanted)?;
        more = found.len() == wanted;
        for one in found {
            page.put(&ActivityUnderWayLine::new(&one));
            after = (one.workflow, one.run, one.activity.handle);
        }
    }
    let (WorkflowKey { id, .. }, run, handle) = after;
    let next_cursor = more.then(|| format!("{run}:{handle}:{id}"));
    let activities = page.entries;
    let listed = Activities {
        activities,
        next_cursor,
    };
    Ok(axum::Json(listed).into_response())
}

/// Behind which activity the page begins.
fn start(api: &Api, cursor: Option<&str>) -> Result<(WorkflowKey, u32, u32), Problem> {
    let Some(cursor) = cursor else {
        return Ok(Runtime::before_all_activities(api.tenant()));
    };
    let parts = cursor.split_once(':').and_then(|(run, rest)| {
        let (handle, id) = rest.split_once(':')?;
        Some((run.parse().ok()?, handle.parse().ok()?, id))
    });
    let wrong = || Problem::bad_input("cursor must be the next_cursor of a page of this list");
    let (run, handle, id): (u32, u32, &str) = parts.ok_or_else(wrong)?;
    Ok((api.workflow_key(id.to_owned())?, run, handle))
}

//! Reads workflows: lists, one with all that is known of it, histories, results.
//!
//! Owns how lists are paged; every page is as of its own moment.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host_base::{Search, WorkflowKey};
use host_runtime::{WorkflowFilter, WorkflowView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{One, key_of};
use crate::Api;
use crate::json::{EventLine, Raw, Report, Status};
use crate::v1::extract::{Path, Query, moment};
use crate::v1::paging::Page;
use crate::v1::patience::{self, Patience};
use crate::v1::problem::{Kind, Problem};

/// Workflows that are looked at for one page where few fit.
const LOOKED_AT_MAX: usize = 10_000;

/// Which workflows.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListOptions {
    /// Only those that stand there.
    #[param(inline)]
    status: Option<Status>,
    /// Only those of the workflow of this name.
    name: Option<String>,
    /// Only those whose attributes fit all these conditions, such as `customer = ada and total >= 10`: each is a
    /// name, one of `=`, `!=`, `<`, `<=`, `>`, `>=` and `^=` (begins with), and a value. A value is a number, `true` or
    /// `false`, a time such as `2030-01-31T12:00:00Z`, or else a text; in double quotes it is always a text. Who has no
    /// such attribute, or has it as another type, fits no condition on it.
    r#where: Option<String>,
    /// Only those that were started then or later (RFC 3339).
    #[param(format = DateTime)]
    created_from: Option<String>,
    /// Only those that were started earlier (RFC 3339).
    #[param(format = DateTime)]
    created_until: Option<String>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of workflows, in the order of their ids.
#[derive(Serialize, ToSchema)]
#[schema(as = Workflows)]
pub(super) struct Listed<'a> {
    #[schema(value_type = Vec<Report<'a>>)]
    workflows: Vec<Raw>,
    /// Where the next page begins; absent at the end of the list. A page may be short, or empty, and not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

/// Which events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryOptions {
    /// Which run of the id. Default: the latest.
    run: Option<u32>,
    /// The number of the first event. Default 0.
    from: Option<u64>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of a run's history.
#[derive(Serialize, ToSchema)]
pub(super) struct History {
    run: u32,
    #[schema(value_type = Vec<EventLine<'static>>)]
    events: Vec<Raw>,
    /// The number from which the next page begins; absent where there are no more events yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_from: Option<u64>,
}

/// Lists workflows
///
/// In the order of their ids. Whoever follows `next_cursor` sees each workflow once that is there all the while.
#[utoipa::path(
    get,
    path = "/workflows",
    operation_id = "list_workflows",
    tag = "workflows",
    params(ListOptions),
    responses((status = 200, description = "A page of workflows.", body = Listed<'static>))
)]
pub(super) async fn list(
    api: Api,
    Query(options): Query<ListOptions>,
) -> Result<Response, Problem> {
    let bound =
        |name, text: &Option<String>| text.as_deref().map(|text| moment(name, text)).transpose();
    let from = bound("created_from", &options.created_from)?.unwrap_or_default();
    let until = bound("created_until", &options.created_until)?;
    let filter = WorkflowFilter {
        status: options.status.map(Into::into),
        name: options.name,
    };
    let wanted = options.r#where.as_deref().map(str::parse);
    let wanted: Search = wanted.transpose()?.unwrap_or_default();
    let fits = |view: &WorkflowView| {
        view.created >= from
            && until.is_none_or(|until| view.created < until)
            && wanted.fits(&view.attributes)
    };
    let mut page = Page::new(options.limit)?;
    let next = search(&api, &filter, options.cursor, &mut page, fits)?;
    let listed = Listed {
        workflows: page.entries,
        next_cursor: next.as_deref(),
    };
    Ok(axum::Json(listed).into_response())
}

/// Fills the page with those that fit; the id of the last one that was looked at if there may be more behind it.
fn search(
    api: &Api,
    filter: &WorkflowFilter,
    mut after: Option<String>,
    page: &mut Page,
    fits: impl Fn(&WorkflowView) -> bool,
) -> Result<Option<String>, Problem> {
    let mut looked_at = 0;
    while !page.is_full() && looked_at < LOOKED_AT_MAX {
        let wanted = page.wanted();
        let views = api
            .runtime
            .workflows(api.tenant(), filter, after.as_deref(), wanted)?;
        let is_last = views.len() < wanted;
        looked_at += views.len();
        for view in views {
            if page.is_full() {
                return Ok(after);
            }
            if fits(&view) {
                page.put(&Report::new(&view));
            }
            after = Some(view.key.id);
        }
        if is_last {
            return Ok(None);
        }
    }
    Ok(after)
}

/// Shows a workflow
///
/// With what it was started with, how it ended, and its activities that have not.
#[utoipa::path(
    get,
    path = "/workflows/{id}",
    operation_id = "get_workflow",
    tag = "workflows",
    params(One),
    responses((status = 200, description = "The workflow.", body = Report<'static>))
)]
pub(super) async fn describe(api: Api, Path(One { id }): Path<One>) -> Result<Response, Problem> {
    let view = known(&api, &key_of(&api, id)?)?;
    let input = api.runtime.workflow_input(&view)?;
    let activities = api.runtime.pending_activities(&view.key, view.run)?;
    let report = Report::new(&view).with_input(input.as_ref());
    Ok(axum::Json(report.with_activities(&activities)).into_response())
}

/// Shows a workflow's history
///
/// Page by page, from the event of a number on.
#[utoipa::path(
    get,
    path = "/workflows/{id}/history",
    operation_id = "get_workflow_history",
    tag = "workflows",
    params(One, HistoryOptions),
    responses((status = 200, description = "A page of events.", body = History))
)]
pub(super) async fn history(
    api: Api,
    Path(One { id }): Path<One>,
    Query(options): Query<HistoryOptions>,
) -> Result<Response, Problem> {
    let view = known(&api, &key_of(&api, id)?)?;
    let run = options.run.unwrap_or(view.run);
    let mut page = Page::new(options.limit)?;
    let mut next = options.from.unwrap_or(0);
    let more = fill(&api, &view.key, run, &mut next, &mut page)?;
    if next == 0 {
        let (id, latest) = (&view.key.id, view.run);
        let text = format!("workflow {id} has no history of run {run}; the latest run is {latest}");
        return Err(Problem::new(Kind::NotFound, text));
    }
    let history = History {
        run,
        events: page.entries,
        next_from: more.then_some(next),
    };
    Ok(axum::Json(history).into_response())
}

/// Fills the page with events from number `next` on, which is then that behind the last one. Says whether there
/// may be more.
fn fill(
    api: &Api,
    key: &WorkflowKey,
    run: u32,
    next: &mut u64,
    page: &mut Page,
) -> Result<bool, Problem> {
    while !page.is_full() {
        let wanted = page.wanted();
        let events = api.runtime.history(key, run, *next, wanted)?;
        for (number, event) in &events {
            if page.is_full() {
                return Ok(true);
            }
            page.put(&EventLine::new(*number, event));
            *next = number + 1;
        }
        if events.len() < wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits for a workflow's end
///
/// Answers as soon as it has ended, stalls or is suspended, or else when the time is over.
#[utoipa::path(
    get,
    path = "/workflows/{id}/result",
    operation_id = "get_workflow_result",
    tag = "workflows",
    params(One, Patience),
    responses(
        (status = 200, description = "It has ended: `output` or `failure` says with what.", body = Report<'static>),
        (status = 202, description = "It has not ended; `status` says where it stands.", body = Report<'static>)
    )
)]
pub(super) async fn result(
    api: Api,
    Path(One { id }): Path<One>,
    Query(patience): Query<Patience>,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let view = patience::ended(&api, &key, patience.limit()?).await?;
    let view = view.map_or_else(|| known(&api, &key), Ok)?;
    let status = if view.has_ended() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, axum::Json(Report::new(&view))).into_response())
}

pub(super) fn known(api: &Api, key: &WorkflowKey) -> Result<WorkflowView, Problem> {
    let view = api.runtime.workflow(key)?;
    view.ok_or_else(|| Problem::unknown_workflow(&key.id))
}

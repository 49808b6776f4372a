//! Starts workflows: one, many at once, or a run that has ended once more.
//!
//! Extracts, calls, converts; what makes a start happen once is the runtime's business.

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use futures_util::future;
use host_base::{Limits, Payload};
use host_runtime::{self as runtime, Begun, IdReuse, Moment, Rerun};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{One, key_of};
use crate::json::{self, AttributeLines, Raw, Report};
use crate::v1::PREFIX;
use crate::v1::extract::{IdempotencyKey, Json, Path, Query};
use crate::v1::patience::{self, Patience};
use crate::v1::problem::{self, Problem};
use crate::{Api, Shared};

/// Workflows that one request may start.
const MANY_MAX: usize = 1_000;
/// The bytes of such a request, as a multiple of those that one payload may have.
const MANY_PAYLOADS: usize = 16;

/// What is to be started.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartWorkflow)]
pub(super) struct Start {
    /// The name of what is to run, as a plugin brings it.
    workflow: String,
    // The schema sets it no bounds: one of many that cannot be started does not keep the others from it.
    /// The new instance's id, of 1 to 512 bytes. Default: the host makes one.
    id: Option<String>,
    /// What it is started with. Default: `null`.
    #[schema(value_type = Raw, required = false)]
    input: Option<Raw>,
    /// By what it is found, until it says something else: 32 at most where nothing else is configured. A name has 1
    /// to 64 bytes. Default: none.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, crate::json::AttributeLine>, required = false)]
    attributes: AttributeLines,
    /// When it begins: a time such as `2030-01-31T12:00:00Z`, or after how long, such as `PT1H30M` or `1h30m`. It is
    /// there until then, and `pending`. Default, and where that is over: at once.
    start_at: Option<String>,
    /// Whether the id may be one that another workflow has had. Default: `ended`.
    #[serde(default)]
    #[schema(required = false)]
    id_reuse: IdReusePolicy,
}

/// Whether a workflow may have the id of another one, which must have ended.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IdReuse)]
enum IdReusePolicy {
    /// It may, and takes its place.
    #[default]
    Ended,
    /// Only of one that is deleted.
    Deleted,
    /// It may not, as far as it is still known that there was one.
    Never,
}

impl From<IdReusePolicy> for IdReuse {
    fn from(policy: IdReusePolicy) -> IdReuse {
        match policy {
            IdReusePolicy::Ended => IdReuse::Ended,
            IdReusePolicy::Deleted => IdReuse::Deleted,
            IdReusePolicy::Never => IdReuse::Never,
        }
    }
}

/// Workflows that are to be started.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartWorkflows)]
pub(super) struct StartMany {
    /// Each of them, 1,000 at most.
    #[schema(max_items = 1000)]
    workflows: Vec<Start>,
}

/// What came of each start, in the order in which they were asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkflowsStarted)]
struct ManyStarted<'a> {
    results: Vec<OneStarted<'a>>,
}

/// The workflow, or why it was not started.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WorkflowStarted)]
enum OneStarted<'a> {
    Workflow(Box<Report<'a>>),
    Problem(problem::Body<'a>),
}

/// From where and with which changes a run is to be begun again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RerunWorkflow)]
pub(super) struct Again {
    /// The number of the last event that is copied: the start (0), a result, or an event that was raised.
    from: u64,
    /// Which run of the id. Default: the latest.
    run: Option<u32>,
    /// The input instead of the one that it had.
    #[schema(value_type = Raw, required = false)]
    input: Option<Raw>,
    /// The result instead of the one that the event holds; of an event that was raised, its value.
    #[schema(value_type = Raw, required = false)]
    result: Option<Raw>,
    /// The new instance's id. Default: the host makes one.
    #[schema(min_length = 1, max_length = 512)]
    id: Option<String>,
}

/// The route that takes larger bodies than the others.
pub(super) fn many(limits: &Limits) -> OpenApiRouter<Shared> {
    let bytes = limits.payload_bytes_max.saturating_mul(MANY_PAYLOADS);
    OpenApiRouter::new()
        .routes(routes!(start_many))
        .layer(DefaultBodyLimit::max(bytes))
}

/// Starts a workflow
///
/// It is durable when this is answered. An id that belongs to an instance which has not ended is refused. With
/// `wait`, it is answered when the workflow has ended, stalls or is suspended, or else when the time is over.
#[utoipa::path(
    post,
    path = "/workflows",
    operation_id = "start_workflow",
    tag = "workflows",
    params(Patience, IdempotencyKey),
    request_body = Start,
    responses(
        (status = 201, description = "It is started.", body = Report<'static>,
            headers(("Location" = String, description = "Where it can be read."))),
        (status = 200, description = "An earlier request of the same Idempotency-Key has started it.",
            body = Report<'static>)
    )
)]
pub(super) async fn start(
    api: Api,
    Query(patience): Query<Patience>,
    key: IdempotencyKey,
    Json(start): Json<Start>,
) -> Result<Response, Problem> {
    let limit = patience.limit()?;
    let mut started = begin(&api, start, key.get()).await?;
    let (Begun::Now(view) | Begun::Before(view)) = &mut started;
    if let Some(ended) = patience::ended(&api, &view.key, limit).await? {
        *view = ended;
    }
    Ok(begun(&started))
}

/// Starts many workflows
///
/// Each is started by itself: some may be refused and the others are not. With an Idempotency-Key, a repeat
/// starts only those that an earlier request has not.
#[utoipa::path(
    post,
    path = "/batches/start",
    operation_id = "start_workflows",
    tag = "workflows",
    params(IdempotencyKey),
    request_body = StartMany,
    responses((status = 200, description = "What came of each.", body = ManyStarted<'static>))
)]
async fn start_many(
    api: Api,
    key: IdempotencyKey,
    Json(StartMany { workflows }): Json<StartMany>,
) -> Result<Response, Problem> {
    let number = workflows.len();
    if number > MANY_MAX {
        let text = format!(
            "{number} workflows are to be started, and {MANY_MAX} may be at once: send them in parts"
        );
        return Err(Problem::bad_input(text));
    }
    let starts = workflows.into_iter().enumerate().map(|(place, start)| {
        let key = key.get().map(|key| format!("{key} {place}"));
        let api = &api;
        async move { begin(api, start, key.as_deref()).await }
    });
    let begun = future::join_all(starts).await;
    let results = begun.iter().map(|begun| match begun {
        Ok(begun) => OneStarted::Workflow(Box::new(report(begun))),
        Err(problem) => OneStarted::Problem(problem.body()),
    });
    let results = results.collect();
    Ok(axum::Json(ManyStarted { results }).into_response())
}

/// Begins a run that has ended again
///
/// What was recorded up to an event is copied, under another id, and all that follows is done anew.
#[utoipa::path(
    post,
    path = "/workflows/{id}/rerun",
    operation_id = "rerun_workflow",
    tag = "workflows",
    params(One, IdempotencyKey),
    request_body = Again,
    responses(
        (status = 201, description = "The new run has begun.", body = Report<'static>,
            headers(("Location" = String, description = "Where it can be read."))),
        (status = 200, description = "An earlier request of the same Idempotency-Key has begun it.",
            body = Report<'static>)
    )
)]
pub(super) async fn rerun(
    api: Api,
    Path(One { id }): Path<One>,
    key: IdempotencyKey,
    Json(again): Json<Again>,
) -> Result<Response, Problem> {
    let source = key_of(&api, id)?;
    let rerun = Rerun {
        run: again.run,
        from: again.from,
        input: again.input.as_ref().map(Raw::payload),
        result: again.result.as_ref().map(|result| Ok(result.payload())),
        id: again.id,
    };
    let begun_again = match key.get() {
        Some(key) => api.runtime.rerun_once(&source, rerun, key).await?,
        None => Begun::Now(api.runtime.rerun(&source, rerun).await?),
    };
    Ok(begun(&begun_again))
}

async fn begin(api: &Api, start: Start, key: Option<&str>) -> Result<Begun, Problem> {
    api.check_workflow_name(&start.workflow)?;
    let start = runtime::Start {
        input: start.input.as_ref().map_or_else(Payload::new, Raw::payload),
        name: start.workflow,
        id: start.id,
        attributes: json::read_attributes(start.attributes)?,
        at: start.start_at.map(Moment::Text),
        id_reuse: start.id_reuse.into(),
    };
    let (runtime, tenant) = (&api.runtime, api.tenant());
    Ok(match key {
        Some(key) => runtime.start_workflow_once(tenant, start, key).await?,
        None => Begun::Now(runtime.start_workflow_with(tenant, start).await?),
    })
}

fn begun(begun: &Begun) -> Response {
    let body = axum::Json(report(begun));
    match begun {
        Begun::Now(view) => {
            let id = utf8_percent_encode(&view.key.id, NON_ALPHANUMERIC);
            let place = format!("{PREFIX}/workflows/{id}");
            (StatusCode::CREATED, [(LOCATION, place)], body).into_response()
        }
        Begun::Before(_) => body.into_response(),
    }
}

fn report(begun: &Begun) -> Report<'_> {
    match begun {
        Begun::Now(view) => Report::new(view),
        Begun::Before(view) => Report::new(view).already_done(),
    }
}

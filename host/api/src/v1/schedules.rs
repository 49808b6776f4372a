//! `schedules`: create, list, pause, resume, trigger, backfill, delete.
//!
//! Extracts, calls, converts; when they are due is the runtime's business.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host_base::Payload;
use host_runtime::ScheduleView;
use host_runtime::records::{self, ScheduleTarget, ScheduledCall, ScheduledWorkflow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{IdempotencyKey, Json, Path, Query, length, moment};
use super::paging::{Page, PageOptions};
use super::problem::Problem;
use crate::json::{FiredReport, OverlapPolicy, Raw, SCHEDULED_ID_DEFAULT, ScheduleLine};
use crate::{Api, Shared};

/// Times of a schedule that are shown ahead.
const UPCOMING: usize = 5;
/// How long ago a time may have passed that is made up for, where nothing is said.
const CATCH_UP_DEFAULT: &str = "1h";
const ZONE_DEFAULT: &str = "UTC";

/// One schedule.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct One {
    /// The schedule's name.
    #[param(max_length = 512)]
    name: String,
}

/// What becomes of a schedule of the same name.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CreateOptions {
    /// Whether one of another definition is replaced; it keeps its past. Default: false.
    replace: Option<bool>,
}

/// When and what. Either `cron` or `every`, and either `workflow` or `actor`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateSchedule)]
struct Definition {
    /// Minute, hour, day of the month, month, day of the week, with seconds before them if you like; or
    /// `@hourly`, `@daily`, `@weekly`.
    cron: Option<String>,
    /// The time zone in which the expression is read. Default: UTC.
    zone: Option<String>,
    /// After how long again, such as `90s` or `PT1H30M`; counted from `from`, or else from now.
    every: Option<String>,
    /// Earlier than this it is not due (RFC 3339).
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Later than this it is not due any more (RFC 3339).
    #[schema(format = DateTime)]
    until: Option<String>,
    /// The workflow that it starts.
    workflow: Option<StartAtTimes>,
    /// The actor that it calls.
    actor: Option<CallAtTimes>,
    /// What the workflow or the method takes. Default: `null`.
    #[schema(value_type = Raw, required = false)]
    input: Option<Raw>,
    /// Default: `skip`.
    overlap: Option<OverlapPolicy>,
    /// How many times may wait, where `overlap` is `queue`. Default 1.
    #[schema(minimum = 1, maximum = 1000)]
    queue: Option<u32>,
    /// Times are made up for that passed no longer ago while no host ran. Default: `1h`.
    catch_up: Option<String>,
    /// Each time is put off by up to so much. Default: not at all.
    jitter: Option<String>,
}

/// A workflow that is started at each time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartAtTimes {
    /// The name of what is to run.
    name: String,
    /// The instance's id; `{schedule}` and `{time}` stand for the schedule's name and the time that is met.
    /// Default: `{schedule}-{time}`.
    id: Option<String>,
}

/// An actor that is called at each time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CallAtTimes {
    actor_type: String,
    actor_id: String,
    method: String,
}

/// Which times are made up for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Backfill {
    /// The first one that may be (RFC 3339).
    #[schema(format = DateTime)]
    from: String,
    /// The last one that may be (RFC 3339).
    #[schema(format = DateTime)]
    to: String,
}

/// A page of schedules, in the order of their names.
#[derive(Serialize, ToSchema)]
struct Schedules {
    #[schema(value_type = Vec<ScheduleLine<'static>>)]
    schedules: Vec<Raw>,
    /// Where the next page begins; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, create, delete))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(trigger))
        .routes(routes!(backfill))
}

/// Creates a schedule
///
/// One of the same name and definition is left as it is, so that this can be repeated.
#[utoipa::path(
    put,
    path = "/schedules/{name}",
    operation_id = "create_schedule",
    tag = "schedules",
    params(One, CreateOptions),
    request_body = Definition,
    responses((status = 200, description = "It is there.", body = ScheduleLine<'static>))
)]
async fn create(
    api: Api,
    Path(One { name }): Path<One>,
    Query(CreateOptions { replace }): Query<CreateOptions>,
    Json(definition): Json<Definition>,
) -> Result<Response, Problem> {
    let schedule = definition.schedule()?;
    let (runtime, replace) = (&api.runtime, replace.unwrap_or(false));
    runtime
        .create_schedule(api.tenant(), &name, schedule, replace)
        .await?;
    shown(&api, &name)
}

impl Definition {
    fn schedule(self) -> Result<records::Schedule, Problem> {
        let input = self.input.as_ref().map_or_else(Payload::new, Raw::payload);
        let target = target(self.workflow, self.actor)?;
        let bound = |name, text: Option<String>| text.map(|text| moment(name, &text)).transpose();
        let cron = self.cron.unwrap_or_default();
        let zone = self.zone.unwrap_or_else(|| ZONE_DEFAULT.to_owned());
        let catch_up = self.catch_up.as_deref().unwrap_or(CATCH_UP_DEFAULT);
        let overlap = records::Overlap::from(self.overlap.unwrap_or_default());
        Ok(records::Schedule {
            from_ms: bound("from", self.from)?.unwrap_or_default().0,
            until_ms: bound("until", self.until)?.unwrap_or_default().0,
            zone: if cron.is_empty() { String::new() } else { zone },
            cron,
            interval_ms: millis("every", self.every.as_deref())?,
            target: Some(target),
            input,
            overlap: overlap.into(),
            queue_max: self.queue.unwrap_or(1),
            catch_up_ms: millis("catch_up", Some(catch_up))?,
            jitter_ms: millis("jitter", self.jitter.as_deref())?,
            ..records::Schedule::default()
        })
    }
}

fn target(
    workflow: Option<StartAtTimes>,
    actor: Option<CallAtTimes>,
) -> Result<ScheduleTarget, Problem> {
    match (workflow, actor) {
        (Some(StartAtTimes { name, id }), None) => {
            let id = id.unwrap_or_else(|| SCHEDULED_ID_DEFAULT.to_owned());
            Ok(ScheduleTarget::Workflow(ScheduledWorkflow { name, id }))
        }
        (None, Some(call)) => Ok(ScheduleTarget::Actor(ScheduledCall {
            actor_type: call.actor_type,
            actor_id: call.actor_id,
            method: call.method,
        })),
        _ => Err(Problem::bad_input(
            "say what it does: either workflow or actor",
        )),
    }
}

fn millis(name: &str, text: Option<&str>) -> Result<u64, Problem> {
    let length = text.map(|text| length(name, text)).transpose()?;
    let millis = length.unwrap_or_default().as_millis();
    Ok(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Lists schedules
#[utoipa::path(
    get,
    path = "/schedules",
    operation_id = "list_schedules",
    tag = "schedules",
    params(PageOptions),
    responses((status = 200, description = "A page of schedules.", body = Schedules))
)]
async fn list(api: Api, Query(options): Query<PageOptions>) -> Result<Response, Problem> {
    let mut page = Page::new(options.limit)?;
    let schedules = api.runtime.schedules(api.tenant())?;
    let mut last = None;
    let mut behind = schedules
        .iter()
        .filter(|one| options.cursor.as_ref() < Some(&one.name));
    let full = behind.any(|one| {
        if page.is_full() {
            return true;
        }
        page.put(&ScheduleLine::new(one));
        last = Some(one.name.clone());
        false
    });
    let listed = Schedules {
        schedules: page.entries,
        next_cursor: last.filter(|_| full),
    };
    Ok(axum::Json(listed).into_response())
}

/// Shows a schedule
///
/// With its next five times.
#[utoipa::path(
    get,
    path = "/schedules/{name}",
    operation_id = "get_schedule",
    tag = "schedules",
    params(One),
    responses((status = 200, description = "The schedule.", body = ScheduleLine<'static>))
)]
async fn read(api: Api, Path(One { name }): Path<One>) -> Result<Response, Problem> {
    shown(&api, &name)
}

fn shown(api: &Api, name: &str) -> Result<Response, Problem> {
    let view: Option<ScheduleView> = api.runtime.schedule(api.tenant(), name, UPCOMING)?;
    let view = view.ok_or_else(|| Problem::unknown("schedule has the name", name, "/schedules"))?;
    Ok(axum::Json(ScheduleLine::new(&view)).into_response())
}

/// Deletes a schedule
///
/// What it has started goes on.
#[utoipa::path(
    delete,
    path = "/schedules/{name}",
    operation_id = "delete_schedule",
    tag = "schedules",
    params(One),
    responses((status = 204, description = "It is deleted."))
)]
async fn delete(api: Api, Path(One { name }): Path<One>) -> Result<StatusCode, Problem> {
    api.runtime.delete_schedule(api.tenant(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has nothing done at a schedule's times until it is resumed
#[utoipa::path(
    post,
    path = "/schedules/{name}/pause",
    operation_id = "pause_schedule",
    tag = "schedules",
    params(One),
    responses((status = 200, description = "It is paused.", body = ScheduleLine<'static>))
)]
async fn pause(api: Api, Path(One { name }): Path<One>) -> Result<Response, Problem> {
    api.runtime.pause_schedule(api.tenant(), &name).await?;
    shown(&api, &name)
}

/// Goes on with a schedule from now
///
/// Times at which it was paused are not made up for.
#[utoipa::path(
    post,
    path = "/schedules/{name}/resume",
    operation_id = "resume_schedule",
    tag = "schedules",
    params(One),
    responses((status = 200, description = "It goes on.", body = ScheduleLine<'static>))
)]
async fn resume(api: Api, Path(One { name }): Path<One>) -> Result<Response, Problem> {
    api.runtime.resume_schedule(api.tenant(), &name).await?;
    shown(&api, &name)
}

/// Does now what a schedule does at its times
#[utoipa::path(
    post,
    path = "/schedules/{name}/trigger",
    operation_id = "trigger_schedule",
    tag = "schedules",
    params(One, IdempotencyKey),
    responses((status = 200, description = "What came of it.", body = FiredReport))
)]
async fn trigger(
    api: Api,
    Path(One { name }): Path<One>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let (runtime, tenant) = (&api.runtime, api.tenant());
    let fired = match key.get() {
        Some(key) => runtime.trigger_schedule_once(tenant, &name, key).await?,
        None => runtime.trigger_schedule(tenant, &name).await?,
    };
    Ok(axum::Json(FiredReport::new(fired)).into_response())
}

/// Makes up for a schedule's times
///
/// One after the other, unless they may overlap. A time that was met already is left out.
#[utoipa::path(
    post,
    path = "/schedules/{name}/backfill",
    operation_id = "backfill_schedule",
    tag = "schedules",
    params(One, IdempotencyKey),
    request_body = Backfill,
    responses((status = 200, description = "What came of it.", body = FiredReport))
)]
async fn backfill(
    api: Api,
    Path(One { name }): Path<One>,
    key: IdempotencyKey,
    Json(Backfill { from, to }): Json<Backfill>,
) -> Result<Response, Problem> {
    let (from, to) = (moment("from", &from)?, moment("to", &to)?);
    let (runtime, tenant) = (&api.runtime, api.tenant());
    let fired = match key.get() {
        Some(key) => {
            let range = (from, to);
            runtime
                .backfill_schedule_once(tenant, &name, range, key)
                .await?
        }
        None => runtime.backfill_schedule(tenant, &name, from, to).await?,
    };
    Ok(axum::Json(FiredReport::new(fired)).into_response())
}

//! `actors`: call, list, read state and reminders, deactivate, delete.
//!
//! Extracts, calls, converts; knows nothing of turns.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host_base::{ActorKey, Payload};
use host_runtime::{Alarm, ConstantRetry, Moment};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{IdempotencyKey, Input, Json, Path, Query};
use super::paging::{Page, PageOptions};
use super::problem::Problem;
use crate::actors::{RETRIES_MAX, RETRY_INTERVAL};
use crate::json::{ActorLine, CatchUpPolicy, Raw, ReminderLine, rfc3339};
use crate::{Api, Shared};

/// One actor.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct One {
    /// The actor's type, as a plugin brings it.
    #[param(max_length = 512)]
    actor_type: String,
    /// The actor's id.
    #[param(max_length = 512)]
    id: String,
}

/// Something that one actor has by a name.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Named {
    /// The actor's type, as a plugin brings it.
    #[param(max_length = 512)]
    actor_type: String,
    /// The actor's id.
    #[param(max_length = 512)]
    id: String,
    /// The name of the method, the reminder or the value.
    name: String,
}

/// Which actors.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListOptions {
    /// Only those of this type.
    actor_type: Option<String>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Which part of the state.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct StateOptions {
    /// Only keys that begin so. Default: all.
    #[serde(default)]
    prefix: String,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of actors: by type, then by id.
#[derive(Serialize, ToSchema)]
struct Actors {
    #[schema(value_type = Vec<ActorLine<'static>>)]
    actors: Vec<Raw>,
    /// Where the next page begins; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A value of an actor's state.
#[derive(Serialize, ToSchema)]
#[schema(as = StateEntry)]
struct Entry<'a> {
    key: &'a str,
    value: Raw,
    /// From when on it is not there any more (RFC 3339, UTC); absent: it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires: Option<String>,
}

/// A page of an actor's state, in the order of the keys.
#[derive(Serialize, ToSchema)]
#[schema(as = ActorState)]
struct Entries<'a> {
    entries: Vec<Entry<'a>>,
    /// Where the next page begins; absent at the end of the list. A page may be short, or empty, and not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

/// A page of an actor's reminders, in the order of their names.
#[derive(Serialize, ToSchema)]
struct Reminders {
    #[schema(value_type = Vec<ReminderLine<'static>>)]
    reminders: Vec<Raw>,
    /// Where the next page begins; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What became of a wish that an actor leaves the memory.
#[derive(Serialize, ToSchema)]
struct Deactivated {
    /// Whether it was in memory; it leaves once nothing waits for it.
    was_active: bool,
}

/// A reminder that is to be set. Times are RFC 3339 or a length of time from now, such as `30s` or `PT30S`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetReminder)]
struct NewReminder {
    /// The method that is run.
    method: String,
    /// What the method takes. Default: `null`.
    #[schema(value_type = Raw, required = false)]
    input: Option<Raw>,
    /// When it is due first.
    due: String,
    /// After how long it is due again, also `R5/PT10S` for so many times. Default: never.
    period: Option<String>,
    /// Later than this it is not due any more. Default: without an end.
    ttl: Option<String>,
    /// Whether it replaces one of the same name. Default: true.
    replace: Option<bool>,
    /// How often its method is run again, a second later, where it fails. Default 3.
    retries: Option<u32>,
    /// Default: `once`.
    catch_up: Option<CatchUpPolicy>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(delete))
        .routes(routes!(call))
        .routes(routes!(state))
        .routes(routes!(reminders))
        .routes(routes!(set_reminder, cancel_reminder))
        .routes(routes!(value))
        .routes(routes!(deactivate))
}

fn key_of(api: &Api, actor_type: String, id: String) -> Result<ActorKey, Problem> {
    Ok(api.actor_key(actor_type, id)?)
}

/// Calls an actor's method
///
/// Its turn is durable when this is answered. The body is what the method takes; none stands for null.
#[utoipa::path(
    post,
    path = "/actors/{actor_type}/{id}/call/{name}",
    operation_id = "call_actor",
    tag = "actors",
    params(Named, IdempotencyKey),
    request_body(content = Raw, description = "What the method takes; none stands for null."),
    responses((status = 200, description = "What the method returned.", body = Raw))
)]
async fn call(
    api: Api,
    Path(Named {
        actor_type,
        id,
        name,
    }): Path<Named>,
    key: IdempotencyKey,
    Input(input): Input,
) -> Result<Response, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    let answer = api.runtime.call_actor(&actor, &name, input, key.get());
    Ok(axum::Json(Raw::new(&answer.await?)).into_response())
}

/// Lists actors that have state
///
/// By type, then by id.
#[utoipa::path(
    get,
    path = "/actors",
    operation_id = "list_actors",
    tag = "actors",
    params(ListOptions),
    responses((status = 200, description = "A page of actors.", body = Actors))
)]
async fn list(api: Api, Query(options): Query<ListOptions>) -> Result<Response, Problem> {
    let mut page = Page::new(options.limit)?;
    let mut after = options
        .cursor
        .map(|cursor| read_cursor(&api, &cursor))
        .transpose()?;
    let mut more = true;
    while more && !page.is_full() {
        let (actor_type, wanted) = (options.actor_type.as_deref(), page.wanted());
        let actors = api
            .runtime
            .actors(api.tenant(), actor_type, after.as_ref(), wanted)?;
        more = actors.len() == wanted;
        for actor in &actors {
            page.put(&ActorLine::new(actor));
        }
        after = actors.into_iter().next_back().or(after);
    }
    let next_cursor = after.filter(|_| more).map(|last| cursor(&last));
    let actors = page.entries;
    Ok(axum::Json(Actors {
        actors,
        next_cursor,
    })
    .into_response())
}

/// How many bytes the type has, then the type and the id.
fn cursor(last: &ActorKey) -> String {
    format!("{}:{}{}", last.actor_type.len(), last.actor_type, last.id)
}

fn read_cursor(api: &Api, cursor: &str) -> Result<ActorKey, Problem> {
    let parts = cursor.split_once(':').and_then(|(bytes, rest)| {
        let bytes: usize = bytes.parse().ok()?;
        Some((rest.get(..bytes)?, rest.get(bytes..)?))
    });
    let wrong = || Problem::bad_input("cursor must be the next_cursor of a page of this list");
    let (actor_type, id) = parts.ok_or_else(wrong)?;
    key_of(api, actor_type.to_owned(), id.to_owned())
}

/// Reads an actor's state
///
/// As its last durable turn has left it, under the keys that begin alike.
#[utoipa::path(
    get,
    path = "/actors/{actor_type}/{id}/state",
    operation_id = "get_actor_state",
    tag = "actors",
    params(One, StateOptions),
    responses((status = 200, description = "A page of its state.", body = Entries<'static>))
)]
async fn state(
    api: Api,
    Path(One { actor_type, id }): Path<One>,
    Query(options): Query<StateOptions>,
) -> Result<Response, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    let limit = Page::new(options.limit)?.limit();
    let (prefix, after) = (&options.prefix, options.cursor.as_deref());
    let found = api.runtime.state_entries(&actor, prefix, after, limit)?;
    let entries = found.entries.iter().map(|entry| Entry {
        key: &entry.key,
        value: Raw::new(&entry.value),
        expires: entry.expires.map(rfc3339),
    });
    let entries = Entries {
        entries: entries.collect(),
        next_cursor: found.next.as_deref(),
    };
    Ok(axum::Json(entries).into_response())
}

/// Reads one value of an actor's state
///
/// As its last durable turn has left it.
#[utoipa::path(
    get,
    path = "/actors/{actor_type}/{id}/state/{name}",
    operation_id = "get_actor_state_value",
    tag = "actors",
    params(Named),
    responses((status = 200, description = "The value.", body = Raw))
)]
async fn value(
    api: Api,
    Path(Named {
        actor_type,
        id,
        name,
    }): Path<Named>,
) -> Result<Response, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    let Some(value) = api.runtime.state(&actor, &name)? else {
        let list = format!("/actors/{}/{}/state", actor.actor_type, actor.id);
        return Err(Problem::unknown(
            "value of that actor has the key",
            &name,
            &list,
        ));
    };
    Ok(axum::Json(Raw::new(&value.bytes)).into_response())
}

/// Lists an actor's reminders
///
/// In the order of their names.
#[utoipa::path(
    get,
    path = "/actors/{actor_type}/{id}/reminders",
    operation_id = "list_reminders",
    tag = "actors",
    params(One, PageOptions),
    responses((status = 200, description = "A page of its reminders.", body = Reminders))
)]
async fn reminders(
    api: Api,
    Path(One { actor_type, id }): Path<One>,
    Query(options): Query<PageOptions>,
) -> Result<Response, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    let mut page = Page::new(options.limit)?;
    let mut after = options.cursor;
    let mut more = true;
    while more && !page.is_full() {
        let wanted = page.wanted();
        let reminders = api.runtime.reminders(&actor, after.as_deref(), wanted)?;
        more = reminders.len() == wanted;
        for reminder in reminders {
            page.put(&ReminderLine::new(&reminder));
            after = Some(reminder.name);
        }
    }
    let reminders = page.entries;
    let next_cursor = after.filter(|_| more);
    Ok(axum::Json(Reminders {
        reminders,
        next_cursor,
    })
    .into_response())
}

/// Sets a reminder of an actor
///
/// It is durable when this is answered: the method is run when it is due, whether the actor is in memory or not.
#[utoipa::path(
    put,
    path = "/actors/{actor_type}/{id}/reminders/{name}",
    operation_id = "set_reminder",
    tag = "actors",
    params(Named),
    request_body = NewReminder,
    responses((status = 204, description = "It is set."))
)]
async fn set_reminder(
    api: Api,
    Path(Named {
        actor_type,
        id,
        name,
    }): Path<Named>,
    Json(new): Json<NewReminder>,
) -> Result<StatusCode, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    let reminder = host_runtime::NewReminder {
        alarm: Alarm {
            name,
            method: new.method,
            input: new.input.as_ref().map_or_else(Payload::new, Raw::payload),
            due: Moment::Text(new.due),
            period: new.period.map(Moment::Text),
            ttl: new.ttl.map(Moment::Text),
        },
        catch_up: new.catch_up.unwrap_or_default().into(),
        retry: Some(ConstantRetry {
            interval: RETRY_INTERVAL,
            max_retries: Some(new.retries.unwrap_or(RETRIES_MAX)),
        }),
        overwrite: new.replace.unwrap_or(true),
    };
    api.runtime.set_reminder(&actor, reminder).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancels a reminder of an actor
#[utoipa::path(
    delete,
    path = "/actors/{actor_type}/{id}/reminders/{name}",
    operation_id = "cancel_reminder",
    tag = "actors",
    params(Named),
    responses((status = 204, description = "It is cancelled."))
)]
async fn cancel_reminder(
    api: Api,
    Path(Named {
        actor_type,
        id,
        name,
    }): Path<Named>,
) -> Result<StatusCode, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    if !api.runtime.cancel_reminder(&actor, &name).await? {
        let list = format!("/actors/{}/{}/reminders", actor.actor_type, actor.id);
        return Err(Problem::unknown(
            "reminder of that actor has the name",
            &name,
            &list,
        ));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Asks an actor to leave the memory
///
/// It does once nothing waits for it; its timers are gone then, and the next call activates it anew.
#[utoipa::path(
    post,
    path = "/actors/{actor_type}/{id}/deactivate",
    operation_id = "deactivate_actor",
    tag = "actors",
    params(One),
    responses((status = 200, description = "It is asked to.", body = Deactivated))
)]
async fn deactivate(
    api: Api,
    Path(One { actor_type, id }): Path<One>,
) -> Result<Response, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    let was_active = api.runtime.deactivate_actor(&actor);
    Ok(axum::Json(Deactivated { was_active }).into_response())
}

/// Deletes an actor
///
/// With all that it owns: state, reminders, timers, subscriptions. Deleting one that is not there does nothing.
#[utoipa::path(
    delete,
    path = "/actors/{actor_type}/{id}",
    operation_id = "delete_actor",
    tag = "actors",
    params(One),
    responses((status = 204, description = "It is not there any more."))
)]
async fn delete(api: Api, Path(One { actor_type, id }): Path<One>) -> Result<StatusCode, Problem> {
    let actor = key_of(&api, actor_type, id)?;
    api.runtime.delete_actor(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

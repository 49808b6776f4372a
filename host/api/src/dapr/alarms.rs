//! `actors/{type}/{id}/reminders` and `…/timers`: what an actor's methods are run by, later and again.
//!
//! Extracts, calls, converts. A plugin's reminders and timers run methods: one that is set here runs the method of
//! its name, and a timer the one that it says.

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use host_base::failure::code;
use host_base::{ActorKey, Payload};
use host_runtime::ReminderInfo;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::actors::actor_key;
use super::body::Body;
use super::error::{self, Error};
use super::path::Names;
use super::state::payload;
use crate::actors::{self, Due, FailurePolicy, Refused};
use crate::json::date;
use crate::{Api, Shared};

/// How clients write that there is no data.
const NO_DATA: &[u8] = b"\"\"";

pub(super) fn routes() -> Router<Shared> {
    let reminder = post(set_reminder)
        .put(set_reminder)
        .get(read_reminder)
        .delete(cancel_reminder);
    let timer = post(set_timer).put(set_timer).delete(cancel_timer);
    Router::new()
        .route("/actors/{type}/{id}/reminders/{name}", reminder)
        .route("/actors/{type}/{id}/timers/{name}", timer)
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Settings {
    data: Option<Box<RawValue>>,
    due_time: Option<String>,
    period: Option<String>,
    ttl: Option<String>,
    /// Of a timer only.
    callback: Option<String>,
    /// This and what follows: of a reminder only.
    overwrite: Option<bool>,
    #[serde(alias = "failure_policy")]
    failure_policy: Option<Policy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Policy {
    Drop {},
    Constant {
        interval: Option<String>,
        #[serde(alias = "maxRetries")]
        max_retries: Option<u32>,
    },
}

impl Settings {
    fn due(self, name: String) -> Due {
        let data = self.data.map_or_else(Payload::new, payload);
        Due {
            name,
            method: self.callback.unwrap_or_default(),
            data: if data == NO_DATA {
                Payload::new()
            } else {
                data
            },
            due: self.due_time.unwrap_or_default(),
            period: self.period.unwrap_or_default(),
            ttl: self.ttl.unwrap_or_default(),
        }
    }
}

impl Policy {
    fn read(self) -> Result<FailurePolicy, Error> {
        let malformed = |error| Error::bad_request(error::MALFORMED, format!("{error}"));
        Ok(match self {
            Policy::Drop {} => FailurePolicy::Drop,
            Policy::Constant {
                interval,
                max_retries,
            } => FailurePolicy::Constant {
                interval: actors::interval(&interval.unwrap_or_default()).map_err(malformed)?,
                max_retries,
            },
        })
    }
}

async fn set_reminder(
    api: Api,
    Names([actor_type, id, name]): Names<3>,
    body: Body,
) -> Result<StatusCode, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let mut settings: Settings = body.json()?;
    let policy = settings.failure_policy.take().map(Policy::read);
    let policy = policy.transpose()?.unwrap_or_default();
    let overwrite = settings.overwrite.unwrap_or(true);
    // A reminder has no callback.
    settings.callback = None;
    let set = api.set_reminder(&actor, settings.due(name).reminder(policy, overwrite));
    set.await.map_err(|refused| {
        reminder_refused("ERR_ACTOR_REMINDER_CREATE", "create reminder", refused)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cancel_reminder(
    api: Api,
    Names([actor_type, id, name]): Names<3>,
) -> Result<StatusCode, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let cancelled = api.cancel_reminder(&actor, &name).await;
    cancelled.map_err(|refused| {
        reminder_refused("ERR_ACTOR_REMINDER_DELETE", "delete reminder", refused)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read_reminder(
    api: Api,
    Names([actor_type, id, name]): Names<3>,
) -> Result<Json<Reminder>, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let reminder = api.reminder(&actor, &name);
    let reminder = reminder
        .map_err(|refused| reminder_refused("ERR_ACTOR_REMINDER_GET", "get reminder", refused))?;
    let reminder = reminder.ok_or_else(|| {
        let text = format!("actor reminder {name} of {actor} is not found");
        Error::new(StatusCode::NOT_FOUND, "ERR_ACTOR_REMINDER_NOT_FOUND", text)
    })?;
    Ok(Json(Reminder::of(actor, reminder)))
}

/// A reminder as clients read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reminder {
    #[serde(rename = "actorID")]
    id: String,
    actor_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    due_time: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    period: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
}

impl Reminder {
    fn of(actor: ActorKey, reminder: ReminderInfo) -> Reminder {
        let period = actors::period(&reminder);
        Reminder {
            id: actor.id,
            actor_type: actor.actor_type,
            // What code gave its reminder need not be JSON, and is not shown then.
            data: serde_json::from_slice(&reminder.input).ok(),
            due_time: date(reminder.due).to_string(),
            period,
            ttl: reminder.ends.map(|at| date(at).to_string()),
        }
    }
}

fn reminder_refused(code: &'static str, what: &str, refused: Refused) -> Error {
    match refused {
        Refused::NotHosted(actor_type) => {
            let text = format!("{what}: no plugin brings the actor type {actor_type}");
            Error::new(StatusCode::FORBIDDEN, "ERR_ACTOR_REMINDER_NON_HOSTED", text)
        }
        Refused::Failed(failure) if failure.code == code::ALREADY_EXISTS => {
            let text = format!("{what}: {failure}");
            Error::new(
                StatusCode::CONFLICT,
                "ERR_ACTOR_REMINDER_ALREADY_EXISTS",
                text,
            )
        }
        other => Error::refused(code, what, other),
    }
}

async fn set_timer(
    api: Api,
    Names([actor_type, id, name]): Names<3>,
    body: Body,
) -> Result<StatusCode, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let settings: Settings = body.json()?;
    let set = api.set_timer(&actor, settings.due(name).timer()).await;
    set.map_err(|refused| Error::refused("ERR_ACTOR_TIMER_CREATE", "create timer", refused))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cancel_timer(
    api: Api,
    Names([actor_type, id, name]): Names<3>,
) -> Result<StatusCode, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let cancelled = api.cancel_timer(&actor, &name).await;
    cancelled
        .map_err(|refused| Error::refused("ERR_ACTOR_TIMER_DELETE", "delete timer", refused))?;
    Ok(StatusCode::NO_CONTENT)
}

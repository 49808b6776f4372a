//! `actors/{type}/{id}/state`: values of an actor's state, written as a transaction and read one by one.
//!
//! Extracts, calls, converts.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use host_base::Payload;
use host_runtime::{StateChange, StateValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::actors::actor_key;
use super::body::Body;
use super::error::{self, Error};
use super::path::Names;
use crate::actors::{self, Refused};
use crate::json::date;
use crate::{Api, Shared};

/// The header by which a value says when it expires.
const EXPIRES: HeaderName = HeaderName::from_static("metadata.ttlexpiretime");

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/actors/{type}/{id}/state", post(write).put(write))
        .route("/actors/{type}/{id}/state/{key}", get(read))
}

#[derive(Deserialize)]
struct Operation {
    operation: What,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Upsert,
    Delete,
}

#[derive(Deserialize)]
struct Request {
    key: String,
    value: Option<Box<RawValue>>,
    etag: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
}

async fn write(
    api: Api,
    Names([actor_type, id]): Names<2>,
    body: Body,
) -> Result<StatusCode, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let operations: Vec<Operation> = body.json()?;
    let changes = operations.into_iter().map(change);
    let changes = changes.collect::<Result<_, _>>()?;
    let written = api.write_state(&actor, changes).await;
    written.map_err(|refused| match refused {
        Refused::NotHosted(actor_type) => {
            let text =
                format!("actor instance is missing: no plugin brings the actor type {actor_type}");
            Error::bad_request("ERR_ACTOR_INSTANCE_MISSING", text)
        }
        other => Error::refused(
            "ERR_ACTOR_STATE_TRANSACTION_SAVE",
            "save actor state",
            other,
        ),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

fn change(Operation { operation, request }: Operation) -> Result<StateChange, Error> {
    if request.etag.is_some_and(|etag| !etag.is_empty()) {
        let text = format!(
            "the value {} has no etag: only its actor's turns write it",
            request.key
        );
        return Err(Error::bad_request(error::MALFORMED, text));
    }
    let value = || request.value.map_or_else(|| Payload::from("null"), payload);
    let (value, ttl) = match operation {
        What::Delete => (None, None),
        What::Upsert => {
            let ttl = actors::ttl(&request.metadata.unwrap_or_default());
            let malformed = |text| Error::bad_request(error::MALFORMED, text);
            (Some(value()), ttl.map_err(malformed)?)
        }
    };
    let key = request.key;
    Ok(StateChange { key, value, ttl })
}

/// JSON as it was written.
pub(super) fn payload(value: Box<RawValue>) -> Payload {
    Box::<str>::from(value).into_string().into_bytes()
}

async fn read(api: Api, Names([actor_type, id, key]): Names<3>) -> Result<Response, Error> {
    let actor = actor_key(&api, actor_type, id)?;
    let value = api.state(&actor, &key);
    let value = value
        .map_err(|refused| Error::refused("ERR_ACTOR_STATE_GET", "get actor state", refused))?;
    let Some(StateValue { bytes, expires }) = value else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let expires = expires.map(|expires| [(EXPIRES, date(expires).to_string())]);
    Ok((expires, [(CONTENT_TYPE, "application/json")], bytes).into_response())
}

//! `metadata`: what the server says of itself, and the labels that clients give it.
//!
//! Extracts, calls, converts.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Serialize;

use super::body::Body;
use super::error::Error;
use super::path::Names;
use crate::metadata::Metadata;
use crate::{Api, Shared};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/metadata", get(read))
        .route("/metadata/{name}", put(label))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    id: &'static str,
    runtime_version: &'static str,
    enabled_features: &'static [&'static str],
    /// Where clients look that are older than `actorRuntime`.
    actors: Vec<Active>,
    actor_runtime: ActorRuntime,
    components: [(); 0],
    subscriptions: [(); 0],
    extended: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorRuntime {
    runtime_status: &'static str,
    active_actors: Vec<Active>,
    host_ready: bool,
}

#[derive(Clone, Serialize)]
struct Active {
    #[serde(rename = "type")]
    actor_type: String,
    count: usize,
}

async fn read(api: Api) -> Json<Server> {
    let Metadata {
        id,
        version,
        features,
        actors,
        extended,
    } = api.metadata();
    let actors = actors.into_iter();
    let actors: Vec<_> = actors
        .map(|(actor_type, count)| Active { actor_type, count })
        .collect();
    Json(Server {
        id,
        runtime_version: version,
        enabled_features: features,
        actors: actors.clone(),
        actor_runtime: ActorRuntime {
            runtime_status: "RUNNING",
            active_actors: actors,
            host_ready: true,
        },
        components: [],
        subscriptions: [],
        extended,
    })
}

async fn label(api: Api, Names([name]): Names<1>, Body(value): Body) -> Result<StatusCode, Error> {
    let refused = |error: String| Error::bad_request("ERR_BAD_REQUEST", error);
    let value = String::from_utf8(value.into());
    let value = value.map_err(|error| refused(format!("a label is text: {error}")))?;
    let set = api.labels.set(api.tenant(), name, value);
    set.map_err(|error| refused(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

//! `workflows`: start, list, read, drive.
//!
//! Knows which names their paths have.

mod drive;
mod events;
mod read;
mod start;
mod trials;

use host_base::{Limits, WorkflowKey};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::Problem;
use crate::{Api, Shared};

/// One workflow.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct One {
    /// The workflow's id.
    #[param(max_length = 512)]
    id: String,
}

/// Something that one workflow knows by a name.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Named {
    /// The workflow's id.
    #[param(max_length = 512)]
    id: String,
    /// The name of the event, the query or the update.
    name: String,
}

pub(super) fn routes(limits: &Limits) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(read::list, start::start))
        .routes(routes!(read::describe, drive::purge))
        .routes(routes!(read::history))
        .routes(routes!(read::result))
        .routes(routes!(events::events))
        .routes(routes!(drive::raise))
        .routes(routes!(drive::query))
        .routes(routes!(drive::update))
        .routes(routes!(drive::cancel))
        .routes(routes!(drive::terminate))
        .routes(routes!(drive::suspend))
        .routes(routes!(drive::resume))
        .routes(routes!(start::rerun))
        .routes(routes!(trials::move_one))
        .merge(trials::forks(limits))
        .merge(start::many(limits))
}

fn key_of(api: &Api, id: String) -> Result<WorkflowKey, Problem> {
    Ok(api.workflow_key(id)?)
}

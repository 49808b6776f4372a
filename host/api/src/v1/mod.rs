//! The host's own HTTP API, under `/api/v1`, with the OpenAPI document that describes it.
//!
//! Knows what its routes have in common; each file beside it has the routes of one kind of thing.

mod activities;
mod actors;
mod audit;
mod batches;
mod changes;
mod extract;
mod paging;
mod patience;
mod plugins;
mod problem;
mod schedules;
mod stream;
mod tokens;
mod topics;
mod workflows;

use std::sync::LazyLock;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use host_base::Limits;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json::Raw;
use crate::{PROBLEM_MEDIA_TYPE, Shared};

/// Where all of it is.
const PREFIX: &str = "/api/v1";
/// What a body may have around the payload in it, in bytes.
const ENVELOPE_BYTES_MAX: usize = 64 << 10;

/// What any request may be answered with besides its success.
const PROBLEMS: [(&str, &str); 7] = [
    ("400", "The request is not as it should be."),
    (
        "401",
        "A token is needed, or the one that is sent does not count.",
    ),
    (
        "403",
        "The token's role may not do that, or it is limited to something else.",
    ),
    ("404", "What was named is not there."),
    ("429", "Too many wrong tokens came from this address."),
    ("500", "The store cannot be used; the operator must act."),
    (
        "503",
        "The host has too much to do, and has done nothing; try again.",
    ),
];
/// The same of a request that changes something or is handed to a plugin.
const PROBLEMS_OF_DEEDS: [(&str, &str); 5] = [
    ("409", "It cannot be done as things stand."),
    ("413", "The body is too large."),
    ("415", "The body does not say that it is JSON."),
    (
        "422",
        "A named limit is reached, or the plugin's code answered with a failure.",
    ),
    ("504", "The plugin's code used up its time."),
];

/// What the document says of the whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "host",
        description = "Workflows, actors, plugins and schedules of one host. What is answered with success is \
                       durable. Times are RFC 3339 in UTC; lengths of time that are given are ISO 8601 (`PT1H30M`) \
                       or like `1h 30m`; fields that end in `_ms` are milliseconds."
    ),
    servers((url = "/api/v1")),
    components(schemas(problem::Body<'static>)),
    tags(
        (name = "workflows", description = "Instances of workflows, and their histories."),
        (name = "batches", description = "What is done to many workflows at once."),
        (name = "actors", description = "Actors, their state and reminders."),
        (name = "activities", description = "Activities that have not ended."),
        (name = "schedules", description = "Workflows that are started and actors that are called again and again."),
        (name = "topics", description = "Values for all who have subscribed."),
        (name = "plugins", description = "Components, and which stand for their plugins."),
        (name = "tokens", description = "By which callers are known, what each may do, and what was asked for."),
        (name = "document", description = "This document.")
    )
)]
struct About;

/// Every route, where it is served.
pub(crate) fn routes(limits: &Limits) -> Router<Shared> {
    let (routes, _) = parts(limits).split_for_parts();
    let routes = routes
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method);
    Router::new().nest(PREFIX, routes)
}

fn parts(limits: &Limits) -> OpenApiRouter<Shared> {
    let body_bytes_max = limits.payload_bytes_max + ENVELOPE_BYTES_MAX;
    OpenApiRouter::with_openapi(About::openapi())
        .merge(workflows::routes(limits))
        .merge(batches::routes())
        .merge(actors::routes())
        .merge(activities::routes())
        .merge(schedules::routes())
        .merge(topics::routes())
        .merge(plugins::routes(limits))
        .merge(tokens::routes())
        .merge(audit::routes())
        .routes(routes!(changes::changes))
        .routes(routes!(document))
        .layer(DefaultBodyLimit::max(body_bytes_max))
}

/// The OpenAPI document of this API
///
/// Describes every route, what it takes, and every answer that it may give.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "document",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object))
)]
async fn document() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let document = described(parts(&Limits::default()).into_openapi());
        document
            .to_pretty_json()
            .expect("a document of plain values is JSON")
    });
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str())
}

/// With what all operations have in common.
fn described(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for path in document.paths.paths.values_mut() {
        let reads = path.get.iter_mut().map(|operation| (operation, false));
        let deeds = [&mut path.post, &mut path.put, &mut path.delete]
            .into_iter()
            .flatten();
        let deeds = deeds.map(|operation| (operation, true));
        reads
            .chain(deeds)
            .for_each(|(operation, is_deed)| describe(operation, is_deed));
    }
    document
}

fn describe(operation: &mut Operation, is_deed: bool) {
    let deeds = if is_deed { &PROBLEMS_OF_DEEDS[..] } else { &[] };
    for (status, description) in PROBLEMS.iter().chain(deeds) {
        let told = operation.responses.responses.entry((*status).to_owned());
        told.or_insert_with(|| a_problem(status, description).into());
    }
    // No bytes stand for null, where a plugin is handed the body as it is.
    if let Some(RefOr::T(body)) = &mut operation.request_body
        && body.content.values().any(is_payload)
    {
        body.required = Some(Required::False);
    }
}

fn is_payload(content: &RefOr<Content>) -> bool {
    let payload = Ref::from_schema_name(Raw::name()).ref_location;
    match content {
        RefOr::T(content) => {
            matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location == payload)
        }
        RefOr::Ref(_) => false,
    }
}

fn a_problem(status: &str, description: &str) -> Response {
    let schema = Ref::from_schema_name(problem::Body::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let problem = ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_MEDIA_TYPE, content);
    if status != "503" {
        return problem.build();
    }
    let seconds = HeaderBuilder::new().description(Some("After so many seconds."));
    problem.header("Retry-After", seconds.build()).build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rights;

    #[test]
    fn every_route_has_a_row_that_says_who_may_and_every_row_a_route() {
        let document = parts(&Limits::default()).into_openapi();
        let routes = document.paths.paths.iter().flat_map(|(path, item)| {
            let methods = [
                ("DELETE", &item.delete),
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
            ];
            let there = methods.into_iter().filter(|(_, it)| it.is_some());
            there.map(move |(method, _)| (method, format!("{PREFIX}{path}")))
        });
        let rows = rights::rows().filter(|(_, path)| path.starts_with(PREFIX));
        let (routes, rows): (BTreeSet<_>, BTreeSet<_>) = (routes.collect(), rows.collect());
        assert_eq!(routes, rows);
    }
}

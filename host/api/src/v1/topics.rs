//! `topics`: who has subscribed, and values for all of them.
//!
//! Extracts, calls, converts.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use host_base::ids::check_id;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{IdempotencyKey, Input, Path, Query};
use super::paging::{Page, PageOptions};
use super::problem::Problem;
use crate::json::{Raw, SubscriptionLine};
use crate::{Api, Shared};

/// One topic.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct One {
    /// The topic's name.
    #[param(max_length = 512)]
    topic: String,
}

/// A topic to which somebody has subscribed.
#[derive(Serialize, ToSchema)]
#[schema(as = Topic)]
struct TopicLine<'a> {
    topic: &'a str,
    /// How many have.
    subscribers: usize,
}

/// A page of topics, in the order of their names.
#[derive(Serialize, ToSchema)]
struct Topics {
    #[schema(value_type = Vec<TopicLine<'static>>)]
    topics: Vec<Raw>,
    /// Where the next page begins; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// All subscriptions to a topic.
#[derive(Serialize, ToSchema)]
struct Subscriptions<'a> {
    subscriptions: Vec<SubscriptionLine<'a>>,
}

/// What became of a value.
#[derive(Serialize, ToSchema)]
struct Published {
    /// How many had subscribed.
    subscribers: usize,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(subscriptions))
        .routes(routes!(publish))
}

/// Lists topics to which somebody has subscribed
#[utoipa::path(
    get,
    path = "/topics",
    operation_id = "list_topics",
    tag = "topics",
    params(PageOptions),
    responses((status = 200, description = "A page of topics.", body = Topics))
)]
async fn list(api: Api, Query(options): Query<PageOptions>) -> Result<Response, Problem> {
    let mut page = Page::new(options.limit)?;
    let mut topics: BTreeMap<String, usize> = BTreeMap::new();
    for one in api.runtime.subscriptions(api.tenant(), None) {
        *topics.entry(one.topic).or_default() += 1;
    }
    let mut last = None;
    let mut behind = topics
        .iter()
        .filter(|(topic, _)| options.cursor.as_ref() < Some(topic));
    let full = behind.any(|(topic, &subscribers)| {
        if page.is_full() {
            return true;
        }
        page.put(&TopicLine { topic, subscribers });
        last = Some(topic.clone());
        false
    });
    let listed = Topics {
        topics: page.entries,
        next_cursor: last.filter(|_| full),
    };
    Ok(axum::Json(listed).into_response())
}

/// Lists the subscriptions to a topic
#[utoipa::path(
    get,
    path = "/topics/{topic}/subscriptions",
    operation_id = "list_subscriptions",
    tag = "topics",
    params(One),
    responses((status = 200, description = "All of them.", body = Subscriptions<'static>))
)]
async fn subscriptions(api: Api, Path(One { topic }): Path<One>) -> Result<Response, Problem> {
    check_id("topic", &topic)?;
    let found = api.runtime.subscriptions(api.tenant(), Some(&topic));
    let subscriptions = found.iter().map(SubscriptionLine::new).collect();
    Ok(axum::Json(Subscriptions { subscriptions }).into_response())
}

/// Publishes a value
///
/// Each who had subscribed has a message with it, durably, when this is answered.
#[utoipa::path(
    post,
    path = "/topics/{topic}/publish",
    operation_id = "publish",
    tag = "topics",
    params(One, IdempotencyKey),
    request_body(content = Raw, description = "The value; none stands for null."),
    responses((status = 200, description = "It is published.", body = Published))
)]
async fn publish(
    api: Api,
    Path(One { topic }): Path<One>,
    key: IdempotencyKey,
    Input(value): Input,
) -> Result<Response, Problem> {
    let (runtime, tenant) = (&api.runtime, api.tenant());
    let subscribers = match key.get() {
        Some(key) => runtime.publish_once(tenant, &topic, value, key).await?,
        None => runtime.publish(tenant, &topic, value).await?,
    };
    Ok(axum::Json(Published { subscribers }).into_response())
}

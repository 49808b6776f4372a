//! Who has subscribed to what.
//!
//! Pure.

use host_base::{Entity, Timestamp};
use host_runtime::SubscriptionView;
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;

/// A subscription.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub struct SubscriptionLine<'a> {
    /// To which topic.
    topic: &'a str,
    #[serde(flatten)]
    subscriber: Subscriber<'a>,
    /// Since when (RFC 3339, UTC).
    #[schema(format = DateTime)]
    since: String,
}

/// Whose it is.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Subscriber)]
enum Subscriber<'a> {
    /// A workflow, to which an event is raised.
    Workflow {
        /// Its id.
        workflow: &'a str,
    },
    /// An actor, whose method is run.
    Actor {
        actor_type: &'a str,
        actor_id: &'a str,
        method: Option<&'a str>,
    },
}

impl<'a> SubscriptionLine<'a> {
    /// What is known of it.
    pub fn new(one: &'a SubscriptionView) -> SubscriptionLine<'a> {
        SubscriptionLine {
            topic: &one.topic,
            subscriber: match &one.subscriber {
                Entity::Workflow(key) => Subscriber::Workflow { workflow: &key.id },
                Entity::Actor(key) => Subscriber::Actor {
                    actor_type: &key.actor_type,
                    actor_id: &key.id,
                    method: one.method.as_deref(),
                },
            },
            since: rfc3339(Timestamp(one.since_ms)),
        }
    }
}

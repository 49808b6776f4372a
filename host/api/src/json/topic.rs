//! Who has subscribed to what.
//!
//! Pure.

use std::borrow::Cow;

use host_base::{Entity, Timestamp};
use host_runtime::SubscriptionView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;

/// A subscription.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Subscription)]
pub struct SubscriptionLine<'a> {
    /// To which topic.
    pub topic: Cow<'a, str>,
    /// Whose it is.
    #[serde(flatten)]
    pub subscriber: Subscriber<'a>,
    /// Since when (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub since: String,
}

/// Whose it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Subscriber)]
pub enum Subscriber<'a> {
    /// A workflow, to which an event is raised.
    Workflow {
        /// Its id.
        workflow: Cow<'a, str>,
    },
    /// An actor, whose method is run.
    Actor {
        /// Its type.
        actor_type: Cow<'a, str>,
        /// Its id.
        actor_id: Cow<'a, str>,
        /// The method.
        method: Option<Cow<'a, str>>,
    },
}

impl<'a> SubscriptionLine<'a> {
    /// What is known of it.
    pub fn new(one: &'a SubscriptionView) -> SubscriptionLine<'a> {
        SubscriptionLine {
            topic: (&one.topic).into(),
            subscriber: match &one.subscriber {
                Entity::Workflow(key) => Subscriber::Workflow {
                    workflow: (&key.id).into(),
                },
                Entity::Actor(key) => Subscriber::Actor {
                    actor_type: (&key.actor_type).into(),
                    actor_id: (&key.id).into(),
                    method: one.method.as_deref().map(Cow::from),
                },
            },
            since: rfc3339(Timestamp(one.since_ms)),
        }
    }
}

//! What is told of topics, wherever they are.
//!
//! Owns the words; knows what programs are shown and asks for nothing.

use host_api::json::{Subscriber, SubscriptionLine};

use crate::exit::Exit;
use crate::session::Ending;
use crate::show::console::Console;
use crate::show::{list, text};

const HEADS: [&str; 4] = ["TOPIC", "SUBSCRIBER", "METHOD", "SINCE"];

/// Who has subscribed.
pub(super) fn listed(console: &Console, subscriptions: &[SubscriptionLine<'_>]) -> Ending {
    list::show(console, HEADS, subscriptions, row, "Nobody has subscribed")?;
    Ok(Exit::Done)
}

/// A value that so many are to have.
pub(super) fn published(console: &Console, topic: &str, subscribers: usize) {
    let reached = text::count(subscribers, "subscriber");
    console.note(&format!("Published to topic {topic}: {reached}"));
}

fn row(one: &SubscriptionLine<'_>) -> [String; 4] {
    let (subscriber, method) = match &one.subscriber {
        Subscriber::Workflow { workflow } => (format!("workflow {workflow}"), None),
        Subscriber::Actor {
            actor_type,
            actor_id,
            method,
        } => (format!("actor {actor_type}/{actor_id}"), method.as_deref()),
    };
    [
        text::printable(&one.topic),
        text::printable(&subscriber),
        text::printable(method.unwrap_or_default()),
        one.since.clone(),
    ]
}

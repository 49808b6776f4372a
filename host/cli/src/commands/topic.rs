//! `host topic list|publish`: who has subscribed to what, and a value for all of them.

use host_api::json::{Subscriber, SubscriptionLine};

use crate::args::{Common, TopicCommand};
use crate::exit::{self, Exit, OrExit};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;
use crate::show::{list, text};

const HEADS: [&str; 4] = ["TOPIC", "SUBSCRIBER", "METHOD", "SINCE"];

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &TopicCommand) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    match command {
        TopicCommand::List { topic } => session::run(common, detail, async |session| {
            list(session, topic.as_deref())
        }),
        TopicCommand::Publish { topic, value } => {
            let value = input::read_optional(value.as_deref()).or_exit(Exit::BadUsage)?;
            session::run(common, detail, async move |session| {
                let published = session.runtime.publish(&session.tenant, topic, value).await;
                let reached = published.map_err(exit::refused)?;
                let reached = text::count(reached, "subscriber");
                session
                    .console
                    .note(&format!("Published to topic {topic}: {reached}"));
                session.tell_unfinished()?;
                Ok(Exit::Done)
            })
        }
    }
}

fn list(session: &Session, topic: Option<&str>) -> Ending {
    let subscriptions = session.runtime.subscriptions(&session.tenant, topic);
    let lines: Vec<_> = subscriptions.iter().map(SubscriptionLine::new).collect();
    list::show(
        &session.console,
        HEADS,
        &lines,
        row,
        "Nobody has subscribed",
    )?;
    Ok(Exit::Done)
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

//! `host topic list|publish`: who has subscribed to what, and a value for all of them.

use host_api::json::SubscriptionLine;
use host_base::Timestamp;
use host_runtime::SubscriptionView;

use crate::args::{Common, TopicCommand};
use crate::exit::{self, Exit, OrExit};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::table::table;
use crate::show::trace::Detail;
use crate::show::{console, text, time};

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
    if subscriptions.is_empty() {
        session.console.note("Nobody has subscribed");
    } else if session.console.json {
        for subscription in &subscriptions {
            session
                .console
                .result(&console::encode(&SubscriptionLine::new(subscription)))?;
        }
    } else {
        let heads = ["TOPIC", "SUBSCRIBER", "METHOD", "SINCE"];
        session
            .console
            .result(&table(heads, subscriptions.iter().map(row).collect()))?;
    }
    Ok(Exit::Done)
}

fn row(one: &SubscriptionView) -> [String; 4] {
    [
        text::printable(&one.topic),
        text::printable(&one.subscriber.to_string()),
        text::printable(one.method.as_deref().unwrap_or_default()),
        time::rfc3339(Timestamp(one.since_ms)),
    ]
}

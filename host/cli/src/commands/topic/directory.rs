//! Topics in a data directory.

use host_api::json::SubscriptionLine;

use super::told;
use crate::args::{Common, TopicCommand};
use crate::exit::{self, Exit, OrExit};
use crate::input;
use crate::session::{self, Ending};
use crate::show::trace::Detail;

/// Does what the command says.
pub(super) fn run(common: &Common, command: &TopicCommand) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    match command {
        TopicCommand::List { topic } => session::run(common, detail, async |session| {
            let found = session
                .runtime
                .subscriptions(&session.tenant, topic.as_deref());
            let lines: Vec<_> = found.iter().map(SubscriptionLine::new).collect();
            told::listed(&session.console, &lines)
        }),
        TopicCommand::Publish { topic, value } => {
            let value = input::read_optional(value.as_deref()).or_exit(Exit::BadUsage)?;
            session::run(common, detail, async move |session| {
                let published = session.runtime.publish(&session.tenant, topic, value).await;
                let subscribers = published.map_err(exit::refused)?;
                told::published(&session.console, topic, subscribers);
                session.tell_unfinished()?;
                Ok(Exit::Done)
            })
        }
    }
}

//! Topics on a server.
//!
//! Knows the routes; how things look is told elsewhere.

use host_api::json::SubscriptionLine;
use serde::Deserialize;

use super::told;
use crate::args::{Common, TopicCommand};
use crate::exit::{Exit, OrExit, Problem};
use crate::input;
use crate::remote::{self, Remote};
use crate::session::Ending;
use crate::show::console::Console;

/// A topic to which somebody has subscribed.
#[derive(Deserialize)]
struct Topic {
    topic: String,
}

#[derive(Deserialize)]
struct Subscriptions {
    subscriptions: Vec<SubscriptionLine<'static>>,
}

#[derive(Deserialize)]
struct Published {
    subscribers: usize,
}

/// Does what the command says.
pub(super) fn run(remote: &Remote, common: &Common, command: &TopicCommand) -> Ending {
    let console = Console::new(common.output);
    match command {
        TopicCommand::List { topic } => {
            let topics = match topic {
                Some(topic) => vec![topic.clone()],
                None => all(remote)?,
            };
            let mut lines = Vec::new();
            for topic in &topics {
                let found: Subscriptions =
                    remote.get(&remote::path(&["topics", topic, "subscriptions"]))?;
                lines.extend(found.subscriptions);
            }
            told::listed(&console, &lines)
        }
        TopicCommand::Publish { topic, value } => {
            let value = input::read_optional(value.as_deref()).or_exit(Exit::BadUsage)?;
            let path = remote::path(&["topics", topic, "publish"]);
            let published: Published = remote.post(&path, &value)?;
            told::published(&console, topic, published.subscribers);
            Ok(Exit::Done)
        }
    }
}

fn all(remote: &Remote) -> Result<Vec<String>, Problem> {
    let topics: Vec<Topic> = remote.all("/topics")?;
    Ok(topics.into_iter().map(|one| one.topic).collect())
}

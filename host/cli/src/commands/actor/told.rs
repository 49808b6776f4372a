//! What is told of actors, wherever they are.
//!
//! Owns the words; knows what programs are shown and asks for nothing.

use anyhow::anyhow;
use host_api::json::{ActorLine, ReminderLine};

use crate::exit::{Exit, Problem};
use crate::session::Ending;
use crate::show::console::Console;
use crate::show::{list, text};

const ACTOR_HEADS: [&str; 2] = ["TYPE", "ID"];
const HEADS: [&str; 5] = ["NAME", "METHOD", "DUE", "PERIOD", "LEFT"];

/// Those that have state.
pub(super) fn listed(console: &Console, actors: &[ActorLine<'_>], limit: usize) -> Ending {
    let none = "There are no such actors";
    list::first(console, ACTOR_HEADS, actors, limit, actor_row, none)?;
    Ok(Exit::Done)
}

fn actor_row(actor: &ActorLine<'_>) -> [String; 2] {
    [&actor.actor_type, &actor.id].map(|name| text::printable(name))
}

pub(super) fn reminder_set(console: &Console, actor: &str, name: &str) -> Ending {
    console.note(&format!("Reminder {name} of actor {actor} is set"));
    Ok(Exit::Done)
}

pub(super) fn reminder_cancelled(console: &Console, actor: &str, name: &str) -> Ending {
    console.note(&format!("Reminder {name} of actor {actor} is cancelled"));
    Ok(Exit::Done)
}

pub(super) fn no_such_reminder(actor: &str, name: &str) -> Problem {
    Problem::new(
        Exit::Failed,
        anyhow!("actor {actor} has no reminder {name}"),
    )
}

pub(super) fn deleted(console: &Console, actor: &str) -> Ending {
    console.note(&format!("Actor {actor} is deleted"));
    Ok(Exit::Done)
}

pub(super) fn reminders(console: &Console, reminders: &[ReminderLine<'_>]) -> Ending {
    list::show(console, HEADS, reminders, row, "There are no reminders")?;
    Ok(Exit::Done)
}

fn row(reminder: &ReminderLine<'_>) -> [String; 5] {
    let left = reminder.left.map(|left| left.to_string());
    [
        text::printable(&reminder.name),
        text::printable(&reminder.method),
        reminder.due.clone(),
        reminder.period.as_deref().unwrap_or_default().to_owned(),
        left.unwrap_or_default(),
    ]
}

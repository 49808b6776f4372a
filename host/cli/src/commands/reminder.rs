//! `host actor remind|reminders|cancel-reminder`: what an actor is to be reminded of.

use std::time::Duration;

use anyhow::anyhow;
use host_api::json::ReminderLine;
use host_engine::{self as engine, Alarm, ConstantRetry, Moment, NewReminder, ReminderInfo};

use super::actor::key;
use crate::args::{ActorArgs, CatchUp, Common, RemindArgs};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::table::table;
use crate::show::trace::Detail;
use crate::show::{console, text, time};

/// After how long a method that has failed is run again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Reminders that are read at once.
const PAGE: usize = 1_000;

/// Sets one.
pub(crate) fn set(common: &Common, args: &RemindArgs) -> Ending {
    let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
    let text = |text: &String| Moment::Text(text.clone());
    let reminder = NewReminder {
        alarm: Alarm {
            name: args.name.clone(),
            method: args.method.clone(),
            input,
            due: text(&args.due),
            period: args.every.as_ref().map(text),
            ttl: args.ttl.as_ref().map(text),
        },
        catch_up: match args.catch_up {
            CatchUp::Once => engine::CatchUp::Once,
            CatchUp::Skip => engine::CatchUp::Skip,
            CatchUp::All => engine::CatchUp::All,
        },
        retry: Some(ConstantRetry {
            interval: RETRY_INTERVAL,
            max_retries: Some(args.retries),
        }),
        overwrite: !args.keep_existing,
    };
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let key = key(session, &args.actor)?;
        let set = session.runtime.set_reminder(&key, reminder).await;
        set.map_err(exit::refused)?;
        let note = format!("Reminder {} of actor {key} is set", args.name);
        session.console.note(&note);
        Ok(Exit::Done)
    })
}

/// Cancels one.
pub(crate) fn cancel(common: &Common, actor: &ActorArgs, name: &str) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let key = key(session, actor)?;
        let cancelled = session.runtime.cancel_reminder(&key, name).await;
        if !cancelled.map_err(exit::refused)? {
            let error = anyhow!("actor {key} has no reminder {name}");
            return Err(Problem::new(Exit::Failed, error));
        }
        let note = format!("Reminder {name} of actor {key} is cancelled");
        session.console.note(&note);
        Ok(Exit::Done)
    })
}

/// Shows those there are.
pub(crate) fn list(common: &Common, actor: &ActorArgs) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let reminders = all(session, actor)?;
        tell(session, &reminders)?;
        Ok(Exit::Done)
    })
}

fn all(session: &Session, actor: &ActorArgs) -> Result<Vec<ReminderInfo>, Problem> {
    let key = key(session, actor)?;
    let mut all: Vec<ReminderInfo> = Vec::new();
    loop {
        let after = all.last().map(|last| last.name.as_str());
        let page = session.runtime.reminders(&key, after, PAGE)?;
        let more = page.len() == PAGE;
        all.extend(page);
        if !more {
            return Ok(all);
        }
    }
}

fn tell(session: &Session, reminders: &[ReminderInfo]) -> Result<(), Problem> {
    let console = &session.console;
    if console.json {
        let mut lines = reminders.iter().map(ReminderLine::new);
        lines.try_for_each(|line| console.result(&console::encode(&line)))?;
    } else if reminders.is_empty() {
        console.note("There are no reminders");
    } else {
        let heads = ["NAME", "METHOD", "DUE", "PERIOD", "LEFT"];
        console.result(&table(heads, reminders.iter().map(row).collect()))?;
    }
    Ok(())
}

fn row(reminder: &ReminderInfo) -> [String; 5] {
    [
        text::printable(&reminder.name),
        text::printable(&reminder.method),
        time::rfc3339(reminder.due),
        reminder.period.clone().unwrap_or_default(),
        reminder
            .left
            .map(|left| left.to_string())
            .unwrap_or_default(),
    ]
}

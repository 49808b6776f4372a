//! What an actor in a data directory is to be reminded of.

use std::time::Duration;

use host_api::json::{CatchUpPolicy, ReminderLine};
use host_engine::{Alarm, ConstantRetry, Moment, NewReminder, ReminderInfo};

use super::directory::key;
use super::told;
use crate::args::{ActorArgs, Common, RemindArgs};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;

/// After how long a method that has failed is run again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Reminders that are read at once.
const PAGE: usize = 1_000;

/// Sets one.
pub(super) fn set(common: &Common, args: &RemindArgs) -> Ending {
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
        catch_up: CatchUpPolicy::from(args.catch_up).into(),
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
        told::reminder_set(&session.console, &key.to_string(), &args.name)
    })
}

/// Cancels one.
pub(super) fn cancel(common: &Common, actor: &ActorArgs, name: &str) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let key = key(session, actor)?;
        let cancelled = session.runtime.cancel_reminder(&key, name).await;
        if !cancelled.map_err(exit::refused)? {
            return Err(told::no_such_reminder(&key.to_string(), name));
        }
        told::reminder_cancelled(&session.console, &key.to_string(), name)
    })
}

/// Shows those there are.
pub(super) fn list(common: &Common, actor: &ActorArgs) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let reminders = all(session, actor)?;
        let lines: Vec<_> = reminders.iter().map(ReminderLine::new).collect();
        told::reminders(&session.console, &lines)
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

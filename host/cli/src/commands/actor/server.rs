//! Actors on a server.
//!
//! Knows the routes; how things look is told elsewhere.

use host_api::json::{CatchUpPolicy, Raw, ReminderLine};
use serde::Serialize;

use super::told;
use crate::args::{ActorArgs, ActorCommand, CallArgs, Common, RemindArgs};
use crate::commands::workflow::rest;
use crate::exit::{Exit, OrExit};
use crate::input;
use crate::remote::{self, Remote, Trouble};
use crate::session::Ending;
use crate::show::console::{self, Console};

#[derive(Serialize)]
struct Reminder<'a> {
    method: &'a str,
    input: Raw,
    due: &'a str,
    period: Option<&'a str>,
    ttl: Option<&'a str>,
    replace: bool,
    retries: u32,
    catch_up: CatchUpPolicy,
}

/// Does what the command says.
pub(super) fn run(remote: &Remote, common: &Common, command: &ActorCommand) -> Ending {
    let console = Console::new(common.output);
    match command {
        ActorCommand::List { actor_type, limit } => {
            let options = [("actor_type", actor_type.as_deref())];
            let actors = remote.first("/actors", &options, limit.saturating_add(1))?;
            told::listed(&console, &actors, *limit)
        }
        ActorCommand::Call(args) => call(remote, &console, args),
        ActorCommand::Remind(args) => remind(remote, &console, args),
        ActorCommand::Reminders(args) => reminders(remote, &console, args),
        ActorCommand::CancelReminder { actor, name } => {
            cancel_reminder(remote, &console, actor, name)
        }
        ActorCommand::Delete(args) => {
            let deleted: Result<(), Trouble> = remote.delete(&path(args, &[]));
            deleted?;
            told::deleted(&console, &name(args))
        }
    }
}

fn call(remote: &Remote, console: &Console, args: &CallArgs) -> Ending {
    let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
    let path = path(&args.actor, &["call", &args.method]);
    let answer = match &args.idempotency_key {
        Some(key) => remote.post_once(&path, &input, key),
        None => remote.post(&path, &input),
    };
    let answer: Raw = answer.map_err(Trouble::of_code)?;
    console.result(&console.payload(answer.bytes()))?;
    if args.wait {
        return rest::wait_for_all(remote);
    }
    Ok(Exit::Done)
}

fn remind(remote: &Remote, console: &Console, args: &RemindArgs) -> Ending {
    let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
    let reminder = Reminder {
        method: &args.method,
        input: Raw::new(&input),
        due: &args.due,
        period: args.every.as_deref(),
        ttl: args.ttl.as_deref(),
        replace: !args.keep_existing,
        retries: args.retries,
        catch_up: args.catch_up.into(),
    };
    let body = console::encode(&reminder).into_bytes();
    let path = path(&args.actor, &["reminders", &args.name]);
    let set: Result<(), Trouble> = remote.put(&path, &body);
    set?;
    told::reminder_set(console, &name(&args.actor), &args.name)
}

fn reminders(remote: &Remote, console: &Console, args: &ActorArgs) -> Ending {
    let all: Vec<ReminderLine<'_>> = remote.all(&path(args, &["reminders"]))?;
    told::reminders(console, &all)
}

fn cancel_reminder(
    remote: &Remote,
    console: &Console,
    actor: &ActorArgs,
    reminder: &str,
) -> Ending {
    let cancelled: Result<(), Trouble> = remote.delete(&path(actor, &["reminders", reminder]));
    cancelled.map_err(|trouble| match trouble.is(remote::NOT_FOUND) {
        true => told::no_such_reminder(&name(actor), reminder),
        false => trouble.into(),
    })?;
    told::reminder_cancelled(console, &name(actor), reminder)
}

fn path(args: &ActorArgs, names: &[&str]) -> String {
    let actor = remote::path(&["actors", &args.actor_type, &args.id]);
    format!("{actor}{}", remote::path(names))
}

fn name(args: &ActorArgs) -> String {
    format!("{}/{}", args.actor_type, args.id)
}

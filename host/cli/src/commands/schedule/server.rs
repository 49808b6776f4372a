//! Schedules on a server.
//!
//! Knows the routes; how things look is told elsewhere.

use host_api::json::{FiredReport, OverlapPolicy, Raw, ScheduleLine};
use serde::Serialize;

use super::told;
use crate::args::{Common, CreateScheduleArgs, ScheduleCommand};
use crate::exit::{Exit, OrExit, Problem};
use crate::input;
use crate::remote::{self, Remote, Trouble};
use crate::session::Ending;
use crate::show::console::{self, Console};

const SCHEDULES: &str = "/schedules";

#[derive(Serialize)]
struct Definition<'a> {
    cron: Option<&'a str>,
    zone: &'a str,
    every: Option<&'a str>,
    from: Option<&'a str>,
    until: Option<&'a str>,
    workflow: Option<Start<'a>>,
    actor: Option<Call<'a>>,
    input: Raw,
    overlap: OverlapPolicy,
    queue: u32,
    catch_up: &'a str,
    jitter: &'a str,
}

#[derive(Serialize)]
struct Start<'a> {
    name: &'a str,
    id: Option<&'a str>,
}

#[derive(Serialize)]
struct Call<'a> {
    actor_type: &'a str,
    actor_id: &'a str,
    method: &'a str,
}

#[derive(Serialize)]
struct Backfill<'a> {
    from: &'a str,
    to: &'a str,
}

/// Does what the command says.
pub(super) fn run(remote: &Remote, common: &Common, command: &ScheduleCommand) -> Ending {
    let console = Console::new(common.output);
    match command {
        ScheduleCommand::Create(args) => create(remote, &console, args),
        ScheduleCommand::List => {
            let all: Vec<ScheduleLine<'_>> = remote.all(SCHEDULES)?;
            told::listed(&console, &all)
        }
        ScheduleCommand::Show { name } => {
            let found = remote.get(&one(name, &[]));
            told::show(&console, &known(found, name)?)
        }
        ScheduleCommand::Pause { name } => {
            let paused = remote.post(&one(name, &["pause"]), &[]);
            told::done(&console, &known(paused, name)?.name, "is paused")
        }
        ScheduleCommand::Resume { name } => {
            let resumed = remote.post(&one(name, &["resume"]), &[]);
            told::done(&console, &known(resumed, name)?.name, "goes on")
        }
        ScheduleCommand::Trigger { name } => {
            let fired: FiredReport = remote.post(&one(name, &["trigger"]), &[])?;
            told::fired(&console, name, fired)?;
            Ok(Exit::Done)
        }
        ScheduleCommand::Backfill { name, from, to } => {
            let body = console::encode(&Backfill { from, to });
            let path = one(name, &["backfill"]);
            let fired: FiredReport = remote.post(&path, body.as_bytes())?;
            told::fired(&console, name, fired)?;
            Ok(Exit::Done)
        }
        ScheduleCommand::Delete { name } => {
            let deleted: Result<(), Trouble> = remote.delete(&one(name, &[]));
            deleted?;
            told::done(&console, name, "is deleted")
        }
    }
}

fn create(remote: &Remote, console: &Console, args: &CreateScheduleArgs) -> Ending {
    let body = console::encode(&definition(args)?);
    let replace = args.replace.then_some("true");
    let path = remote::with_options(&one(&args.name, &[]), &[("replace", replace)]);
    let created: ScheduleLine<'_> = remote.put(&path, body.as_bytes())?;
    told::created(console, &created)
}

fn definition(args: &CreateScheduleArgs) -> Result<Definition<'_>, Problem> {
    let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
    let workflow = args.workflow.as_deref();
    let actor = match &args.actor[..] {
        [actor_type, actor_id, method] => Some(Call {
            actor_type,
            actor_id,
            method,
        }),
        _ => None,
    };
    let id = args.id.as_deref();
    Ok(Definition {
        cron: args.cron.as_deref(),
        zone: &args.zone,
        every: args.every.as_deref(),
        from: args.from.as_deref(),
        until: args.until.as_deref(),
        workflow: workflow.map(|name| Start { name, id }),
        actor,
        input: Raw::new(&input),
        overlap: args.overlap.into(),
        queue: args.queue,
        catch_up: &args.catch_up,
        jitter: &args.jitter,
    })
}

fn known(
    found: Result<ScheduleLine<'static>, Trouble>,
    name: &str,
) -> Result<ScheduleLine<'static>, Problem> {
    found.map_err(|trouble| match trouble.is(remote::NOT_FOUND) {
        true => told::unknown(name),
        false => trouble.into(),
    })
}

fn one(name: &str, names: &[&str]) -> String {
    remote::path(&[&["schedules", name], names].concat())
}

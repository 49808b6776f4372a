//! Workflows on a server.
//!
//! Knows the routes and how to page through lists; how things look is told elsewhere.

use std::path::PathBuf;

use anyhow::Context;
use host_api::json::{
    self, AttributeLines, EventLine, ForkReport, Raw, Report, Status, TrialReport,
};
use host_base::{Payload, Search};
use serde::{Deserialize, Serialize};

use super::told::{self, Historian, Purged};
use super::{follow, rest};
use crate::args::{
    Common, ControlArgs, ListArgs, PurgeArgs, RerunArgs, StartArgs, WorkflowCommand,
};
use crate::commands::deploy;
use crate::exit::{Exit, OrExit, Problem};
use crate::input;
use crate::remote::{self, Remote, Trouble};
use crate::session::Ending;
use crate::show::console::{self, Console};

/// Entries of a page: as many as a server gives.
const PAGE: usize = 1_000;

/// A server and those who are told of it.
pub(super) struct Server<'a> {
    pub(super) remote: &'a Remote,
    pub(super) console: Console,
}

/// A page of a history.
#[derive(Deserialize)]
struct History {
    events: Vec<EventLine<'static>>,
    next_from: Option<u64>,
}

#[derive(Serialize)]
struct Start<'a> {
    workflow: &'a str,
    id: Option<&'a str>,
    input: Raw,
    attributes: AttributeLines,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_at: Option<&'a str>,
    id_reuse: &'static str,
}

#[derive(Serialize)]
struct Again<'a> {
    from: u64,
    run: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Raw>,
    id: Option<&'a str>,
}

/// Does what the command says.
pub(super) fn run(remote: &Remote, common: &Common, command: &WorkflowCommand) -> Ending {
    let console = Console::new(common.output);
    let server = Server { remote, console };
    match command {
        WorkflowCommand::Start(args) => server.start(args),
        WorkflowCommand::List(args) => server.list(args),
        WorkflowCommand::Show { id } => told::show(&server.console, &server.known(&one(id), id)?),
        WorkflowCommand::History {
            id, follow: true, ..
        } => follow::follow(&server, id),
        WorkflowCommand::History { id, run, .. } => server.history(id, *run),
        WorkflowCommand::Result { id, wait } => server.result(id, wait.as_deref()),
        WorkflowCommand::Query { id, name, input } => {
            server.ask(id, &["query", name], input.as_deref(), None)
        }
        WorkflowCommand::Update(args) => {
            let (names, input) = (["update", &args.name], args.input.as_deref());
            server.ask(&args.workflow, &names, input, args.id.as_deref())
        }
        WorkflowCommand::Rerun(args) => server.rerun(args),
        WorkflowCommand::Cancel(args) => server.control_for(args, "cancel", "Asked to end:"),
        WorkflowCommand::Terminate(args) => server.control_for(args, "terminate", "Terminated:"),
        WorkflowCommand::Suspend(args) => server.control_for(args, "suspend", "Suspended:"),
        WorkflowCommand::Resume(which) => server.control(which.one(), None, "resume", "Resumed:"),
        WorkflowCommand::Purge(args) => server.purge(args),
        WorkflowCommand::Raise { id, name, value } => server.raise(id, name, value.as_deref()),
        WorkflowCommand::Move { id, force } => server.change_over(id, *force),
        WorkflowCommand::Fork { id, plugin } => server.fork(id, plugin.as_ref()),
    }
}

impl Server<'_> {
    fn start(&self, args: &StartArgs) -> Ending {
        let input = given(args.input.as_deref())?;
        let id = args.id.as_deref();
        let start = Start {
            workflow: &args.name,
            id,
            input: Raw::new(&input),
            attributes: json::shown_attributes(&args.labels.attributes()),
            start_at: args.begins(),
            // What has the id already, ended or not, is left as it is.
            id_reuse: "deleted",
        };
        let report = match (self.remote.post("/workflows", &body(&start)), id) {
            (Ok(report), _) => by_us(report),
            (Err(trouble), Some(id)) if trouble.is(remote::ALREADY_EXISTS) => self.before(id)?,
            (Err(trouble), _) => return Err(trouble.of_start()),
        };
        told::started(&self.console, &report)?;
        Ok(Exit::Done)
    }

    /// What has the id already.
    fn before(&self, id: &str) -> Result<Report<'static>, Problem> {
        let report = self.known(&one(id), id)?;
        // What it was started with is not told of a start.
        let report = Report {
            input: None,
            activities: Vec::new(),
            ..report
        };
        told::known_already(&self.console, &report);
        Ok(report)
    }

    fn list(&self, args: &ListArgs) -> Ending {
        let search = args.search.as_ref().map(Search::text);
        let [status, name] = fits(args.status.map(Status::from), args.name.as_deref());
        let options = [status, name, ("where", search)];
        let number = args.limit.saturating_add(1);
        let reports = self.remote.first("/workflows", &options, number)?;
        told::listed(&self.console, args, &reports)
    }

    /// Tells all that has happened in a run.
    fn history(&self, id: &str, run: Option<u32>) -> Ending {
        let report = self.known(&one(id), id)?;
        let run = run.unwrap_or(report.run);
        let path = format!("{}/history", one(id));
        let (run_text, limit) = (run.to_string(), PAGE.to_string());
        let mut historian = Historian::new(&self.console);
        let mut next = Some(0);
        while let Some(from) = next {
            let first = from.to_string();
            let options = [
                ("run", Some(run_text.as_str())),
                ("from", Some(first.as_str())),
                ("limit", Some(limit.as_str())),
            ];
            let page = self.remote.get(&remote::with_options(&path, &options));
            let page: History = page.map_err(|trouble| match trouble.is(remote::NOT_FOUND) {
                true => told::no_such_run(&report, run),
                false => trouble.into(),
            })?;
            for event in &page.events {
                historian.tell(event)?;
            }
            next = page.next_from;
        }
        self.console.end_of_list()?;
        Ok(Exit::Done)
    }

    fn result(&self, id: &str, wait: Option<&str>) -> Ending {
        let wait = wait.map(host_base::duration::read).transpose();
        let wait = wait.context("read --wait").or_exit(Exit::BadUsage)?;
        let report = rest::wait_for(self.remote, id, wait.unwrap_or_default());
        told::ending(
            &self.console,
            &report.map_err(|trouble| self.of(trouble, id))?,
        )
    }

    /// Has the workflow's code answer.
    fn ask(&self, id: &str, names: &[&str], input: Option<&str>, key: Option<&str>) -> Ending {
        let input = given(input)?;
        let path = format!("{}{}", one(id), remote::path(names));
        let answer = match key {
            Some(key) => self.remote.post_once(&path, &input, key),
            None => self.remote.post(&path, &input),
        };
        let answer: Raw = answer.map_err(|trouble| self.of(trouble, id).of_code())?;
        self.console.result(&self.console.payload(answer.bytes()))?;
        Ok(Exit::Done)
    }

    fn rerun(&self, args: &RerunArgs) -> Ending {
        let given = |text: &Option<String>| text.as_deref().map(input::read).transpose();
        let (input, result) = (given(&args.input), given(&args.result));
        let raw = |payload: Option<Payload>| payload.map(|payload| Raw::new(&payload));
        let again = Again {
            from: args.from,
            run: args.run,
            input: raw(input.or_exit(Exit::BadUsage)?),
            result: raw(result.or_exit(Exit::BadUsage)?),
            id: args.id.as_deref(),
        };
        let path = format!("{}/rerun", one(&args.source));
        let begun = self.remote.post(&path, &body(&again));
        let report = begun.map_err(|trouble| self.of(trouble, &args.source).of_start())?;
        told::begun_again(&self.console, &by_us(report), args.from, &args.source)?;
        Ok(Exit::Done)
    }

    /// Says, too, where history and component differ.
    fn change_over(&self, id: &str, force: bool) -> Ending {
        let path = format!("{}/move", one(id));
        let path = remote::with_options(&path, &[("force", force.then_some("true"))]);
        let trial: Result<TrialReport<'static>, Trouble> = self.remote.post(&path, &[]);
        told::moved(
            &self.console,
            &trial.map_err(|trouble| self.of(trouble, id))?,
        )
    }

    fn fork(&self, id: &str, plugin: Option<&PathBuf>) -> Ending {
        let component = plugin.map(deploy::read_one).transpose()?;
        let path = format!("{}/fork", one(id));
        let file = component.as_ref().map(|component| component.file.as_str());
        let path = remote::with_options(&path, &[("file", file)]);
        let bytes = component.as_ref().map(|component| &component.bytes[..]);
        let fork = self.remote.upload(&path, bytes.unwrap_or_default());
        let fork: ForkReport<'static> = fork.map_err(|trouble| self.of(trouble, id))?;
        told::forked(&self.console, &fork)
    }

    fn control_for(&self, args: &ControlArgs, deed: &str, done: &str) -> Ending {
        let reason = Some(args.reason.as_str()).filter(|reason| !reason.is_empty());
        self.control(args.which.one(), reason, deed, done)
    }

    fn control(&self, id: &str, reason: Option<&str>, deed: &str, done: &str) -> Ending {
        let path = format!("{}/{deed}", one(id));
        let path = remote::with_options(&path, &[("reason", reason)]);
        let report = self.remote.post(&path, &[]);
        let report = report.map_err(|trouble| self.of(trouble, id))?;
        told::done(&self.console, &report, done)?;
        Ok(Exit::Done)
    }

    fn raise(&self, id: &str, name: &str, value: Option<&str>) -> Ending {
        let value = given(value)?;
        let path = format!("{}{}", one(id), remote::path(&["raise", name]));
        let raised: Result<(), Trouble> = self.remote.post(&path, &value);
        raised.map_err(|trouble| self.of(trouble, id))?;
        told::raised(&self.console, id, name);
        Ok(Exit::Done)
    }

    fn purge(&self, args: &PurgeArgs) -> Ending {
        let id = args.which.one();
        let force = args.force.then_some("true");
        let path = remote::with_options(&one(id), &[("force", force)]);
        let purged: Result<Purged, Trouble> = self.remote.delete(&path);
        let purged = purged.map_err(|trouble| {
            let trouble = self.of(trouble, id);
            trouble.worded(remote::NOT_ENDED, || told::not_ended(id))
        });
        told::purged(&self.console, &purged?)
    }

    /// The workflow of this id, which the user expects to be there.
    pub(super) fn known(&self, path: &str, id: &str) -> Result<Report<'static>, Problem> {
        let report = self.remote.get(path);
        report.map_err(|trouble| self.of(trouble, id).into())
    }

    /// The problem in words of this program.
    pub(super) fn of(&self, trouble: Trouble, id: &str) -> Trouble {
        let server = self.remote.name();
        trouble.worded(remote::NOT_FOUND, || {
            format!(
                "no workflow has the id {id} on {server}; \"host workflow list\" shows those there are"
            )
        })
    }
}

fn fits(status: Option<Status>, name: Option<&str>) -> [(&'static str, Option<&str>); 2] {
    [("status", status.map(Status::name)), ("name", name)]
}

fn one(id: &str) -> String {
    remote::path(&["workflows", id])
}

fn given(input: Option<&str>) -> Result<Payload, Problem> {
    input::read_optional(input).or_exit(Exit::BadUsage)
}

fn body(fields: &impl Serialize) -> Vec<u8> {
    console::encode(fields).into_bytes()
}

/// A request whose answer got lost is sent again, and its own deed is what was done before.
fn by_us(report: Report<'static>) -> Report<'static> {
    let already_done = false;
    Report {
        already_done,
        ..report
    }
}

//! Workflows on a server.
//!
//! Knows the routes and how to page through lists; how things look is told elsewhere.

use std::time::Duration;

use anyhow::Context;
use host_api::json::{self, AttributeLines, EventLine, Raw, Report, Status};
use host_base::{Payload, Search};
use serde::{Deserialize, Serialize};

use super::told::{self, Historian, Purged};
use crate::args::{
    Common, ControlArgs, ListArgs, PurgeArgs, RerunArgs, StartArgs, WorkflowCommand,
};
use crate::exit::{Exit, OrExit, Problem};
use crate::input;
use crate::remote::{self, Remote, Trouble};
use crate::session::Ending;
use crate::show::console::{self, Console};

/// Entries of a page: as many as a server gives.
const PAGE: usize = 1_000;
/// How long one request waits for a result: shorter than what lies between may cut off an answer that does not come.
const WAIT: Duration = Duration::from_secs(25);
/// How long a history that is followed is not looked at.
const LOOK: &str = "500ms";

/// A server and those who are told of it.
struct Server<'a> {
    remote: &'a Remote,
    console: Console,
}

/// A page of workflows.
#[derive(Deserialize)]
struct Listed {
    workflows: Vec<Report<'static>>,
    next_cursor: Option<String>,
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
        WorkflowCommand::History { id, run, follow } => match server.history(id, *run, *follow)? {
            Some(last) => told::followed(&server.console, &last),
            None => {
                server.console.end_of_list()?;
                Ok(Exit::Done)
            }
        },
        WorkflowCommand::Result { id, wait } => server.result(id, wait.as_deref()),
        WorkflowCommand::Query { id, name, input } => {
            server.ask(id, &["query", name], input.as_deref(), None)
        }
        WorkflowCommand::Update(args) => {
            let (names, input) = (["update", &args.name], args.input.as_deref());
            server.ask(&args.workflow, &names, input, args.id.as_deref())
        }
        WorkflowCommand::Rerun(args) => server.rerun(args),
        WorkflowCommand::Cancel(args) => server.control(args, "cancel", "Asked to end:"),
        WorkflowCommand::Terminate(args) => server.control(args, "terminate", "Terminated:"),
        WorkflowCommand::Suspend(args) => server.control(args, "suspend", "Suspended:"),
        WorkflowCommand::Resume { id } => {
            let (id, reason) = (id.clone(), String::new());
            server.control(&ControlArgs { id, reason }, "resume", "Resumed:")
        }
        WorkflowCommand::Purge(args) => server.purge(args),
        WorkflowCommand::Raise { id, name, value } => server.raise(id, name, value.as_deref()),
        WorkflowCommand::Move { .. } | WorkflowCommand::Fork { .. } => {
            unreachable!("they are not done here, which was said before")
        }
    }
}

impl Server<'_> {
    fn start(&self, args: &StartArgs) -> Ending {
        let input = given(args.input.as_deref())?;
        let report = match self.started_before(args.id.as_deref())? {
            Some(report) => report,
            None => self.begin(args, &input)?,
        };
        told::started(&self.console, &report)?;
        Ok(Exit::Done)
    }

    fn begin(&self, args: &StartArgs, input: &Payload) -> Result<Report<'static>, Problem> {
        let id = args.id.as_deref();
        let start = Start {
            workflow: &args.name,
            id,
            input: Raw::new(input),
            attributes: json::shown_attributes(&args.labels.attributes()),
            start_at: args.begins(),
        };
        match self.remote.post("/workflows", &body(&start)) {
            Ok(report) => Ok(by_us(report)),
            // Somebody else was faster.
            Err(trouble) if trouble.is(remote::ALREADY_EXISTS) => {
                let there = self.started_before(id)?;
                there.ok_or_else(|| trouble.of_start())
            }
            Err(trouble) => Err(trouble.of_start()),
        }
    }

    /// What has the id already, ended or not, is left as it is.
    fn started_before(&self, id: Option<&str>) -> Result<Option<Report<'static>>, Problem> {
        let Some(id) = id else {
            return Ok(None);
        };
        match self.remote.get(&remote::path(&["workflows", id])) {
            Ok(report) => {
                // What it was started with is not told of a start.
                let report = Report {
                    input: None,
                    activities: Vec::new(),
                    ..report
                };
                told::known_already(&self.console, &report);
                Ok(Some(report))
            }
            Err(trouble) if trouble.is(remote::NOT_FOUND) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    fn list(&self, args: &ListArgs) -> Ending {
        let number = args.limit.saturating_add(1);
        let mut reports = Vec::new();
        let options = [
            (
                "status",
                args.status.map(|status| Status::from(status).name()),
            ),
            ("name", args.name.as_deref()),
            ("where", args.search.as_ref().map(Search::text)),
        ];
        self.pages(&options, number, |page| {
            reports.extend(page);
            Ok(reports.len() < number)
        })?;
        told::listed(&self.console, args, reports)
    }

    /// Reads page by page as long as more are wanted.
    fn pages(
        &self,
        options: &[(&str, Option<&str>)],
        number: usize,
        mut more: impl FnMut(Vec<Report<'static>>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        let limit = number.min(PAGE).to_string();
        let mut cursor: Option<String> = None;
        loop {
            let page = [
                ("limit", Some(limit.as_str())),
                ("cursor", cursor.as_deref()),
            ];
            let path = remote::with_options("/workflows", &[options, &page].concat());
            let page: Listed = self.remote.get(&path)?;
            let wants_more = more(page.workflows)?;
            match page.next_cursor {
                Some(next) if wants_more => cursor = Some(next),
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Tells all that has happened. A history that is followed is told until its workflow rests, which is returned.
    fn history(
        &self,
        id: &str,
        run: Option<u32>,
        follow: bool,
    ) -> Result<Option<Report<'static>>, Problem> {
        let path = one(id);
        let mut report = self.known(&path, id)?;
        let mut run = run.unwrap_or(report.run);
        let mut historian = Historian::new(&self.console);
        let mut from = 0;
        loop {
            from = self.tell_run(&mut historian, &report, run, from)?;
            if !follow {
                return Ok(None);
            }
            if report.run > run {
                (run, from) = (run + 1, 0);
                historian = Historian::new(&self.console);
            } else if report.status.rests() {
                return Ok(Some(report));
            } else {
                let result =
                    remote::with_options(&format!("{path}/result"), &[("wait", Some(LOOK))]);
                report = self.known(&result, id)?;
            }
        }
    }

    /// Tells the events of a run from a number on; returns the number behind the last one.
    fn tell_run(
        &self,
        historian: &mut Historian<'_>,
        report: &Report<'_>,
        run: u32,
        mut from: u64,
    ) -> Result<u64, Problem> {
        let path = format!("{}/history", one(&report.id));
        let (run_text, limit) = (run.to_string(), PAGE.to_string());
        loop {
            let first = from.to_string();
            let options = [
                ("run", Some(run_text.as_str())),
                ("from", Some(first.as_str())),
                ("limit", Some(limit.as_str())),
            ];
            let page = self.remote.get(&remote::with_options(&path, &options));
            let page: History = page.map_err(|trouble| match trouble.is(remote::NOT_FOUND) {
                true => told::no_such_run(report, run),
                false => trouble.into(),
            })?;
            for event in &page.events {
                historian.tell(event)?;
                from = event.number + 1;
            }
            if page.next_from.is_none() {
                return Ok(from);
            }
        }
    }

    fn result(&self, id: &str, wait: Option<&str>) -> Ending {
        let wait = wait.map(host_base::duration::read).transpose();
        let mut left = wait
            .context("read --wait")
            .or_exit(Exit::BadUsage)?
            .unwrap_or_default();
        let path = format!("{}/result", one(id));
        loop {
            let now = left.min(WAIT);
            left -= now;
            let wait = format!("{}ms", now.as_millis());
            let options = [("wait", Some(wait.as_str()).filter(|_| !now.is_zero()))];
            let report = self.known(&remote::with_options(&path, &options), id)?;
            if report.status.rests() || left.is_zero() {
                return told::ending(&self.console, &report);
            }
        }
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

    fn control(&self, args: &ControlArgs, deed: &str, done: &str) -> Ending {
        let path = format!("{}/{deed}", one(&args.id));
        let reason = Some(args.reason.as_str()).filter(|reason| !reason.is_empty());
        let path = remote::with_options(&path, &[("reason", reason)]);
        let report = self.remote.post(&path, &[]);
        let report = report.map_err(|trouble| self.of(trouble, &args.id))?;
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
        let purged = match &args.id {
            Some(id) => self.purge_one(id, args.force)?,
            None => self.purge_all(args)?,
        };
        told::purged(&self.console, &purged)
    }

    fn purge_one(&self, id: &str, force: bool) -> Result<Purged, Trouble> {
        let force = force.then_some("true");
        let path = remote::with_options(&one(id), &[("force", force)]);
        let purged = self.remote.delete(&path);
        purged.map_err(|trouble| self.of(trouble, id))
    }

    /// All ended ones that fit, page by page. One that is deleted with its parent is not there any more when its
    /// turn comes.
    fn purge_all(&self, args: &PurgeArgs) -> Result<Purged, Problem> {
        let mut all = Purged::default();
        let options = [
            (
                "status",
                args.status.map(|status| Status::from(status).name()),
            ),
            ("name", args.name.as_deref()),
        ];
        self.pages(&options, usize::MAX, |page| {
            for report in page.iter().filter(|report| report.status.has_ended()) {
                match self.purge_one(&report.id, false) {
                    Ok(purged) => {
                        all.deleted += purged.deleted;
                        all.left += purged.left;
                    }
                    Err(trouble) if trouble.is(remote::NOT_FOUND) => {}
                    Err(trouble) if trouble.is(remote::NOT_ENDED) => {}
                    Err(trouble) => return Err(trouble.into()),
                }
            }
            Ok(true)
        })?;
        Ok(all)
    }

    /// The workflow of this id, which the user expects to be there.
    fn known(&self, path: &str, id: &str) -> Result<Report<'static>, Problem> {
        let report = self.remote.get(path);
        report.map_err(|trouble| self.of(trouble, id).into())
    }

    fn of(&self, trouble: Trouble, id: &str) -> Trouble {
        trouble.of_workflow(id, self.remote.name())
    }
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

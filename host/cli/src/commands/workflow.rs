//! `host workflow …`: reads and drives the workflows of a data directory.
//!
//! Knows how to page through them; how they look is told elsewhere.

use anyhow::{Error, anyhow};
use host_api::json::{EventLine, Report};
use host_base::{Outcome, Payload};
use host_runtime::{ControlError, Purged, Rerun, StartError, WorkflowView};
use host_store::WorkflowFilter;
use serde::Serialize;

use super::deploy::{self, Component};
use crate::args::{
    Common, ControlArgs, ListArgs, PurgeArgs, StartArgs, UpdateArgs, WorkflowCommand,
};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::history::Narrator;
use crate::show::report;
use crate::show::table::table;
use crate::show::trace::Detail;
use crate::show::trial::{self, ForkReport, TrialReport};
use crate::show::{console, text};

/// Records that are read at once.
const PAGE: usize = 1000;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &WorkflowCommand) -> Ending {
    match command {
        WorkflowCommand::Start(args) => {
            let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
            on(common, async move |session| {
                start(session, args, input).await
            })
        }
        WorkflowCommand::List(args) => on(common, async |session| list(session, args)),
        WorkflowCommand::Show { id } => on(common, async |session| show(session, id)),
        WorkflowCommand::History { id, run } => {
            on(common, async |session| history(session, id, *run))
        }
        WorkflowCommand::Query { id, name, input } => {
            let input = input::read_optional(input.as_deref()).or_exit(Exit::BadUsage)?;
            on(common, async move |session| {
                let key = session.known(id)?.key;
                answer(
                    session,
                    session.runtime.query_workflow(&key, name, input).await,
                )
            })
        }
        WorkflowCommand::Update(args) => {
            let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
            on(common, async move |session| {
                update(session, args, input).await
            })
        }
        WorkflowCommand::Move { id, force } => on(common, async |session| {
            change_over(session, id, *force).await
        }),
        WorkflowCommand::Rerun(args) => {
            let given = |text: &Option<String>| text.as_deref().map(input::read).transpose();
            let input = given(&args.input).or_exit(Exit::BadUsage)?;
            let result = given(&args.result).or_exit(Exit::BadUsage)?;
            let rerun = Rerun {
                run: args.run,
                from: args.from,
                input,
                result: result.map(Ok),
                id: args.id.clone(),
            };
            on(common, async move |session| {
                begin_again(session, &args.source, rerun).await
            })
        }
        WorkflowCommand::Fork { id, plugin } => {
            let component = plugin.as_ref().map(deploy::read_one).transpose()?;
            on(common, async move |session| {
                fork(session, id, component).await
            })
        }
        WorkflowCommand::Cancel(args) => on(common, async |session| cancel(session, args).await),
        WorkflowCommand::Terminate(args) => {
            on(common, async |session| terminate(session, args).await)
        }
        WorkflowCommand::Suspend(args) => on(common, async |session| suspend(session, args).await),
        WorkflowCommand::Resume { id } => on(common, async |session| resume(session, id).await),
        WorkflowCommand::Purge(args) => on(common, async |session| purge(session, args).await),
        WorkflowCommand::Raise { id, name, value } => {
            let value = input::read_optional(value.as_deref()).or_exit(Exit::BadUsage)?;
            on(common, async move |session| {
                raise(session, id, name, value).await
            })
        }
    }
}

async fn raise(session: &Session, id: &str, name: &str, value: Payload) -> Ending {
    let key = session.known(id)?.key;
    let raised = session.runtime.raise_event(&key, name, value).await;
    raised.map_err(exit::refused)?;
    session
        .console
        .note(&format!("Raised event {name} for workflow {id}"));
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

async fn update(session: &Session, args: &UpdateArgs, input: Payload) -> Ending {
    let key = session.known(&args.workflow)?.key;
    // What an update waits for may be a timer, or an activity that a process which was killed has begun.
    session.resume().await?;
    let (name, id) = (&args.name, args.id.as_deref());
    let outcome = session.runtime.update_workflow(&key, name, input, id).await;
    let exit = answer(session, outcome)?;
    session.tell_unfinished()?;
    Ok(exit)
}

fn answer(session: &Session, outcome: Outcome) -> Ending {
    let answer = outcome.map_err(Error::new).or_exit(Exit::Failed)?;
    session.console.result(&session.console.payload(&answer))?;
    Ok(Exit::Done)
}

async fn cancel(session: &Session, args: &ControlArgs) -> Ending {
    let key = session.known(&args.id)?.key;
    let view = session.runtime.cancel_workflow(&key, &args.reason).await?;
    tell_done(session, &view, "Asked to end:")
}

async fn terminate(session: &Session, args: &ControlArgs) -> Ending {
    let key = session.known(&args.id)?.key;
    session.trace.leave_end_of(&key.id);
    let view = session.runtime.terminate_workflow(&key, &args.reason);
    tell_done(session, &view.await?, "Terminated:")
}

async fn suspend(session: &Session, args: &ControlArgs) -> Ending {
    let key = session.known(&args.id)?.key;
    session.trace.leave_end_of(&key.id);
    let view = session.runtime.suspend_workflow(&key, &args.reason);
    tell_done(session, &view.await?, "Suspended:")
}

async fn resume(session: &Session, id: &str) -> Ending {
    let key = session.known(id)?.key;
    session.trace.leave_end_of(&key.id);
    let view = session.runtime.resume_workflow(&key).await?;
    tell_done(session, &view, "Resumed:")
}

async fn purge(session: &Session, args: &PurgeArgs) -> Ending {
    let purged = match &args.id {
        Some(id) => {
            let key = session.known(id)?.key;
            session.trace.leave_end_of(&key.id);
            session.runtime.purge_workflow(&key, args.force).await?
        }
        None => purge_all(session, args).await?,
    };
    if session.console.json {
        let Purged { deleted, left } = purged;
        let report = console::encode(&PurgeReport { deleted, left });
        session.console.result(&report)?;
        return Ok(Exit::Done);
    }
    let deleted = text::count(purged.deleted, "workflow");
    session.console.note(&format!("Deleted {deleted}"));
    if purged.left > 0 {
        let left = text::count(purged.left, "child workflow");
        session.console.note(&format!(
            "Kept {left} that did not end; --force ends what is purged first"
        ));
    }
    Ok(Exit::Done)
}

/// What a purge did, for programs.
#[derive(Serialize)]
struct PurgeReport {
    deleted: usize,
    left: usize,
}

/// All ended ones that fit, page by page. One that is deleted with its parent is not there any more when its
/// turn comes.
async fn purge_all(session: &Session, args: &PurgeArgs) -> Result<Purged, Problem> {
    let filter = WorkflowFilter {
        status: args.status.map(Into::into),
        name: args.name.clone(),
    };
    let mut all = Purged::default();
    let mut after: Option<String> = None;
    loop {
        let runtime = &session.runtime;
        let page = runtime.workflows(&session.tenant, &filter, after.as_deref(), PAGE)?;
        for view in page.iter().filter(|view| view.has_ended()) {
            match runtime.purge_workflow(&view.key, false).await {
                Ok(purged) => {
                    all.deleted += purged.deleted;
                    all.left += purged.left;
                }
                Err(ControlError::NotFound { .. } | ControlError::NotEnded(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.id.clone()),
            Some(_) | None => return Ok(all),
        }
    }
}

/// Reports a workflow as it stands now that something was done to it.
fn tell_done(session: &Session, view: &WorkflowView, done: &str) -> Ending {
    if session.console.json {
        let report = console::encode(&Report::new(view));
        session.console.result(&report)?;
    } else {
        session.console.note(&format!(
            "{done} workflow {} ({})",
            view.key.id,
            view.status_name()
        ));
    }
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

fn on(common: &Common, work: impl AsyncFnOnce(&Session) -> Ending) -> Ending {
    session::run(common, session::detail(common, Detail::Normal), work)
}

async fn start(session: &Session, args: &StartArgs, input: Payload) -> Ending {
    let id = args.id.as_deref();
    let known = match id {
        Some(id) => session.runtime.workflow(&session.key(id)?)?,
        None => None,
    };
    let view = match known {
        Some(view) => known_already(session, view),
        None => {
            let (tenant, name) = (&session.tenant, &args.name);
            match session
                .runtime
                .start_workflow(tenant, name, id, input)
                .await
            {
                Ok(view) => view,
                Err(StartError::AlreadyExists(view)) => known_already(session, *view),
                Err(refused @ StartError::Refused(_)) => return Err(refused.into()),
            }
        }
    };
    let started = if session.console.json {
        console::encode(&Report::new(&view))
    } else {
        view.key.id.clone()
    };
    session.console.result(&started)?;
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

fn known_already(session: &Session, view: WorkflowView) -> WorkflowView {
    let (id, status) = (&view.key.id, view.status_name());
    session.console.note(&format!(
        "Workflow {id} was started earlier and is {status}"
    ));
    view
}

fn list(session: &Session, args: &ListArgs) -> Ending {
    let mut views = first(session, args, args.limit.saturating_add(1))?;
    let more = views.len() > args.limit;
    views.truncate(args.limit);
    let reports = views.iter().map(Report::new);
    if session.console.json {
        for report in reports {
            session.console.result(&console::encode(&report))?;
        }
    } else if !views.is_empty() {
        let rows = reports.map(|report| row(&report)).collect();
        let heads = [
            "ID",
            "NAME",
            "STATUS",
            "RUN",
            "CREATED",
            "UPDATED",
            "ENDED WITH",
        ];
        session.console.result(&table(heads, rows))?;
    }
    tell_rest(session, views.len(), more);
    Ok(Exit::Done)
}

/// So many workflows that fit, page by page: a page that is too large would be held in memory twice.
fn first(session: &Session, args: &ListArgs, number: usize) -> Result<Vec<WorkflowView>, Problem> {
    let filter = WorkflowFilter {
        status: args.status.map(Into::into),
        name: args.name.clone(),
    };
    let mut views: Vec<WorkflowView> = Vec::new();
    loop {
        let limit = PAGE.min(number - views.len());
        let after = views.last().map(|view| view.key.id.as_str());
        let page = session
            .runtime
            .workflows(&session.tenant, &filter, after, limit)?;
        let full = page.len() == limit;
        views.extend(page);
        if !full || views.len() == number {
            return Ok(views);
        }
    }
}

fn row(report: &Report<'_>) -> [String; 7] {
    [
        report.id.to_string(),
        text::printable(&report.name),
        report.status.name().to_owned(),
        report.run.to_string(),
        report.created.clone(),
        report.updated.clone(),
        report::ending(report),
    ]
}

fn tell_rest(session: &Session, shown: usize, more: bool) {
    if more {
        let shown = text::count(shown, "workflow");
        session
            .console
            .note(&format!("There are more than {shown}; --limit shows more"));
    } else if shown == 0 {
        session.console.note("There are no such workflows");
    }
}

fn show(session: &Session, id: &str) -> Ending {
    let view = session.known(id)?;
    let input = session.runtime.workflow_input(&view)?;
    let activities = session.runtime.pending_activities(&view.key, view.run)?;
    let report = Report::new(&view).with_input(input.as_ref());
    let report = report.with_activities(&activities);
    let shown = if session.console.json {
        console::encode(&report)
    } else {
        report::block(&report)
    };
    session.console.result(&shown)?;
    Ok(Exit::Done)
}

fn history(session: &Session, id: &str, run: Option<u32>) -> Ending {
    let view = session.known(id)?;
    let run = run.unwrap_or(view.run);
    let mut narrator = Narrator::default();
    let mut from = 0;
    loop {
        let page = session.runtime.history(&view.key, run, from, PAGE)?;
        if page.is_empty() && from == 0 {
            return Err(no_such_run(&view, run));
        }
        for (number, event) in &page {
            let event = EventLine::new(*number, event);
            let line = if session.console.json {
                console::encode(&event)
            } else {
                narrator.line(&event)
            };
            session.console.result(&line)?;
        }
        match page.last() {
            Some((last, _)) if page.len() == PAGE => from = last + 1,
            Some(_) | None => return Ok(Exit::Done),
        }
    }
}

/// Says, too, where history and component differ.
async fn change_over(session: &Session, id: &str, force: bool) -> Ending {
    let key = session.known(id)?.key;
    let trial = session.runtime.move_workflow(&key, force).await?;
    let shown = if session.console.json {
        console::encode(&TrialReport::new(&trial))
    } else {
        trial::told(&trial)
    };
    session.console.result(&shown)?;
    session.tell_unfinished()?;
    Ok(if trial.moved {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Writes the new workflow's id.
async fn begin_again(session: &Session, source: &str, rerun: Rerun) -> Ending {
    let key = session.known(source)?.key;
    let from = rerun.from;
    let view = session.runtime.rerun(&key, rerun).await?;
    let id = &view.key.id;
    session.console.note(&format!(
        "Workflow {id} goes on from event {from} of {source}"
    ));
    if session.console.json {
        session
            .console
            .result(&console::encode(&Report::new(&view)))?;
    } else {
        session.console.result(id)?;
    }
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

async fn fork(session: &Session, id: &str, component: Option<Component>) -> Ending {
    let view = session.known(id)?;
    let given = component.as_ref();
    let given = given.map(|component| (component.file.as_str(), component.bytes.as_slice()));
    let rehearsal = session.runtime.rehearse(&view.key, given).await?;
    let shown = if session.console.json {
        console::encode(&ForkReport::new(id, &view.name, view.run, &rehearsal))
    } else {
        trial::fork(id, &rehearsal)
    };
    session.console.result(&shown)?;
    Ok(if rehearsal.verdict.agrees() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn no_such_run(view: &WorkflowView, run: u32) -> Problem {
    let (id, runs) = (&view.key.id, text::count(view.run as usize, "run"));
    let error = anyhow!("workflow {id} has no history of run {run}; it has had {runs}");
    Problem::new(Exit::Failed, error)
}

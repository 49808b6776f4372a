//! Workflows in a data directory.
//!
//! Knows how to page through them; how they look is told elsewhere.

use std::time::Duration;

use anyhow::{Context, Error, anyhow};
use host_api::json::{EventLine, ForkReport, Report, Status, TrialReport};
use host_base::{Outcome, Payload, WorkflowKey};
use host_runtime::{ControlError, IdReuse, Moment, Rerun, Start, StartError, WorkflowView};
use host_store::WorkflowFilter;

use super::told::{self, Historian, Purged};
use crate::args::{
    Common, ControlArgs, ListArgs, PurgeArgs, RerunArgs, StartArgs, UpdateArgs, WorkflowCommand,
};
use crate::commands::deploy::{self, Component};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;

/// Records that are read at once.
const PAGE: usize = 1000;
/// How long a history that is followed is not looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Does what the command says.
pub(super) fn run(common: &Common, command: &WorkflowCommand) -> Ending {
    match command {
        WorkflowCommand::Start(args) => {
            let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
            on(common, async move |session| {
                start(session, args, input).await
            })
        }
        WorkflowCommand::List(args) => on(common, async |session| list(session, args)),
        WorkflowCommand::Show { id } => on(common, async |session| show(session, id)),
        WorkflowCommand::History { id, run, follow } => on(common, async |session| {
            if *follow {
                return follow_history(session, id).await;
            }
            history(session, id, *run)
        }),
        WorkflowCommand::Result { id, wait } => {
            let wait = wait.as_deref().map(host_base::duration::read).transpose();
            let wait = wait.context("read --wait").or_exit(Exit::BadUsage)?;
            on(common, async move |session| result(session, id, wait).await)
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
            let rerun = rerun(args).or_exit(Exit::BadUsage)?;
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
        WorkflowCommand::Resume(which) => {
            on(common, async |session| resume(session, which.one()).await)
        }
        WorkflowCommand::Purge(args) => on(common, async |session| purge(session, args).await),
        WorkflowCommand::Raise { id, name, value } => {
            let value = input::read_optional(value.as_deref()).or_exit(Exit::BadUsage)?;
            on(common, async move |session| {
                raise(session, id, name, value).await
            })
        }
    }
}

fn rerun(args: &RerunArgs) -> anyhow::Result<Rerun> {
    let given = |text: &Option<String>| text.as_deref().map(input::read).transpose();
    Ok(Rerun {
        run: args.run,
        from: args.from,
        input: given(&args.input)?,
        result: given(&args.result)?.map(Ok),
        id: args.id.clone(),
    })
}

async fn raise(session: &Session, id: &str, name: &str, value: Payload) -> Ending {
    let key = session.known(id)?.key;
    let raised = session.runtime.raise_event(&key, name, value).await;
    raised.map_err(exit::refused)?;
    told::raised(&session.console, id, name);
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
    let key = session.known(args.which.one())?.key;
    let view = session.runtime.cancel_workflow(&key, &args.reason).await?;
    tell_done(session, &view, "Asked to end:")
}

async fn terminate(session: &Session, args: &ControlArgs) -> Ending {
    let key = session.known(args.which.one())?.key;
    session.trace.leave_end_of(&key.id);
    let view = session.runtime.terminate_workflow(&key, &args.reason);
    tell_done(session, &view.await?, "Terminated:")
}

async fn suspend(session: &Session, args: &ControlArgs) -> Ending {
    let key = session.known(args.which.one())?.key;
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
    let id = args.which.one();
    let key = session.known(id)?.key;
    session.trace.leave_end_of(&key.id);
    let purged = session.runtime.purge_workflow(&key, args.force).await;
    let purged = purged.map_err(|error| not_purged(error, id))?;
    let host_runtime::Purged { deleted, left } = purged;
    told::purged(&session.console, &Purged { deleted, left })
}

fn not_purged(error: ControlError, id: &str) -> Problem {
    match error {
        ControlError::NotEnded(_) => Problem::new(Exit::Failed, anyhow!(told::not_ended(id))),
        other => other.into(),
    }
}

/// Reports a workflow as it stands now that something was done to it.
fn tell_done(session: &Session, view: &WorkflowView, done: &str) -> Ending {
    told::done(&session.console, &Report::new(view), done)?;
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

fn on(common: &Common, work: impl AsyncFnOnce(&Session) -> Ending) -> Ending {
    session::run(common, session::detail(common, Detail::Normal), work)
}

async fn start(session: &Session, args: &StartArgs, input: Payload) -> Ending {
    let wanted = Start {
        name: args.name.clone(),
        id: args.id.clone(),
        input,
        attributes: args.labels.attributes(),
        at: args.begins().map(|at| Moment::Text(at.to_owned())),
        // What has the id already, ended or not, is left as it is.
        id_reuse: IdReuse::Deleted,
    };
    let started = session.runtime.start_workflow_with(&session.tenant, wanted);
    let view = match started.await {
        Ok(view) => view,
        Err(StartError::AlreadyExists(view)) => known_already(session, *view),
        Err(refused @ StartError::Refused(_)) => return Err(refused.into()),
    };
    told::started(&session.console, &Report::new(&view))?;
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

fn known_already(session: &Session, view: WorkflowView) -> WorkflowView {
    told::known_already(&session.console, &Report::new(&view));
    view
}

fn list(session: &Session, args: &ListArgs) -> Ending {
    let views = first(session, args, args.limit.saturating_add(1))?;
    let reports: Vec<_> = views.iter().map(Report::new).collect();
    told::listed(&session.console, args, &reports)
}

/// So many workflows that fit, page by page: a page that is too large would be held in memory twice.
fn first(session: &Session, args: &ListArgs, number: usize) -> Result<Vec<WorkflowView>, Problem> {
    let filter = WorkflowFilter {
        status: args.status.map(|status| Status::from(status).into()),
        name: args.name.clone(),
    };
    let search = args.search.clone().unwrap_or_default();
    let (mut views, mut after) = (Vec::new(), None);
    loop {
        let (runtime, after_id) = (&session.runtime, after.as_deref());
        let limit = match args.search {
            Some(_) => PAGE,
            None => PAGE.min(number - views.len()),
        };
        let page: Vec<WorkflowView> =
            runtime.workflows(&session.tenant, &filter, after_id, limit)?;
        let full = page.len() == limit;
        after = page.last().map(|view| view.key.id.clone());
        views.extend(
            page.into_iter()
                .filter(|view| search.fits(&view.attributes)),
        );
        if !full || views.len() >= number {
            views.truncate(number);
            return Ok(views);
        }
    }
}

fn show(session: &Session, id: &str) -> Ending {
    let view = session.known(id)?;
    let input = session.runtime.workflow_input(&view)?;
    let activities = session.runtime.pending_activities(&view.key, view.run)?;
    let report = Report::new(&view).with_input(input.as_ref());
    let report = report.with_activities(&activities);
    told::show(&session.console, &report)
}

fn history(session: &Session, id: &str, run: Option<u32>) -> Ending {
    let view = session.known(id)?;
    let run = run.unwrap_or(view.run);
    let mut historian = Historian::new(&session.console);
    if tell_run(session, &mut historian, &view.key, run, 0)? == 0 {
        return Err(told::no_such_run(&Report::new(&view), run));
    }
    session.console.end_of_list()?;
    Ok(Exit::Done)
}

/// Tells what happens until the workflow rests.
async fn follow_history(session: &Session, id: &str) -> Ending {
    let mut view = session.known(id)?;
    session.trace.leave_end_of(id);
    session.resume().await?;
    let mut historian = Historian::new(&session.console);
    let (mut run, mut from) = (view.run, 0);
    loop {
        from = tell_run(session, &mut historian, &view.key, run, from)?;
        if view.run > run {
            (run, from) = (run + 1, 0);
            historian = Historian::new(&session.console);
        } else if Status::from(view.status).rests() {
            session.tell_unfinished()?;
            return told::followed(&session.console, &Report::new(&view));
        } else {
            wait_for(session, &view.key, LOOK).await?;
            view = session.known(id)?;
        }
    }
}

/// Tells the events of a run from a number on; returns the number behind the last one.
fn tell_run(
    session: &Session,
    historian: &mut Historian<'_>,
    key: &WorkflowKey,
    run: u32,
    mut from: u64,
) -> Result<u64, Problem> {
    loop {
        let page = session.runtime.history(key, run, from, PAGE)?;
        for (number, event) in &page {
            historian.tell(&EventLine::new(*number, event))?;
            from = number + 1;
        }
        if page.len() < PAGE {
            return Ok(from);
        }
    }
}

async fn result(session: &Session, id: &str, wait: Option<Duration>) -> Ending {
    let key = session.known(id)?.key;
    if let Some(wait) = wait {
        session.trace.leave_end_of(id);
        session.resume().await?;
        wait_for(session, &key, wait).await?;
    }
    let view = session.known(id)?;
    let ending = told::ending(&session.console, &Report::new(&view));
    session.tell_unfinished()?;
    ending
}

/// Waits until a workflow rests, and so long at most.
async fn wait_for(session: &Session, key: &WorkflowKey, time: Duration) -> Result<(), Problem> {
    let rests = session.runtime.wait_for_workflow(key);
    if let Ok(waited) = tokio::time::timeout(time, rests).await {
        waited?;
    }
    Ok(())
}

/// Says, too, where history and component differ.
async fn change_over(session: &Session, id: &str, force: bool) -> Ending {
    let key = session.known(id)?.key;
    let trial = session.runtime.move_workflow(&key, force).await?;
    let exit = told::moved(&session.console, &TrialReport::new(&trial))?;
    session.tell_unfinished()?;
    Ok(exit)
}

/// Writes the new workflow's id.
async fn begin_again(session: &Session, source: &str, rerun: Rerun) -> Ending {
    let key = session.known(source)?.key;
    let from = rerun.from;
    let view = session.runtime.rerun(&key, rerun).await?;
    told::begun_again(&session.console, &Report::new(&view), from, source)?;
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

async fn fork(session: &Session, id: &str, component: Option<Component>) -> Ending {
    let view = session.known(id)?;
    let given = component.as_ref();
    let given = given.map(|component| (component.file.as_str(), component.bytes.as_slice()));
    let rehearsal = session.runtime.rehearse(&view.key, given).await?;
    let report = ForkReport::new(id, &view.name, view.run, &rehearsal);
    told::forked(&session.console, &report)
}

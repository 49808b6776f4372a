//! `host run`: deploys plugins, goes on with what is unfinished, and runs a workflow to its end.
//!
//! Owns that a run which was killed is gone on with by the same command, and not begun again. Many inputs
//! are the business of [`super::each`].

use anyhow::anyhow;
use host_api::json::{Report, compact};
use host_runtime::{Start, StartError, WorkflowView};

use super::choice::Choice;
use super::workflow::told;
use super::{deploy, each};
use crate::args::{Common, RunArgs};
use crate::exit::{Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;

/// Does it.
pub(crate) fn run(common: &Common, args: &RunArgs) -> Ending {
    let components = deploy::read(&args.plugins)?;
    if let Some(file) = &args.each {
        return each::run(common, args, file, &components);
    }
    let given = args.input.as_deref().map(input::read).transpose();
    let given = given.or_exit(Exit::BadUsage)?;
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let manifests = deploy::deploy(session, &components, args.pin).await?;
        let (workflow, id) = (args.workflow.as_deref(), args.id.as_deref());
        let choice = Choice::new(&manifests, workflow, id).or_exit(Exit::BadUsage)?;
        let input = choice.input(given);
        let id = choice.id(&input).or_exit(Exit::BadUsage)?;
        let start = Start {
            name: choice.workflow.clone(),
            id: Some(id),
            input,
            attributes: args.labels.attributes(),
            ..Start::default()
        };
        let view = run_one(session, start).await?;
        let ending = told::ending(&session.console, &Report::new(&view));
        session.tell_unfinished()?;
        ending
    })
}

/// What is looked at before anything goes on decides: what is active then is this command's own work of
/// before, and what has ended by then is asked for once more.
async fn run_one(session: &Session, wanted: Start) -> Result<WorkflowView, Problem> {
    let id = wanted.id.clone().unwrap_or_default();
    let key = session.key(&id)?;
    let before = session.runtime.workflow(&key)?;
    session.trace.leave_end_of(&id);
    session.resume().await?;
    match before.filter(|view| !view.has_ended()) {
        Some(active) => join(session, &active, &wanted)?,
        None => start(session, wanted).await?,
    }
    let ended = session.runtime.wait_for_workflow(&key).await?;
    ended.ok_or_else(|| session.unknown(&id))
}

/// Starts the workflow. One that somebody else has started since, such as a resumed actor, is as good.
async fn start(session: &Session, wanted: Start) -> Result<(), Problem> {
    let started = session
        .runtime
        .start_workflow_with(&session.tenant, wanted.clone());
    match started.await {
        Ok(_) => Ok(()),
        Err(StartError::AlreadyExists(view)) => join(session, &view, &wanted),
        Err(refused @ StartError::Refused(_)) => Err(refused.into()),
    }
}

/// Says that a workflow is waited for and not started.
fn join(session: &Session, active: &WorkflowView, wanted: &Start) -> Result<(), Problem> {
    let id = &active.key.id;
    if active.name != wanted.name {
        let name = &active.name;
        let error = anyhow!(
            "the id {id} is that of a workflow {name} that has not ended; choose another with --id"
        );
        return Err(Problem::new(Exit::BadUsage, error));
    }
    let has = session.runtime.workflow_input(active)?;
    let other = has.is_some_and(|has| compact(&has) != compact(&wanted.input));
    let keeps = if other {
        ", with another input, which it keeps"
    } else {
        ""
    };
    session.console.note(&format!(
        "Workflow {id} was started earlier{keeps}; waiting for its end"
    ));
    Ok(())
}

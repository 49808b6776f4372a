//! Plugins on their way into the data directory: read, deployed, and what becomes of workflows that run on
//! an older component.
//!
//! Knows nothing of what is run of them.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use host_api::json::{Tally, TrialReport};
use host_engine::Manifest;
use host_runtime::{RolledOut, Rollout, Trial};

use crate::exit::{Exit, OrExit, Problem};
use crate::session::Session;
use crate::show::console::Console;
use crate::show::text::count;
use crate::show::trial;

/// Workflows that are told one by one where nothing asks for all of them; the rest is counted.
const TOLD_MAX: usize = 10;

/// A component as it was read.
pub(crate) struct Component {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads the files, before a data directory is opened for them.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<Component>, Problem> {
    files.iter().map(read_one).collect()
}

/// Reads a file.
pub(crate) fn read_one(file: &PathBuf) -> Result<Component, Problem> {
    let bytes = fs::read(file);
    let file = file.display().to_string();
    let bytes = bytes.with_context(|| format!("read plugin {file}"));
    let bytes = bytes.or_exit(Exit::BadUsage)?;
    Ok(Component { file, bytes })
}

/// Deploys the components for whoever edits a plugin and runs it again: what is unfinished goes on with the
/// edited code where its history agrees, and otherwise ends on the code that it was started on, instead of
/// stalling. With `pin`, all of it does. Returns what the components say of themselves, in the same order.
pub(crate) async fn deploy(
    session: &Session,
    components: &[Component],
    pin: bool,
) -> Result<Vec<Manifest>, Problem> {
    let rollout = if pin { Rollout::Pin } else { Rollout::Move };
    let mut manifests = Vec::with_capacity(components.len());
    for component in components {
        let console = Arc::clone(&session.console);
        let tell = move |trial: &Trial, tally: &Tally| tell_of_one(&console, trial, tally);
        let (rolled_out, tally) = roll_out(session, component, rollout, tell).await?;
        let RolledOut {
            manifest, changed, ..
        } = rolled_out;
        if changed {
            let (name, version, file) = (&manifest.name, &manifest.version, &component.file);
            let note =
                format!("Plugin {name} has changed: version {version} of {file} stands for it now");
            session.console.note(&note);
        }
        tell_of_all(session, &tally);
        manifests.push(manifest);
    }
    Ok(manifests)
}

/// Deploys one component; `tell` hears of each unfinished workflow that was tried on it, with how many did
/// how so far.
pub(crate) async fn roll_out(
    session: &Session,
    component: &Component,
    rollout: Rollout,
    tell: impl Fn(&Trial, &Tally) + Send + Sync + 'static,
) -> Result<(RolledOut, Tally), Problem> {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let counted = Arc::clone(&tally);
    let count_and_tell = move |trial: Trial| {
        let mut tally = counted.lock().unwrap_or_else(PoisonError::into_inner);
        tally.add(&trial);
        tell(&trial, &tally);
    };
    let Component { file, bytes } = component;
    let (runtime, tenant) = (&session.runtime, &session.tenant);
    let rolled_out = runtime.roll_out(tenant, file, bytes, rollout, count_and_tell);
    let rolled_out = rolled_out.await?;
    let tally = *tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((rolled_out, tally))
}

/// Whoever runs a plugin wants to know which workflows do not follow, and not of all that do.
fn tell_of_one(console: &Console, trial: &Trial, tally: &Tally) {
    if !trial.moved && !trial.rehearsal.verdict.agrees() && tally.doubtful() <= TOLD_MAX {
        console.note(&trial::told(&TrialReport::new(trial)));
    }
}

fn tell_of_all(session: &Session, tally: &Tally) {
    let stay = tally.all() - tally.moved;
    if tally.moved > 0 {
        let these = count(tally.moved, "unfinished workflow");
        session
            .console
            .note(&format!("The new component goes on with {these}"));
    }
    if stay > 0 {
        let these = count(stay, "unfinished workflow");
        session.console.note(&format!(
            "The component of their start goes on with {these}; \"host plugin list\" shows both"
        ));
    }
}

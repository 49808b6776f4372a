//! `host plugin deploy|list`: which components the data directory remembers.

use std::path::PathBuf;

use host_base::{Digest, Timestamp};
use host_engine::Manifest;
use host_store::records::Deployment;
use serde::Serialize;

use super::deploy;
use crate::args::Common;
use crate::exit::Exit;
use crate::session::{self, Ending, Session};
use crate::show::table::table;
use crate::show::trace::Detail;
use crate::show::{console, stall, text, time};

/// A plugin for programs.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    version: &'a str,
    component: Option<String>,
    file: &'a str,
    deployed: String,
    workflows: Vec<&'a str>,
    actors: Vec<&'a str>,
    activities: Vec<&'a str>,
}

/// Deploys components, and says the name of each plugin.
pub(crate) fn deploy(common: &Common, files: &[PathBuf]) -> Ending {
    let components = deploy::read(files)?;
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        for manifest in deploy::deploy(session, &components).await? {
            let (name, version) = (&manifest.name, &manifest.version);
            let note = format!("Plugin {name} of version {version} is deployed");
            session.console.note(&note);
        }
        session.tell_unfinished()?;
        Ok(Exit::Done)
    })
}

/// Shows what is deployed.
pub(crate) fn list(common: &Common) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async |session| {
        let plugins = session.runtime.plugins(&session.tenant)?;
        tell(session, &plugins)
    })
}

fn tell(session: &Session, plugins: &[(Manifest, Deployment)]) -> Ending {
    if plugins.is_empty() {
        session.console.note("There are no plugins");
    } else if session.console.json {
        for (manifest, deployment) in plugins {
            session
                .console
                .result(&console::encode(&line(manifest, deployment)))?;
        }
    } else {
        let heads = ["NAME", "VERSION", "COMPONENT", "FILE", "DEPLOYED"];
        session
            .console
            .result(&table(heads, plugins.iter().map(row).collect()))?;
    }
    Ok(Exit::Done)
}

fn row((manifest, deployment): &(Manifest, Deployment)) -> [String; 5] {
    [
        text::printable(&manifest.name),
        text::printable(&manifest.version),
        stall::digest(&deployment.component),
        text::printable(&deployment.file),
        time::rfc3339(Timestamp(deployment.deployed_ms)),
    ]
}

fn line<'a>(manifest: &'a Manifest, deployment: &'a Deployment) -> Line<'a> {
    let workflows = manifest
        .workflows
        .iter()
        .map(|workflow| workflow.name.as_str());
    let actors = manifest
        .actors
        .iter()
        .map(|actor| actor.actor_type.as_str());
    let activities = manifest.activities.iter();
    Line {
        name: &manifest.name,
        version: &manifest.version,
        component: Digest::from_bytes(&deployment.component).map(|digest| digest.to_string()),
        file: &deployment.file,
        deployed: time::rfc3339(Timestamp(deployment.deployed_ms)),
        workflows: workflows.collect(),
        actors: actors.collect(),
        activities: activities
            .map(|activity| activity.definition.name.as_str())
            .collect(),
    }
}

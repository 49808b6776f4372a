//! `host plugin deploy|list|show`: which components the data directory remembers.
//!
//! Owns what is told of a deployment; how components come into the directory is elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use host_api::json::{ComponentLine, Tally};
use host_engine::Manifest;
use host_runtime::{KeptComponent, RolledOut, Rollout, Trial};
use serde::Serialize;

use super::deploy::{self, Component};
use crate::args::{Common, DeployArgs, PluginCommand};
use crate::exit::{Exit, Problem};
use crate::session::{self, Ending, Session};
use crate::show::progress::Progress;
use crate::show::table::table;
use crate::show::text::count;
use crate::show::trace::Detail;
use crate::show::trial::{self, TrialReport};
use crate::show::{stall, text, time};

/// What a deployment did, for programs: the last line.
#[derive(Serialize)]
struct Done<'a> {
    name: &'a str,
    version: &'a str,
    component: String,
    /// Whether anything was changed.
    deployed: bool,
    /// Whether another component stood for the plugin before.
    changed: bool,
    agree: usize,
    differ: usize,
    unsure: usize,
    moved: usize,
}

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &PluginCommand) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    match command {
        PluginCommand::Deploy(args) => {
            let components = deploy::read(&args.plugins)?;
            session::run(common, detail, async |session| {
                let mut exit = Exit::Done;
                for component in &components {
                    exit = exit.or(deploy_one(session, args, component).await?);
                }
                session.console.end_of_list()?;
                Ok(exit)
            })
        }
        PluginCommand::List => session::run(common, detail, async |session| list(session).await),
        PluginCommand::Show { name } => {
            session::run(common, detail, async |session| show(session, name).await)
        }
    }
}

async fn deploy_one(session: &Session, args: &DeployArgs, component: &Component) -> Ending {
    let rollout = match (args.check, args.moves) {
        (true, _) => Rollout::Check,
        (false, true) => Rollout::Move,
        (false, false) => Rollout::Pin,
    };
    let console = Arc::clone(&session.console);
    let progress: Mutex<Option<Progress>> = Mutex::new(None);
    let tell = move |trial: &Trial, _: &Tally| {
        let told = if console.is_for_programs() {
            console.entry(&TrialReport::new(trial))
        } else {
            console.result(&trial::told(trial))
        };
        // Whoever has seen enough does not end a deployment.
        told.ok();
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = progress.get_or_insert_with(|| Progress::new(&console, trial.of));
        progress.one_more();
    };
    let (rolled_out, tally) = deploy::roll_out(session, component, rollout, tell).await?;
    let check = rollout == Rollout::Check;
    if session.console.is_for_programs() {
        session
            .console
            .last_entry(&done(&rolled_out, &tally, check))?;
    } else {
        session
            .console
            .last_result(&told(&rolled_out, &tally, check))?;
    }
    Ok(if check && tally.doubtful() > 0 {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn done<'a>(rolled_out: &'a RolledOut, tally: &Tally, check: bool) -> Done<'a> {
    let RolledOut {
        manifest,
        component,
        changed,
    } = rolled_out;
    Done {
        name: &manifest.name,
        version: &manifest.version,
        component: component.to_string(),
        deployed: !check,
        changed: *changed,
        agree: tally.agree,
        differ: tally.differ,
        unsure: tally.unsure,
        moved: tally.moved,
    }
}

fn told(rolled_out: &RolledOut, tally: &Tally, check: bool) -> String {
    let RolledOut {
        manifest,
        component,
        ..
    } = rolled_out;
    let (name, version) = (&manifest.name, &manifest.version);
    let what = if check { "was checked" } else { "is deployed" };
    let component = stall::short(component);
    let first = format!("Plugin {name} of version {version} {what}, component {component}");
    if tally.all() == 0 {
        return first;
    }
    let Tally {
        agree,
        differ,
        unsure,
        moved,
    } = tally;
    let all = count(tally.all(), "unfinished workflow");
    let unsure = match unsure {
        0 => String::new(),
        unsure => format!(", {unsure} could not be told"),
    };
    format!("{first}; {all}: {agree} agree, {differ} differ{unsure}, {moved} moved")
}

async fn list(session: &Session) -> Ending {
    let kept = session.runtime.components(&session.tenant).await?;
    if kept.is_empty() {
        session.console.note("There are no plugins");
    }
    if session.console.is_for_programs() {
        let plugins = session.runtime.plugins(&session.tenant)?;
        for one in &kept {
            let manifest = plugins.iter().map(|(manifest, _)| manifest);
            let manifest = manifest
                .filter(|_| one.stands)
                .find(|it| it.name == one.plugin);
            session.console.entry(&ComponentLine::new(one, manifest))?;
        }
        session.console.end_of_list()?;
    } else if !kept.is_empty() {
        session.console.result(&components(&kept))?;
    }
    Ok(Exit::Done)
}

fn components(kept: &[KeptComponent]) -> String {
    let heads = [
        "NAME",
        "VERSION",
        "COMPONENT",
        "UNFINISHED",
        "FILE",
        "DEPLOYED",
    ];
    table(heads, kept.iter().map(row).collect())
}

fn row(kept: &KeptComponent) -> [String; 6] {
    let replaced = if kept.stands { "" } else { " (replaced)" };
    [
        text::printable(&kept.plugin),
        text::printable(&kept.version),
        format!("{}{replaced}", stall::short(&kept.digest)),
        kept.instances.to_string(),
        text::printable(&kept.file),
        time::rfc3339(kept.deployed),
    ]
}

async fn show(session: &Session, name: &str) -> Ending {
    let mut kept = session.runtime.components(&session.tenant).await?;
    kept.retain(|one| one.plugin == name);
    let plugins = session.runtime.plugins(&session.tenant)?;
    let manifest = plugins.iter().map(|(manifest, _)| manifest);
    let manifest = manifest.into_iter().find(|one| one.name == name);
    if kept.is_empty() {
        return Err(unknown(name));
    }
    if session.console.is_for_programs() {
        for one in &kept {
            let manifest = manifest.filter(|_| one.stands);
            session.console.entry(&ComponentLine::new(one, manifest))?;
        }
        session.console.end_of_list()?;
    } else {
        let facts = manifest.map(definitions).unwrap_or_default();
        let shown = [vec![components(&kept)], facts].concat();
        session.console.result(&shown.join("\n\n"))?;
    }
    Ok(Exit::Done)
}

fn unknown(name: &str) -> Problem {
    let error = anyhow!("no plugin {name} is deployed; \"host plugin list\" shows those there are");
    Problem::new(Exit::Failed, error)
}

/// What the plugin brings, a block for each kind.
fn definitions(manifest: &Manifest) -> Vec<String> {
    let row = |name, description| [name, description].map(first_line);
    let workflows = manifest.workflows.iter();
    let workflows = workflows.map(|one| row(&one.name, &one.description));
    let actors = manifest.actors.iter();
    let actors = actors.map(|one| row(&one.actor_type, &one.description));
    let activities = manifest.activities.iter().map(|one| &one.definition);
    let activities = activities.map(|one| row(&one.name, &one.description));
    block("WORKFLOW", workflows.collect())
        .into_iter()
        .chain(block("ACTOR", actors.collect()))
        .chain(block("ACTIVITY", activities.collect()))
        .collect()
}

fn block(kind: &str, rows: Vec<[String; 2]>) -> Option<String> {
    (!rows.is_empty()).then(|| table([kind, "WHAT IT IS"], rows))
}

fn first_line(text: &str) -> String {
    text::printable(text.lines().next().unwrap_or_default())
}

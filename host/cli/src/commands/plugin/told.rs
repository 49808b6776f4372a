//! What is told of plugins, wherever they are.
//!
//! Owns the words; knows what programs are shown and asks for nothing.

use std::io;

use anyhow::anyhow;
use host_api::json::{ComponentLine, DefinitionLine, Deployed, Tally, TrialReport};

use crate::exit::{Exit, Problem};
use crate::session::Ending;
use crate::show::console::{self, Console};
use crate::show::table::table;
use crate::show::{list, stall, text, trial};

const HEADS: [&str; 6] = [
    "NAME",
    "VERSION",
    "COMPONENT",
    "UNFINISHED",
    "FILE",
    "DEPLOYED",
];

/// How an unfinished workflow did with the component.
pub(super) fn tried(console: &Console, trial: &TrialReport<'_>) -> io::Result<()> {
    if console.is_for_programs() {
        return console.entry(trial);
    }
    console.result(&trial::told(trial))
}

/// What a deployment did, and how the binary ends because of it.
pub(super) fn deployed(console: &Console, deployed: &Deployed<'_>) -> Ending {
    if console.is_for_programs() {
        console.last_entry(deployed)?;
    } else {
        console.last_result(&sentence(deployed))?;
    }
    Ok(if !deployed.deployed && deployed.tally.doubtful() > 0 {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn sentence(deployed: &Deployed<'_>) -> String {
    let (name, version) = (&deployed.name, &deployed.version);
    let what = if deployed.deployed {
        "is deployed"
    } else {
        "was checked"
    };
    let component = stall::beginning(&deployed.component);
    let first = format!("Plugin {name} of version {version} {what}, component {component}");
    if deployed.tally.all() == 0 {
        return first;
    }
    let all = text::count(deployed.tally.all(), "unfinished workflow");
    let Tally {
        agree,
        differ,
        unsure,
        moved,
    } = deployed.tally;
    let unsure = match unsure {
        0 => String::new(),
        unsure => format!(", {unsure} could not be told"),
    };
    format!("{first}; {all}: {agree} agree, {differ} differ{unsure}, {moved} moved")
}

/// A component stands for its plugin again.
pub(super) fn activated(console: &Console, activated: &Deployed<'_>) -> io::Result<()> {
    if console.is_for_programs() {
        return console.result(&console::encode(activated));
    }
    let (name, component) = (&activated.name, stall::beginning(&activated.component));
    console.note(&format!("Component {component} stands for plugin {name}"));
    Ok(())
}

/// The components of all plugins.
pub(super) fn listed(console: &Console, components: &[ComponentLine<'_>]) -> Ending {
    list::show(console, HEADS, components, row, "There are no plugins")?;
    Ok(Exit::Done)
}

/// The components of one plugin, and what it brings.
pub(super) fn show(console: &Console, name: &str, components: &[ComponentLine<'_>]) -> Ending {
    if components.is_empty() {
        return Err(unknown(name));
    }
    listed(console, components)?;
    if console.is_for_programs() {
        return Ok(Exit::Done);
    }
    let brings = components
        .iter()
        .filter_map(|component| component.brings.as_ref());
    for brings in brings {
        let kinds = [
            ("WORKFLOW", &brings.workflows),
            ("ACTOR", &brings.actors),
            ("ACTIVITY", &brings.activities),
        ];
        for (kind, definitions) in kinds.into_iter().filter(|(_, all)| !all.is_empty()) {
            let rows = definitions.iter().map(definition).collect();
            console.result(&format!("\n{}", table([kind, "WHAT IT IS"], rows)))?;
        }
    }
    Ok(Exit::Done)
}

/// The component of a plugin whose digest begins so.
pub(super) fn chosen<'a>(
    components: &'a [ComponentLine<'_>],
    name: &str,
    beginning: &str,
) -> Result<&'a str, Problem> {
    if components.is_empty() {
        return Err(unknown(name));
    }
    let digests = components.iter().map(|one| one.component.as_str());
    let fit: Vec<_> = digests.filter(|it| it.starts_with(beginning)).collect();
    let what = match fit[..] {
        [one] => return Ok(one),
        [] => "has no component whose digest begins with",
        [..] => "has several components whose digests begin with",
    };
    let error = anyhow!(
        "plugin {name} {what} {beginning}; \"host plugin show {name} --output jsonl\" shows those there are"
    );
    Err(Problem::new(Exit::Failed, error))
}

pub(super) fn removed(console: &Console, name: &str) {
    console.note(&format!("Removed plugin {name}"));
}

pub(super) fn unknown(name: &str) -> Problem {
    let error = anyhow!("no plugin {name} is deployed; \"host plugin list\" shows those there are");
    Problem::new(Exit::Failed, error)
}

fn row(component: &ComponentLine<'_>) -> [String; 6] {
    let replaced = if component.stands { "" } else { " (replaced)" };
    let digest = stall::beginning(&component.component);
    [
        text::printable(&component.name),
        text::printable(&component.version),
        format!("{digest}{replaced}"),
        component.unfinished.to_string(),
        text::printable(&component.file),
        component.deployed.clone(),
    ]
}

fn definition(definition: &DefinitionLine<'_>) -> [String; 2] {
    let first_line = |text: &str| text::printable(text.lines().next().unwrap_or_default());
    [
        first_line(&definition.name),
        first_line(&definition.description),
    ]
}

//! `host config`: the settings that a host would run with, as a file; such a file written, and looked through.
//!
//! Opens no data directory.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use host_base::Limits;
use serde::Serialize;

use crate::args::{Common, ConfigCommand};
use crate::exit::{Exit, OrExit};
use crate::session::Ending;
use crate::settings::{self, ServeSettings, Settings};
use crate::show::console::{self, Console};

/// All settings, for programs.
#[derive(Serialize)]
struct All<'a> {
    #[serde(flatten)]
    limits: &'a Limits,
    serve: &'a ServeSettings,
}

/// Does it.
pub(crate) fn run(common: &Common, command: Option<&ConfigCommand>) -> Ending {
    match command {
        None | Some(ConfigCommand::Show) => show(common),
        Some(ConfigCommand::Init { file }) => init(common, file),
        Some(ConfigCommand::Check { file }) => check(common, file.as_deref()),
    }
}

fn show(common: &Common) -> Ending {
    let settings = settings::read(common.config.as_deref()).or_exit(Exit::BadUsage)?;
    let shown = if common.output.is_for_programs() {
        let Settings { limits, serve } = &settings;
        console::encode(&All { limits, serve })
    } else {
        settings::shown(&settings).or_exit(Exit::Failed)?
    };
    Console::new(common.output).last_result(&shown)?;
    Ok(Exit::Done)
}

fn init(common: &Common, file: &Path) -> Ending {
    let shown = settings::shown(&Settings::default()).or_exit(Exit::Failed)?;
    let written = OpenOptions::new().write(true).create_new(true).open(file);
    let written = written.and_then(|mut file| writeln!(file, "{shown}"));
    written
        .with_context(|| format!("write {}", file.display()))
        .or_exit(Exit::BadUsage)?;
    let file = file.display();
    Console::new(common.output).note(&format!(
        "Wrote {file}: change what you like, then \"host serve --config {file}\""
    ));
    Ok(Exit::Done)
}

fn check(common: &Common, file: Option<&Path>) -> Ending {
    let file = file.or(common.config.as_deref());
    let file = file.context("say which file: \"host config check FILE\", --config or HOST_CONFIG");
    let file = file.or_exit(Exit::BadUsage)?;
    settings::read(Some(file)).or_exit(Exit::BadUsage)?;
    Console::new(common.output).note(&format!("{} can be used", file.display()));
    Ok(Exit::Done)
}

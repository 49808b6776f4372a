//! `host completions` and `host man`: what is made of the arguments' own definitions.
//!
//! Opens no data directory.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap_complete::Shell;

use crate::args::{self, Common};
use crate::exit::{Exit, OrExit};
use crate::session::Ending;
use crate::show::console::Console;

/// What a shell reads to complete commands.
pub(crate) fn complete(common: &Common, shell: Shell) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "host", &mut script);
    let script = String::from_utf8_lossy(&script);
    Console::new(common.output).last_result(script.trim_end())?;
    Ok(Exit::Done)
}

/// A manual page for each command.
pub(crate) fn write(common: &Common, dir: &Path) -> Ending {
    let written = fs::create_dir_all(dir);
    let written = written.and_then(|()| clap_mangen::generate_to(args::command(), dir));
    written
        .with_context(|| format!("write manual pages to {}", dir.display()))
        .or_exit(Exit::BadUsage)?;
    let dir = dir.display();
    Console::new(common.output).note(&format!("Wrote manual pages to {dir}: man {dir}/host.1"));
    Ok(Exit::Done)
}

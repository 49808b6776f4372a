//! The commands, a file each.
//!
//! Owns which command is done by whom.

mod activity;
mod actor;
mod audit;
mod batch;
mod choice;
mod config;
mod deploy;
mod each;
mod login;
mod manual;
mod plugin;
mod resume;
mod run;
mod schedule;
mod serve;
mod token;
mod topic;
mod workflow;

use crate::args::{Cli, Command, Common};
use crate::exit::Problem;
use crate::remote::never;
use crate::session::Ending;

/// Does what the arguments say.
pub(crate) fn run(cli: &Cli) -> Ending {
    let common = &cli.common;
    check_place(common, &cli.command)?;
    match &cli.command {
        Command::Run(args) => run::run(common, args),
        Command::Resume(args) => resume::run(common, args),
        Command::Serve(args) => serve::run(common, args),
        Command::Schedule(command) => schedule::run(common, command),
        Command::Activity(command) => activity::run(common, command),
        Command::Actor(command) => actor::run(common, command),
        Command::Workflow(command) => workflow::run(common, command),
        Command::Batch(command) => batch::run(common, command),
        Command::Topic(command) => topic::run(common, command),
        Command::Plugin(command) => plugin::run(common, command),
        Command::Token(command) => token::run(common, command),
        Command::Audit(args) => audit::run(common, args),
        Command::Login { url } => login::keep(common, url),
        Command::Logout => login::forget(common),
        Command::Completions { shell } => manual::complete(common, *shell),
        Command::Man { dir } => manual::write(common, dir),
        Command::Config { command } => config::run(common, command.as_ref()),
    }
}

/// What cannot be done on a server is not done instead in a directory that the user did not mean.
fn check_place(common: &Common, command: &Command) -> Result<(), Problem> {
    match command {
        Command::Run(_) => never(common, "run"),
        Command::Resume(_) => never(common, "resume"),
        Command::Serve(_) => never(common, "serve"),
        Command::Activity(_)
        | Command::Actor(_)
        | Command::Audit(_)
        | Command::Batch(_)
        | Command::Plugin(_)
        | Command::Schedule(_)
        | Command::Token(_)
        | Command::Topic(_)
        | Command::Workflow(_)
        | Command::Login { .. }
        | Command::Logout
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Config { .. } => Ok(()),
    }
}

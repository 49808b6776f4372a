//! The commands, a file each.
//!
//! Owns which command is done by whom.

mod actor;
mod choice;
mod config;
mod deploy;
mod each;
mod manual;
mod plugin;
mod reminder;
mod resume;
mod run;
mod schedule;
mod serve;
mod topic;
mod workflow;

use crate::args::{ActorCommand, Cli, Command, Common};
use crate::session::Ending;

/// Does what the arguments say.
pub(crate) fn run(cli: &Cli) -> Ending {
    let common = &cli.common;
    match &cli.command {
        Command::Run(args) => run::run(common, args),
        Command::Resume(args) => resume::run(common, args),
        Command::Serve(args) => serve::run(common, args),
        Command::Schedule(command) => schedule::run(common, command),
        Command::Actor(command) => run_actor(common, command),
        Command::Workflow(command) => workflow::run(common, command),
        Command::Topic(command) => topic::run(common, command),
        Command::Plugin(command) => plugin::run(common, command),
        Command::Completions { shell } => manual::complete(common, *shell),
        Command::Man { dir } => manual::write(common, dir),
        Command::Config { command } => config::run(common, command.as_ref()),
    }
}

fn run_actor(common: &Common, command: &ActorCommand) -> Ending {
    match command {
        ActorCommand::Call(args) => actor::call(common, args),
        ActorCommand::Remind(args) => reminder::set(common, args),
        ActorCommand::Reminders(args) => reminder::list(common, args),
        ActorCommand::CancelReminder { actor, name } => reminder::cancel(common, actor, name),
        ActorCommand::Delete(args) => actor::delete(common, args),
    }
}

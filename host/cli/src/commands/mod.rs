//! The commands, a file each.
//!
//! Owns which command is done by whom.

mod actor;
mod choice;
mod deploy;
mod each;
mod plugin;
mod resume;
mod run;
mod topic;
mod workflow;

use crate::args::{ActorCommand, Cli, Command};
use crate::session::Ending;

/// Does what the arguments say.
pub(crate) fn run(cli: &Cli) -> Ending {
    let common = &cli.common;
    match &cli.command {
        Command::Run(args) => run::run(common, args),
        Command::Resume => resume::run(common),
        Command::Actor(ActorCommand::Call(args)) => actor::call(common, args),
        Command::Workflow(command) => workflow::run(common, command),
        Command::Topic(command) => topic::run(common, command),
        Command::Plugin(command) => plugin::run(common, command),
    }
}

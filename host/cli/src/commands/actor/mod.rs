//! `host actor …`: drives actors, in a data directory or on a server.
//!
//! Owns which of the two does it.

mod directory;
mod reminder;
mod server;
mod told;

use crate::args::{ActorCommand, Common};
use crate::remote;
use crate::session::Ending;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &ActorCommand) -> Ending {
    if let Some(remote) = remote::chosen(common)? {
        return server::run(&remote, common, command);
    }
    match command {
        ActorCommand::List { actor_type, limit } => {
            directory::list(common, actor_type.as_deref(), *limit)
        }
        ActorCommand::Call(args) => directory::call(common, args),
        ActorCommand::Remind(args) => reminder::set(common, args),
        ActorCommand::Reminders(args) => reminder::list(common, args),
        ActorCommand::CancelReminder { actor, name } => reminder::cancel(common, actor, name),
        ActorCommand::Delete(args) => directory::delete(common, args),
    }
}

//! `host plugin …`: deploys components and reads which are kept, in a data directory or on a server.
//!
//! Owns which of the two does it.

mod directory;
mod server;
mod told;

use crate::args::{Common, PluginCommand};
use crate::remote;
use crate::session::Ending;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &PluginCommand) -> Ending {
    match remote::chosen(common)? {
        Some(remote) => server::run(&remote, common, command),
        None => directory::run(common, command),
    }
}

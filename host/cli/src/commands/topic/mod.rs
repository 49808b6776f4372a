//! `host topic list|publish`: who has subscribed to what, and a value for all of them, in a data directory or on a
//! server.
//!
//! Owns which of the two does it.

mod directory;
mod server;
mod told;

use crate::args::{Common, TopicCommand};
use crate::remote;
use crate::session::Ending;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &TopicCommand) -> Ending {
    match remote::chosen(common)? {
        Some(remote) => server::run(&remote, common, command),
        None => directory::run(common, command),
    }
}

//! `host workflow …`: reads and drives workflows, in a data directory or on a server.
//!
//! Owns which of the two does it; both show the same in the same words.

mod directory;
mod follow;
pub(super) mod rest;
mod server;
pub(super) mod told;

use super::batch;
use crate::args::{Common, WorkflowCommand};
use crate::remote;
use crate::session::Ending;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &WorkflowCommand) -> Ending {
    if let Some(order) = batch::ordered(command) {
        return batch::carry_out(common, &order);
    }
    match remote::chosen(common)? {
        Some(remote) => server::run(&remote, common, command),
        None => directory::run(common, command),
    }
}

//! `host token …`: by which callers of a server are known, in a data directory or on a server.
//!
//! Owns which of the two does it.

mod directory;
mod server;
mod told;

use host_api::json::TokenOrder;

use crate::args::{Common, CreateTokenArgs, TokenCommand};
use crate::remote;
use crate::session::Ending;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &TokenCommand) -> Ending {
    match remote::chosen(common)? {
        Some(remote) => server::run(&remote, common, command),
        None => directory::run(common, command),
    }
}

/// What is to be made.
fn order(args: &CreateTokenArgs) -> TokenOrder<'_> {
    TokenOrder {
        role: args.role.into(),
        workflows: args.workflows.iter().cloned().collect(),
        actor_types: args.actor_types.iter().cloned().collect(),
        lifetime: args.lifetime.as_deref().map(Into::into),
        description: args.description.as_str().into(),
    }
}

//! Tokens on a server.
//!
//! Knows the routes; how things look is told elsewhere.

use host_api::json::TokenLine;
use serde::Deserialize;

use super::{order, told};
use crate::args::{Common, TokenCommand};
use crate::remote::{self, Remote};
use crate::session::Ending;
use crate::show::console::{self, Console};

#[derive(Deserialize)]
struct Tokens {
    tokens: Vec<TokenLine<'static>>,
}

/// Does what the command says.
pub(super) fn run(remote: &Remote, common: &Common, command: &TokenCommand) -> Ending {
    let console = Console::new(common.output);
    match command {
        TokenCommand::Create(args) => {
            let asked = console::encode(&order(args));
            told::made(&console, &remote.post("/tokens", asked.as_bytes())?)
        }
        TokenCommand::Rotate { id } => {
            let path = remote::path(&["tokens", id, "rotate"]);
            told::made(&console, &remote.post(&path, &[])?)
        }
        TokenCommand::Revoke { id } => {
            let path = remote::path(&["tokens", id]);
            told::revoked(&console, &remote.delete(&path)?)
        }
        TokenCommand::List => {
            let Tokens { tokens } = remote.get("/tokens")?;
            told::listed(&console, &tokens)
        }
    }
}

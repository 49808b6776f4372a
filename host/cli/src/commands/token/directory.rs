//! Tokens in a data directory.

use anyhow::Error;
use host_api::json::TokenLine;

use super::{order, told};
use crate::args::{Common, TokenCommand};
use crate::exit::{self, Exit, OrExit};
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;

/// Does what the command says.
pub(super) fn run(common: &Common, command: &TokenCommand) -> Ending {
    let detail = session::detail(common, Detail::Little);
    session::run(common, detail, async |session| on(session, command).await)
}

async fn on(session: &Session, command: &TokenCommand) -> Ending {
    let (runtime, tenant) = (&session.runtime, &session.tenant);
    match command {
        TokenCommand::Create(args) => {
            let new = order(args).read().map_err(Error::msg);
            let created = runtime.create_token(tenant, new.or_exit(Exit::BadUsage)?);
            let (view, token) = created.await.map_err(exit::refused)?;
            told::made(&session.console, &TokenLine::new(&view).with_token(token))
        }
        TokenCommand::Rotate { id } => {
            let rotated = runtime.rotate_token(tenant, id).await;
            let (view, token) = rotated.map_err(exit::refused)?;
            told::made(&session.console, &TokenLine::new(&view).with_token(token))
        }
        TokenCommand::Revoke { id } => {
            let revoked = runtime.revoke_token(tenant, id).await;
            let view = revoked.map_err(exit::refused)?;
            told::revoked(&session.console, &TokenLine::new(&view))
        }
        TokenCommand::List => {
            let views = runtime.tokens(tenant);
            let lines: Vec<_> = views.iter().map(TokenLine::new).collect();
            told::listed(&session.console, &lines)
        }
    }
}

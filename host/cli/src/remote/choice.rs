//! Whether a command drives a server or a data directory: by option, then by variable, then by login.
//!
//! Owns the order; speaks to nobody.

use anyhow::{Result, anyhow, bail};
use clap::parser::ValueSource;

use super::{Login, Remote};
use crate::args::Common;
use crate::exit::{Exit, OrExit, Problem};
use crate::input;

/// Where the user has said which directory and which server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) data: Option<ValueSource>,
    pub(crate) server: Option<ValueSource>,
}

/// What is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Directory,
    Server,
    /// The server of the login if there is one, or else the directory.
    Login,
}

/// The server, if one is driven.
pub(crate) fn chosen(common: &Common) -> Result<Option<Remote>, Problem> {
    let login = login(common).or_exit(Exit::BadUsage)?;
    login.map(Remote::new).transpose().or_exit(Exit::BadUsage)
}

/// For what works on a directory alone, wherever other commands go: a server that is named is a mistake.
pub(crate) fn never(common: &Common, command: &str) -> Result<(), Problem> {
    if common.sources.server != Some(ValueSource::CommandLine) {
        return Ok(());
    }
    let error = anyhow!(
        "\"host {command}\" works on a data directory and not on a server: leave out --server"
    );
    Err(Problem::new(Exit::BadUsage, error))
}

fn login(common: &Common) -> Result<Option<Login>> {
    let kept = match place(common.sources)? {
        Place::Directory => return Ok(None),
        Place::Server => Login::kept().unwrap_or_default(),
        Place::Login => Login::kept()?,
    };
    let login = match &common.server {
        // What is kept for another server is not for this one.
        Some(server) => kept.filter(|kept| kept.server == *server).or(Some(Login {
            server: server.clone(),
            token: None,
            ca: None,
            tenant: None,
        })),
        None => kept,
    };
    login.map(|login| said(login, common)).transpose()
}

/// A login with what the user says beside the server.
pub(crate) fn said(login: Login, common: &Common) -> Result<Login> {
    let token = common.token.as_deref().map(input::secret).transpose()?;
    let tenant = common
        .tenant
        .as_ref()
        .map(|tenant| tenant.as_str().to_owned());
    Ok(Login {
        server: login.server,
        token: token.or(login.token),
        ca: common.ca.clone().or(login.ca),
        tenant: tenant.or(login.tenant),
    })
}

fn place(sources: Sources) -> Result<Place> {
    use ValueSource::{CommandLine, EnvVariable};
    Ok(match (sources.data, sources.server) {
        (Some(CommandLine), Some(CommandLine)) => bail!("say --data or --server, and not both"),
        (_, Some(CommandLine)) => Place::Server,
        (Some(CommandLine), _) => Place::Directory,
        (Some(EnvVariable), Some(EnvVariable)) => {
            bail!("HOST_DATA and HOST_SERVER are both set: say --data or --server")
        }
        (_, Some(EnvVariable)) => Place::Server,
        (Some(EnvVariable), _) => Place::Directory,
        _ => Place::Login,
    })
}

//! `host login` and `host logout`: which server commands drive where nothing else is said.
//!
//! Owns that a login is kept only of a server that lets the user in.

use serde::de::IgnoredAny;

use crate::args::Common;
use crate::exit::{Exit, OrExit};
use crate::remote::{self, Login, Remote};
use crate::session::Ending;
use crate::show::console::Console;

/// What a server answers to everybody whom it lets in.
const LOOK: &str = "/workflows?limit=1";

/// Keeps it.
pub(crate) fn keep(common: &Common, url: &str) -> Ending {
    let login = Login {
        server: url.trim_end_matches('/').to_owned(),
        token: None,
        ca: None,
        tenant: None,
    };
    let login = remote::said(login, common).or_exit(Exit::BadUsage)?;
    let remote = Remote::new(login).or_exit(Exit::BadUsage)?;
    let _: IgnoredAny = remote.get(LOOK)?;
    let file = remote.login().keep().or_exit(Exit::Failed)?;
    let console = Console::new(common.output);
    if remote.tells_token() {
        console.note("The token can be read on its way: serve with TLS, and say https://");
    }
    let (server, file) = (remote.name(), file.display());
    console.note(&format!(
        "Commands drive {server} from now on, as {file} says; --data DIR drives a directory"
    ));
    Ok(Exit::Done)
}

/// Keeps none.
pub(crate) fn forget(common: &Common) -> Ending {
    let console = Console::new(common.output);
    if Login::forget().or_exit(Exit::Failed)? {
        console.note("Commands drive a data directory again");
    } else {
        console.note("There was no login");
    }
    Ok(Exit::Done)
}

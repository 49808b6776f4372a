//! Plugins on a server.
//!
//! Knows the routes; how things look is told elsewhere.

use host_api::json::{ComponentLine, Deployed};
use serde::{Deserialize, Serialize};

use super::told;
use crate::args::{Common, DeployArgs, PluginCommand};
use crate::commands::deploy::{self, Component};
use crate::exit::{Exit, Problem};
use crate::remote::{self, Remote, Trouble};
use crate::session::Ending;
use crate::show::console::{self, Console};

const PLUGINS: &str = "/plugins";

/// Components.
#[derive(Deserialize)]
struct Components {
    components: Vec<ComponentLine<'static>>,
}

#[derive(Serialize)]
struct Activate<'a> {
    component: &'a str,
}

/// Does what the command says.
pub(super) fn run(remote: &Remote, common: &Common, command: &PluginCommand) -> Ending {
    let console = Console::new(common.output);
    match command {
        PluginCommand::Deploy(args) => deploy(remote, &console, args),
        PluginCommand::List => {
            let all: Components = remote.get(PLUGINS)?;
            told::listed(&console, &all.components)
        }
        PluginCommand::Show { name } => told::show(&console, name, &of(remote, name)?),
        PluginCommand::Remove { name, keep_state } => {
            let path = remote::path(&["plugins", name]);
            let keep_state = keep_state.then_some("true");
            let path = remote::with_options(&path, &[("keep_state", keep_state)]);
            let removed: Result<(), Trouble> = remote.delete(&path);
            removed.map_err(|trouble| match trouble.is(remote::NOT_FOUND) {
                true => told::unknown(name),
                false => trouble.into(),
            })?;
            told::removed(&console, name);
            Ok(Exit::Done)
        }
        PluginCommand::Activate { name, component } => {
            let components = of(remote, name)?;
            let component = told::chosen(&components, name, component)?;
            let body = console::encode(&Activate { component });
            let path = remote::path(&["plugins", name, "activate"]);
            let activated: Deployed<'_> = remote.post(&path, body.as_bytes())?;
            told::activated(&console, &activated)?;
            Ok(Exit::Done)
        }
    }
}

fn deploy(remote: &Remote, console: &Console, args: &DeployArgs) -> Ending {
    let mut exit = Exit::Done;
    for Component { file, bytes } in deploy::read(&args.plugins)? {
        let options = [
            ("rollout", Some(args.rollout().name())),
            ("file", Some(file.as_str())),
        ];
        let path = remote::with_options(PLUGINS, &options);
        let mut deployed: Deployed<'_> = remote.upload(&path, &bytes)?;
        for trial in std::mem::take(&mut deployed.trials) {
            told::tried(console, &trial)?;
        }
        exit = exit.or(told::deployed(console, &deployed)?);
    }
    console.end_of_list()?;
    Ok(exit)
}

/// The components of a plugin; none where there is no such plugin.
fn of(remote: &Remote, name: &str) -> Result<Vec<ComponentLine<'static>>, Problem> {
    let found: Result<Components, _> = remote.get(&remote::path(&["plugins", name]));
    match found {
        Ok(found) => Ok(found.components),
        Err(trouble) if trouble.is(remote::NOT_FOUND) => Err(told::unknown(name)),
        Err(trouble) => Err(trouble.into()),
    }
}

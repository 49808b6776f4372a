//! Plugins in a data directory.
//!
//! Owns that each unfinished workflow is told of as it is tried; how components come into the directory is elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use host_api::json::{ComponentLine, Deployed, Tally, TrialReport};
use host_engine::Manifest;
use host_runtime::{KeptComponent, RemoveError, Rollout, Trial};

use super::told;
use crate::args::{Common, DeployArgs, PluginCommand};
use crate::commands::deploy::{self, Component};
use crate::exit::{Exit, Problem};
use crate::session::{self, Ending, Session};
use crate::show::progress::Progress;
use crate::show::trace::Detail;

/// Does what the command says.
pub(super) fn run(common: &Common, command: &PluginCommand) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    match command {
        PluginCommand::Deploy(args) => {
            let components = deploy::read(&args.plugins)?;
            session::run(common, detail, async |session| {
                let mut exit = Exit::Done;
                for component in &components {
                    exit = exit.or(deploy_one(session, args, component).await?);
                }
                session.console.end_of_list()?;
                Ok(exit)
            })
        }
        PluginCommand::List => session::run(common, detail, async |session| {
            let kept = Kept::read(session).await?;
            told::listed(&session.console, &kept.lines())
        }),
        PluginCommand::Show { name } => session::run(common, detail, async |session| {
            let kept = Kept::of(session, name).await?;
            told::show(&session.console, name, &kept.lines())
        }),
        PluginCommand::Remove { name, keep_state } => {
            session::run(common, detail, async |session| {
                let (runtime, tenant) = (&session.runtime, &session.tenant);
                let removed = runtime.remove_plugin(tenant, name, *keep_state).await;
                removed.map_err(|error| match error {
                    RemoveError::Unknown(_) => told::unknown(name),
                    other => other.into(),
                })?;
                told::removed(&session.console, name);
                Ok(Exit::Done)
            })
        }
        PluginCommand::Activate { name, component } => {
            session::run(common, detail, async |session| {
                activate(session, name, component).await
            })
        }
    }
}

async fn deploy_one(session: &Session, args: &DeployArgs, component: &Component) -> Ending {
    let rollout = Rollout::from(args.rollout());
    let console = Arc::clone(&session.console);
    let progress: Mutex<Option<Progress>> = Mutex::new(None);
    let tell = move |trial: &Trial, _: &Tally| {
        // Whoever has seen enough does not end a deployment.
        told::tried(&console, &TrialReport::new(trial)).ok();
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = progress.get_or_insert_with(|| Progress::new(&console, trial.of));
        progress.one_more();
    };
    let (rolled_out, tally) = deploy::roll_out(session, component, rollout, tell).await?;
    let checked = rollout == Rollout::Check;
    told::deployed(
        &session.console,
        &Deployed::new(&rolled_out, tally, checked),
    )
}

async fn activate(session: &Session, name: &str, component: &str) -> Ending {
    let kept = Kept::of(session, name).await?;
    let lines = kept.lines();
    let digest = told::chosen(&lines, name, component)?;
    let mut components = kept.components.iter();
    let component = components.find(|one| one.digest.to_string() == digest);
    let component = component.ok_or_else(|| told::unknown(name))?;
    let runtime = &session.runtime;
    let activated = runtime.activate(&session.tenant, &component.digest).await?;
    let activated = activated.ok_or_else(|| told::unknown(name))?;
    let activated = Deployed::new(&activated, Tally::default(), false);
    told::activated(&session.console, &activated)?;
    Ok(Exit::Done)
}

/// The components that the directory keeps, with what those bring that stand for their plugins.
struct Kept {
    components: Vec<KeptComponent>,
    manifests: Vec<Manifest>,
}

impl Kept {
    async fn read(session: &Session) -> Result<Kept, Problem> {
        let plugins = session.runtime.plugins(&session.tenant)?.into_iter();
        Ok(Kept {
            components: session.runtime.components(&session.tenant).await?,
            manifests: plugins.map(|(manifest, _)| manifest).collect(),
        })
    }

    /// Those of one plugin.
    async fn of(session: &Session, plugin: &str) -> Result<Kept, Problem> {
        let mut kept = Kept::read(session).await?;
        kept.components.retain(|one| one.plugin == plugin);
        Ok(kept)
    }

    fn lines(&self) -> Vec<ComponentLine<'_>> {
        let line = |one| ComponentLine::new(one, &self.manifests);
        self.components.iter().map(line).collect()
    }
}

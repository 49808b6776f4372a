//! How an actor's code is run for one turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::failure::code;
use host_base::{ActorKey, Failure, Outcome, Payload};
use host_engine::{ActorCall, GuestError, Plugin, Reason};

use crate::actor::imports::Imports;
use crate::actor::turn::Turn;
use crate::chain::Chain;
use crate::core::Core;
use crate::limits;
use crate::locks::lock;

/// How long a turn that found no free instance waits before it tries again.
const BUSY_WAIT: Duration = Duration::from_millis(20);

/// What is to be run.
pub(crate) struct Method<'a> {
    /// Whether the actor becomes active first.
    pub(crate) activate: bool,
    pub(crate) name: &'a str,
    pub(crate) input: &'a Payload,
    /// Whether it waits for a free instance: it cannot be refused any more.
    pub(crate) may_wait: bool,
    /// Where in a chain of calls it is run.
    pub(crate) place: Place,
}

/// A place in a chain of calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Who can be entered again from here.
    pub(crate) chain: Option<Chain>,
    /// How often the actor was entered before, in this chain and turn.
    pub(crate) depth: u32,
}

/// Runs a method.
pub(crate) async fn run(
    core: &Arc<Core>,
    key: &ActorKey,
    turn: &Arc<Mutex<Turn>>,
    plugin: &Plugin,
    method: &Method<'_>,
) -> Outcome {
    let outcome = loop {
        match run_once(core, key, turn, plugin, method).await {
            Ok(outcome) => break outcome,
            // It has not begun.
            Err(error) if is_busy(&error) && method.may_wait => {
                tokio::time::sleep(BUSY_WAIT).await;
            }
            Err(error) => break Err(failure(turn, &error)),
        }
    };
    let who = format_args!("{key}.{}", method.name);
    limits::bounded(&core.limits_of(&key.tenant), who, outcome)
}

async fn run_once(
    core: &Arc<Core>,
    key: &ActorKey,
    turn: &Arc<Mutex<Turn>>,
    plugin: &Plugin,
    method: &Method<'_>,
) -> Result<Outcome, GuestError> {
    let call = ActorCall {
        actor_type: key.actor_type.clone(),
        actor_id: key.id.clone(),
        activate: method.activate,
        method: method.name.to_owned(),
        input: method.input.clone(),
    };
    let imports = Box::new(Imports::new(core, key, turn, method.place.clone()));
    in_turn_time(core, key, method.name, plugin.invoke_actor(call, imports)).await
}

/// Runs the function that is called before the actor leaves the memory.
pub(crate) async fn run_farewell(
    core: &Arc<Core>,
    key: &ActorKey,
    turn: &Arc<Mutex<Turn>>,
    plugin: &Plugin,
) -> Outcome {
    let imports = Box::new(Imports::new(core, key, turn, Place::default()));
    let told = plugin.deactivate_actor(&key.actor_type, &key.id, imports);
    let told = in_turn_time(core, key, "deactivate", told).await;
    told.unwrap_or_else(|error| Err(failure(turn, &error)))
}

async fn in_turn_time(
    core: &Core,
    key: &ActorKey,
    method: &str,
    turn: impl Future<Output = Result<Outcome, GuestError>>,
) -> Result<Outcome, GuestError> {
    let limit = core.limits_of(&key.tenant).turn_time_max;
    tokio::time::timeout(limit, turn).await.unwrap_or_else(|_| {
        let text = format!("{key}.{method} took longer than the {limit:?} of a turn");
        Ok(Err(Failure::transient(code::TIMEOUT, text)))
    })
}

fn failure(turn: &Mutex<Turn>, error: &GuestError) -> Failure {
    let stopped = lock(turn).take_stop();
    stopped.unwrap_or_else(|| error.failure())
}

fn is_busy(error: &GuestError) -> bool {
    matches!(error.reason, Reason::Exhausted(_))
}

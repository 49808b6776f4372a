//! Calls of methods that only read: beside each other and beside a turn, over what is committed.
//!
//! An answer that others have seen is durable, so what the store shows is never older than what a caller
//! knows. A method that reads more than once must see the state as one turn has left it: where a turn may
//! have become durable meanwhile, it is run again, and in the end among the turns. An actor that is not in
//! memory stays where it is.

use std::sync::{Arc, Mutex};

use host_base::{ActorKey, Entity, Outcome, Payload};
use host_engine::Plugin;
use tokio::sync::oneshot;

use crate::actor::run::{Method, Place, run};
use crate::actor::turn::Turn;
use crate::core::Core;
use crate::dedup::Calls;
use crate::locks::lock;
use crate::observer::{Happening, Speaker};

/// How often a method is run before it is run among the turns.
const ATTEMPTS: u32 = 2;

/// Runs a method that only reads.
pub(crate) async fn read(
    core: &Arc<Core>,
    actor: ActorKey,
    plugin: Plugin,
    method: String,
    input: Payload,
) -> Outcome {
    let read = Read {
        core: Arc::clone(core),
        entity: Entity::Actor(actor.clone()),
        actor,
        plugin,
        method,
        input,
    };
    let (answer, answered) = oneshot::channel();
    // On the runtime's threads, which have timers, whatever the caller's have.
    let tenant = read.actor.tenant.clone();
    core.run_for(&tenant, async move {
        // Whoever no longer waits does not want to know.
        drop(answer.send(read.answer().await));
    });
    match answered.await {
        Ok(outcome) => outcome,
        Err(_) => Err(core.gone()),
    }
}

/// One call of such a method.
struct Read {
    core: Arc<Core>,
    actor: ActorKey,
    entity: Entity,
    plugin: Plugin,
    method: String,
    input: Payload,
}

impl Read {
    async fn answer(self) -> Outcome {
        for _ in 0..ATTEMPTS {
            let turn = self.begin();
            let before = self.core.entities.at_rest(&self.entity);
            let outcome = self.run(&turn).await;
            let rested = before.is_some() && before == self.core.entities.at_rest(&self.entity);
            if rested || lock(&turn).store_reads <= 1 {
                self.say(&turn);
                return outcome;
            }
        }
        let Read {
            core,
            actor,
            method,
            input,
            ..
        } = self;
        core.call_in_turn(actor, method, input, None, None).await
    }

    fn begin(&self) -> Arc<Mutex<Turn>> {
        let mut turn = Turn::default();
        turn.begin(self.core.clock.now(), Calls::of(None));
        turn.only_reads = true;
        Arc::new(Mutex::new(turn))
    }

    async fn run(&self, turn: &Arc<Mutex<Turn>>) -> Outcome {
        // It is given back when the method has ended, so that more wait here than in the engine.
        let place = self.core.reads.place(&self.actor.tenant).await;
        let method = Method {
            activate: false,
            name: &self.method,
            input: &self.input,
            may_wait: false,
            place: Place::default(),
        };
        let outcome = run(&self.core, &self.actor, turn, &self.plugin, &method).await;
        drop(place);
        outcome
    }

    fn say(&self, turn: &Mutex<Turn>) {
        let lines = std::mem::take(&mut lock(turn).writes().lines);
        for (level, line) in lines {
            let speaker = Speaker::Actor(self.actor.clone());
            self.core.observer.observe(Happening::Said {
                speaker,
                level,
                line,
            });
        }
    }
}

//! Moves: an instance goes on with another component than the one that it is pinned to.
//!
//! A move is a turn of the instance, so that its history cannot change between the look at it and the move.

use std::sync::Arc;

use host_base::{Entity, WorkflowKey};
use host_engine::Plugin;
use host_store::records::Instance;
use host_store::{Batch, ReadError};
use tokio::sync::oneshot;

use crate::core::Core;
use crate::effect::{Effect, Message, Move, Moved};
use crate::view::{brings, is_active};
use crate::workflow::rehearse::rehearse;
use crate::workflow::{State, WorkflowTurns};

/// Takes the moves out of the messages.
pub(crate) fn take(messages: &mut Vec<Message>) -> Vec<Move> {
    let is_move = |message: &mut Message| matches!(message, Message::Move(_));
    let moves = messages.extract_if(.., is_move);
    let moves = moves.filter_map(|message| match message {
        Message::Move(one) => Some(*one),
        _ => None,
    });
    moves.collect()
}

impl WorkflowTurns {
    /// Moves the instance, if its history and the component agree or nobody minds.
    pub(crate) async fn carry_over(&mut self, one: Move) -> Result<(), ReadError> {
        // What is read must hold what was written. Whoever waits for the answer learns that there is none.
        if self.queued && self.core.settle().await.is_err() {
            return Ok(());
        }
        self.queued = false;
        // The code that comes may need the place of the code that goes.
        self.state = State::Unknown;
        let (core, key) = (&self.core, &self.key);
        let instance = core.reader.instance(key)?.filter(is_active);
        let rehearsal = match &instance {
            Some(instance) => rehearse(core, key, instance, &one.plugin).await?,
            None => None,
        };
        let agrees = rehearsal.as_ref().is_some_and(|it| it.verdict.agrees());
        let (instance, moved) = match instance {
            Some(it) => {
                let moved = agrees || one.force && brings(&one.plugin, &it.name);
                (Some(it), moved)
            }
            None => (None, false),
        };
        let answer = Moved { rehearsal, moved };
        let mut batch = Batch::new();
        if let Some(before) = instance.filter(|_| moved) {
            pin(&mut batch, key, &before, &one);
            self.queued = true;
            core.components.instance_left();
        }
        core.commit(batch, vec![Effect::Moved(one.answer, Box::new(answer))])
            .await;
        Ok(())
    }
}

fn pin(batch: &mut Batch, key: &WorkflowKey, before: &Instance, to: &Move) {
    let mut now = before.clone();
    now.component = to.plugin.digest().0.to_vec();
    batch.put_instance(key, Some(before), &now);
}

/// Asks an instance to move; the answer comes when that is durable. None: the host is stopping.
pub(crate) async fn move_to(
    core: &Arc<Core>,
    key: &WorkflowKey,
    plugin: Plugin,
    force: bool,
) -> Option<Moved> {
    let (answer, answered) = oneshot::channel();
    let one = Move {
        plugin,
        force,
        answer,
    };
    let workflow = Entity::Workflow(key.clone());
    core.tell(&workflow, Message::Move(Box::new(one))).await;
    answered.await.ok()
}

//! Actors: one method at a time over durable state.
//!
//! Owns the order of an actor's turns and which answers it still knows. What one turn changes is decided
//! in [`turn`]; the contract's functions are in [`imports`].

mod imports;
mod turn;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::failure::code;
use host_base::{ActorKey, Digest, Entity, Failure, Outcome, Payload};
use host_engine::{ActorCall, GuestError, Plugin, Reason};
use host_store::ReadError;
use host_store::records::{Call, Mail, MailKind};

use crate::actor::imports::Imports;
use crate::actor::turn::{Turn, Writes};
use crate::core::Core;
use crate::dedup::{Calls, Cause};
use crate::effect::{Effect, Message, Settled, WaitingCall};
use crate::entity::live::{Standing, Turns};
use crate::limits;
use crate::locks::lock;

/// How long a turn that found no free instance waits before it tries again.
const BUSY_WAIT: Duration = Duration::from_millis(20);
/// State that an actor keeps in memory between turns, in bytes; more is read anew by key.
const CACHE_BYTES_MAX: usize = 1 << 20;

/// The turns of one actor.
pub(crate) struct ActorTurns {
    core: Arc<Core>,
    key: ActorKey,
    turn: Arc<Mutex<Turn>>,
    activated: bool,
    /// How long the actor type may be idle, as its plugin said at the last turn.
    idle: Option<Duration>,
    turns: u64,
    settled: Settled,
    /// Kept answers of turns that are not known to be durable, with the turn's number.
    unsettled: VecDeque<(u64, Digest, Outcome)>,
}

/// Who wants a turn.
enum Asker {
    /// A message in the inbox, of this number.
    Mail(u64, Call),
    /// A caller that waits.
    Caller(Box<WaitingCall>),
}

impl Asker {
    fn method(&self) -> &str {
        match self {
            Asker::Mail(_, call) => &call.method,
            Asker::Caller(call) => &call.method,
        }
    }

    fn input(&self) -> &Payload {
        match self {
            Asker::Mail(_, call) => &call.input,
            Asker::Caller(call) => &call.input,
        }
    }

    /// What makes the turn happen again after a crash, if anything does.
    fn cause(&self, actor: &ActorKey) -> Option<Cause> {
        match self {
            Asker::Mail(sequence, _) => Some(Cause::mail(&Entity::Actor(actor.clone()), *sequence)),
            Asker::Caller(call) => call.key.map(Cause::call),
        }
    }
}

impl Turns for ActorTurns {
    async fn handle(&mut self, messages: Vec<Message>) -> Result<(), ReadError> {
        for message in messages {
            match message {
                Message::Mail(sequence, mail) => self.mail(sequence, *mail).await?,
                Message::Call(call) => self.call(call).await?,
                // Nobody sends these to an actor.
                Message::Activity(_)
                | Message::Timer(_)
                | Message::Move(_)
                | Message::Look
                | Message::Ask(_)
                | Message::Mailed => {}
            }
        }
        Ok(())
    }

    /// It has an instance only while a method runs.
    fn standing(&self) -> Standing {
        Standing {
            bytes: size_of::<Self>() + self.key.id.len() + lock(&self.turn).bytes(),
            idle: self.idle,
            holds_place: false,
            has_ended: false,
        }
    }
}

impl ActorTurns {
    pub(crate) fn new(core: Arc<Core>, key: ActorKey) -> ActorTurns {
        ActorTurns {
            core,
            key,
            turn: Arc::default(),
            activated: false,
            idle: None,
            turns: 0,
            settled: Settled::default(),
            unsettled: VecDeque::new(),
        }
    }

    async fn mail(&mut self, sequence: u64, mail: Mail) -> Result<(), ReadError> {
        match mail.kind {
            // It waits in the store until the plugin is there.
            Some(MailKind::Call(_)) if self.plugin_is_missing() => Ok(()),
            Some(MailKind::Call(call)) => self.take_turn(Asker::Mail(sequence, call)).await,
            // Only a workflow is sent these; a newer host may send what this one does not know.
            Some(MailKind::Resolved(_) | MailKind::Raised(_) | MailKind::Control(_)) | None => {
                Ok(())
            }
        }
    }

    async fn call(&mut self, call: Box<WaitingCall>) -> Result<(), ReadError> {
        if call.answer.is_closed() {
            return Ok(());
        }
        if let Some(key) = call.key
            && let Some(outcome) = self.kept_answer(&key)?
        {
            // The turn that gave it may still be on its way to the disk.
            let effects = vec![Effect::Answer(call.answer, outcome)];
            self.core.commit(Default::default(), effects).await;
            return Ok(());
        }
        self.take_turn(Asker::Caller(call)).await
    }

    fn kept_answer(&mut self, key: &Digest) -> Result<Option<Outcome>, ReadError> {
        let settled = self.settled.get();
        self.unsettled.retain(|(turn, ..)| *turn > settled);
        let unsettled = self.unsettled.iter().find(|(_, other, _)| other == key);
        if let Some((.., outcome)) = unsettled {
            return Ok(Some(outcome.clone()));
        }
        let reply = self.core.reader.reply(&self.key.tenant, key)?;
        Ok(reply.map(|reply| Outcome::from(reply.outcome.unwrap_or_default())))
    }

    async fn take_turn(&mut self, asker: Asker) -> Result<(), ReadError> {
        let now = self.core.clock.now();
        lock(&self.turn).begin(now, Calls::of(asker.cause(&self.key)));
        let outcome = self.run(&asker).await;
        let writes = lock(&self.turn).end(outcome.is_ok());
        self.activated |= outcome.is_ok();
        self.commit(asker, outcome, writes).await;
        self.bound_cache().await;
        Ok(())
    }

    async fn run(&mut self, asker: &Asker) -> Outcome {
        let plugin = self.plugin()?;
        self.idle = self.idle_of(&plugin);
        let outcome = self.invoke(&plugin, asker).await;
        let who = format_args!("{}.{}", self.key, asker.method());
        limits::bounded(&self.core.limits, who, outcome)
    }

    async fn invoke(&self, plugin: &Plugin, asker: &Asker) -> Outcome {
        loop {
            match self.invoke_once(plugin, asker).await {
                Ok(outcome) => return outcome,
                // It cannot be refused any more, and it has not begun.
                Err(error) if is_busy(&error) && matches!(asker, Asker::Mail(..)) => {
                    tokio::time::sleep(BUSY_WAIT).await;
                }
                Err(error) => {
                    let stopped = lock(&self.turn).take_stop();
                    return Err(stopped.unwrap_or_else(|| error.failure()));
                }
            }
        }
    }

    async fn invoke_once(&self, plugin: &Plugin, asker: &Asker) -> Result<Outcome, GuestError> {
        let call = ActorCall {
            actor_type: self.key.actor_type.clone(),
            actor_id: self.key.id.clone(),
            activate: !self.activated,
            method: asker.method().to_owned(),
            input: asker.input().clone(),
        };
        let imports = Imports::new(&self.core, &self.key, &self.turn);
        let limit = self.core.limits.turn_time_max;
        let turn = plugin.invoke_actor(call, Box::new(imports));
        tokio::time::timeout(limit, turn).await.unwrap_or_else(|_| {
            let (key, method) = (&self.key, asker.method());
            let text = format!("{key}.{method} took longer than the {limit:?} of a turn");
            Ok(Err(Failure::transient(code::TIMEOUT, text)))
        })
    }

    fn idle_of(&self, plugin: &Plugin) -> Option<Duration> {
        let mut actors = plugin.manifest().actors.iter();
        actors
            .find(|one| one.actor_type == self.key.actor_type)?
            .idle
    }

    /// Whether the actor type may be one of a plugin that was deployed and is not loaded.
    fn plugin_is_missing(&self) -> bool {
        self.plugin().is_err() && self.core.plugins.misses_any(&self.key.tenant)
    }

    fn plugin(&self) -> Result<Plugin, Failure> {
        let ActorKey {
            tenant, actor_type, ..
        } = &self.key;
        let plugin = self.core.plugins.of_actor(tenant, actor_type);
        plugin.ok_or_else(|| {
            let text = format!("no plugin brings the actor type {actor_type}");
            Failure::new(code::NOT_FOUND, text)
        })
    }

    /// Everything that the turn changes, in one batch.
    async fn commit(&mut self, asker: Asker, outcome: Outcome, writes: Writes) {
        self.turns += 1;
        let now = lock(&self.turn).now;
        let mut change = turn::Change::new(&self.core, &self.key);
        change.write(writes, now);
        match asker {
            Asker::Mail(sequence, call) => change.finish_mail(sequence, call, outcome),
            Asker::Caller(call) => {
                if let Some(key) = call.key
                    && change.keep_answer(&key, &outcome, now)
                {
                    let kept = (self.turns, key, outcome.clone());
                    self.unsettled.push_back(kept);
                }
                change
                    .draft
                    .effects
                    .push(Effect::Answer(call.answer, outcome));
            }
        }
        let settle = Effect::Settle(self.settled.clone(), self.turns);
        change.draft.effects.push(settle);
        self.core.commit_draft(change.draft).await;
    }

    /// State beyond the bound is read from the store again, which must have it by then.
    async fn bound_cache(&self) {
        if lock(&self.turn).bytes() > CACHE_BYTES_MAX && self.core.settle().await.is_ok() {
            lock(&self.turn).forget();
        }
    }
}

fn is_busy(error: &GuestError) -> bool {
    matches!(error.reason, Reason::Exhausted(_))
}

//! The life of one entity in memory: messages in, one turn at a time, until it is idle or crowded out.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_base::{Entity, Timestamp};
use host_store::ReadError;
use tokio::sync::mpsc;

use crate::core::Core;
use crate::effect::Message;
use crate::entity::inbox::Inbox;
use crate::entity::{Newcomer, Slot};

/// An entity that waits for a time looks at the clock this often.
const WAKE_MAX: Duration = Duration::from_secs(1);
/// Messages that one look into the mailbox takes.
const MESSAGES_AT_ONCE: usize = 256;

/// What workflows and actors do differently.
pub(crate) trait Turns: Send + 'static {
    /// Handles messages in their order, in one turn or in several. When this returns, what it changed is
    /// on its way to the disk.
    ///
    /// # Errors
    /// The store cannot be read; the entity stops.
    fn handle(
        &mut self,
        messages: Vec<Message>,
    ) -> impl Future<Output = Result<(), ReadError>> + Send;

    /// It is about to leave the memory, and may do something before. Says whether it did: that is on its way
    /// to the disk then.
    ///
    /// # Errors
    /// The store cannot be read; the entity stops.
    fn farewell(&mut self) -> impl Future<Output = Result<bool, ReadError>> + Send;

    /// How it is after its last turn.
    fn standing(&self) -> Standing;
}

/// How an entity is between two turns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    /// Bytes that it holds, about.
    pub(crate) bytes: usize,
    /// After how long without a turn it leaves the memory; none: the host's default.
    pub(crate) idle: Option<Duration>,
    /// Whether it holds a place of which there are few, and gives it up when it leaves the memory.
    pub(crate) holds_place: bool,
    /// Whether nothing is left that another turn could go on with, so that it need not stay in memory.
    pub(crate) has_ended: bool,
    /// When it has something to do by itself.
    pub(crate) wakes: Option<Timestamp>,
}

/// Runs the entity until it leaves the memory.
///
/// What a turn needs on its way is boxed: it is many times what an entity needs that waits, and most of them wait.
pub(crate) async fn live(
    core: Arc<Core>,
    entity: Entity,
    newcomer: Newcomer,
    mut turns: impl Turns,
) {
    let Newcomer {
        slot,
        mut mailbox,
        passing,
    } = newcomer;
    let _presence = Presence {
        core: &core,
        entity: &entity,
        slot: &slot,
    };
    let mut mail = Mail {
        core: &core,
        entity: &entity,
        slot: &slot,
        inbox: Inbox::default(),
        settled: true,
    };
    let mut standing = Standing::default();
    if passing {
        match Box::pin(pass(&mut mail, &mut mailbox, &mut turns)).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => return core.store_unreadable(&error),
        }
    }
    loop {
        let next = match mail.next(&mut mailbox, standing).await {
            Ok(next) => next,
            Err(error) => return core.store_unreadable(&error),
        };
        match next {
            Next::Messages(messages) if messages.is_empty() => {}
            Next::Messages(messages) => {
                mail.settled = false;
                if let Err(error) = Box::pin(turns.handle(messages)).await {
                    return core.store_unreadable(&error);
                }
                standing = turns.standing();
                core.entities.turned(&slot, core.clock.now(), standing);
            }
            Next::Leave => {
                match Box::pin(turns.farewell()).await {
                    Ok(changed) => mail.settled &= !changed,
                    Err(error) => return core.store_unreadable(&error),
                }
                standing = turns.standing();
                if mail.leave(&mailbox).await {
                    return;
                }
            }
            Next::Closed => return,
        }
    }
}

/// Handles the first message alone. True where the entity has left the memory, which it does unless there
/// is another one.
async fn pass(
    mail: &mut Mail<'_>,
    mailbox: &mut mpsc::Receiver<Message>,
    turns: &mut impl Turns,
) -> Result<bool, ReadError> {
    if let Some(first) = mailbox.recv().await {
        mail.settled = false;
        turns.handle(vec![first]).await?;
    }
    if mailbox.is_empty() && mail.leave(mailbox).await {
        return Ok(true);
    }
    // Older mail goes before what waits in the mailbox.
    mail.slot.missed_mail.store(true, Ordering::Release);
    Ok(false)
}

/// What comes next to an entity.
enum Next {
    /// Messages, perhaps none yet.
    Messages(Vec<Message>),
    /// It is to leave the memory, and nothing waits for it.
    Leave,
    /// The store takes no more changes.
    Closed,
}

/// Takes the entity out of memory when its task ends. A panic is a defect of the host, after which only the
/// store knows what is true: nothing goes on until it is started again.
struct Presence<'a> {
    core: &'a Core,
    entity: &'a Entity,
    slot: &'a Slot,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What it had queued and what it was told are lost with it; the store has both.
            self.core.broke("a turn");
        }
        self.core.entities.forget(self.entity, self.slot);
    }
}

/// Where an entity's messages come from.
struct Mail<'a> {
    core: &'a Core,
    entity: &'a Entity,
    slot: &'a Slot,
    inbox: Inbox,
    /// Whether all that was handled is durable.
    settled: bool,
}

impl Mail<'_> {
    async fn next(
        &mut self,
        mailbox: &mut mpsc::Receiver<Message>,
        standing: Standing,
    ) -> Result<Next, ReadError> {
        if self.slot.missed_mail.swap(false, Ordering::AcqRel) {
            self.inbox.begin_walk();
        }
        if self.inbox.walks() {
            return self.missed(mailbox).await;
        }
        if standing.has_ended && mailbox.is_empty() {
            return Ok(Next::Leave);
        }
        let mut messages = Vec::new();
        tokio::select! {
            biased;
            count = mailbox.recv_many(&mut messages, MESSAGES_AT_ONCE) => {
                if count == 0 {
                    return Ok(Next::Closed);
                }
            }
            () = self.slot.evict.notified() => {
                if mailbox.is_empty() && !self.slot.missed_mail.load(Ordering::Acquire) {
                    return Ok(Next::Leave);
                }
            }
            () = wake(self.core, standing.wakes), if standing.wakes.is_some() => {
                // It did not come by the mailbox, and is not counted as if it had.
                return Ok(Next::Messages(vec![Message::Tick]));
            }
        }
        messages.retain(|message| self.inbox.admits(message));
        if messages
            .iter()
            .any(|message| matches!(message, Message::Mailed))
        {
            self.slot.missed_mail.store(true, Ordering::Release);
        }
        Ok(Next::Messages(messages))
    }

    /// Leaves the memory, unless there is another message or the store is closed.
    async fn leave(&mut self, mailbox: &mpsc::Receiver<Message>) -> bool {
        // What is read back later must be what is in memory now.
        !self.settle().await || self.core.entities.leave(self.entity, self.slot, mailbox)
    }

    /// Mail that lies in the store and did not come by the mailbox.
    async fn missed(&mut self, mailbox: &mpsc::Receiver<Message>) -> Result<Next, ReadError> {
        // What was handled must have left the store before it is read, or it would be handled again.
        if !self.settle().await {
            return Ok(Next::Closed);
        }
        self.inbox.settled(mailbox.len());
        let messages = self.inbox.read(&self.core.reader, self.entity)?;
        Ok(Next::Messages(messages))
    }

    /// Waits until what was handled is durable, and what lies in the store has been told. False where the
    /// store takes no more changes.
    async fn settle(&mut self) -> bool {
        self.settled = self.settled || self.core.settle_effects().await.is_ok();
        self.settled
    }
}

/// Waits until then, or for a moment: a sleep does not follow the clock where that is set or the machine is
/// suspended, so whoever is woken looks at the clock.
async fn wake(core: &Core, at: Option<Timestamp>) {
    let wait = at.map(|at| at.since(core.clock.now()));
    // The clock counts whole milliseconds, and nothing may be early.
    let wait = wait.unwrap_or(WAKE_MAX) + Duration::from_micros(100);
    tokio::time::sleep(wait.min(WAKE_MAX)).await;
}

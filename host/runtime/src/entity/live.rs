//! The life of one entity in memory: messages in, one turn at a time, until it is idle or crowded out.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use host_base::Entity;
use host_store::ReadError;
use tokio::sync::mpsc;

use crate::core::Core;
use crate::effect::Message;
use crate::entity::inbox::Inbox;
use crate::entity::{Newcomer, Slot};

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

    /// Bytes that it holds, about.
    fn bytes(&self) -> usize;

    /// Whether it holds a place of which there are few, and gives it up when it leaves the memory.
    fn holds_place(&self) -> bool;
}

/// Runs the entity until it leaves the memory.
pub(crate) async fn live(
    core: Arc<Core>,
    entity: Entity,
    newcomer: Newcomer,
    mut turns: impl Turns,
) {
    let Newcomer { slot, mut mailbox } = newcomer;
    let mut mail = Mail {
        core: &core,
        entity: &entity,
        slot: &slot,
        inbox: Inbox::default(),
        settled: true,
    };
    loop {
        let messages = match mail.next(&mut mailbox).await {
            Ok(Some(messages)) => messages,
            Ok(None) => return,
            Err(error) => return core.store_unreadable(&error),
        };
        if messages.is_empty() {
            continue;
        }
        mail.settled = false;
        if let Err(error) = turns.handle(messages).await {
            return core.store_unreadable(&error);
        }
        let (now, bytes) = (core.clock.now(), turns.bytes());
        core.entities.turned(&slot, now, bytes, turns.holds_place());
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
    /// The next messages, perhaps none yet; `None`: the entity has left the memory.
    async fn next(
        &mut self,
        mailbox: &mut mpsc::Receiver<Message>,
    ) -> Result<Option<Vec<Message>>, ReadError> {
        if self.slot.missed_mail.swap(false, Ordering::AcqRel) {
            return self.missed().await;
        }
        let mut messages = Vec::new();
        tokio::select! {
            biased;
            count = mailbox.recv_many(&mut messages, MESSAGES_AT_ONCE) => {
                if count == 0 {
                    return Ok(None);
                }
            }
            () = self.slot.evict.notified() => {
                // What is read back later must be what is in memory now.
                let open = self.settle().await;
                if !open || self.core.entities.leave(self.entity, self.slot, mailbox) {
                    return Ok(None);
                }
            }
        }
        messages.retain(|message| self.inbox.admits(message));
        Ok(Some(messages))
    }

    /// Mail that lies in the store and did not come by the mailbox.
    async fn missed(&mut self) -> Result<Option<Vec<Message>>, ReadError> {
        // What was handled must have left the store before it is read, or it would be handled again.
        if !self.settle().await {
            return Ok(None);
        }
        let page = self.inbox.read(&self.core.reader, self.entity)?;
        self.slot.missed_mail.fetch_or(page.more, Ordering::AcqRel);
        Ok(Some(page.messages))
    }

    /// Waits until what was handled is durable. False where the store takes no more changes.
    async fn settle(&mut self) -> bool {
        self.settled = self.settled || self.core.settle().await.is_ok();
        self.settled
    }
}

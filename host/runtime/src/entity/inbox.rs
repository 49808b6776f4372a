//! What of an entity's mail is known in memory, so that each message is handled once.
//!
//! Mail comes on two ways: by the mailbox when its sender's batch is durable, and from the store when the
//! entity comes into memory or its mailbox was full. A message that came from the store may come by the
//! mailbox as well.

use std::collections::HashSet;

use host_base::Entity;
use host_store::{ReadError, Reader};

use crate::effect::Message;

/// Messages that are read from the store at once.
const PAGE: usize = 1_000;

/// The numbers of the messages that were read from the store while the entity was in memory.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    read: HashSet<u64>,
}

/// A page of mail.
pub(crate) struct Page {
    pub(crate) messages: Vec<Message>,
    /// Whether there may be more behind it.
    pub(crate) more: bool,
}

impl Inbox {
    /// The next messages that lie in the store. What is in memory must have been handled and be durable.
    pub(crate) fn read(&mut self, reader: &Reader, entity: &Entity) -> Result<Page, ReadError> {
        let mail = reader.inbox(entity, None, PAGE)?;
        let more = mail.len() == PAGE;
        self.read.extend(mail.iter().map(|(sequence, _)| *sequence));
        let messages = mail.into_iter();
        Ok(Page {
            messages: messages
                .map(|(sequence, mail)| Message::Mail(sequence, Box::new(mail)))
                .collect(),
            more,
        })
    }

    /// Whether a message that came by the mailbox is new.
    pub(crate) fn admits(&mut self, message: &Message) -> bool {
        match message {
            Message::Mail(sequence, _) => !self.read.remove(sequence),
            Message::Call(_) | Message::Activity(_) | Message::Timer(_) | Message::Look => true,
        }
    }
}

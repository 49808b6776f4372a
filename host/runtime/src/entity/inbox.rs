//! What of an entity's mail is known in memory, so that each message is handled once.
//!
//! Mail comes on two ways: by the mailbox when its sender's batch is durable, and from the store when the
//! entity comes into memory or its mailbox was full. A message that came from the store may come by the
//! mailbox as well, later.

use std::collections::HashSet;

use host_base::Entity;
use host_store::{ReadError, Reader};

use crate::effect::Message;

/// Messages that are read from the store at once.
const PAGE: usize = 1_000;

/// The numbers of the messages that were read from the store and may come by the mailbox as well.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    read: HashSet<u64>,
    /// Those of them that are in the mailbox now if they come at all.
    passing: HashSet<u64>,
    /// How many messages in the mailbox they are among.
    passing_within: usize,
    /// Where the walk through the store stands, while there is one.
    walk: Option<Walk>,
}

/// Each message of the store is read once in a walk, also one that is left where it is.
#[derive(Clone, Copy, Debug)]
enum Walk {
    Begins,
    Behind(u64),
}

impl Inbox {
    /// Begins a walk through the mail that lies in the store.
    pub(crate) fn begin_walk(&mut self) {
        self.walk = Some(Walk::Begins);
    }

    /// Whether there is more to read.
    pub(crate) fn walks(&self) -> bool {
        self.walk.is_some()
    }

    /// The walk's next messages. What was handled must be durable.
    pub(crate) fn read(
        &mut self,
        reader: &Reader,
        entity: &Entity,
    ) -> Result<Vec<Message>, ReadError> {
        let after = match self.walk {
            None | Some(Walk::Begins) => None,
            Some(Walk::Behind(last)) => Some(last),
        };
        let mail = reader.inbox(entity, after, PAGE)?;
        let last = mail.last().map(|(sequence, _)| Walk::Behind(*sequence));
        self.walk = last.filter(|_| mail.len() == PAGE);
        self.read.extend(mail.iter().map(|(sequence, _)| *sequence));
        let messages = mail.into_iter();
        Ok(messages
            .map(|(sequence, mail)| Message::Mail(sequence, Box::new(mail)))
            .collect())
    }

    /// All mail that was read so far has been told by now: what is not among the messages that wait in the
    /// mailbox never comes again.
    pub(crate) fn settled(&mut self, waiting: usize) {
        self.passing.extend(self.read.drain());
        self.passing_within = waiting;
        self.forget_passed();
    }

    /// Whether a message that came by the mailbox is new.
    pub(crate) fn admits(&mut self, message: &Message) -> bool {
        let new = match message {
            Message::Mail(sequence, _) => {
                !self.read.remove(sequence) && !self.passing.remove(sequence)
            }
            Message::Call(_)
            | Message::Order(_)
            | Message::Tick
            | Message::Activity(_)
            | Message::Timer(..)
            | Message::Move(_)
            | Message::Look
            | Message::Ask(_)
            | Message::Mailed => true,
        };
        self.passing_within = self.passing_within.saturating_sub(1);
        self.forget_passed();
        new
    }

    fn forget_passed(&mut self) {
        if self.passing_within == 0 {
            self.passing.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use host_store::records::Mail;

    use super::*;

    fn mail(sequence: u64) -> Message {
        Message::Mail(sequence, Box::<Mail>::default())
    }

    fn having_read(sequences: &[u64]) -> Inbox {
        Inbox {
            read: sequences.iter().copied().collect(),
            ..Inbox::default()
        }
    }

    #[test]
    fn what_was_read_is_not_new_when_it_comes_by_the_mailbox() {
        let mut inbox = having_read(&[1]);
        assert!(!inbox.admits(&mail(1)));
        assert!(inbox.admits(&mail(2)) && inbox.admits(&Message::Look));
    }

    #[test]
    fn what_can_no_longer_come_is_forgotten() {
        let mut inbox = having_read(&[1, 2]);
        inbox.settled(2);
        assert!(!inbox.admits(&mail(1)));
        assert!(inbox.admits(&mail(3)));
        assert!(inbox.passing.is_empty() && inbox.read.is_empty());
    }

    #[test]
    fn an_empty_mailbox_holds_nothing_that_was_read() {
        let mut inbox = having_read(&[1]);
        inbox.settled(0);
        assert!(inbox.passing.is_empty());
    }
}

//! The ids of messages that are delivered later, as their senders hold them.
//!
//! Names the receiver, because the message lies with it, and the message among the receiver's. To the
//! sender it is a text without a meaning.

use std::fmt;

use host_base::failure::code;
use host_base::{ActorKey, Digest, Failure, TenantId};

/// Characters of a name that is unlike any other by chance: 128 bits.
const NAME_CHARS: usize = 32;

/// Which message to which actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageId {
    pub(crate) to: ActorKey,
    /// Unique among the receiver's.
    pub(crate) name: String,
}

impl MessageId {
    /// Of a message that has a number of the host.
    pub(crate) fn numbered(to: ActorKey, sequence: u64) -> MessageId {
        let name = format!("{sequence:x}");
        MessageId { to, name }
    }

    /// Of a message that a workflow's run sends with the event of that number; `seed` is the run's own.
    pub(crate) fn of_event(to: ActorKey, seed: &[u8], sequence: u64) -> MessageId {
        let parts: [&[u8]; 3] = [seed, b"message", &sequence.to_be_bytes()];
        let mut name = Digest::of(&parts.concat()).to_string();
        name.truncate(NAME_CHARS);
        MessageId { to, name }
    }

    /// What was shown as `text`.
    ///
    /// # Errors
    /// It is no such id.
    pub(crate) fn read(tenant: &TenantId, text: &str) -> Result<MessageId, Failure> {
        let parts = || {
            let (actor_type, rest) = part(text)?;
            let (id, name) = part(rest)?;
            let to = ActorKey::new(tenant.clone(), actor_type, id).ok()?;
            let name = name.to_owned();
            Some(MessageId { to, name })
        };
        parts().ok_or_else(|| {
            let message = format!("`{text}` is not the id of a message that is delivered later");
            Failure::new(code::BAD_INPUT, message)
        })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ActorKey { actor_type, id, .. } = &self.to;
        let (type_bytes, id_bytes) = (actor_type.len(), id.len());
        write!(f, "{type_bytes}:{actor_type}{id_bytes}:{id}{}", self.name)
    }
}

/// A text behind its length, and what follows.
fn part(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(':')?;
    rest.split_at_checked(length.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again_and_nothing_else_is() {
        let tenant = TenantId::default();
        let to = ActorKey::new(tenant.clone(), "T:1", "\u{e9}2:x").unwrap();
        let ids = [
            MessageId::numbered(to.clone(), 77),
            MessageId::of_event(to, &[7; 32], 3),
        ];
        for id in ids {
            assert_eq!(MessageId::read(&tenant, &id.to_string()), Ok(id));
        }
        for text in ["", "x", "1:", "9:T1:a", "0:1:ax", "1:T0:x"] {
            let failure = MessageId::read(&tenant, text).unwrap_err();
            assert_eq!(failure.code, "bad-input", "{text}");
        }
    }
}

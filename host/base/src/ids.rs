//! Names of things: tenants, workflow instances, actors, contents.
//!
//! Owns the rules that an id must keep. Knows nothing of how ids are laid out on disk.

use std::fmt;

use crate::limits::ID_BYTES_MAX;

/// The tenant of `host run` and of everything else that names none.
pub const DEFAULT_TENANT: &str = "default";

/// An id that breaks a rule; says which and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// It has no characters.
    #[error("the {0} must not be empty")]
    Empty(&'static str),
    /// It is too long.
    #[error("the {what} may have {ID_BYTES_MAX} bytes, and this one has {bytes}")]
    TooLong {
        /// What the id names.
        what: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// It has a control character, which would garble every list that shows it.
    #[error("the {what} must not contain control characters, and {id:?} does")]
    ControlCharacter {
        /// What the id names.
        what: &'static str,
        /// The id.
        id: String,
    },
}

/// Checks an id against the rules: 1 to [`ID_BYTES_MAX`] bytes, no control characters.
///
/// # Errors
/// The rule that it breaks; `what` names the thing in the message.
pub fn check_id(what: &'static str, id: &str) -> Result<(), InvalidId> {
    if id.is_empty() {
        return Err(InvalidId::Empty(what));
    }
    if id.len() > ID_BYTES_MAX {
        let bytes = id.len();
        return Err(InvalidId::TooLong { what, bytes });
    }
    if id.chars().any(char::is_control) {
        let id = id.to_owned();
        return Err(InvalidId::ControlCharacter { what, id });
    }
    Ok(())
}

/// Who owns a thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(String);

impl TenantId {
    /// The tenant of that name.
    ///
    /// # Errors
    /// The name breaks a rule of [`check_id`].
    pub fn new(name: impl Into<String>) -> Result<TenantId, InvalidId> {
        let name = name.into();
        check_id("tenant", &name)?;
        Ok(TenantId(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    fn default() -> TenantId {
        TenantId(DEFAULT_TENANT.to_owned())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A workflow instance's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkflowKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id, unique within the tenant.
    pub id: String,
}

impl WorkflowKey {
    /// The instance of that id.
    ///
    /// # Errors
    /// The id breaks a rule of [`check_id`].
    pub fn new(tenant: TenantId, id: impl Into<String>) -> Result<WorkflowKey, InvalidId> {
        let id = id.into();
        check_id("workflow id", &id)?;
        Ok(WorkflowKey { tenant, id })
    }
}

/// An actor's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its type, as in a plugin's manifest.
    pub actor_type: String,
    /// Its id, unique within the type.
    pub id: String,
}

impl ActorKey {
    /// The actor of that type and id.
    ///
    /// # Errors
    /// The type or the id breaks a rule of [`check_id`].
    pub fn new(
        tenant: TenantId,
        actor_type: impl Into<String>,
        id: impl Into<String>,
    ) -> Result<ActorKey, InvalidId> {
        let (actor_type, id) = (actor_type.into(), id.into());
        check_id("actor type", &actor_type)?;
        check_id("actor id", &id)?;
        Ok(ActorKey {
            tenant,
            actor_type,
            id,
        })
    }
}

impl fmt::Display for ActorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.actor_type, self.id)
    }
}

/// What has an inbox and takes turns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A workflow instance.
    Workflow(WorkflowKey),
    /// An actor.
    Actor(ActorKey),
}

impl Entity {
    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        match self {
            Entity::Workflow(key) => &key.tenant,
            Entity::Actor(key) => &key.tenant,
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entity::Workflow(key) => write!(f, "workflow {}", key.id),
            Entity::Actor(key) => write!(f, "actor {key}"),
        }
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

/// The BLAKE3 digest of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Digest {
        Digest(*blake3::hash(content).as_bytes())
    }

    /// The digest that these bytes are; none where they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Digest> {
        bytes.try_into().ok().map(Digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let text: String = digits
            .map(|digit| char::from(HEX[usize::from(digit)]))
            .collect();
        f.write_str(&text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str) -> Result<(), InvalidId> {
        check_id("workflow id", id)
    }

    #[test]
    fn an_id_may_hold_any_text_that_can_be_shown() {
        assert_eq!(check("order/7 \u{1F600}:%00"), Ok(()));
    }

    #[test]
    fn a_digest_is_shown_as_hexadecimal_digits() {
        let mut bytes = [0; 32];
        bytes[..3].copy_from_slice(&[0x01, 0xab, 0xf0]);
        let text = Digest(bytes).to_string();
        assert_eq!((&text[..6], text.len()), ("01abf0", 64));
    }

    #[test]
    fn an_empty_id_a_long_one_and_one_with_a_control_character_are_refused() {
        assert_eq!(check(""), Err(InvalidId::Empty("workflow id")));
        assert!(matches!(
            check("a\0b"),
            Err(InvalidId::ControlCharacter { .. })
        ));
        let long = "x".repeat(ID_BYTES_MAX + 1);
        assert!(matches!(check(&long), Err(InvalidId::TooLong { .. })));
        assert_eq!(check(&long[1..]), Ok(()));
    }
}

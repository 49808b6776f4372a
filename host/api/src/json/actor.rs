//! Actors.
//!
//! Pure.

use std::borrow::Cow;

use host_base::ActorKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An actor's address.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorLine<'a> {
    /// Its type.
    pub actor_type: Cow<'a, str>,
    /// Its id.
    pub id: Cow<'a, str>,
}

impl<'a> ActorLine<'a> {
    /// Where it is.
    pub fn new(key: &'a ActorKey) -> ActorLine<'a> {
        ActorLine {
            actor_type: (&key.actor_type).into(),
            id: (&key.id).into(),
        }
    }
}

//! Tokens: what each may do, and whether it counts. A token itself is shown once, where it is made.
//!
//! Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;

use host_base::{Role, Scope, Timestamp, duration};
use host_runtime::{NewToken, TokenState, TokenView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;

/// What a token may do at most: each role may do all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Role)]
pub enum RoleName {
    /// Reads, and asks queries, which change nothing.
    Reader,
    /// Starts workflows, calls actors, raises events, publishes.
    Invoker,
    /// Ends, holds, deletes and repairs workflows and actors; looks after schedules and batches.
    Operator,
    /// Deploys and removes plugins.
    Deployer,
    /// Looks after the tenant's tokens.
    Administrator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Reader => Role::Reader,
            RoleName::Invoker => Role::Invoker,
            RoleName::Operator => Role::Operator,
            RoleName::Deployer => Role::Deployer,
            RoleName::Administrator => Role::Administrator,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> RoleName {
        match role {
            Role::Reader => RoleName::Reader,
            Role::Invoker => RoleName::Invoker,
            Role::Operator => RoleName::Operator,
            Role::Deployer => RoleName::Deployer,
            Role::Administrator => RoleName::Administrator,
        }
    }
}

/// Whether a token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TokenState)]
pub enum TokenStanding {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenStanding {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            TokenStanding::Active => "active",
            TokenStanding::Expired => "expired",
            TokenStanding::Revoked => "revoked",
        }
    }
}

impl From<TokenState> for TokenStanding {
    fn from(state: TokenState) -> TokenStanding {
        match state {
            TokenState::Active => TokenStanding::Active,
            TokenState::Expired => TokenStanding::Expired,
            TokenState::Revoked => TokenStanding::Revoked,
        }
    }
}

/// A token that is to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateToken)]
pub struct TokenOrder<'a> {
    /// What it may do at most.
    pub role: RoleName,
    /// Names of workflows: it reaches instances of these and no others, and nothing that concerns all that its tenant
    /// has. Default: it is not limited.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub workflows: BTreeSet<String>,
    /// Types of actors, likewise. Where one of the two is given, the other one has nothing in it unless it says so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub actor_types: BTreeSet<String>,
    /// How long it counts, such as `30d` or `PT1H`. Default, and at most: `token_lifetime_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Cow<'a, str>>,
    /// What it is for, in your own words. Default: none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    #[schema(required = false, max_length = 256)]
    pub description: Cow<'a, str>,
}

impl TokenOrder<'_> {
    /// What is to be made.
    ///
    /// # Errors
    /// The lifetime is none; says so.
    pub fn read(self) -> Result<NewToken, String> {
        let lifetime = self.lifetime.as_deref().map(duration::read).transpose();
        Ok(NewToken {
            role: self.role.into(),
            scope: Scope::of(self.workflows, self.actor_types),
            lifetime: lifetime.map_err(|error| format!("lifetime: {error}"))?,
            description: self.description.into_owned(),
        })
    }
}

/// A token.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenLine<'a> {
    /// Its id, which is no secret: it stands in the token, between `host_` and the secret.
    pub id: Cow<'a, str>,
    /// What it may do at most.
    #[schema(value_type = RoleName)]
    pub role: Cow<'a, str>,
    /// Whether it counts.
    pub state: TokenStanding,
    /// Names of workflows to which it is limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub workflows: Vec<Cow<'a, str>>,
    /// Types of actors to which it is limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub actor_types: Vec<Cow<'a, str>>,
    /// When it was made (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub created: String,
    /// From when on it counts no longer (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires: String,
    /// When it got another secret (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub rotated: Option<String>,
    /// When it was revoked (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub revoked: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub description: Cow<'a, str>,
    /// The token itself, which is shown nowhere else and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Cow<'a, str>>,
}

impl TokenLine<'_> {
    /// As it is in lists.
    pub fn new(view: &TokenView) -> TokenLine<'_> {
        let time = |millis: u64| rfc3339(Timestamp(millis));
        let some_time = |millis: u64| (millis != 0).then(|| time(millis));
        let names = |names: &[String]| names.iter().map(|name| name.clone().into()).collect();
        let token = &view.token;
        TokenLine {
            id: view.id.as_str().into(),
            role: token.role.as_str().into(),
            state: view.state.into(),
            workflows: names(&token.workflows),
            actor_types: names(&token.actor_types),
            created: time(token.created_ms),
            expires: time(token.expires_ms),
            rotated: some_time(token.rotated_ms),
            revoked: some_time(token.revoked_ms),
            description: token.description.as_str().into(),
            token: None,
        }
    }

    /// The same with the token itself.
    #[must_use]
    pub fn with_token(self, token: String) -> Self {
        TokenLine {
            token: Some(token.into()),
            ..self
        }
    }
}

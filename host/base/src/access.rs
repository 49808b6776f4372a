//! What a caller may do: roles, and what a token is limited to.
//!
//! Owns the names of roles and their order. Knows no route and no token.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a caller may do at most: whoever has a role may do all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads, and asks queries, which change nothing.
    Reader,
    /// Starts workflows, calls actors, raises events, publishes.
    Invoker,
    /// Ends, holds, deletes and repairs workflows and actors, alone and in batches; looks after schedules.
    Operator,
    /// Deploys and removes plugins. Code that it deploys could do what an operator may.
    Deployer,
    /// Looks after the tenant's tokens.
    Administrator,
}

/// A name that no role has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: say reader, invoker, operator, deployer or administrator")]
pub struct InvalidRole(String);

impl Role {
    /// Every role, each before those that may do more.
    pub const ALL: [Role; 5] = [
        Role::Reader,
        Role::Invoker,
        Role::Operator,
        Role::Deployer,
        Role::Administrator,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Invoker => "invoker",
            Role::Operator => "operator",
            Role::Deployer => "deployer",
            Role::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(name: &str) -> Result<Role, InvalidRole> {
        let mut roles = Role::ALL.into_iter();
        let found = roles.find(|role| role.name() == name);
        found.ok_or_else(|| InvalidRole(name.to_owned()))
    }
}

/// To what a caller is limited by name, of its tenant's things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Names of workflows whose instances it reaches.
    pub workflows: BTreeSet<String>,
    /// Types of actors that it reaches.
    pub actor_types: BTreeSet<String>,
}

impl Scope {
    /// The scope of these names; none where there are no names, which is no limit at all.
    pub fn of(
        workflows: impl IntoIterator<Item = String>,
        actor_types: impl IntoIterator<Item = String>,
    ) -> Option<Scope> {
        let scope = Scope {
            workflows: workflows.into_iter().collect(),
            actor_types: actor_types.into_iter().collect(),
        };
        let limits = !(scope.workflows.is_empty() && scope.actor_types.is_empty());
        limits.then_some(scope)
    }
}

/// As people read it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workflows = self.workflows.iter().map(|name| format!("workflow {name}"));
        let types = self
            .actor_types
            .iter()
            .map(|name| format!("actor type {name}"));
        let all: Vec<_> = workflows.chain(types).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_is_written_and_each_may_more_than_the_one_before() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!(Role::ALL.is_sorted());
        let text = "root".parse::<Role>().unwrap_err().to_string();
        assert!(text.contains("administrator"), "{text}");
    }

    #[test]
    fn a_scope_without_names_is_no_limit() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(Scope::of(names(&[]), names(&[])), None);
        let scope = Scope::of(names(&["b", "a", "b"]), names(&["T"])).unwrap();
        assert_eq!(scope.to_string(), "workflow a, workflow b, actor type T");
    }
}

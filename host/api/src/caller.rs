//! Who calls, and which of its tenant's things are within its reach.
//!
//! The one door to the addresses of workflows and actors: what a caller's token is not limited to has none here.
//! Knows neither HTTP nor gRPC.

use std::sync::{Arc, OnceLock};

use host_base::{ActorKey, InvalidId, Role, Scope, TenantId, WorkflowKey};
use host_runtime::{Grant, StoreError};

use crate::Api;

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Whoever runs the host, for the tenant that it names.
    Operator(TenantId),
    /// Whoever has a token of a tenant.
    Holder(Arc<Grant>),
}

/// What a request turns out to be about, for whoever notes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted(Arc<OnceLock<String>>);

impl Noted {
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Something that a caller has named is not within its reach.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutOfReach {
    /// The name is none.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// There is no workflow of this id to which the token is not limited, too: which of the two is not told.
    #[error("no workflow has the id {0}")]
    Unknown(String),
    /// The token is limited to other names.
    #[error(
        "the token is limited to {scope}, and this concerns {what}: use one that is not limited so"
    )]
    Limited {
        /// What was named.
        what: String,
        /// To what the token is limited.
        scope: String,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Caller {
    pub(crate) fn tenant(&self) -> &TenantId {
        match self {
            Caller::Operator(tenant) => tenant,
            Caller::Holder(grant) => &grant.tenant,
        }
    }

    /// What it may do at most.
    pub(crate) fn role(&self) -> Role {
        match self {
            Caller::Operator(_) => Role::Administrator,
            Caller::Holder(grant) => grant.role,
        }
    }

    /// The name of its role, or of whoever runs the host.
    pub(crate) fn role_name(&self) -> &'static str {
        match self {
            Caller::Operator(_) => "host",
            Caller::Holder(grant) => grant.role.name(),
        }
    }

    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.grant().and_then(|grant| grant.scope.as_ref())
    }

    /// Its token, if it has one of a tenant.
    pub(crate) fn grant(&self) -> Option<&Arc<Grant>> {
        match self {
            Caller::Operator(_) => None,
            Caller::Holder(grant) => Some(grant),
        }
    }
}

impl Api {
    /// The address of one of the caller's workflows.
    pub(crate) fn workflow_key(&self, id: String) -> Result<WorkflowKey, OutOfReach> {
        let key = WorkflowKey::new(self.tenant().clone(), id)?;
        self.note(|| format!("workflow {}", key.id));
        if let Some(scope) = self.caller.scope() {
            let view = self.runtime.workflow(&key)?;
            if !view.is_some_and(|view| scope.workflows.contains(&view.name)) {
                return Err(OutOfReach::Unknown(key.id));
            }
        }
        Ok(key)
    }

    /// The address of one of the caller's actors.
    pub(crate) fn actor_key(&self, actor_type: String, id: String) -> Result<ActorKey, OutOfReach> {
        self.check_actor_type(&actor_type)?;
        let key = ActorKey::new(self.tenant().clone(), actor_type, id)?;
        self.note(|| format!("actor {key}"));
        Ok(key)
    }

    /// Says what the request is about, if somebody notes it; what is said first counts.
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if let Some(noted) = &self.noted {
            noted.0.get_or_init(what);
        }
    }

    /// Whether the caller may start workflows of this name.
    pub(crate) fn check_workflow_name(&self, name: &str) -> Result<(), OutOfReach> {
        let named = |scope: &Scope| scope.workflows.contains(name);
        self.check(named, || format!("workflow {name}"))
    }

    /// Whether the caller reaches actors of this type.
    pub(crate) fn check_actor_type(&self, name: &str) -> Result<(), OutOfReach> {
        let named = |scope: &Scope| scope.actor_types.contains(name);
        self.check(named, || format!("actor type {name}"))
    }

    /// Whether the caller reaches all workflows of its tenant.
    pub(crate) fn check_all_workflows(&self) -> Result<(), OutOfReach> {
        self.check(|_| false, || "all workflows".to_owned())
    }

    fn check(
        &self,
        is_named: impl Fn(&Scope) -> bool,
        what: impl Fn() -> String,
    ) -> Result<(), OutOfReach> {
        match self.caller.scope() {
            Some(scope) if !is_named(scope) => Err(OutOfReach::Limited {
                what: what(),
                scope: scope.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

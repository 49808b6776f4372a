//! The runtime from outside: what its users rely on, one fact per test, with real components on a real disk.
//!
//! Knows the public functions only, besides the store's rows where a test says what must not be left.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done ends the test, in its helpers as well"
)]

mod activities;
mod actors;
mod asked;
mod attributes;
mod batches;
mod calls;
mod changes;
mod crashes;
mod determinism;
mod golden;
mod host;
mod keepers;
mod later;
mod letters;
mod lifecycle;
mod limits;
mod misbehaviour;
mod reentrancy;
mod reminders;
mod removals;
mod repeats;
mod reruns;
mod schedules;
mod starts;
mod tenants;
mod timers;
mod topics;
mod workflows;

use host_base::{ActorKey, Failure, Limits, TenantId, WorkflowKey};
use host_runtime::Happening;
use serde_json::{Value, json};

use host::{Host, Scratch};

fn tenant() -> TenantId {
    TenantId::default()
}

fn workflow(id: &str) -> WorkflowKey {
    WorkflowKey::new(tenant(), id).unwrap()
}

fn counter(id: &str) -> ActorKey {
    ActorKey::new(tenant(), "Counter", id).unwrap()
}

fn keeper(id: &str) -> ActorKey {
    ActorKey::new(tenant(), "Keeper", id).unwrap()
}

fn walker(id: &str) -> ActorKey {
    ActorKey::new(tenant(), "Walker", id).unwrap()
}

/// The failure's code and its sentence.
#[track_caller]
fn failure(outcome: Result<Value, Failure>) -> (String, String) {
    let failure = outcome.unwrap_err();
    (failure.code, failure.message)
}

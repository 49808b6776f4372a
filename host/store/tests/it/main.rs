//! The store from outside: what its users rely on, one fact per test.
//!
//! Knows the public functions only, besides the files on disk where a test damages them.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done ends the test, in its helpers as well"
)]

mod commits;
mod crashes;
mod openings;
mod reads;

use std::ops::Deref;
use std::path::Path;

use host_base::{ActorKey, Entity, TenantId, WorkflowKey};
use host_store::records::{
    Call, Event, EventKind, Instance, Mail, MailKind, Status, TimerScheduled,
};
use host_store::{Batch, Store, StoreOptions};
use tempfile::TempDir;

/// A store in a directory of its own, which goes with it.
struct Scratch {
    store: Store,
    dir: TempDir,
}

impl Scratch {
    fn new() -> Scratch {
        let dir = tempfile::tempdir().unwrap();
        Scratch {
            store: open(dir.path()),
            dir,
        }
    }

    /// Commits what `fill` puts into a batch, and waits for it.
    fn commit(&self, fill: impl FnOnce(&mut Batch)) {
        self.committer.commit(batch(fill)).wait().unwrap();
    }

    fn reopen(self) -> Scratch {
        let Scratch { store, dir } = self;
        drop(store);
        Scratch {
            store: open(dir.path()),
            dir,
        }
    }
}

impl Deref for Scratch {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &StoreOptions::default()).unwrap()
}

fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn workflow_of(owner: &str, id: &str) -> WorkflowKey {
    WorkflowKey::new(tenant(owner), id).unwrap()
}

fn workflow(id: &str) -> WorkflowKey {
    workflow_of("t", id)
}

fn actor(actor_type: &str, id: &str) -> ActorKey {
    ActorKey::new(tenant("t"), actor_type, id).unwrap()
}

fn to_workflow(id: &str) -> Entity {
    Entity::Workflow(workflow(id))
}

fn instance(name: &str, status: Status) -> Instance {
    Instance {
        name: name.to_owned(),
        run: 1,
        status: status.into(),
        ..Instance::default()
    }
}

fn event(at_ms: u64) -> Event {
    let scheduled = TimerScheduled {
        handle: 1,
        ..TimerScheduled::default()
    };
    Event {
        at_ms,
        kind: Some(EventKind::TimerScheduled(scheduled)),
    }
}

fn mail(method: &str) -> Mail {
    let call = Call {
        method: method.to_owned(),
        ..Call::default()
    };
    Mail {
        kind: Some(MailKind::Call(call)),
    }
}

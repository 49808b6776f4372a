//! What one turn changes, as a plain value: the unit that becomes durable whole or not at all.
//!
//! Encodes keys and values where the batch is made, so that the committer's thread only copies bytes. Keeps
//! the index rows in step with the instances. Knows nothing of RocksDB.

use host_base::{ActorKey, Digest, Entity, TenantId, Timestamp, WorkflowKey};
use prost::Message;

use crate::keys::{self, Keyspace, TaskKey, TimerKey};
use crate::records::{
    AuditEntry, BatchJob, Component, Delayed, Deployment, Event, Instance, LastRun, Mail, Reminder,
    Reply, Schedule, Subscription, Task, Tenant, Token,
};
use crate::state::StateValue;

/// One change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Where.
    pub keyspace: Keyspace,
    /// Which record, or the first that may be one.
    pub key: Vec<u8>,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It holds this.
    Put(Vec<u8>),
    /// It is gone.
    Delete,
    /// It is gone, and so are all behind it up to this key, which stays.
    DeleteUntil(Vec<u8>),
}

/// Changes that become durable together, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    ops: Vec<Op>,
    bytes: usize,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// How long its keys and values are together, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its changes.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Adds the changes of `other` behind its own.
    pub fn append(&mut self, mut other: Batch) {
        self.bytes += other.bytes;
        self.ops.append(&mut other.ops);
    }

    /// Writes an instance. `before` is what the store holds of it: its index rows are taken back where
    /// they no longer say the truth.
    pub fn put_instance(&mut self, key: &WorkflowKey, before: Option<&Instance>, now: &Instance) {
        let rows = index_rows(key, now);
        let old = before.map(|before| index_rows(key, before));
        for (place, row) in rows.into_iter().enumerate() {
            match &old {
                Some(old) if old[place] == row => {}
                Some(old) => {
                    self.delete(Keyspace::Index, old[place].clone());
                    self.put(Keyspace::Index, row, Vec::new());
                }
                None => self.put(Keyspace::Index, row, Vec::new()),
            }
        }
        self.put_message(Keyspace::Instance, keys::instance(key), now);
    }

    /// Writes one event of a run's history.
    pub fn put_event(&mut self, key: &WorkflowKey, run: u32, sequence: u64, event: &Event) {
        self.put_message(Keyspace::History, keys::event(key, run, sequence), event);
    }

    /// Deletes the history of one run.
    pub fn delete_run(&mut self, key: &WorkflowKey, run: u32) {
        self.delete_all(Keyspace::History, keys::run(key, run));
    }

    /// Deletes an instance that has ended, `held` as the store holds it: its histories, its index rows, and the
    /// messages that still lie there for it. How often its id has been used is remembered until `expires`.
    pub fn delete_instance(&mut self, key: &WorkflowKey, held: &Instance, expires: Timestamp) {
        let last = LastRun {
            run: held.run,
            expires_ms: expires.0,
        };
        self.put_message(Keyspace::Meta, keys::last_run(key), &last);
        for row in index_rows(key, held) {
            self.delete(Keyspace::Index, row);
        }
        self.delete(Keyspace::Instance, keys::instance(key));
        // The histories of all its runs lie behind the same words.
        self.delete_all(Keyspace::History, keys::instance(key));
        self.delete_all(Keyspace::Inbox, keys::inbox(&Entity::Workflow(key.clone())));
    }

    /// Forgets how often an id has been used.
    pub fn delete_last_run(&mut self, key: &WorkflowKey) {
        self.delete(Keyspace::Meta, keys::last_run(key));
    }

    /// Puts a message into an entity's inbox.
    pub fn put_mail(&mut self, to: &Entity, sequence: u64, mail: &Mail) {
        self.put_message(Keyspace::Inbox, keys::mail(to, sequence), mail);
    }

    /// Takes a message out of an entity's inbox.
    pub fn delete_mail(&mut self, to: &Entity, sequence: u64) {
        self.delete(Keyspace::Inbox, keys::mail(to, sequence));
    }

    /// Sets one value of an actor's state.
    pub fn put_state(&mut self, actor: &ActorKey, key: &str, value: StateValue) {
        self.put(Keyspace::Actor, keys::state(actor, key), value.encode());
    }

    /// Deletes one value of an actor's state.
    pub fn delete_state(&mut self, actor: &ActorKey, key: &str) {
        self.delete(Keyspace::Actor, keys::state(actor, key));
    }

    /// Deletes all that belongs to an actor but its inbox: state, reminders and delayed messages, however
    /// many there are. Their timers find nothing when they are due.
    pub fn delete_actor(&mut self, actor: &ActorKey) {
        for keyspace in [Keyspace::Actor, Keyspace::Reminder, Keyspace::Delayed] {
            self.delete_all(keyspace, keys::actor(actor));
        }
    }

    /// Writes a reminder of an actor.
    pub fn put_reminder(&mut self, actor: &ActorKey, name: &str, reminder: &Reminder) {
        self.put_message(Keyspace::Reminder, keys::state(actor, name), reminder);
    }

    /// Deletes a reminder of an actor.
    pub fn delete_reminder(&mut self, actor: &ActorKey, name: &str) {
        self.delete(Keyspace::Reminder, keys::state(actor, name));
    }

    /// Writes a message to an actor that is not due yet.
    pub fn put_delayed(&mut self, to: &ActorKey, id: &str, delayed: &Delayed) {
        self.put_message(Keyspace::Delayed, keys::state(to, id), delayed);
    }

    /// Deletes a message to an actor that was delivered or is not wanted any more.
    pub fn delete_delayed(&mut self, to: &ActorKey, id: &str) {
        self.delete(Keyspace::Delayed, keys::state(to, id));
    }

    /// Writes an activity that has not ended.
    pub fn put_task(&mut self, key: &TaskKey, task: &Task) {
        self.put_message(Keyspace::Task, keys::task(key), task);
    }

    /// Deletes an activity that has ended.
    pub fn delete_task(&mut self, key: &TaskKey) {
        self.delete(Keyspace::Task, keys::task(key));
    }

    /// Writes a schedule.
    pub fn put_schedule(&mut self, tenant: &TenantId, name: &str, schedule: &Schedule) {
        self.put_message(Keyspace::Meta, keys::schedule(tenant, name), schedule);
    }

    /// Deletes a schedule.
    pub fn delete_schedule(&mut self, tenant: &TenantId, name: &str) {
        self.delete(Keyspace::Meta, keys::schedule(tenant, name));
    }

    /// Writes a batch job.
    pub fn put_batch_job(&mut self, tenant: &TenantId, id: &str, job: &BatchJob) {
        self.put_message(Keyspace::Meta, keys::batch_job(tenant, id), job);
    }

    /// Forgets a batch job.
    pub fn delete_batch_job(&mut self, tenant: &TenantId, id: &str) {
        self.delete(Keyspace::Meta, keys::batch_job(tenant, id));
    }

    /// Writes what is said of a tenant.
    pub fn put_tenant(&mut self, tenant: &TenantId, said: &Tenant) {
        self.put_message(Keyspace::Meta, keys::tenant_record(tenant), said);
    }

    /// Writes a token.
    pub fn put_token(&mut self, tenant: &TenantId, id: &str, token: &Token) {
        self.put_message(Keyspace::Meta, keys::token(tenant, id), token);
    }

    /// Forgets a token.
    pub fn delete_token(&mut self, tenant: &TenantId, id: &str) {
        self.delete(Keyspace::Meta, keys::token(tenant, id));
    }

    /// Writes an entry of a tenant's audit log.
    pub fn put_audit(&mut self, tenant: &TenantId, number: u64, entry: &AuditEntry) {
        self.put_message(Keyspace::Audit, keys::audit(tenant, number), entry);
    }

    /// Forgets one entry of it.
    pub fn delete_audit(&mut self, tenant: &TenantId, number: u64) {
        self.delete(Keyspace::Audit, keys::audit(tenant, number));
    }

    /// Forgets that entry and all before it.
    pub fn delete_audit_until(&mut self, tenant: &TenantId, number: u64) {
        let beyond = keys::beyond(&keys::tenant(tenant));
        let beyond = beyond.expect("a key begins with text, which has an end");
        let oldest = keys::audit(tenant, number);
        self.change(Keyspace::Audit, oldest, Change::DeleteUntil(beyond));
    }

    /// Asks an activity to stop. In a row of its own, because its workflow writes it, and only whoever runs
    /// the activity writes its task.
    pub fn put_cancel(&mut self, key: &TaskKey) {
        self.put(Keyspace::Meta, keys::cancel(key), Vec::new());
    }

    /// Forgets that an activity was asked to stop.
    pub fn delete_cancel(&mut self, key: &TaskKey) {
        self.delete(Keyspace::Meta, keys::cancel(key));
    }

    /// Arms a timer.
    pub fn put_timer(&mut self, key: &TimerKey) {
        self.put(Keyspace::Timer, keys::timer(key), Vec::new());
    }

    /// Deletes a timer that has fired or was given up.
    pub fn delete_timer(&mut self, key: &TimerKey) {
        self.delete(Keyspace::Timer, keys::timer(key));
    }

    /// Keeps an answer for a repeat of its call.
    pub fn put_reply(&mut self, tenant: &TenantId, key: &Digest, reply: &Reply) {
        self.put_message(Keyspace::Reply, keys::reply(tenant, key), reply);
    }

    /// Forgets an answer.
    pub fn delete_reply(&mut self, tenant: &TenantId, key: &Digest) {
        self.delete(Keyspace::Reply, keys::reply(tenant, key));
    }

    /// Says which component stands for a plugin.
    pub fn put_deployment(&mut self, tenant: &TenantId, plugin: &str, deployment: &Deployment) {
        let key = keys::deployment(tenant, plugin);
        self.put_message(Keyspace::Meta, key, deployment);
    }

    /// Forgets that a component stands for a plugin.
    pub fn delete_deployment(&mut self, tenant: &TenantId, plugin: &str) {
        self.delete(Keyspace::Meta, keys::deployment(tenant, plugin));
    }

    /// Keeps a component's bytes.
    pub fn put_component(&mut self, digest: &Digest, bytes: &[u8]) {
        self.put(Keyspace::Meta, keys::component(digest), bytes.to_vec());
    }

    /// Writes what is known of a component that is kept.
    pub fn put_component_facts(&mut self, digest: &Digest, facts: &Component) {
        self.put_message(Keyspace::Meta, keys::component_facts(digest), facts);
    }

    /// Deletes a component that nobody needs any more, and what is known of it.
    pub fn delete_component(&mut self, digest: &Digest) {
        self.delete(Keyspace::Meta, keys::component(digest));
        self.delete(Keyspace::Meta, keys::component_facts(digest));
    }

    /// Makes an entity receive what is published to a topic.
    pub fn put_subscription(&mut self, topic: &str, by: &Entity, subscription: &Subscription) {
        let key = keys::subscription(topic, by);
        self.put_message(Keyspace::Topic, key, subscription);
    }

    /// Ends that an entity receives what is published to a topic.
    pub fn delete_subscription(&mut self, topic: &str, by: &Entity) {
        self.delete(Keyspace::Topic, keys::subscription(topic, by));
    }

    pub(crate) fn put(&mut self, keyspace: Keyspace, key: Vec<u8>, value: Vec<u8>) {
        self.change(keyspace, key, Change::Put(value));
    }

    fn put_message(&mut self, keyspace: Keyspace, key: Vec<u8>, message: &impl Message) {
        self.put(keyspace, key, message.encode_to_vec());
    }

    fn delete(&mut self, keyspace: Keyspace, key: Vec<u8>) {
        self.change(keyspace, key, Change::Delete);
    }

    /// Deletes every record whose key begins with `prefix`.
    fn delete_all(&mut self, keyspace: Keyspace, prefix: Vec<u8>) {
        let beyond = keys::beyond(&prefix).expect("a key begins with text, which has an end");
        self.change(keyspace, prefix, Change::DeleteUntil(beyond));
    }

    fn change(&mut self, keyspace: Keyspace, key: Vec<u8>, change: Change) {
        self.bytes += key.len();
        match &change {
            Change::Put(value) | Change::DeleteUntil(value) => self.bytes += value.len(),
            Change::Delete => {}
        }
        self.ops.push(Op {
            keyspace,
            key,
            change,
        });
    }
}

fn index_rows(key: &WorkflowKey, instance: &Instance) -> [Vec<u8>; 2] {
    let by_status = keys::index_of_status(&key.tenant, instance.status);
    let by_name = keys::index_of_name(&key.tenant, &instance.name);
    [by_status, by_name].map(|prefix| keys::index(prefix, &key.id))
}

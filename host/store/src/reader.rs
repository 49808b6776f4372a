//! Reading what is durable.
//!
//! Every read sees only what has been acknowledged or is about to be: RocksDB shows a write after its
//! fdatasync. Lists come in pages: `after` is the last thing of the page before, `limit` how many to
//! return at most. Keys and values are checked as they are read; what cannot be read is an error that names
//! the key. Knows nothing of what the records mean.

use std::sync::Arc;

use host_base::{ActorKey, Digest, Entity, TenantId, Timestamp, WorkflowKey};
use prost::Message;

use crate::database::{Database, View, Walk};
use crate::keys::{self, KeyRange, Keyspace, TaskKey, TimerKey};
use crate::records::{
    AuditEntry, BatchJob, Component, Delayed, Deployment, Event, Instance, LastRun, Mail, Reminder,
    Reply, Schedule, Status, Subscription, Task, Tenant, Token,
};
use crate::state::StateValue;

/// Why something could not be read. Nobody but the operator can do anything about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// RocksDB refused.
    #[error("read keyspace {} of the store: {reason}", keyspace.name())]
    Database {
        /// Where.
        keyspace: Keyspace,
        /// Why.
        reason: String,
    },
    /// The disk holds something that no host of this format writes.
    #[error("the store is damaged: {what} in keyspace {} under the key {key}", keyspace.name())]
    Damaged {
        /// Where.
        keyspace: Keyspace,
        /// Which record: its key, with bytes that are no text escaped.
        key: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Which workflow instances to list: those that fit every field that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowFilter {
    /// Only those that stand there.
    pub status: Option<Status>,
    /// Only those of the workflow of this name.
    pub name: Option<String>,
}

/// Reads what is durable. Cheap to clone. As long as one is left, the store's directory stays locked.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Database>);

type Read<T> = Result<T, ReadError>;

impl Reader {
    pub(crate) fn new(db: Arc<Database>) -> Reader {
        Reader(db)
    }

    /// One workflow instance.
    ///
    /// # Errors
    /// The store cannot be read; so for every function here.
    pub fn instance(&self, key: &WorkflowKey) -> Read<Option<Instance>> {
        self.message(Keyspace::Instance, &keys::instance(key))
    }

    /// How often the id of an instance that was deleted has been used.
    pub fn last_run(&self, key: &WorkflowKey) -> Read<Option<LastRun>> {
        self.message(Keyspace::Meta, &keys::last_run(key))
    }

    /// The same for the ids of all tenants.
    pub fn last_runs(
        &self,
        after: Option<&WorkflowKey>,
        limit: usize,
    ) -> Read<Vec<(WorkflowKey, LastRun)>> {
        let all = KeyRange::prefix(keys::last_runs());
        let range = after_last(all, after.map(keys::last_run));
        self.messages(Keyspace::Meta, range, limit, keys::read_last_run)
    }

    /// A run's events with their numbers, beginning with number `from`.
    pub fn history(
        &self,
        key: &WorkflowKey,
        run: u32,
        from: u64,
        limit: usize,
    ) -> Read<Vec<(u64, Event)>> {
        let run_keys = keys::run(key, run);
        let range = KeyRange::prefix(run_keys.clone()).from(keys::event(key, run, from));
        self.messages(Keyspace::History, range, limit, |key| {
            keys::read_sequence(key, &run_keys)
        })
    }

    /// One event of a run.
    pub fn event(&self, key: &WorkflowKey, run: u32, sequence: u64) -> Read<Option<Event>> {
        self.message(Keyspace::History, &keys::event(key, run, sequence))
    }

    /// How many undelivered messages an entity has; no more than `most` are counted.
    pub fn inbox_count(&self, entity: &Entity, most: usize) -> Read<usize> {
        let range = KeyRange::prefix(keys::inbox(entity));
        let counted = self.queue(Keyspace::Inbox, range, most, |_, _| Ok(()))?;
        Ok(counted.len())
    }

    /// An entity's undelivered messages with their numbers, the oldest first.
    pub fn inbox(
        &self,
        entity: &Entity,
        after: Option<u64>,
        limit: usize,
    ) -> Read<Vec<(u64, Mail)>> {
        let inbox = keys::inbox(entity);
        let mut range = KeyRange::prefix(inbox.clone());
        if let Some(last) = after {
            range = range.after(keys::mail(entity, last));
        }
        self.messages(Keyspace::Inbox, range, limit, |key| {
            keys::read_sequence(key, &inbox)
        })
    }

    /// The entities that have undelivered messages: by tenant, then workflows before actors, then by id.
    /// Costs a seek per entity, however many messages it has.
    pub fn entities_with_mail(&self, after: Option<&Entity>, limit: usize) -> Read<Vec<Entity>> {
        let range = beyond_last(KeyRange::all(), after.map(keys::inbox));
        self.groups(Keyspace::Inbox, range, limit, |key| {
            let (entity, _) = keys::read_mail(key)?;
            let inbox = keys::inbox(&entity);
            Some((entity, inbox))
        })
    }

    /// One value of an actor's state, also one that has expired and was not deleted yet.
    pub fn state(&self, actor: &ActorKey, key: &str) -> Read<Option<StateValue>> {
        let (keyspace, key) = (Keyspace::Actor, keys::state(actor, key));
        let stored = self.0.get(keyspace, &key);
        let stored = stored.map_err(|error| refused(keyspace, &error))?;
        let value = stored.map(|stored| state_value(&stored)).transpose();
        value.map_err(|what| damaged(keyspace, &key, what))
    }

    /// An actor's state under the keys that begin with `prefix`, in the order of the keys.
    pub fn state_keys(
        &self,
        actor: &ActorKey,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Vec<(String, StateValue)>> {
        let of_actor = keys::actor(actor);
        let last = after.map(|key| keys::state(actor, key));
        let range = KeyRange::prefix(keys::state_prefix(actor, prefix));
        self.rows(
            Keyspace::Actor,
            after_last(range, last),
            limit,
            |key, value| {
                let name = keys::read_last_text(key, &of_actor).ok_or(WRONG_KEY)?;
                Ok((name, state_value(value)?))
            },
        )
    }

    /// One reminder of an actor.
    pub fn reminder(&self, actor: &ActorKey, name: &str) -> Read<Option<Reminder>> {
        self.message(Keyspace::Reminder, &keys::state(actor, name))
    }

    /// An actor's reminders with their names, in the order of the names.
    pub fn reminders(
        &self,
        actor: &ActorKey,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Vec<(String, Reminder)>> {
        let of_actor = keys::actor(actor);
        let last = after.map(|name| keys::state(actor, name));
        let range = after_last(KeyRange::prefix(of_actor.clone()), last);
        self.messages(Keyspace::Reminder, range, limit, |key| {
            keys::read_last_text(key, &of_actor)
        })
    }

    /// One message to an actor that was not due yet.
    pub fn delayed(&self, to: &ActorKey, id: &str) -> Read<Option<Delayed>> {
        self.message(Keyspace::Delayed, &keys::state(to, id))
    }

    /// A tenant's actors that have state, of one type or of all: by type, then by id. Costs a seek per
    /// actor, however much state it has.
    pub fn actors(
        &self,
        tenant: &TenantId,
        actor_type: Option<&str>,
        after: Option<&ActorKey>,
        limit: usize,
    ) -> Read<Vec<ActorKey>> {
        let prefix = match actor_type {
            Some(actor_type) => keys::actor_type(tenant, actor_type),
            None => keys::tenant(tenant),
        };
        let range = beyond_last(KeyRange::prefix(prefix), after.map(keys::actor));
        self.groups(Keyspace::Actor, range, limit, |key| {
            let (actor, _) = keys::read_state(key)?;
            let prefix = keys::actor(&actor);
            Some((actor, prefix))
        })
    }

    /// The reminders of a tenant's actors of one type with their names: by actor, then by name.
    pub fn reminders_of_type(
        &self,
        tenant: &TenantId,
        actor_type: &str,
        after: Option<(&ActorKey, &str)>,
        limit: usize,
    ) -> Read<Vec<((ActorKey, String), Reminder)>> {
        let of_type = KeyRange::prefix(keys::actor_type(tenant, actor_type));
        let range = after_last(of_type, after.map(|(actor, name)| keys::state(actor, name)));
        self.messages(Keyspace::Reminder, range, limit, keys::read_state)
    }

    /// Some of a tenant's actors of one type that something lies there for: reminders, or messages, due or not. None
    /// only where there is none.
    pub fn some_expecting(
        &self,
        tenant: &TenantId,
        actor_type: &str,
        limit: usize,
    ) -> Read<Vec<ActorKey>> {
        let mut found = Vec::new();
        for keyspace in [Keyspace::Reminder, Keyspace::Delayed] {
            let range = KeyRange::prefix(keys::actor_type(tenant, actor_type));
            found.extend(self.groups(keyspace, range, limit, |key| {
                let (actor, _) = keys::read_state(key)?;
                let prefix = keys::actor(&actor);
                Some((actor, prefix))
            })?);
        }
        let range = KeyRange::prefix(keys::inbox_of_type(tenant, actor_type));
        found.extend(self.groups(Keyspace::Inbox, range, limit, |key| {
            let (entity, _) = keys::read_mail(key)?;
            let prefix = keys::inbox(&entity);
            match entity {
                Entity::Actor(actor) => Some((actor, prefix)),
                Entity::Workflow(_) => None,
            }
        })?);
        found.sort();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// The activities of all tenants that have not ended.
    pub fn tasks(&self, after: Option<&TaskKey>, limit: usize) -> Read<Vec<(TaskKey, Task)>> {
        let range = after_last(KeyRange::all(), after.map(keys::task));
        self.queue(Keyspace::Task, range, limit, |key, value| {
            Ok((keys::read_task(key).ok_or(WRONG_KEY)?, decode(value)?))
        })
    }

    /// One activity, if it has not ended.
    pub fn task(&self, key: &TaskKey) -> Read<Option<Task>> {
        self.message(Keyspace::Task, &keys::task(key))
    }

    /// One schedule.
    pub fn schedule(&self, tenant: &TenantId, name: &str) -> Read<Option<Schedule>> {
        self.message(Keyspace::Meta, &keys::schedule(tenant, name))
    }

    /// A tenant's schedules by name.
    pub fn schedules_of(&self, tenant: &TenantId) -> Read<Vec<(String, Schedule)>> {
        let range = KeyRange::prefix(keys::schedules_of(tenant));
        self.messages(Keyspace::Meta, range, usize::MAX, |key| {
            keys::read_schedule(key).map(|(_, name)| name)
        })
    }

    /// The schedules of all tenants.
    pub fn schedules(&self) -> Read<Vec<((TenantId, String), Schedule)>> {
        let range = KeyRange::prefix(keys::schedules());
        self.messages(Keyspace::Meta, range, usize::MAX, keys::read_schedule)
    }

    /// The tokens of all tenants.
    pub fn tokens(&self) -> Read<Vec<((TenantId, String), Token)>> {
        let range = KeyRange::prefix(keys::tokens());
        self.messages(Keyspace::Meta, range, usize::MAX, keys::read_token)
    }

    /// Entries of a tenant's audit log with their numbers, the latest first, of those before `before`.
    pub fn audit(
        &self,
        tenant: &TenantId,
        before: Option<u64>,
        limit: usize,
    ) -> Read<Vec<(u64, AuditEntry)>> {
        let last = before.map(|number| keys::audit(tenant, number));
        let range = after_last(KeyRange::prefix(keys::tenant(tenant)), last);
        self.messages(Keyspace::Audit, range, limit, |key| {
            keys::read_audit(key).map(|(_, number)| number)
        })
    }

    /// One batch job.
    pub fn batch_job(&self, tenant: &TenantId, id: &str) -> Read<Option<BatchJob>> {
        self.message(Keyspace::Meta, &keys::batch_job(tenant, id))
    }

    /// A tenant's batch jobs by id.
    pub fn batch_jobs_of(&self, tenant: &TenantId) -> Read<Vec<(String, BatchJob)>> {
        let range = KeyRange::prefix(keys::batch_jobs_of(tenant));
        self.messages(Keyspace::Meta, range, usize::MAX, |key| {
            keys::read_batch_job(key).map(|(_, id)| id)
        })
    }

    /// The batch jobs of all tenants.
    pub fn batch_jobs(&self) -> Read<Vec<((TenantId, String), BatchJob)>> {
        let range = KeyRange::prefix(keys::batch_jobs());
        self.messages(Keyspace::Meta, range, usize::MAX, keys::read_batch_job)
    }

    /// What is said of a tenant.
    pub fn tenant(&self, tenant: &TenantId) -> Read<Option<Tenant>> {
        self.message(Keyspace::Meta, &keys::tenant_record(tenant))
    }

    /// What is said of all tenants. One of whom nothing is said may own records all the same.
    pub fn tenant_records(&self) -> Read<Vec<(TenantId, Tenant)>> {
        let range = KeyRange::prefix(keys::tenant_records());
        self.messages(Keyspace::Meta, range, usize::MAX, keys::read_tenant_record)
    }

    /// Whether an activity was asked to stop.
    pub fn is_cancelled(&self, key: &TaskKey) -> Read<bool> {
        Ok(self.bytes(Keyspace::Meta, &keys::cancel(key))?.is_some())
    }

    /// The activities that were asked to stop.
    pub fn cancels(&self, after: Option<&TaskKey>, limit: usize) -> Read<Vec<TaskKey>> {
        let all = KeyRange::prefix(keys::cancels());
        let range = after_last(all, after.map(keys::cancel));
        self.queue(Keyspace::Meta, range, limit, |key, _| {
            keys::read_cancel(key).ok_or(WRONG_KEY.to_owned())
        })
    }

    /// The activities of one run that have not ended.
    pub fn tasks_of(&self, workflow: &WorkflowKey, run: u32) -> Read<Vec<(TaskKey, Task)>> {
        let range = KeyRange::prefix(keys::run(workflow, run));
        self.messages(Keyspace::Task, range, usize::MAX, keys::read_task)
    }

    /// The timers of all tenants that are due at `until` or earlier, the earliest first.
    pub fn timers(
        &self,
        after: Option<&TimerKey>,
        until: Timestamp,
        limit: usize,
    ) -> Read<Vec<TimerKey>> {
        let mut range = after_last(KeyRange::all(), after.map(keys::timer));
        range.upper = until
            .0
            .checked_add(1)
            .map(|end| keys::timers_from(Timestamp(end)));
        self.queue(Keyspace::Timer, range, limit, |key, _| {
            keys::read_timer(key).ok_or(WRONG_KEY.to_owned())
        })
    }

    /// An answer that was kept for a repeat of its call.
    pub fn reply(&self, tenant: &TenantId, key: &Digest) -> Read<Option<Reply>> {
        self.message(Keyspace::Reply, &keys::reply(tenant, key))
    }

    /// The kept answers of all tenants.
    pub fn replies(
        &self,
        after: Option<(TenantId, Digest)>,
        limit: usize,
    ) -> Read<Vec<(TenantId, Digest, Reply)>> {
        let last = after.map(|(tenant, key)| keys::reply(&tenant, &key));
        let range = after_last(KeyRange::all(), last);
        let replies = self.messages(Keyspace::Reply, range, limit, keys::read_reply)?;
        let flat = replies
            .into_iter()
            .map(|((tenant, key), reply)| (tenant, key, reply));
        Ok(flat.collect())
    }

    /// A tenant's workflow instances that pass the filter, in the order of their ids.
    pub fn workflows(
        &self,
        tenant: &TenantId,
        filter: &WorkflowFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Vec<(WorkflowKey, Instance)>> {
        let by_status = filter
            .status
            .map(|status| keys::index_of_status(tenant, status.into()));
        let by_name = filter
            .name
            .as_deref()
            .map(|name| keys::index_of_name(tenant, name));
        let (rows, others) = match (by_status, by_name) {
            (None, None) => return self.all_workflows(tenant, after, limit),
            (Some(rows), others) => (rows, others),
            (None, Some(rows)) => (rows, None),
        };
        let view = self.0.view();
        let ids = match others {
            None => ids_in(&view, rows, after, limit)?,
            Some(others) => ids_in_both(&view, rows, others, after, limit)?,
        };
        let instances = ids
            .into_iter()
            .map(|id| indexed_instance(&view, tenant, id));
        instances.collect()
    }

    /// The instances of all tenants that stand there: by tenant, then by id. Reads the index only.
    pub fn workflows_with_status(
        &self,
        status: Status,
        after: Option<&WorkflowKey>,
        limit: usize,
    ) -> Read<Vec<WorkflowKey>> {
        let view = self.0.view();
        let mut found = Vec::new();
        let mut after_id = after.map(|last| last.id.as_str());
        let mut place = match after {
            Some(last) => Some(last.tenant.clone()),
            None => next_tenant(&view, KeyRange::all())?,
        };
        while let Some(tenant) = place.filter(|_| found.len() < limit) {
            let rows = keys::index_of_status(&tenant, status.into());
            let ids = ids_in(&view, rows, after_id.take(), limit - found.len())?;
            found.extend(ids.into_iter().map(|id| WorkflowKey {
                tenant: tenant.clone(),
                id,
            }));
            let others = KeyRange::all().beyond(&keys::tenant(&tenant));
            place = next_tenant(&view, others)?;
        }
        Ok(found)
    }

    /// Some of a tenant's instances that stand in one of these places, as of one moment: none only where
    /// there is none, however they move from place to place. Reads the index only.
    pub fn some_with_status(
        &self,
        tenant: &TenantId,
        statuses: &[Status],
        limit: usize,
    ) -> Read<Vec<WorkflowKey>> {
        let view = self.0.view();
        let mut found = Vec::new();
        for status in statuses {
            let rows = keys::index_of_status(tenant, (*status).into());
            let ids = ids_in(&view, rows, None, limit - found.len())?;
            found.extend(ids.into_iter().map(|id| WorkflowKey {
                tenant: tenant.clone(),
                id,
            }));
        }
        Ok(found)
    }

    /// Shows every instance of all tenants that stands in one of these places, as of one moment. Takes as
    /// long as there are many, and blocks the thread.
    pub fn each_with_status(
        &self,
        statuses: &[Status],
        mut see: impl FnMut(WorkflowKey, Instance),
    ) -> Read<()> {
        let view = self.0.view();
        let mut place = next_tenant(&view, KeyRange::all())?;
        while let Some(tenant) = place {
            for status in statuses {
                let rows = keys::index_of_status(&tenant, (*status).into());
                for id in ids_in(&view, rows, None, usize::MAX)? {
                    let (key, instance) = indexed_instance(&view, &tenant, id)?;
                    see(key, instance);
                }
            }
            let others = KeyRange::all().beyond(&keys::tenant(&tenant));
            place = next_tenant(&view, others)?;
        }
        Ok(())
    }

    /// The subscriptions of all tenants, with topic and subscriber.
    pub fn subscriptions(
        &self,
        after: Option<(&str, &Entity)>,
        limit: usize,
    ) -> Read<Vec<((String, Entity), Subscription)>> {
        let last = after.map(|(topic, by)| keys::subscription(topic, by));
        let range = after_last(KeyRange::all(), last);
        self.messages(Keyspace::Topic, range, limit, keys::read_subscription)
    }

    /// The tenants that have plugins deployed.
    pub fn tenants(&self) -> Read<Vec<TenantId>> {
        let range = KeyRange::prefix(keys::deployments());
        self.groups(Keyspace::Meta, range, usize::MAX, |key| {
            let (tenant, _) = keys::read_deployment(key)?;
            let prefix = keys::deployments_of(&tenant);
            Some((tenant, prefix))
        })
    }

    /// Which component stands for each of a tenant's plugins, by the plugin's name.
    pub fn deployments(&self, tenant: &TenantId) -> Read<Vec<(String, Deployment)>> {
        let prefix = keys::deployments_of(tenant);
        let range = KeyRange::prefix(prefix.clone());
        self.messages(Keyspace::Meta, range, usize::MAX, |key| {
            keys::read_last_text(key, &prefix)
        })
    }

    /// A component's bytes.
    pub fn component(&self, digest: &Digest) -> Read<Option<Vec<u8>>> {
        self.bytes(Keyspace::Meta, &keys::component(digest))
    }

    /// What is known of the components that are kept, in the order of their digests.
    pub fn components(&self) -> Read<Vec<(Digest, Component)>> {
        let range = KeyRange::prefix(keys::components());
        self.messages(
            Keyspace::Meta,
            range,
            usize::MAX,
            keys::read_component_facts,
        )
    }

    fn all_workflows(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Vec<(WorkflowKey, Instance)>> {
        let prefix = keys::tenant(tenant);
        let last = after.map(|id| keys::index(prefix.clone(), id));
        let range = after_last(KeyRange::prefix(prefix), last);
        self.messages(Keyspace::Instance, range, limit, keys::read_instance)
    }

    fn bytes(&self, keyspace: Keyspace, key: &[u8]) -> Read<Option<Vec<u8>>> {
        let value = self.0.get(keyspace, key);
        let value = value.map_err(|error| refused(keyspace, &error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn message<M: Message + Default>(&self, keyspace: Keyspace, key: &[u8]) -> Read<Option<M>> {
        let value = self.0.get(keyspace, key);
        let value = value.map_err(|error| refused(keyspace, &error))?;
        let message = value.map(|value| decode(&value)).transpose();
        message.map_err(|what| damaged(keyspace, key, what))
    }

    fn messages<K, M: Message + Default>(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        limit: usize,
        read_key: impl Fn(&[u8]) -> Option<K>,
    ) -> Read<Vec<(K, M)>> {
        self.rows(keyspace, range, limit, |key, value| {
            Ok((read_key(key).ok_or(WRONG_KEY)?, decode(value)?))
        })
    }

    fn rows<T>(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        limit: usize,
        read: impl Fn(&[u8], &[u8]) -> Result<T, String>,
    ) -> Read<Vec<T>> {
        collect(self.0.walk(keyspace, range), keyspace, limit, read)
    }

    /// Rows of all tenants, from a queue's front. Over a view, because it is when a view ends that RocksDB
    /// looks for tables of tombstones at the bottom, which the next walk would pass over again.
    fn queue<T>(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        limit: usize,
        read: impl Fn(&[u8], &[u8]) -> Result<T, String>,
    ) -> Read<Vec<T>> {
        let view = self.0.view();
        collect(view.walk(keyspace, range), keyspace, limit, read)
    }

    /// One thing for each group of rows that begin alike: `read` tells the thing and the beginning.
    fn groups<T>(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        limit: usize,
        read: impl Fn(&[u8]) -> Option<(T, Vec<u8>)>,
    ) -> Read<Vec<T>> {
        let view = self.0.view();
        let mut walk = view.walk(keyspace, range);
        let mut found = Vec::new();
        while found.len() < limit {
            let row = walk.row().map_err(|error| refused(keyspace, &error))?;
            let Some((key, _)) = row else { break };
            let group = read(key).ok_or_else(|| damaged(keyspace, key, WRONG_KEY.to_owned()));
            let (thing, prefix) = group?;
            found.push(thing);
            match keys::beyond(&prefix) {
                Some(next) => walk.seek(&next),
                None => walk.finish(),
            }
        }
        Ok(found)
    }
}

const WRONG_KEY: &str = "a key of another form";

fn state_value(stored: &[u8]) -> Result<StateValue, String> {
    StateValue::decode(stored).ok_or_else(|| "a value of another form".to_owned())
}

fn collect<T>(
    mut walk: Walk<'_>,
    keyspace: Keyspace,
    limit: usize,
    read: impl Fn(&[u8], &[u8]) -> Result<T, String>,
) -> Read<Vec<T>> {
    let mut found = Vec::new();
    while found.len() < limit {
        let row = walk.row().map_err(|error| refused(keyspace, &error))?;
        let Some((key, value)) = row else { break };
        found.push(read(key, value).map_err(|what| damaged(keyspace, key, what))?);
        walk.next();
    }
    Ok(found)
}

/// The ids in the index rows that begin with `rows`.
fn ids_in(view: &View<'_>, rows: Vec<u8>, after: Option<&str>, limit: usize) -> Read<Vec<String>> {
    let walk = view.walk(Keyspace::Index, index_range(&rows, after));
    collect(walk, Keyspace::Index, limit, |key, _| read_id(key, &rows))
}

/// The ids that are in both. Each side leaps to where the other stands, so that the cost is that of the
/// shorter one.
fn ids_in_both(
    view: &View<'_>,
    rows: Vec<u8>,
    others: Vec<u8>,
    after: Option<&str>,
    limit: usize,
) -> Read<Vec<String>> {
    let mut ahead = (view.walk(Keyspace::Index, index_range(&rows, after)), rows);
    let mut behind = (
        view.walk(Keyspace::Index, index_range(&others, after)),
        others,
    );
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(id) = current_id(&ahead)? else { break };
        let target = keys::index(behind.1.clone(), &id);
        behind.0.seek(&target);
        if current_id(&behind)?.as_ref() == Some(&id) {
            found.push(id);
            ahead.0.next();
        } else {
            std::mem::swap(&mut ahead, &mut behind);
        }
    }
    Ok(found)
}

fn current_id((walk, rows): &(Walk<'_>, Vec<u8>)) -> Read<Option<String>> {
    let row = walk
        .row()
        .map_err(|error| refused(Keyspace::Index, &error))?;
    let id =
        row.map(|(key, _)| read_id(key, rows).map_err(|what| damaged(Keyspace::Index, key, what)));
    id.transpose()
}

fn read_id(key: &[u8], rows: &[u8]) -> Result<String, String> {
    keys::read_last_text(key, rows).ok_or(WRONG_KEY.to_owned())
}

fn index_range(rows: &[u8], after: Option<&str>) -> KeyRange {
    let last = after.map(|id| keys::index(rows.to_vec(), id));
    after_last(KeyRange::prefix(rows.to_vec()), last)
}

/// The first tenant with a row of the index in the range.
fn next_tenant(view: &View<'_>, range: KeyRange) -> Read<Option<TenantId>> {
    let walk = view.walk(Keyspace::Index, range);
    let tenants = collect(walk, Keyspace::Index, 1, |key, _| {
        keys::read_tenant(key).ok_or(WRONG_KEY.to_owned())
    });
    Ok(tenants?.pop())
}

/// The instance that an index row of the same moment names.
fn indexed_instance(
    view: &View<'_>,
    tenant: &TenantId,
    id: String,
) -> Read<(WorkflowKey, Instance)> {
    let key = WorkflowKey {
        tenant: tenant.clone(),
        id,
    };
    let encoded = keys::instance(&key);
    let keyspace = Keyspace::Instance;
    let value = view
        .get(keyspace, &encoded)
        .map_err(|error| refused(keyspace, &error))?;
    let bytes = value.ok_or_else(|| damaged(keyspace, &encoded, "no record".to_owned()))?;
    let instance = decode(&bytes).map_err(|what| damaged(keyspace, &encoded, what))?;
    Ok((key, instance))
}

fn after_last(range: KeyRange, last: Option<Vec<u8>>) -> KeyRange {
    match last {
        Some(key) => range.after(key),
        None => range,
    }
}

fn beyond_last(range: KeyRange, last: Option<Vec<u8>>) -> KeyRange {
    match last {
        Some(prefix) => range.beyond(&prefix),
        None => range,
    }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, String> {
    M::decode(bytes).map_err(|error| format!("a record that cannot be read ({error})"))
}

fn refused(keyspace: Keyspace, error: &rocksdb::Error) -> ReadError {
    ReadError::Database {
        keyspace,
        reason: error.to_string(),
    }
}

fn damaged(keyspace: Keyspace, key: &[u8], what: String) -> ReadError {
    ReadError::Damaged {
        keyspace,
        key: key.escape_ascii().to_string(),
        what,
    }
}

//! Where a record lies: the keyspaces and the byte layout of their keys.
//!
//! Owns encoding and checked decoding; knows nothing of RocksDB or of the values. A key is a row of parts:
//!
//! | part | bytes |
//! |---|---|
//! | text | its UTF-8 with `00` written as `01 01` and `01` as `01 02`, then `00` |
//! | u8, u32, u64 | big-endian |
//! | digest | its 32 bytes |
//!
//! So keys sort as their parts do, no key is the beginning of another's text, and what begins with the same
//! parts lies together.
//!
//! | keyspace | key |
//! |---|---|
//! | `meta` | `"f"` format version · `"b"` openings · `"d"` tenant, plugin · `"c"` digest · `"v"` digest · `"x"` a task's key · `"r"` tenant, workflow id · `"s"` tenant, schedule · `"j"` tenant, batch job · `"t"` tenant · `"k"` tenant, token (letters are one u8) |
//! | `instance` | tenant, workflow id |
//! | `history` | tenant, workflow id, run u32, sequence u64 |
//! | `inbox` | tenant, `1` workflow id or `2` actor type and actor id, sequence u64 |
//! | `actor` | tenant, actor type, actor id, state key |
//! | `reminder` | tenant, actor type, actor id, name |
//! | `delayed` | tenant, actor type, actor id, message id |
//! | `timer` | due u64, tenant, workflow id, run u32, handle u32; or due u64, tenant, `00`, kind u8, what it is for |
//! | `task` | tenant, workflow id, run u32, handle u32 |
//! | `reply` | tenant, digest |
//! | `topic` | tenant, topic, `1` workflow id or `2` actor type and actor id |
//! | `index` | tenant, `1` status u32 or `2` workflow name, workflow id |
//! | `audit` | tenant, what is missing of the number to the greatest u64: the latest lies first |

use host_base::{ActorKey, Digest, Entity, TenantId, Timestamp, WorkflowKey};

use crate::records::Status;

/// A set of records of one kind; RocksDB calls it a column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Keyspace {
    /// Format version, openings, deployments, components, activities that were asked to stop.
    Meta,
    /// Workflow instances.
    Instance,
    /// Their events.
    History,
    /// Undelivered messages.
    Inbox,
    /// Actors' state.
    Actor,
    /// Actors' reminders.
    Reminder,
    /// Messages to actors that are not due yet.
    Delayed,
    /// Workflows' timers.
    Timer,
    /// Activities that have not ended.
    Task,
    /// Answers kept for repeats.
    Reply,
    /// What lists scan.
    Index,
    /// Who wants what is published.
    Topic,
    /// Who has changed what.
    Audit,
}

impl Keyspace {
    /// Every keyspace, each at the place that its number says.
    pub const ALL: [Keyspace; 13] = [
        Keyspace::Meta,
        Keyspace::Instance,
        Keyspace::History,
        Keyspace::Inbox,
        Keyspace::Actor,
        Keyspace::Reminder,
        Keyspace::Delayed,
        Keyspace::Timer,
        Keyspace::Task,
        Keyspace::Reply,
        Keyspace::Index,
        Keyspace::Topic,
        Keyspace::Audit,
    ];

    /// Its name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Keyspace::Meta => "meta",
            Keyspace::Instance => "instance",
            Keyspace::History => "history",
            Keyspace::Inbox => "inbox",
            Keyspace::Actor => "actor",
            Keyspace::Reminder => "reminder",
            Keyspace::Delayed => "delayed",
            Keyspace::Timer => "timer",
            Keyspace::Task => "task",
            Keyspace::Reply => "reply",
            Keyspace::Index => "index",
            Keyspace::Topic => "topic",
            Keyspace::Audit => "audit",
        }
    }
}

/// An activity that a workflow has scheduled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// Whose activity it is.
    pub workflow: WorkflowKey,
    /// The workflow's run.
    pub run: u32,
    /// The handle that stands for its result.
    pub handle: u32,
}

/// Something that is due at a time. Timers sort by when they are due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    /// When it is due.
    pub due: Timestamp,
    /// What is due then.
    pub of: TimerOf,
}

/// What a timer is for. A workflow's lies in the store until the turn that it causes is durable; so does every other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TimerOf {
    /// A timer that a workflow waits for.
    Workflow {
        /// Whose it is.
        workflow: WorkflowKey,
        /// The workflow's run.
        run: u32,
        /// The handle that stands for it.
        handle: u32,
    },
    /// A reminder of an actor.
    Reminder {
        /// Whose it is.
        actor: ActorKey,
        /// Its name, unique for the actor.
        name: String,
    },
    /// A message to an actor that is to be delivered later.
    Delayed {
        /// Whom it is for.
        actor: ActorKey,
        /// Its id, unique among the actor's.
        id: String,
    },
    /// The end of the time for which an actor's value is kept.
    Expiry {
        /// Whose value.
        actor: ActorKey,
        /// The value's key.
        key: String,
    },
    /// The end of the time for which an ended workflow is kept.
    Retention {
        /// Which.
        workflow: WorkflowKey,
        /// Its run.
        run: u32,
    },
}

const FORMAT: u8 = b'f';
const BOOT: u8 = b'b';
const DEPLOYMENT: u8 = b'd';
const COMPONENT: u8 = b'c';
const COMPONENT_FACTS: u8 = b'v';
const CANCEL: u8 = b'x';
const LAST_RUN: u8 = b'r';
const SCHEDULED: u8 = b's';
const BATCH_JOB: u8 = b'j';
const TENANT: u8 = b't';
const TOKEN: u8 = b'k';
const WORKFLOW: u8 = 1;
const ACTOR: u8 = 2;
const BY_STATUS: u8 = 1;
const BY_NAME: u8 = 2;
const REMINDER: u8 = 1;
const DELAYED: u8 = 2;
const EXPIRY: u8 = 3;
const RETENTION: u8 = 4;
const TEXT_END: u8 = 0;
const ESCAPE: u8 = 1;

/// A half-open range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// The first key that may be in it.
    pub(crate) lower: Vec<u8>,
    /// The first key beyond it; none: it has no end.
    pub(crate) upper: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    pub(crate) fn all() -> KeyRange {
        KeyRange::prefix(Vec::new())
    }

    /// All keys that begin with `prefix`.
    pub(crate) fn prefix(prefix: Vec<u8>) -> KeyRange {
        let upper = beyond(&prefix);
        KeyRange {
            lower: prefix,
            upper,
        }
    }

    /// What of it lies at `lower` or behind.
    pub(crate) fn from(mut self, lower: Vec<u8>) -> KeyRange {
        self.lower = self.lower.max(lower);
        self
    }

    /// What of it lies behind `key`.
    pub(crate) fn after(self, mut key: Vec<u8>) -> KeyRange {
        // The shortest key that is greater.
        key.push(0);
        self.from(key)
    }

    /// What of it lies behind every key that begins with `prefix`.
    pub(crate) fn beyond(self, prefix: &[u8]) -> KeyRange {
        match beyond(prefix) {
            Some(lower) => self.from(lower),
            None => KeyRange {
                upper: Some(self.lower.clone()),
                ..self
            },
        }
    }

    /// Whether no key can lie in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.upper
            .as_ref()
            .is_some_and(|upper| *upper <= self.lower)
    }
}

/// The first key behind all that begin with `prefix`; none where there is no such key.
pub(crate) fn beyond(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut key = prefix[..=last].to_vec();
    key[last] += 1;
    Some(key)
}

/// Writes a key part by part.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn text(mut self, text: &str) -> Parts {
        self.0.reserve(text.len() + 24);
        for byte in text.bytes() {
            match byte {
                TEXT_END | ESCAPE => self.0.extend([ESCAPE, byte + 1]),
                plain => self.0.push(plain),
            }
        }
        self.0.push(TEXT_END);
        self
    }

    fn u8(mut self, number: u8) -> Parts {
        self.0.push(number);
        self
    }

    fn u32(mut self, number: u32) -> Parts {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn u64(mut self, number: u64) -> Parts {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn digest(mut self, digest: &Digest) -> Parts {
        self.0.extend(digest.0);
        self
    }

    fn tenant(self, tenant: &TenantId) -> Parts {
        self.text(tenant.as_str())
    }

    fn workflow(self, key: &WorkflowKey) -> Parts {
        self.tenant(&key.tenant).text(&key.id)
    }

    /// No id is empty: the end of a text, where a workflow's id would begin, says that something else follows.
    fn other_timer(self, tenant: &TenantId, kind: u8) -> Parts {
        self.tenant(tenant).u8(TEXT_END).u8(kind)
    }

    fn timer_of_actor(self, actor: &ActorKey, kind: u8, text: &str) -> Parts {
        let parts = self.other_timer(&actor.tenant, kind);
        parts.text(&actor.actor_type).text(&actor.id).text(text)
    }

    fn actor(self, key: &ActorKey) -> Parts {
        self.tenant(&key.tenant).text(&key.actor_type).text(&key.id)
    }
}

/// Reads a key part by part; a part that is not there or not well-formed is none.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == TEXT_END)?;
        let (escaped, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        String::from_utf8(unescape(escaped)?).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*part)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn digest(&mut self) -> Option<Digest> {
        self.array().map(Digest)
    }

    fn tenant(&mut self) -> Option<TenantId> {
        TenantId::new(self.text()?).ok()
    }

    fn workflow(&mut self) -> Option<WorkflowKey> {
        WorkflowKey::new(self.tenant()?, self.text()?).ok()
    }

    fn actor(&mut self) -> Option<ActorKey> {
        let tenant = self.tenant()?;
        self.actor_of(tenant)
    }

    /// What a timer is for, where it is not a workflow's.
    fn other_timer(&mut self, tenant: TenantId) -> Option<TimerOf> {
        self.tag(TEXT_END)?;
        Some(match self.u8()? {
            REMINDER => {
                let (actor, name) = (self.actor_of(tenant)?, self.text()?);
                TimerOf::Reminder { actor, name }
            }
            DELAYED => {
                let (actor, id) = (self.actor_of(tenant)?, self.text()?);
                TimerOf::Delayed { actor, id }
            }
            EXPIRY => {
                let (actor, key) = (self.actor_of(tenant)?, self.text()?);
                TimerOf::Expiry { actor, key }
            }
            RETENTION => {
                let workflow = WorkflowKey::new(tenant, self.text()?).ok()?;
                let run = self.u32()?;
                TimerOf::Retention { workflow, run }
            }
            _ => return None,
        })
    }

    fn actor_of(&mut self, tenant: TenantId) -> Option<ActorKey> {
        ActorKey::new(tenant, self.text()?, self.text()?).ok()
    }

    /// Of that tenant: which kind, then its ids.
    fn entity(&mut self, tenant: TenantId) -> Option<Entity> {
        match self.u8()? {
            WORKFLOW => Some(Entity::Workflow(
                WorkflowKey::new(tenant, self.text()?).ok()?,
            )),
            ACTOR => Some(Entity::Actor(
                ActorKey::new(tenant, self.text()?, self.text()?).ok()?,
            )),
            _ => None,
        }
    }

    fn tag(&mut self, tag: u8) -> Option<()> {
        (self.u8()? == tag).then_some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn unescape(escaped: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        let byte = match *byte {
            ESCAPE => match bytes.next()? {
                1 => TEXT_END,
                2 => ESCAPE,
                _ => return None,
            },
            plain => plain,
        };
        plain.push(byte);
    }
    Some(plain)
}

pub(crate) fn format() -> Vec<u8> {
    vec![FORMAT]
}

pub(crate) fn boot() -> Vec<u8> {
    vec![BOOT]
}

pub(crate) fn deployments() -> Vec<u8> {
    vec![DEPLOYMENT]
}

pub(crate) fn deployments_of(tenant: &TenantId) -> Vec<u8> {
    Parts::default().u8(DEPLOYMENT).tenant(tenant).0
}

pub(crate) fn deployment(tenant: &TenantId, plugin: &str) -> Vec<u8> {
    Parts(deployments_of(tenant)).text(plugin).0
}

pub(crate) fn read_deployment(key: &[u8]) -> Option<(TenantId, String)> {
    let mut cursor = Cursor(key);
    cursor.tag(DEPLOYMENT)?;
    let parts = (cursor.tenant()?, cursor.text()?);
    cursor.end()?;
    Some(parts)
}

pub(crate) fn component(digest: &Digest) -> Vec<u8> {
    Parts::default().u8(COMPONENT).digest(digest).0
}

/// What the keys of what is known of all kept components begin with.
pub(crate) fn components() -> Vec<u8> {
    vec![COMPONENT_FACTS]
}

pub(crate) fn component_facts(digest: &Digest) -> Vec<u8> {
    Parts(components()).digest(digest).0
}

pub(crate) fn read_component_facts(key: &[u8]) -> Option<Digest> {
    let mut cursor = Cursor(key);
    cursor.tag(COMPONENT_FACTS)?;
    let digest = cursor.digest()?;
    cursor.end()?;
    Some(digest)
}

pub(crate) fn tenant(tenant: &TenantId) -> Vec<u8> {
    Parts::default().tenant(tenant).0
}

pub(crate) fn instance(key: &WorkflowKey) -> Vec<u8> {
    Parts::default().workflow(key).0
}

pub(crate) fn read_instance(key: &[u8]) -> Option<WorkflowKey> {
    let mut cursor = Cursor(key);
    let workflow = cursor.workflow()?;
    cursor.end()?;
    Some(workflow)
}

/// What the keys of all events of one run begin with.
pub(crate) fn run(key: &WorkflowKey, run: u32) -> Vec<u8> {
    Parts::default().workflow(key).u32(run).0
}

pub(crate) fn event(key: &WorkflowKey, run: u32, sequence: u64) -> Vec<u8> {
    Parts(self::run(key, run)).u64(sequence).0
}

/// What the keys of all messages to one entity begin with.
pub(crate) fn inbox(entity: &Entity) -> Vec<u8> {
    let parts = Parts::default().tenant(entity.tenant());
    match entity {
        Entity::Workflow(key) => parts.u8(WORKFLOW).text(&key.id).0,
        Entity::Actor(key) => parts.u8(ACTOR).text(&key.actor_type).text(&key.id).0,
    }
}

/// What the keys of all messages to actors of one type begin with.
pub(crate) fn inbox_of_type(tenant: &TenantId, actor_type: &str) -> Vec<u8> {
    Parts::default().tenant(tenant).u8(ACTOR).text(actor_type).0
}

/// One entity's subscription to a topic of its tenant.
pub(crate) fn subscription(topic: &str, by: &Entity) -> Vec<u8> {
    let parts = Parts::default().tenant(by.tenant()).text(topic);
    match by {
        Entity::Workflow(key) => parts.u8(WORKFLOW).text(&key.id).0,
        Entity::Actor(key) => parts.u8(ACTOR).text(&key.actor_type).text(&key.id).0,
    }
}

pub(crate) fn read_subscription(key: &[u8]) -> Option<(String, Entity)> {
    let mut cursor = Cursor(key);
    let (tenant, topic) = (cursor.tenant()?, cursor.text()?);
    let by = cursor.entity(tenant)?;
    cursor.end()?;
    Some((topic, by))
}

pub(crate) fn mail(to: &Entity, sequence: u64) -> Vec<u8> {
    Parts(inbox(to)).u64(sequence).0
}

pub(crate) fn read_mail(key: &[u8]) -> Option<(Entity, u64)> {
    let mut cursor = Cursor(key);
    let tenant = cursor.tenant()?;
    let entity = cursor.entity(tenant)?;
    let sequence = cursor.u64()?;
    cursor.end()?;
    Some((entity, sequence))
}

/// The number at the end of a key that begins with `prefix` and has nothing else.
pub(crate) fn read_sequence(key: &[u8], prefix: &[u8]) -> Option<u64> {
    let mut cursor = Cursor(key.strip_prefix(prefix)?);
    let sequence = cursor.u64()?;
    cursor.end()?;
    Some(sequence)
}

/// What the state keys of all actors of one type begin with.
pub(crate) fn actor_type(tenant: &TenantId, actor_type: &str) -> Vec<u8> {
    Parts::default().tenant(tenant).text(actor_type).0
}

/// What the keys of all state of one actor begin with; its reminders' and its delayed messages', too.
pub(crate) fn actor(key: &ActorKey) -> Vec<u8> {
    Parts::default().actor(key).0
}

pub(crate) fn state(key: &ActorKey, name: &str) -> Vec<u8> {
    Parts::default().actor(key).text(name).0
}

/// What the keys of all state of one actor begin with where the state key begins with `prefix`.
pub(crate) fn state_prefix(key: &ActorKey, prefix: &str) -> Vec<u8> {
    let mut whole = state(key, prefix);
    // The end of the text: what begins with it goes on.
    whole.pop();
    whole
}

pub(crate) fn read_state(key: &[u8]) -> Option<(ActorKey, String)> {
    let mut cursor = Cursor(key);
    let parts = (cursor.actor()?, cursor.text()?);
    cursor.end()?;
    Some(parts)
}

/// The text at the end of a key that begins with `prefix` and has nothing else.
pub(crate) fn read_last_text(key: &[u8], prefix: &[u8]) -> Option<String> {
    let mut cursor = Cursor(key.strip_prefix(prefix)?);
    let text = cursor.text()?;
    cursor.end()?;
    Some(text)
}

/// What no timer that is due before `due` has: a key from here on.
pub(crate) fn timers_from(due: Timestamp) -> Vec<u8> {
    Parts::default().u64(due.0).0
}

pub(crate) fn timer(key: &TimerKey) -> Vec<u8> {
    let due = Parts(timers_from(key.due));
    let parts = match &key.of {
        TimerOf::Workflow {
            workflow,
            run,
            handle,
        } => due.workflow(workflow).u32(*run).u32(*handle),
        TimerOf::Reminder { actor, name } => due.timer_of_actor(actor, REMINDER, name),
        TimerOf::Delayed { actor, id } => due.timer_of_actor(actor, DELAYED, id),
        TimerOf::Expiry { actor, key } => due.timer_of_actor(actor, EXPIRY, key),
        TimerOf::Retention { workflow, run } => {
            let parts = due.other_timer(&workflow.tenant, RETENTION);
            parts.text(&workflow.id).u32(*run)
        }
    };
    parts.0
}

pub(crate) fn read_timer(key: &[u8]) -> Option<TimerKey> {
    let mut cursor = Cursor(key);
    let due = Timestamp(cursor.u64()?);
    let tenant = cursor.tenant()?;
    let of = match cursor.0.first()? {
        &TEXT_END => cursor.other_timer(tenant)?,
        _ => TimerOf::Workflow {
            workflow: WorkflowKey::new(tenant, cursor.text()?).ok()?,
            run: cursor.u32()?,
            handle: cursor.u32()?,
        },
    };
    cursor.end()?;
    Some(TimerKey { due, of })
}

pub(crate) fn task(key: &TaskKey) -> Vec<u8> {
    Parts(run(&key.workflow, key.run)).u32(key.handle).0
}

pub(crate) fn read_task(key: &[u8]) -> Option<TaskKey> {
    let mut cursor = Cursor(key);
    let task = TaskKey {
        workflow: cursor.workflow()?,
        run: cursor.u32()?,
        handle: cursor.u32()?,
    };
    cursor.end()?;
    Some(task)
}

/// What the keys of all schedules begin with.
pub(crate) fn schedules() -> Vec<u8> {
    vec![SCHEDULED]
}

/// What the keys of a tenant's schedules begin with.
pub(crate) fn schedules_of(tenant: &TenantId) -> Vec<u8> {
    Parts::default().u8(SCHEDULED).tenant(tenant).0
}

pub(crate) fn schedule(tenant: &TenantId, name: &str) -> Vec<u8> {
    Parts(schedules_of(tenant)).text(name).0
}

pub(crate) fn read_schedule(key: &[u8]) -> Option<(TenantId, String)> {
    let mut cursor = Cursor(key);
    cursor.tag(SCHEDULED)?;
    let parts = (cursor.tenant()?, cursor.text()?);
    cursor.end()?;
    Some(parts)
}

/// What the keys of all batch jobs begin with.
pub(crate) fn batch_jobs() -> Vec<u8> {
    vec![BATCH_JOB]
}

/// What the keys of a tenant's batch jobs begin with.
pub(crate) fn batch_jobs_of(tenant: &TenantId) -> Vec<u8> {
    Parts::default().u8(BATCH_JOB).tenant(tenant).0
}

pub(crate) fn batch_job(tenant: &TenantId, id: &str) -> Vec<u8> {
    Parts(batch_jobs_of(tenant)).text(id).0
}

pub(crate) fn read_batch_job(key: &[u8]) -> Option<(TenantId, String)> {
    let mut cursor = Cursor(key);
    cursor.tag(BATCH_JOB)?;
    let parts = (cursor.tenant()?, cursor.text()?);
    cursor.end()?;
    Some(parts)
}

/// What the keys of what is said of all tenants begin with.
pub(crate) fn tenant_records() -> Vec<u8> {
    vec![TENANT]
}

pub(crate) fn tenant_record(tenant: &TenantId) -> Vec<u8> {
    Parts(tenant_records()).tenant(tenant).0
}

pub(crate) fn read_tenant_record(key: &[u8]) -> Option<TenantId> {
    let mut cursor = Cursor(key);
    cursor.tag(TENANT)?;
    let tenant = cursor.tenant()?;
    cursor.end()?;
    Some(tenant)
}

/// What the keys of all tokens begin with.
pub(crate) fn tokens() -> Vec<u8> {
    vec![TOKEN]
}

pub(crate) fn token(tenant: &TenantId, id: &str) -> Vec<u8> {
    Parts(tokens()).tenant(tenant).text(id).0
}

pub(crate) fn read_token(key: &[u8]) -> Option<(TenantId, String)> {
    let mut cursor = Cursor(key);
    cursor.tag(TOKEN)?;
    let parts = (cursor.tenant()?, cursor.text()?);
    cursor.end()?;
    Some(parts)
}

/// What the keys of the ids of all deleted instances begin with.
pub(crate) fn last_runs() -> Vec<u8> {
    vec![LAST_RUN]
}

pub(crate) fn last_run(key: &WorkflowKey) -> Vec<u8> {
    Parts(last_runs()).workflow(key).0
}

pub(crate) fn read_last_run(key: &[u8]) -> Option<WorkflowKey> {
    read_instance(key.strip_prefix(&[LAST_RUN])?)
}

/// What the keys of all requests to cancel an activity begin with.
pub(crate) fn cancels() -> Vec<u8> {
    vec![CANCEL]
}

pub(crate) fn cancel(key: &TaskKey) -> Vec<u8> {
    [cancels(), task(key)].concat()
}

pub(crate) fn read_cancel(key: &[u8]) -> Option<TaskKey> {
    read_task(key.strip_prefix(&[CANCEL])?)
}

pub(crate) fn reply(tenant: &TenantId, key: &Digest) -> Vec<u8> {
    Parts::default().tenant(tenant).digest(key).0
}

pub(crate) fn read_reply(key: &[u8]) -> Option<(TenantId, Digest)> {
    let mut cursor = Cursor(key);
    let parts = (cursor.tenant()?, cursor.digest()?);
    cursor.end()?;
    Some(parts)
}

/// The entry of this number in a tenant's audit log.
pub(crate) fn audit(tenant: &TenantId, number: u64) -> Vec<u8> {
    Parts::default().tenant(tenant).u64(u64::MAX - number).0
}

pub(crate) fn read_audit(key: &[u8]) -> Option<(TenantId, u64)> {
    let mut cursor = Cursor(key);
    let parts = (cursor.tenant()?, u64::MAX - cursor.u64()?);
    cursor.end()?;
    Some(parts)
}

/// What the index rows of all instances with one status begin with. Takes the status as a record has it,
/// so that one that only a newer host knows keeps its place.
pub(crate) fn index_of_status(tenant: &TenantId, status: i32) -> Vec<u8> {
    let parts = Parts::default().tenant(tenant).u8(BY_STATUS);
    parts.u32(status.cast_unsigned()).0
}

/// What the index rows of all instances of one workflow begin with.
pub(crate) fn index_of_name(tenant: &TenantId, name: &str) -> Vec<u8> {
    Parts::default().tenant(tenant).u8(BY_NAME).text(name).0
}

/// The index row of the instance `id` among those that begin with `prefix`.
pub(crate) fn index(prefix: Vec<u8>, id: &str) -> Vec<u8> {
    Parts(prefix).text(id).0
}

/// The tenant of a key that starts with one.
pub(crate) fn read_tenant(key: &[u8]) -> Option<TenantId> {
    Cursor(key).tenant()
}

const _: () = {
    let mut place = 0;
    while place < Keyspace::ALL.len() {
        assert!(Keyspace::ALL[place] as usize == place);
        place += 1;
    }
    assert!(Status::Pending as i32 == 0);
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Few letters, so that texts are often the beginning of one another, and those that mean something
    // to the encoding.
    const TEXT: &str = "[\\x00\\x01\\x02a\u{10ffff}]{0,4}";
    const ID: &str = "[ab /\u{e9}\u{10ffff}]{1,3}";

    prop_compose! {
        fn workflows()(tenant in ID, id in ID) -> WorkflowKey {
            WorkflowKey::new(TenantId::new(tenant).unwrap(), id).unwrap()
        }
    }

    prop_compose! {
        fn actors()(tenant in ID, actor_type in ID, id in ID) -> ActorKey {
            ActorKey::new(TenantId::new(tenant).unwrap(), actor_type, id).unwrap()
        }
    }

    prop_compose! {
        fn tasks()(workflow in workflows(), run: u32, handle: u32) -> TaskKey {
            TaskKey { workflow, run, handle }
        }
    }

    prop_compose! {
        fn workflow_timers()(workflow in workflows(), run: u32, handle: u32) -> TimerOf {
            TimerOf::Workflow { workflow, run, handle }
        }
    }

    prop_compose! {
        fn timers()(due: u64, of in prop_oneof![
            workflow_timers(),
            (actors(), TEXT).prop_map(|(actor, name)| TimerOf::Reminder { actor, name }),
            (actors(), TEXT).prop_map(|(actor, id)| TimerOf::Delayed { actor, id }),
            (actors(), TEXT).prop_map(|(actor, key)| TimerOf::Expiry { actor, key }),
            (workflows(), any::<u32>()).prop_map(|(workflow, run)| TimerOf::Retention { workflow, run }),
        ]) -> TimerKey {
            TimerKey { due: Timestamp(due), of }
        }
    }

    fn entities() -> impl Strategy<Value = Entity> {
        prop_oneof![
            workflows().prop_map(Entity::Workflow),
            actors().prop_map(Entity::Actor)
        ]
    }

    prop_compose! {
        fn ids()(texts in [TEXT; 4], run: u32, number: u64, digest: [u8; 32], due in 0..2_u64) -> Ids {
            Ids { texts, run, number, digest: Digest(digest), due: Timestamp(due) }
        }
    }

    /// What stands behind the tenant in keys.
    #[derive(Clone, Debug)]
    struct Ids {
        texts: [String; 4],
        run: u32,
        number: u64,
        digest: Digest,
        due: Timestamp,
    }

    /// A key of each kind and where it lies, with these ids whatever they hold.
    fn keys_of(owner: &TenantId, ids: &Ids) -> Vec<(Keyspace, Vec<u8>)> {
        let [text, id, actor_type, actor_id] = ids.texts.clone();
        let (run, tenant) = (ids.run, owner.clone());
        let workflow = WorkflowKey {
            tenant: tenant.clone(),
            id,
        };
        let actor = ActorKey {
            tenant,
            actor_type,
            id: actor_id,
        };
        let a_task = TaskKey {
            workflow: workflow.clone(),
            run,
            handle: run,
        };
        let timers = [
            TimerOf::Workflow {
                workflow: workflow.clone(),
                run,
                handle: run,
            },
            TimerOf::Reminder {
                actor: actor.clone(),
                name: text.clone(),
            },
            TimerOf::Delayed {
                actor: actor.clone(),
                id: text.clone(),
            },
            TimerOf::Expiry {
                actor: actor.clone(),
                key: text.clone(),
            },
            TimerOf::Retention {
                workflow: workflow.clone(),
                run,
            },
        ];
        let timers = timers.map(|of| (Keyspace::Timer, timer(&TimerKey { due: ids.due, of })));
        let entities = [
            Entity::Workflow(workflow.clone()),
            Entity::Actor(actor.clone()),
        ];
        let mails = entities
            .each_ref()
            .map(|it| (Keyspace::Inbox, mail(it, ids.number)));
        let topics = entities.map(|it| (Keyspace::Topic, subscription(&text, &it)));
        let others = [
            (Keyspace::Meta, deployment(owner, &text)),
            (Keyspace::Meta, schedule(owner, &text)),
            (Keyspace::Meta, batch_job(owner, &text)),
            (Keyspace::Meta, token(owner, &text)),
            (Keyspace::Meta, last_run(&workflow)),
            (Keyspace::Meta, cancel(&a_task)),
            (Keyspace::Audit, audit(owner, ids.number)),
            (Keyspace::Task, task(&a_task)),
            (Keyspace::Instance, instance(&workflow)),
            (Keyspace::History, event(&workflow, run, ids.number)),
            (Keyspace::Actor, state(&actor, &text)),
            (Keyspace::Reply, reply(owner, &ids.digest)),
            (Keyspace::Index, index(index_of_status(owner, 1), &text)),
            (
                Keyspace::Index,
                index(index_of_name(owner, &workflow.id), &text),
            ),
        ];
        [&timers[..], &mails[..], &topics[..], &others[..]].concat()
    }

    /// The order that the header of this file promises.
    fn parts(entity: &Entity) -> (TenantId, u8, Vec<String>) {
        match entity.clone() {
            Entity::Workflow(key) => (key.tenant, WORKFLOW, vec![key.id]),
            Entity::Actor(key) => (key.tenant, ACTOR, vec![key.actor_type, key.id]),
        }
    }

    proptest! {
        #[test]
        fn keys_sort_as_their_parts_do_and_differ_when_they_do(
            a in (TEXT, TEXT, 0..3_u64, TEXT),
            b in (TEXT, TEXT, 0..3_u64, TEXT),
        ) {
            let key = |parts: &(String, String, u64, String)| {
                Parts::default().text(&parts.0).text(&parts.1).u64(parts.2).text(&parts.3).0
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn mail_sorts_by_tenant_kind_entity_and_number(
            a in (entities(), 0..3_u64),
            b in (entities(), 0..3_u64),
        ) {
            let order = (parts(&a.0), a.1).cmp(&(parts(&b.0), b.1));
            prop_assert_eq!(mail(&a.0, a.1).cmp(&mail(&b.0, b.1)), order);
        }

        #[test]
        fn tasks_sort_as_their_types_do_and_timers_by_when_they_are_due(
            a in tasks(), b in tasks(), c in timers(), d in timers(),
        ) {
            prop_assert_eq!(task(&a).cmp(&task(&b)), a.cmp(&b));
            let order = timer(&c).cmp(&timer(&d));
            prop_assert_eq!(c.due.cmp(&d.due).then(order), order);
            prop_assert_eq!(order.is_eq(), c == d);
        }

        #[test]
        fn a_key_is_read_as_it_was_written(
            workflow in workflows(), actor in actors(), entity in entities(),
            a_task in tasks(), a_timer in timers(), text in TEXT, number: u64, digest: [u8; 32],
        ) {
            let (owner, digest) = (actor.tenant.clone(), Digest(digest));
            prop_assert_eq!(read_instance(&instance(&workflow)), Some(workflow.clone()));
            let of_run = run(&workflow, 7);
            prop_assert_eq!(read_sequence(&event(&workflow, 7, number), &of_run), Some(number));
            prop_assert_eq!(read_mail(&mail(&entity, number)), Some((entity, number)));
            let of_actor = self::actor(&actor);
            prop_assert_eq!(read_last_text(&state(&actor, &text), &of_actor), Some(text.clone()));
            prop_assert_eq!(read_state(&state(&actor, &text)), Some((actor, text.clone())));
            let a_schedule = schedule(&owner, &text);
            prop_assert_eq!(read_schedule(&a_schedule), Some((owner.clone(), text.clone())));
            let a_job = batch_job(&owner, &text);
            prop_assert_eq!(read_batch_job(&a_job), Some((owner.clone(), text.clone())));
            prop_assert_eq!(read_tenant_record(&tenant_record(&owner)), Some(owner.clone()));
            let entry = audit(&owner, number);
            prop_assert_eq!(read_audit(&entry), Some((owner.clone(), number)));
            let a_token = token(&owner, &text);
            prop_assert_eq!(read_token(&a_token), Some((owner.clone(), text.clone())));
            prop_assert_eq!(read_cancel(&cancel(&a_task)), Some(a_task.clone()));
            prop_assert_eq!(read_task(&task(&a_task)), Some(a_task));
            prop_assert_eq!(read_timer(&timer(&a_timer)), Some(a_timer));
            prop_assert_eq!(read_reply(&reply(&owner, &digest)), Some((owner.clone(), digest)));
            prop_assert_eq!(read_component_facts(&component_facts(&digest)), Some(digest));
            prop_assert_eq!(read_deployment(&deployment(&owner, &text)), Some((owner, text)));
        }

        #[test]
        fn bytes_that_are_read_as_a_key_are_that_key(bytes in any::<Vec<u8>>()) {
            if let Some(key) = read_instance(&bytes) {
                prop_assert_eq!(instance(&key), bytes.clone());
            }
            if let Some((entity, sequence)) = read_mail(&bytes) {
                prop_assert_eq!(mail(&entity, sequence), bytes.clone());
            }
            if let Some((actor, name)) = read_state(&bytes) {
                prop_assert_eq!(state(&actor, &name), bytes);
            }
        }

        #[test]
        fn a_walk_over_one_owner_sees_no_other(
            a in entities(), b in entities(), c in actors(), d in actors(),
            e in workflows(), f in workflows(), text in TEXT, part in TEXT, number: u64,
        ) {
            let sees = |prefix: Vec<u8>, key: Vec<u8>| contains(&KeyRange::prefix(prefix), &key);
            prop_assert_eq!(sees(inbox(&a), mail(&b, number)), a == b);
            prop_assert_eq!(sees(tenant(a.tenant()), mail(&b, number)), a.tenant() == b.tenant());
            prop_assert_eq!(sees(actor(&c), state(&d, &text)), c == d);
            prop_assert_eq!(sees(state_prefix(&c, &part), state(&c, &text)), text.starts_with(&part));
            let same_type = (&c.tenant, &c.actor_type) == (&d.tenant, &d.actor_type);
            let of_type = actor_type(&c.tenant, &c.actor_type);
            prop_assert_eq!(sees(of_type, state(&d, &text)), same_type);
            let to_type = inbox_of_type(&c.tenant, &c.actor_type);
            prop_assert_eq!(sees(to_type, mail(&Entity::Actor(d.clone()), number)), same_type);
            prop_assert_eq!(sees(run(&e, 1), event(&f, 1, number)), e == f);
            prop_assert!(!sees(run(&e, 1), event(&e, 2, number)));
            let rows = index(index_of_name(&f.tenant, &f.id), &text);
            prop_assert_eq!(sees(index_of_name(&e.tenant, &e.id), rows.clone()), e == f);
            prop_assert!(!sees(index_of_status(&e.tenant, 1), rows));
        }

        #[test]
        fn no_key_of_a_tenant_is_one_of_another_or_its_beginning(
            one in ID, other in ID, a in ids(), b in ids(),
        ) {
            prop_assume!(one != other);
            let [one, other] = [one, other].map(|name| TenantId::new(name).unwrap());
            for (keyspace, mine) in keys_of(&one, &a) {
                for (elsewhere, foreign) in keys_of(&other, &b) {
                    let apart = !mine.starts_with(&foreign) && !foreign.starts_with(&mine);
                    prop_assert!(keyspace != elsewhere || apart, "{mine:?} {foreign:?}");
                }
            }
        }

        #[test]
        fn a_range_holds_what_it_says(
            prefix in any::<Vec<u8>>(), key in any::<Vec<u8>>(), tail in any::<Vec<u8>>(),
        ) {
            let inside = [prefix.clone(), tail].concat();
            let range = KeyRange::prefix(prefix.clone());
            prop_assert!(contains(&range, &inside));
            prop_assert_eq!(contains(&range, &key), key.starts_with(&prefix));
            let later = range.clone().after(inside.clone());
            prop_assert_eq!(contains(&later, &key), contains(&range, &key) && key > inside);
            let others = KeyRange::all().beyond(&prefix);
            let behind = key > prefix && !key.starts_with(&prefix);
            prop_assert_eq!(contains(&others, &key), behind);
        }
    }

    fn contains(range: &KeyRange, key: &[u8]) -> bool {
        let before_end = range.upper.as_deref().is_none_or(|upper| key < upper);
        range.lower.as_slice() <= key && before_end
    }

    #[test]
    fn an_escape_that_nothing_writes_and_a_key_with_more_behind_it_are_refused() {
        assert_eq!(read_instance(b"t\0a\x01\x03\0"), None);
        assert_eq!(read_instance(b"t\0a\0a"), None);
        assert_eq!(read_instance(b"t\0\xff\0"), None);
        assert_eq!(read_instance(b"t\0a"), None);
        assert!(read_instance(b"t\0a\0").is_some());
    }
}

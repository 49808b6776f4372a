//! Schedules: workflows that are started and actors that are called again and again, by a cron expression or
//! an interval.
//!
//! Owns what others ask of them. All schedules belong to one task, in [`book`]; when they are due is a
//! question for [`times`].

mod book;
mod civil;
mod times;
mod turn;

use host_base::failure::code;
use host_base::ids::check_id;
use host_base::{ActorKey, Digest, Failure, Payload, TenantId, Timestamp, WorkflowKey};
use host_store::records::{Overlap, Schedule, ScheduleTarget, ScheduledWorkflow};
use tokio::sync::{mpsc, oneshot};

pub(crate) use book::{load, run};

use crate::core::Core;
use crate::error::StoreError;
use crate::limits;
use crate::runtime::Runtime;
use crate::schedules::times::Times;
use crate::start;

/// Requests that wait for the task; more make whoever asks wait.
const ASKED_MAX: usize = 256;
/// Times that may wait for one schedule where nothing else is said.
const QUEUE_DEFAULT: u32 = 1;

/// A schedule as of its last commit.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleView {
    /// Its name, unique in the tenant.
    pub name: String,
    /// What the store holds of it.
    pub schedule: Schedule,
    /// When it is due next, by its definition.
    pub upcoming: Vec<Timestamp>,
}

impl ScheduleView {
    /// Whether any of its times waits, and is met as soon as nothing stands before it.
    pub fn has_waiting(&self) -> bool {
        turn::has_waiting(&self.schedule)
    }
}

/// What came of a trigger or a backfill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// For how many times something was started or called.
    pub started: u64,
    /// How many times wait now, of all that were asked for.
    pub queued: u64,
    /// For how many times nothing was done.
    pub skipped: u64,
}

impl Fired {
    /// As it is kept for a repeat.
    fn kept(&self) -> Payload {
        let Fired {
            started,
            queued,
            skipped,
        } = self;
        format!("{started} {queued} {skipped}").into_bytes()
    }

    /// What was kept.
    fn read(kept: &[u8]) -> Fired {
        let kept = String::from_utf8_lossy(kept);
        let mut numbers = kept.split(' ').map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Fired {
            started: next(),
            queued: next(),
            skipped: next(),
        }
    }
}

/// The way to the task that owns all schedules.
pub(crate) struct Schedules(mpsc::Sender<Ask>);

/// What the task is asked for.
pub(crate) enum Ask {
    /// From now on, what is due is done.
    Go,
    /// A workflow has ended or stalls that a schedule waits for.
    Look(WorkflowKey),
    /// Something is to be done to a schedule.
    Do(Box<Order>),
}

/// Something that is to be done to a schedule.
pub(crate) struct Order {
    tenant: TenantId,
    name: String,
    deed: Deed,
    /// Under which key it is kept that it was done.
    once: Option<Digest>,
    answer: oneshot::Sender<Result<Fired, Failure>>,
}

/// What can be done to a schedule.
pub(crate) enum Deed {
    /// It comes into being; one of the name is replaced only where that is said.
    Create(Box<Schedule>, bool),
    Pause,
    Resume,
    Trigger,
    /// All its times from the one to the other are made up for.
    Backfill(Timestamp, Timestamp),
    Delete,
}

impl Schedules {
    pub(crate) fn new() -> (Schedules, mpsc::Receiver<Ask>) {
        let (sender, receiver) = mpsc::channel(ASKED_MAX);
        (Schedules(sender), receiver)
    }

    pub(crate) async fn ask(&self, ask: Ask) {
        // The task ends only when the store is closed.
        drop(self.0.send(ask).await);
    }
}

impl Runtime {
    /// Creates a schedule; durable when this returns. One of the same name and definition is left as it is.
    /// One that is replaced keeps what it has counted, whether it is paused, and which of its times wait. What
    /// the host itself counts is left out of what is given.
    ///
    /// # Errors
    /// The definition is wrong, or the name is taken and `replace` is not set.
    pub async fn create_schedule(
        &self,
        tenant: &TenantId,
        name: &str,
        schedule: Schedule,
        replace: bool,
    ) -> Result<(), Failure> {
        let schedule = checked(&self.core, tenant, name, schedule)?;
        let deed = Deed::Create(Box::new(schedule), replace);
        self.order(tenant, name, deed, None).await.map(drop)
    }

    /// Has nothing done at its times until it is resumed.
    ///
    /// # Errors
    /// There is no such schedule; so for all functions here.
    pub async fn pause_schedule(&self, tenant: &TenantId, name: &str) -> Result<(), Failure> {
        self.order(tenant, name, Deed::Pause, None).await.map(drop)
    }

    /// Goes on with it from now; times at which it was paused are not made up for.
    pub async fn resume_schedule(&self, tenant: &TenantId, name: &str) -> Result<(), Failure> {
        self.order(tenant, name, Deed::Resume, None).await.map(drop)
    }

    /// Does now what it does at its times.
    pub async fn trigger_schedule(&self, tenant: &TenantId, name: &str) -> Result<Fired, Failure> {
        self.order(tenant, name, Deed::Trigger, None).await
    }

    /// Makes up for its times from `from` to `to`: one after the other, unless they may overlap. A time that was
    /// met already is left out: one whose workflow has an id of its own, and one for which an actor was called
    /// no longer than `reply_retention` ago. What is due meanwhile goes before the rest.
    pub async fn backfill_schedule(
        &self,
        tenant: &TenantId,
        name: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Fired, Failure> {
        self.order(tenant, name, Deed::Backfill(from, to), None)
            .await
    }

    /// Deletes it. What it has started goes on.
    pub async fn delete_schedule(&self, tenant: &TenantId, name: &str) -> Result<(), Failure> {
        self.order(tenant, name, Deed::Delete, None).await.map(drop)
    }

    /// One schedule, with so many of its next times.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn schedule(
        &self,
        tenant: &TenantId,
        name: &str,
        upcoming: usize,
    ) -> Result<Option<ScheduleView>, StoreError> {
        let schedule = self.core.reader.schedule(tenant, name)?;
        Ok(schedule.map(|schedule| view(name.to_owned(), schedule, upcoming)))
    }

    /// A tenant's schedules in the order of their names.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn schedules(&self, tenant: &TenantId) -> Result<Vec<ScheduleView>, StoreError> {
        let schedules = self.core.reader.schedules_of(tenant)?.into_iter();
        Ok(schedules
            .map(|(name, schedule)| view(name, schedule, 1))
            .collect())
    }

    /// Has it done; where it has a key, only if it was not done before under that one.
    pub(crate) async fn order(
        &self,
        tenant: &TenantId,
        name: &str,
        deed: Deed,
        once: Option<Digest>,
    ) -> Result<Fired, Failure> {
        let (answer, answered) = oneshot::channel();
        let order = Order {
            tenant: tenant.clone(),
            name: name.to_owned(),
            deed,
            once,
            answer,
        };
        self.core.schedules.ask(Ask::Do(Box::new(order))).await;
        answered.await.unwrap_or_else(|_| {
            let why = self.core.closed().to_string();
            Err(Failure::transient(code::BUSY, why))
        })
    }
}

fn view(name: String, schedule: Schedule, upcoming: usize) -> ScheduleView {
    let first = Some(schedule.next_ms).filter(|next| *next != 0 && !schedule.paused);
    let times = Times::of(&schedule).ok();
    let all = std::iter::successors(first.map(Timestamp), |time| times.as_ref()?.after(*time));
    ScheduleView {
        upcoming: all.take(upcoming).collect(),
        name,
        schedule,
    }
}

/// The definition, if it is a sound one; what only the host knows is as of a new schedule.
fn checked(
    core: &Core,
    tenant: &TenantId,
    name: &str,
    given: Schedule,
) -> Result<Schedule, Failure> {
    check_id("schedule name", name)?;
    limits::check_payload(&core.limits_of(tenant), "a schedule's input", &given.input)
        .map_err(limits::over_limit)?;
    let queues = given.overlap() == Overlap::Queue && given.queue_max == 0;
    let target = match given.target {
        Some(ScheduleTarget::Workflow(workflow)) => checked_workflow(core, tenant, name, workflow)?,
        Some(ScheduleTarget::Actor(call)) => {
            ActorKey::new(tenant.clone(), &*call.actor_type, &*call.actor_id)?;
            core.plugins
                .check_method(tenant, &call.actor_type, &call.method)?;
            ScheduleTarget::Actor(call)
        }
        None => {
            let text = "a schedule starts a workflow or calls an actor";
            return Err(Failure::new(code::BAD_INPUT, text));
        }
    };
    let now = core.clock.now();
    let schedule = Schedule {
        cron: given.cron,
        interval_ms: given.interval_ms,
        zone: given.zone,
        target: Some(target),
        input: given.input,
        overlap: given.overlap,
        queue_max: if queues {
            QUEUE_DEFAULT
        } else {
            given.queue_max
        },
        catch_up_ms: given.catch_up_ms,
        jitter_ms: given.jitter_ms,
        from_ms: given.from_ms,
        until_ms: given.until_ms,
        created_ms: now.0,
        ..Schedule::default()
    };
    if Times::of(&schedule)?.after(now).is_none() {
        return Err(Failure::new(code::BAD_INPUT, no_times(&schedule)));
    }
    Ok(schedule)
}

fn no_times(schedule: &Schedule) -> String {
    let what = match schedule.cron.is_empty() {
        true => "the interval".to_owned(),
        false => format!("`{}`", schedule.cron),
    };
    match schedule.until_ms {
        0 => format!("{what} names no time that is still to come"),
        until => {
            let until = times::shown(Timestamp(until));
            format!("{what} names no time that is still to come before the end at {until}")
        }
    }
}

fn checked_workflow(
    core: &Core,
    tenant: &TenantId,
    schedule: &str,
    workflow: ScheduledWorkflow,
) -> Result<ScheduleTarget, Failure> {
    let id = id_of(&workflow.id, schedule, Timestamp::default());
    let key = WorkflowKey::new(tenant.clone(), id)?;
    start::plugin_of(&core.plugins, &key, &workflow.name)?;
    Ok(ScheduleTarget::Workflow(workflow))
}

/// What stands for the time in a workflow's id.
const TIME: &str = "{time}";

/// The id of the workflow that is started at a time.
fn id_of(template: &str, schedule: &str, time: Timestamp) -> String {
    let id = template.replace("{schedule}", schedule);
    id.replace(TIME, &times::shown(time))
}

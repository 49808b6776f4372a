//! Schedules, and what came of their times.
//!
//! Pure.

use std::borrow::Cow;

use host_base::Timestamp;
use host_runtime::records::{Overlap, ScheduleTarget};
use host_runtime::{Fired, ScheduleView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Raw, present, rfc3339};

/// The id of a workflow that a schedule starts, where nothing else is said.
pub const SCHEDULED_ID_DEFAULT: &str = "{schedule}-{time}";

/// What becomes of a time at which the workflow that a schedule started last still goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Overlap)]
pub enum OverlapPolicy {
    /// Nothing is started.
    #[default]
    Skip,
    /// It waits until that one has ended.
    Queue,
    /// Another one is started beside it.
    Allow,
    /// That one is asked to end, and another one is started when it has.
    Cancel,
    /// That one is ended at once, and another one is started.
    Terminate,
}

/// A schedule.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleLine<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// When, as a cron expression.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub cron: Cow<'a, str>,
    /// The time zone in which the expression is read.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub zone: Cow<'a, str>,
    /// After how long again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// Earlier than this it is not due (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// Later than this it is not due any more (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// What it does at its times.
    #[serde(flatten)]
    pub target: Target<'a>,
    /// What the workflow or the method takes.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub input: Option<Raw>,
    /// What becomes of a time at which the workflow that it started last still goes on.
    pub overlap: OverlapPolicy,
    /// Times are made up for that passed no longer ago than this while no host ran.
    pub catch_up_ms: u64,
    /// Each time is put off by up to so much.
    pub jitter_ms: u64,
    /// Whether nothing is done at its times.
    pub paused: bool,
    /// When it is due next (RFC 3339, UTC).
    pub upcoming: Vec<String>,
    /// Times that wait until what stands before them has ended.
    pub queued: Vec<String>,
    /// Times that are still to be made up for.
    pub backfill: Vec<String>,
    /// For how many times something was started or called.
    pub started: u64,
    /// For how many times nothing was done, because the last workflow still went on.
    pub skipped: u64,
    /// How many times passed while no host ran and were not made up for.
    pub missed: u64,
    /// The time that was met last (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub last: Option<String>,
    /// The workflow that was started last.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub last_workflow: Cow<'a, str>,
    /// Why nothing was done the last time.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub problem: Cow<'a, str>,
}

/// What a schedule does at its times.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ScheduleTarget)]
pub enum Target<'a> {
    /// Starts a workflow.
    Workflow {
        /// The name of what is to run.
        workflow: Cow<'a, str>,
        /// The workflow's id; {schedule} and {time} stand for the schedule's name and the time that is met.
        id: Cow<'a, str>,
    },
    /// Calls an actor.
    Actor {
        /// Its type.
        actor_type: Cow<'a, str>,
        /// Its id.
        actor_id: Cow<'a, str>,
        /// The method.
        method: Cow<'a, str>,
    },
    /// Something that a newer host knows.
    Nothing {},
}

/// What came of a trigger or a backfill.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Fired)]
pub struct FiredReport {
    /// For how many times something was started or called.
    pub started: u64,
    /// How many times wait now.
    pub queued: u64,
    /// For how many times nothing was done.
    pub skipped: u64,
}

impl FiredReport {
    /// The same for programs.
    pub fn new(fired: Fired) -> FiredReport {
        let Fired {
            started,
            queued,
            skipped,
        } = fired;
        FiredReport {
            started,
            queued,
            skipped,
        }
    }
}

impl OverlapPolicy {
    /// As one word.
    pub fn name(self) -> &'static str {
        match self {
            OverlapPolicy::Skip => "skip",
            OverlapPolicy::Queue => "queue",
            OverlapPolicy::Allow => "allow",
            OverlapPolicy::Cancel => "cancel",
            OverlapPolicy::Terminate => "terminate",
        }
    }
}

impl From<Overlap> for OverlapPolicy {
    fn from(overlap: Overlap) -> OverlapPolicy {
        match overlap {
            Overlap::Skip => OverlapPolicy::Skip,
            Overlap::Queue => OverlapPolicy::Queue,
            Overlap::Allow => OverlapPolicy::Allow,
            Overlap::Cancel => OverlapPolicy::Cancel,
            Overlap::Terminate => OverlapPolicy::Terminate,
        }
    }
}

impl From<OverlapPolicy> for Overlap {
    fn from(policy: OverlapPolicy) -> Overlap {
        match policy {
            OverlapPolicy::Skip => Overlap::Skip,
            OverlapPolicy::Queue => Overlap::Queue,
            OverlapPolicy::Allow => Overlap::Allow,
            OverlapPolicy::Cancel => Overlap::Cancel,
            OverlapPolicy::Terminate => Overlap::Terminate,
        }
    }
}

impl<'a> ScheduleLine<'a> {
    /// What is known of it.
    pub fn new(view: &'a ScheduleView) -> ScheduleLine<'a> {
        let schedule = &view.schedule;
        let at = |ms: u64| rfc3339(Timestamp(ms));
        let bound = |ms: u64| Some(ms).filter(|ms| *ms != 0).map(at);
        ScheduleLine {
            name: (&view.name).into(),
            cron: (&schedule.cron).into(),
            zone: (&schedule.zone).into(),
            interval_ms: Some(schedule.interval_ms).filter(|ms| *ms != 0),
            from: bound(schedule.from_ms),
            until: bound(schedule.until_ms),
            target: Target::new(schedule.target.as_ref()),
            input: (!schedule.input.is_empty()).then(|| Raw::new(&schedule.input)),
            overlap: schedule.overlap().into(),
            catch_up_ms: schedule.catch_up_ms,
            jitter_ms: schedule.jitter_ms,
            paused: schedule.paused,
            upcoming: view.upcoming.iter().map(|time| at(time.0)).collect(),
            queued: schedule.queued.iter().map(|time| at(*time)).collect(),
            backfill: schedule.backfill.iter().map(|time| at(*time)).collect(),
            started: schedule.started,
            skipped: schedule.skipped,
            missed: schedule.missed,
            last: bound(schedule.last_ms),
            last_workflow: (&schedule.running).into(),
            problem: (&schedule.problem).into(),
        }
    }
}

impl<'a> Target<'a> {
    fn new(target: Option<&'a ScheduleTarget>) -> Target<'a> {
        match target {
            Some(ScheduleTarget::Workflow(workflow)) => Target::Workflow {
                workflow: (&workflow.name).into(),
                id: (&workflow.id).into(),
            },
            Some(ScheduleTarget::Actor(call)) => Target::Actor {
                actor_type: (&call.actor_type).into(),
                actor_id: (&call.actor_id).into(),
                method: (&call.method).into(),
            },
            None => Target::Nothing {},
        }
    }
}

//! Events of a workflow's history, in full.
//!
//! Pure: an event at a time, whatever came before it. What is written is read back as it was, which
//! [`Fields`] does: a payload keeps its digits in no object whose fields depend on a tag.

use std::borrow::Cow;

use host_base::{Digest, Timestamp};
use host_runtime::attributes_of_records;
use host_runtime::records::{
    ActivityScheduled, ActorCallScheduled, ChildScheduled, Event, EventKind, MessageDelayed,
    Origin, OutcomeKind, OutcomeRecord, ParentClose, Published, Started, TimerScheduled,
    UpdateAccepted, UpdateCompleted,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::attribute::{self, AttributeLines};
use super::failure::FailureReport;
use super::{Raw, moment, rfc3339};

/// An event of a history: which fields it has depends on its kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventLine<'a> {
    /// Its number in the run; counts from 0.
    pub number: u64,
    /// When it was recorded (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: KindLine<'a>,
}

/// What happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventKind)]
#[expect(
    missing_docs,
    reason = "what a field holds is said by its name, which is the same in every kind"
)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum KindLine<'a> {
    /// The run began.
    Started {
        name: Cow<'a, str>,
        input: Raw,
        component: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        origin: Option<OriginLine<'a>>,
        /// By what it is found at the beginning of this run.
        #[serde(skip_serializing_if = "AttributeLines::is_empty")]
        attributes: AttributeLines,
        /// Earlier than this, its code did not begin (RFC 3339, UTC).
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(format = DateTime)]
        starts: Option<String>,
    },
    /// The code asked for an activity.
    ActivityScheduled(ActivityLine<'a>),
    /// The code called an actor and wants its answer.
    ActorCallScheduled {
        handle: u32,
        #[serde(flatten)]
        call: CallLine<'a>,
    },
    /// The code started another workflow.
    ChildScheduled(ChildLine<'a>),
    /// The code set a timer.
    TimerScheduled {
        handle: u32,
        duration_ms: u64,
        /// RFC 3339, UTC.
        #[schema(format = DateTime)]
        due: String,
    },
    /// The code waits for an event from outside.
    EventAwaited { handle: u32, name: Cow<'a, str> },
    /// The code sent a message to an actor.
    ActorMessageSent {
        #[serde(flatten)]
        call: CallLine<'a>,
    },
    /// The code sent a message that is delivered later.
    MessageDelayed {
        id: Cow<'a, str>,
        #[serde(flatten)]
        call: Option<CallLine<'a>>,
        /// RFC 3339, UTC.
        #[schema(format = DateTime)]
        due: String,
    },
    /// The code took such a message back.
    MessageTakenBack { id: Cow<'a, str> },
    /// The code published a value.
    Published { topic: Cow<'a, str>, value: Raw },
    /// The code subscribed to a topic.
    Subscribed { topic: Cow<'a, str> },
    /// The code wants nothing of a topic any more.
    Unsubscribed { topic: Cow<'a, str> },
    /// The code gave up waiting for what the handle stands for.
    Cancelled { handle: u32 },
    /// What the handle stands for has come: a value or a failure.
    Resolved {
        handle: u32,
        #[serde(flatten)]
        outcome: OutcomeLine<'a>,
    },
    /// An event was raised from outside.
    EventRaised { name: Cow<'a, str>, value: Raw },
    /// The code goes the new way of a change.
    Patched { name: Cow<'a, str> },
    /// A value that the code computed once.
    ValueRecorded { value: Raw },
    /// The code agreed to an update.
    UpdateAccepted {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Raw,
    },
    /// An update was answered: with a value or a failure.
    UpdateCompleted {
        id: Cow<'a, str>,
        #[serde(flatten)]
        outcome: OutcomeLine<'a>,
    },
    /// The workflow was asked to end.
    CancelRequested { reason: Cow<'a, str> },
    /// The code asked what the handle stands for to stop.
    CancelSent { handle: u32 },
    /// The code keeps what the handle stands for from a request to end.
    Shielded { handle: u32 },
    /// The workflow is held from here on.
    Suspended { reason: Cow<'a, str> },
    /// The workflow goes on.
    Resumed,
    /// The workflow was ended from outside.
    Terminated { reason: Cow<'a, str> },
    /// The run ended and the next one began.
    ContinuedAsNew { input: Raw },
    /// The workflow returned.
    Completed,
    /// The workflow failed.
    Failed { failure: FailureReport<'a> },
    /// Something that a newer host recorded.
    Unknown,
}

/// An activity that the code asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduledActivity)]
#[expect(missing_docs, reason = "their names say what the fields hold")]
pub struct ActivityLine<'a> {
    pub handle: u32,
    pub name: Cow<'a, str>,
    pub input: Raw,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_to_close_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_timeout_ms: Option<u64>,
}

/// A workflow that the code started.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduledChild)]
#[expect(missing_docs, reason = "their names say what the fields hold")]
pub struct ChildLine<'a> {
    pub handle: u32,
    pub name: Cow<'a, str>,
    pub id: Option<Cow<'a, str>>,
    pub input: Raw,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_close: Option<Cow<'a, str>>,
}

/// The workflow and the event that the run was begun again from.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Origin)]
pub struct OriginLine<'a> {
    /// The workflow's id.
    pub id: Cow<'a, str>,
    /// Which use of the id.
    pub run: u32,
    /// The event's number.
    pub event: u64,
}

impl<'a> OriginLine<'a> {
    fn new(origin: &'a Origin) -> OriginLine<'a> {
        OriginLine {
            id: (&origin.workflow_id).into(),
            run: origin.run,
            event: origin.event,
        }
    }
}

/// How often and after which waits an activity is tried again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Retry)]
pub struct RetryLine<'a> {
    /// How often it is tried at most.
    pub max_attempts: u32,
    /// How long is waited after the first attempt.
    pub first_interval_ms: u64,
    /// How many times as long after each further one.
    pub coefficient: f64,
    /// How long at most.
    pub max_interval_ms: u64,
    /// The share of a wait by which it is put off or brought forward at random.
    pub jitter: f64,
    /// Codes of failures after which it is not tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub non_retryable: Vec<Cow<'a, str>>,
}

/// The call of an actor's method.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallLine<'a> {
    /// The actor's type.
    pub actor_type: Cow<'a, str>,
    /// The actor's id.
    pub actor_id: Cow<'a, str>,
    /// The method.
    pub method: Cow<'a, str>,
    /// What it takes.
    pub input: Raw,
}

/// A value or a failure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Outcome)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeLine<'a> {
    /// What it returned.
    Value(Raw),
    /// Why it failed.
    Failure(FailureReport<'a>),
}

impl<'a> EventLine<'a> {
    /// The event with all that it holds, except the seed, which tells nobody anything.
    pub fn new(number: u64, event: &'a Event) -> EventLine<'a> {
        EventLine {
            number,
            at: rfc3339(Timestamp(event.at_ms)),
            kind: event.kind.as_ref().map_or(KindLine::Unknown, KindLine::new),
        }
    }
}

impl EventLine<'_> {
    /// When it was recorded; nothing where that cannot be read.
    pub fn recorded_at(&self) -> Option<Timestamp> {
        moment(&self.at)
    }
}

impl<'a> KindLine<'a> {
    fn new(kind: &'a EventKind) -> KindLine<'a> {
        match kind {
            EventKind::Started(started) => KindLine::started(started),
            EventKind::ActivityScheduled(activity) => KindLine::activity(activity),
            EventKind::ActorCallScheduled(call) => KindLine::ActorCallScheduled {
                handle: call.handle,
                call: CallLine::new(call),
            },
            EventKind::ChildScheduled(child) => KindLine::child(child),
            EventKind::TimerScheduled(timer) => KindLine::timer(timer),
            EventKind::EventAwaited(awaited) => KindLine::EventAwaited {
                handle: awaited.handle,
                name: (&awaited.name).into(),
            },
            EventKind::ActorMessageSent(message) => KindLine::ActorMessageSent {
                call: CallLine::new(message),
            },
            EventKind::MessageDelayed(message) => KindLine::delayed(message),
            EventKind::MessageTakenBack(one) => KindLine::MessageTakenBack {
                id: (&one.id).into(),
            },
            EventKind::Published(published) => KindLine::published(published),
            EventKind::Subscribed(topic) => KindLine::Subscribed {
                topic: (&topic.topic).into(),
            },
            EventKind::Unsubscribed(topic) => KindLine::Unsubscribed {
                topic: (&topic.topic).into(),
            },
            EventKind::Cancelled(cancelled) => KindLine::Cancelled {
                handle: cancelled.handle,
            },
            EventKind::Resolved(resolved) => KindLine::Resolved {
                handle: resolved.handle,
                outcome: OutcomeLine::new(resolved.outcome.as_ref()),
            },
            EventKind::EventRaised(raised) => KindLine::EventRaised {
                name: (&raised.name).into(),
                value: Raw::new(&raised.value),
            },
            EventKind::UpdateAccepted(update) => KindLine::accepted(update),
            EventKind::Patched(patched) => KindLine::Patched {
                name: (&patched.name).into(),
            },
            EventKind::ValueRecorded(recorded) => KindLine::ValueRecorded {
                value: Raw::new(&recorded.value),
            },
            EventKind::UpdateCompleted(update) => KindLine::applied(update),
            EventKind::CancelRequested(one) => KindLine::CancelRequested {
                reason: (&one.reason).into(),
            },
            EventKind::CancelSent(one) => KindLine::CancelSent { handle: one.handle },
            EventKind::Shielded(one) => KindLine::Shielded { handle: one.handle },
            EventKind::Suspended(one) => KindLine::Suspended {
                reason: (&one.reason).into(),
            },
            EventKind::Resumed(_) => KindLine::Resumed,
            EventKind::Terminated(one) => KindLine::Terminated {
                reason: (&one.reason).into(),
            },
            EventKind::ContinuedAsNew(one) => KindLine::ContinuedAsNew {
                input: Raw::new(&one.input),
            },
            EventKind::Completed(_) => KindLine::Completed,
            EventKind::Failed(failure) => KindLine::Failed {
                failure: FailureReport::recorded(failure),
            },
        }
    }

    fn published(published: &'a Published) -> KindLine<'a> {
        KindLine::Published {
            topic: (&published.topic).into(),
            value: Raw::new(&published.value),
        }
    }

    fn delayed(message: &'a MessageDelayed) -> KindLine<'a> {
        KindLine::MessageDelayed {
            id: (&message.id).into(),
            call: message.call.as_ref().map(CallLine::new),
            due: rfc3339(Timestamp(message.due_ms)),
        }
    }

    fn applied(update: &'a UpdateCompleted) -> KindLine<'a> {
        KindLine::UpdateCompleted {
            id: (&update.id).into(),
            outcome: OutcomeLine::new(update.outcome.as_ref()),
        }
    }

    fn started(started: &'a Started) -> KindLine<'a> {
        KindLine::Started {
            name: (&started.name).into(),
            input: Raw::new(&started.input),
            component: Digest::from_bytes(&started.component).map(|digest| digest.to_string()),
            origin: started.origin.as_ref().map(OriginLine::new),
            attributes: attribute::shown(&attributes_of_records(started.attributes.clone())),
            starts: Some(started.starts_ms)
                .filter(|starts| *starts > 0)
                .map(|starts| rfc3339(Timestamp(starts))),
        }
    }

    fn timer(timer: &TimerScheduled) -> KindLine<'a> {
        KindLine::TimerScheduled {
            handle: timer.handle,
            duration_ms: timer.duration_ms,
            due: rfc3339(Timestamp(timer.due_ms)),
        }
    }

    fn accepted(update: &'a UpdateAccepted) -> KindLine<'a> {
        KindLine::UpdateAccepted {
            id: (&update.id).into(),
            name: (&update.name).into(),
            input: Raw::new(&update.input),
        }
    }

    fn child(child: &'a ChildScheduled) -> KindLine<'a> {
        KindLine::ChildScheduled(ChildLine {
            handle: child.handle,
            name: (&child.name).into(),
            id: child.id.as_deref().map(Cow::from),
            input: Raw::new(&child.input),
            detached: child.detached,
            parent_close: match child.parent_close() {
                ParentClose::Terminate => None,
                ParentClose::Cancel => Some("cancel".into()),
                ParentClose::Abandon => Some("abandon".into()),
            },
        })
    }

    fn activity(activity: &'a ActivityScheduled) -> KindLine<'a> {
        KindLine::ActivityScheduled(ActivityLine {
            handle: activity.handle,
            name: (&activity.name).into(),
            input: Raw::new(&activity.input),
            retry: activity.retry.as_ref().map(|retry| RetryLine {
                max_attempts: retry.max_attempts,
                first_interval_ms: retry.first_interval_ms,
                coefficient: retry.coefficient,
                max_interval_ms: retry.max_interval_ms,
                jitter: retry.jitter,
                non_retryable: retry.non_retryable.iter().map(Cow::from).collect(),
            }),
            timeout_ms: activity.timeout_ms,
            schedule_to_close_ms: activity.schedule_to_close_ms,
            heartbeat_timeout_ms: activity.heartbeat_timeout_ms,
        })
    }
}

impl<'a> CallLine<'a> {
    fn new(call: &'a ActorCallScheduled) -> CallLine<'a> {
        CallLine {
            actor_type: (&call.actor_type).into(),
            actor_id: (&call.actor_id).into(),
            method: (&call.method).into(),
            input: Raw::new(&call.input),
        }
    }
}

impl<'a> OutcomeLine<'a> {
    fn new(outcome: Option<&'a OutcomeRecord>) -> OutcomeLine<'a> {
        match outcome.and_then(|outcome| outcome.kind.as_ref()) {
            Some(OutcomeKind::Failure(failure)) => {
                OutcomeLine::Failure(FailureReport::recorded(failure))
            }
            Some(OutcomeKind::Value(value)) => OutcomeLine::Value(Raw::new(value)),
            None => OutcomeLine::Value(Raw::new(&[])),
        }
    }
}

/// Every field that an event may have, whatever its kind.
#[derive(Deserialize)]
struct Fields {
    number: u64,
    at: String,
    kind: String,
    handle: Option<u32>,
    id: Option<String>,
    name: Option<String>,
    topic: Option<String>,
    reason: Option<String>,
    actor_type: Option<String>,
    actor_id: Option<String>,
    method: Option<String>,
    input: Option<Raw>,
    value: Option<Raw>,
    failure: Option<FailureReport<'static>>,
    component: Option<String>,
    origin: Option<OriginLine<'static>>,
    #[serde(default)]
    attributes: AttributeLines,
    starts: Option<String>,
    retry: Option<RetryLine<'static>>,
    timeout_ms: Option<u64>,
    schedule_to_close_ms: Option<u64>,
    heartbeat_timeout_ms: Option<u64>,
    duration_ms: Option<u64>,
    due: Option<String>,
    detached: Option<bool>,
    parent_close: Option<String>,
}

impl<'de> Deserialize<'de> for EventLine<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields::deserialize(deserializer)?;
        let (number, at) = (fields.number, std::mem::take(&mut fields.at));
        let kind = std::mem::take(&mut fields.kind);
        let read = fields.command(&kind);
        let lacks = || D::Error::custom(format!("event {number} of the kind {kind} lacks a field"));
        let kind = read.ok_or_else(lacks)?;
        Ok(EventLine { number, at, kind })
    }
}

/// What is read of an event that is as it should be; nothing where a field is missing.
impl Fields {
    /// What the code asked for, or else what happened.
    fn command(&mut self, kind: &str) -> Option<KindLine<'static>> {
        Some(match kind {
            "activity-scheduled" => KindLine::ActivityScheduled(ActivityLine {
                handle: self.handle?,
                name: taken(&mut self.name)?,
                input: self.input(),
                retry: self.retry.take(),
                timeout_ms: self.timeout_ms,
                schedule_to_close_ms: self.schedule_to_close_ms,
                heartbeat_timeout_ms: self.heartbeat_timeout_ms,
            }),
            "actor-call-scheduled" => KindLine::ActorCallScheduled {
                handle: self.handle?,
                call: self.call()?,
            },
            "child-scheduled" => KindLine::ChildScheduled(ChildLine {
                handle: self.handle?,
                name: taken(&mut self.name)?,
                id: taken(&mut self.id),
                input: self.input(),
                detached: self.detached.unwrap_or(false),
                parent_close: taken(&mut self.parent_close),
            }),
            "timer-scheduled" => KindLine::TimerScheduled {
                handle: self.handle?,
                duration_ms: self.duration_ms?,
                due: self.due.take()?,
            },
            "event-awaited" => KindLine::EventAwaited {
                handle: self.handle?,
                name: taken(&mut self.name)?,
            },
            "actor-message-sent" => KindLine::ActorMessageSent { call: self.call()? },
            "message-delayed" => KindLine::MessageDelayed {
                id: taken(&mut self.id)?,
                call: self.call(),
                due: self.due.take()?,
            },
            "published" => KindLine::Published {
                topic: taken(&mut self.topic)?,
                value: self.value(),
            },
            kind => return self.record(kind),
        })
    }

    fn started(&mut self) -> Option<KindLine<'static>> {
        Some(KindLine::Started {
            name: taken(&mut self.name)?,
            input: self.input(),
            component: self.component.take(),
            origin: self.origin.take(),
            attributes: std::mem::take(&mut self.attributes),
            starts: self.starts.take(),
        })
    }

    /// What happened. What only a newer host knows is told as such.
    fn record(&mut self, kind: &str) -> Option<KindLine<'static>> {
        Some(match kind {
            "started" => self.started()?,
            "message-taken-back" => KindLine::MessageTakenBack {
                id: taken(&mut self.id)?,
            },
            "subscribed" => KindLine::Subscribed {
                topic: taken(&mut self.topic)?,
            },
            "unsubscribed" => KindLine::Unsubscribed {
                topic: taken(&mut self.topic)?,
            },
            "cancelled" => KindLine::Cancelled {
                handle: self.handle?,
            },
            "resolved" => KindLine::Resolved {
                handle: self.handle?,
                outcome: self.outcome(),
            },
            "event-raised" => KindLine::EventRaised {
                name: taken(&mut self.name)?,
                value: self.value(),
            },
            "patched" => KindLine::Patched {
                name: taken(&mut self.name)?,
            },
            "value-recorded" => KindLine::ValueRecorded {
                value: self.value(),
            },
            "update-accepted" => KindLine::UpdateAccepted {
                id: taken(&mut self.id)?,
                name: taken(&mut self.name)?,
                input: self.input(),
            },
            "update-completed" => KindLine::UpdateCompleted {
                id: taken(&mut self.id)?,
                outcome: self.outcome(),
            },
            "cancel-requested" => KindLine::CancelRequested {
                reason: taken(&mut self.reason)?,
            },
            "cancel-sent" => KindLine::CancelSent {
                handle: self.handle?,
            },
            "shielded" => KindLine::Shielded {
                handle: self.handle?,
            },
            "suspended" => KindLine::Suspended {
                reason: taken(&mut self.reason)?,
            },
            "resumed" => KindLine::Resumed,
            "terminated" => KindLine::Terminated {
                reason: taken(&mut self.reason)?,
            },
            "continued-as-new" => KindLine::ContinuedAsNew {
                input: self.input(),
            },
            "completed" => KindLine::Completed,
            "failed" => KindLine::Failed {
                failure: self.failure.take()?,
            },
            _ => KindLine::Unknown,
        })
    }

    fn input(&mut self) -> Raw {
        self.input.take().unwrap_or_default()
    }

    fn value(&mut self) -> Raw {
        self.value.take().unwrap_or_default()
    }

    fn outcome(&mut self) -> OutcomeLine<'static> {
        match self.failure.take() {
            Some(failure) => OutcomeLine::Failure(failure),
            None => OutcomeLine::Value(self.value()),
        }
    }

    fn call(&mut self) -> Option<CallLine<'static>> {
        Some(CallLine {
            actor_type: taken(&mut self.actor_type)?,
            actor_id: taken(&mut self.actor_id)?,
            method: taken(&mut self.method)?,
            input: self.input(),
        })
    }
}

fn taken(field: &mut Option<String>) -> Option<Cow<'static, str>> {
    field.take().map(Cow::Owned)
}

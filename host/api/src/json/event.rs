//! Events of a workflow's history, in full.
//!
//! Pure: an event at a time, whatever came before it.

use host_base::{Digest, Timestamp};
use host_runtime::records::{
    ActivityScheduled, ActorCallScheduled, ChildScheduled, Event, EventKind, MessageDelayed,
    Origin, OutcomeKind, OutcomeRecord, ParentClose, Started, TimerScheduled, UpdateAccepted,
    UpdateCompleted,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::failure::FailureReport;
use super::{Raw, rfc3339};

/// An event of a history: which fields it has depends on its kind.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventLine<'a> {
    /// Its number in the run; counts from 0.
    number: u64,
    /// When it was recorded (RFC 3339, UTC).
    #[schema(format = DateTime)]
    at: String,
    #[serde(flatten)]
    kind: KindLine<'a>,
}

/// What happened.
#[derive(Serialize, ToSchema)]
#[schema(as = EventKind)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum KindLine<'a> {
    /// The run began.
    Started {
        name: &'a str,
        input: Raw,
        component: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        origin: Option<OriginLine<'a>>,
    },
    /// The code asked for an activity.
    ActivityScheduled {
        handle: u32,
        name: &'a str,
        input: Raw,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry: Option<RetryLine<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        schedule_to_close_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        heartbeat_timeout_ms: Option<u64>,
    },
    /// The code called an actor and wants its answer.
    ActorCallScheduled {
        handle: u32,
        #[serde(flatten)]
        call: CallLine<'a>,
    },
    /// The code started another workflow.
    ChildScheduled {
        handle: u32,
        name: &'a str,
        id: Option<&'a str>,
        input: Raw,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        detached: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        parent_close: Option<&'static str>,
    },
    /// The code set a timer.
    TimerScheduled {
        handle: u32,
        duration_ms: u64,
        /// RFC 3339, UTC.
        #[schema(format = DateTime)]
        due: String,
    },
    /// The code waits for an event from outside.
    EventAwaited { handle: u32, name: &'a str },
    /// The code sent a message to an actor.
    ActorMessageSent {
        #[serde(flatten)]
        call: CallLine<'a>,
    },
    /// The code sent a message that is delivered later.
    MessageDelayed {
        id: &'a str,
        #[serde(flatten)]
        call: Option<CallLine<'a>>,
        /// RFC 3339, UTC.
        #[schema(format = DateTime)]
        due: String,
    },
    /// The code took such a message back.
    MessageTakenBack { id: &'a str },
    /// The code published a value.
    Published { topic: &'a str, value: Raw },
    /// The code subscribed to a topic.
    Subscribed { topic: &'a str },
    /// The code wants nothing of a topic any more.
    Unsubscribed { topic: &'a str },
    /// The code gave up waiting for what the handle stands for.
    Cancelled { handle: u32 },
    /// What the handle stands for has come: a value or a failure.
    Resolved {
        handle: u32,
        #[serde(flatten)]
        outcome: OutcomeLine<'a>,
    },
    /// An event was raised from outside.
    EventRaised { name: &'a str, value: Raw },
    /// The code goes the new way of a change.
    Patched { name: &'a str },
    /// A value that the code computed once.
    ValueRecorded { value: Raw },
    /// The code agreed to an update.
    UpdateAccepted {
        id: &'a str,
        name: &'a str,
        input: Raw,
    },
    /// An update was answered: with a value or a failure.
    UpdateCompleted {
        id: &'a str,
        #[serde(flatten)]
        outcome: OutcomeLine<'a>,
    },
    /// The workflow was asked to end.
    CancelRequested { reason: &'a str },
    /// The code asked what the handle stands for to stop.
    CancelSent { handle: u32 },
    /// The code keeps what the handle stands for from a request to end.
    Shielded { handle: u32 },
    /// The workflow is held from here on.
    Suspended { reason: &'a str },
    /// The workflow goes on.
    Resumed,
    /// The workflow was ended from outside.
    Terminated { reason: &'a str },
    /// The run ended and the next one began.
    ContinuedAsNew { input: Raw },
    /// The workflow returned.
    Completed,
    /// The workflow failed.
    Failed { failure: FailureReport<'a> },
    /// Something that a newer host recorded.
    Unknown,
}

/// The workflow and the event that the run was begun again from.
#[derive(Serialize, ToSchema)]
#[schema(as = Origin)]
struct OriginLine<'a> {
    id: &'a str,
    run: u32,
    event: u64,
}

impl<'a> OriginLine<'a> {
    fn new(origin: &'a Origin) -> OriginLine<'a> {
        OriginLine {
            id: &origin.workflow_id,
            run: origin.run,
            event: origin.event,
        }
    }
}

/// How often and after which waits an activity is tried again.
#[derive(Serialize, ToSchema)]
#[schema(as = Retry)]
struct RetryLine<'a> {
    max_attempts: u32,
    first_interval_ms: u64,
    coefficient: f64,
    max_interval_ms: u64,
    jitter: f64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    non_retryable: &'a [String],
}

/// The call of an actor's method.
#[derive(Serialize, ToSchema)]
#[schema(as = Call)]
struct CallLine<'a> {
    actor_type: &'a str,
    actor_id: &'a str,
    method: &'a str,
    input: Raw,
}

/// A value or a failure.
#[derive(Serialize, ToSchema)]
#[schema(as = Outcome)]
#[serde(rename_all = "kebab-case")]
enum OutcomeLine<'a> {
    Value(Raw),
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
                name: &awaited.name,
            },
            EventKind::ActorMessageSent(message) => KindLine::ActorMessageSent {
                call: CallLine::new(message),
            },
            EventKind::MessageDelayed(message) => KindLine::delayed(message),
            EventKind::MessageTakenBack(one) => KindLine::MessageTakenBack { id: &one.id },
            EventKind::Published(published) => KindLine::Published {
                topic: &published.topic,
                value: Raw::new(&published.value),
            },
            EventKind::Subscribed(topic) => KindLine::Subscribed {
                topic: &topic.topic,
            },
            EventKind::Unsubscribed(topic) => KindLine::Unsubscribed {
                topic: &topic.topic,
            },
            EventKind::Cancelled(cancelled) => KindLine::Cancelled {
                handle: cancelled.handle,
            },
            EventKind::Resolved(resolved) => KindLine::Resolved {
                handle: resolved.handle,
                outcome: OutcomeLine::new(resolved.outcome.as_ref()),
            },
            EventKind::EventRaised(raised) => KindLine::EventRaised {
                name: &raised.name,
                value: Raw::new(&raised.value),
            },
            EventKind::UpdateAccepted(update) => KindLine::accepted(update),
            EventKind::Patched(patched) => KindLine::Patched {
                name: &patched.name,
            },
            EventKind::ValueRecorded(recorded) => KindLine::ValueRecorded {
                value: Raw::new(&recorded.value),
            },
            EventKind::UpdateCompleted(update) => KindLine::applied(update),
            EventKind::CancelRequested(one) => KindLine::CancelRequested {
                reason: &one.reason,
            },
            EventKind::CancelSent(one) => KindLine::CancelSent { handle: one.handle },
            EventKind::Shielded(one) => KindLine::Shielded { handle: one.handle },
            EventKind::Suspended(one) => KindLine::Suspended {
                reason: &one.reason,
            },
            EventKind::Resumed(_) => KindLine::Resumed,
            EventKind::Terminated(one) => KindLine::Terminated {
                reason: &one.reason,
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

    fn delayed(message: &'a MessageDelayed) -> KindLine<'a> {
        KindLine::MessageDelayed {
            id: &message.id,
            call: message.call.as_ref().map(CallLine::new),
            due: rfc3339(Timestamp(message.due_ms)),
        }
    }

    fn applied(update: &'a UpdateCompleted) -> KindLine<'a> {
        KindLine::UpdateCompleted {
            id: &update.id,
            outcome: OutcomeLine::new(update.outcome.as_ref()),
        }
    }

    fn started(started: &'a Started) -> KindLine<'a> {
        KindLine::Started {
            name: &started.name,
            input: Raw::new(&started.input),
            component: Digest::from_bytes(&started.component).map(|digest| digest.to_string()),
            origin: started.origin.as_ref().map(OriginLine::new),
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
            id: &update.id,
            name: &update.name,
            input: Raw::new(&update.input),
        }
    }

    fn child(child: &'a ChildScheduled) -> KindLine<'a> {
        KindLine::ChildScheduled {
            handle: child.handle,
            name: &child.name,
            id: child.id.as_deref(),
            input: Raw::new(&child.input),
            detached: child.detached,
            parent_close: match child.parent_close() {
                ParentClose::Terminate => None,
                ParentClose::Cancel => Some("cancel"),
                ParentClose::Abandon => Some("abandon"),
            },
        }
    }

    fn activity(activity: &'a ActivityScheduled) -> KindLine<'a> {
        KindLine::ActivityScheduled {
            handle: activity.handle,
            name: &activity.name,
            input: Raw::new(&activity.input),
            retry: activity.retry.as_ref().map(|retry| RetryLine {
                max_attempts: retry.max_attempts,
                first_interval_ms: retry.first_interval_ms,
                coefficient: retry.coefficient,
                max_interval_ms: retry.max_interval_ms,
                jitter: retry.jitter,
                non_retryable: &retry.non_retryable,
            }),
            timeout_ms: activity.timeout_ms,
            schedule_to_close_ms: activity.schedule_to_close_ms,
            heartbeat_timeout_ms: activity.heartbeat_timeout_ms,
        }
    }
}

impl<'a> CallLine<'a> {
    fn new(call: &'a ActorCallScheduled) -> CallLine<'a> {
        CallLine {
            actor_type: &call.actor_type,
            actor_id: &call.actor_id,
            method: &call.method,
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

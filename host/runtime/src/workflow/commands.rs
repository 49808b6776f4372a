//! Commands as events: how what the code asks for is recorded, compared and shown.
//!
//! Knows nothing of the order in which commands come.

use std::time::Duration;

use host_base::Timestamp;
use host_engine::{Command, MethodCall, Moment, ParentClose, RetryPolicy};
use host_store::records::{
    self, ActivityScheduled, ActorCallScheduled, Asked, Cancelled, ChildScheduled, ContinuedAsNew,
    EventAwaited, EventKind, MessageDelayed, MessageNamed, OutcomeRecord, Published, RetryRecord,
    TimerScheduled, TopicNamed, UpdateCompleted, ValueRecorded,
};

/// Longest excerpt of an input in a message about a divergence, in characters.
const EXCERPT_CHARS_MAX: usize = 120;

/// How long the input is that a command carries, in bytes.
pub(crate) fn input_bytes(command: &Command) -> usize {
    match command {
        Command::Activity { input, .. }
        | Command::ActorCall { input, .. }
        | Command::SendActor { input, .. }
        | Command::Child { input, .. }
        | Command::ContinueAsNew { input } => input.len(),
        Command::Publish { value, .. } | Command::RecordValue { value } => value.len(),
        Command::CompleteUpdate { outcome, .. } => outcome.as_ref().map_or(0, Vec::len),
        Command::Timer { .. }
        | Command::Event { .. }
        | Command::CancelMessage { .. }
        | Command::Subscribe { .. }
        | Command::Unsubscribe { .. }
        | Command::Cancel { .. }
        | Command::Shield { .. }
        | Command::RequestCancel { .. } => 0,
    }
}

/// The event that records a command issued at `now`.
pub(crate) fn event_of(command: Command, handle: u32, now: Timestamp) -> EventKind {
    match command {
        Command::Activity {
            name,
            input,
            options,
        } => EventKind::ActivityScheduled(ActivityScheduled {
            handle,
            name,
            input,
            retry: options.retry.map(|policy| Box::new(retry_record(policy))),
            timeout_ms: options.timeout.map(millis),
            schedule_to_close_ms: options.schedule_to_close.map(millis),
            heartbeat_timeout_ms: options.heartbeat_timeout.map(millis),
        }),
        Command::ActorCall {
            actor_type,
            actor_id,
            method,
            input,
        } => EventKind::ActorCallScheduled(call_of(handle, [actor_type, actor_id, method], input)),
        Command::SendActor {
            actor_type,
            actor_id,
            method,
            input,
        } => EventKind::ActorMessageSent(call_of(0, [actor_type, actor_id, method], input)),
        Command::Child {
            name,
            id,
            input,
            detached,
            parent_close,
        } => EventKind::ChildScheduled(ChildScheduled {
            handle,
            name,
            id,
            input,
            detached,
            parent_close: close_record(parent_close).into(),
        }),
        Command::Timer { duration } => EventKind::TimerScheduled(TimerScheduled {
            handle,
            duration_ms: millis(duration),
            due_ms: now.after(duration).0,
        }),
        Command::Event { name } => EventKind::EventAwaited(EventAwaited { handle, name }),
        Command::CancelMessage { id } => EventKind::MessageTakenBack(MessageNamed { id }),
        Command::Publish { topic, value } => EventKind::Published(Published { topic, value }),
        Command::Subscribe { topic } => EventKind::Subscribed(TopicNamed { topic }),
        Command::Unsubscribe { topic } => EventKind::Unsubscribed(TopicNamed { topic }),
        Command::Cancel { handle } => EventKind::Cancelled(Cancelled { handle }),
        Command::RecordValue { value } => EventKind::ValueRecorded(ValueRecorded { value }),
        Command::CompleteUpdate { id, outcome } => EventKind::UpdateCompleted(UpdateCompleted {
            id,
            outcome: Some(OutcomeRecord::from(outcome)),
        }),
        Command::RequestCancel { handle } => EventKind::CancelSent(Cancelled { handle }),
        Command::Shield { handle } => EventKind::Shielded(Cancelled { handle }),
        Command::ContinueAsNew { input } => EventKind::ContinuedAsNew(ContinuedAsNew { input }),
    }
}

/// The event that records a message that was sent to be delivered later, under that id.
pub(crate) fn delayed(call: MethodCall, due: Moment, at: Timestamp, id: String) -> EventKind {
    let target = [call.actor_type, call.actor_id, call.method];
    EventKind::MessageDelayed(Box::new(MessageDelayed {
        call: Some(call_of(0, target, call.input)),
        asked: Some(match due {
            Moment::After(duration) => Asked::AfterMs(millis(duration)),
            Moment::At(time) => Asked::AtMs(time.0),
            Moment::Text(text) => Asked::Text(text),
        }),
        due_ms: at.0,
        id,
    }))
}

fn call_of(handle: u32, target: [String; 3], input: Vec<u8>) -> ActorCallScheduled {
    let [actor_type, actor_id, method] = target;
    ActorCallScheduled {
        handle,
        actor_type,
        actor_id,
        method,
        input,
    }
}

fn close_record(close: ParentClose) -> records::ParentClose {
    match close {
        ParentClose::Terminate => records::ParentClose::Terminate,
        ParentClose::Cancel => records::ParentClose::Cancel,
        ParentClose::Abandon => records::ParentClose::Abandon,
    }
}

fn retry_record(policy: RetryPolicy) -> RetryRecord {
    RetryRecord {
        max_attempts: policy.max_attempts,
        first_interval_ms: millis(policy.first_interval),
        coefficient: policy.coefficient,
        max_interval_ms: millis(policy.max_interval),
        jitter: policy.jitter,
        non_retryable: policy.non_retryable,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What an event is in the course of a run. Whatever is asked of a kind of event follows from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The run begins.
    Start,
    /// The code asks for something whose result arrives as `Resolved` under this handle.
    Asks(u32),
    /// The code waits for an event from outside under this handle.
    Awaits(u32),
    /// The code does something of which no result arrives. An update is accepted by the code, where it waits.
    Does,
    /// The code says something that is looked up by its name and has no place.
    Marks,
    /// Something has arrived.
    Arrives,
    /// The code returns.
    Returns,
    /// The run ends, wherever its code is.
    Ends,
}

fn part(kind: &EventKind) -> Part {
    match kind {
        EventKind::Started(_) => Part::Start,
        EventKind::ActivityScheduled(one) => Part::Asks(one.handle),
        EventKind::ActorCallScheduled(one) => Part::Asks(one.handle),
        EventKind::ChildScheduled(one) => Part::Asks(one.handle),
        EventKind::TimerScheduled(one) => Part::Asks(one.handle),
        EventKind::EventAwaited(one) => Part::Awaits(one.handle),
        EventKind::ActorMessageSent(_)
        | EventKind::MessageDelayed(_)
        | EventKind::MessageTakenBack(_)
        | EventKind::Published(_)
        | EventKind::Subscribed(_)
        | EventKind::Unsubscribed(_)
        | EventKind::Cancelled(_)
        | EventKind::UpdateAccepted(_)
        | EventKind::UpdateCompleted(_)
        | EventKind::ValueRecorded(_)
        | EventKind::CancelSent(_)
        | EventKind::Shielded(_) => Part::Does,
        EventKind::Patched(_) => Part::Marks,
        EventKind::Resolved(_)
        | EventKind::EventRaised(_)
        | EventKind::CancelRequested(_)
        | EventKind::Suspended(_)
        | EventKind::Resumed(_) => Part::Arrives,
        EventKind::Completed(_) | EventKind::Failed(_) | EventKind::ContinuedAsNew(_) => {
            Part::Returns
        }
        EventKind::Terminated(_) => Part::Ends,
    }
}

/// Whether an event records what the code did at that very place.
pub(crate) fn is_command(kind: &EventKind) -> bool {
    matches!(
        part(kind),
        Part::Asks(_) | Part::Awaits(_) | Part::Does | Part::Returns
    )
}

/// Whether an event came from outside.
pub(crate) fn is_arrival(kind: &EventKind) -> bool {
    part(kind) == Part::Arrives
}

/// Whether an event records that the run is over.
pub(crate) fn is_end(kind: &EventKind) -> bool {
    matches!(part(kind), Part::Returns | Part::Ends)
}

/// The handle of a command that has one.
pub(crate) fn handle_in(kind: &EventKind) -> Option<u32> {
    match part(kind) {
        Part::Asks(handle) | Part::Awaits(handle) => Some(handle),
        Part::Start | Part::Does | Part::Marks | Part::Arrives | Part::Returns | Part::Ends => None,
    }
}

/// The handle of a command whose result arrives as `Resolved`.
pub(crate) fn handle_of(kind: &EventKind) -> Option<u32> {
    match part(kind) {
        Part::Asks(handle) => Some(handle),
        Part::Start
        | Part::Awaits(_)
        | Part::Does
        | Part::Marks
        | Part::Arrives
        | Part::Returns
        | Part::Ends => None,
    }
}

/// Whether the code asks for what history holds: kind, name, input and options, all of it. Only the time
/// at which something is due differs, because a replay happens later, and what the host has made itself.
pub(crate) fn same(held: &EventKind, asked: &EventKind) -> bool {
    match (held, asked) {
        (EventKind::TimerScheduled(held), EventKind::TimerScheduled(asked)) => {
            (held.handle, held.duration_ms) == (asked.handle, asked.duration_ms)
        }
        (EventKind::MessageDelayed(held), EventKind::MessageDelayed(asked)) => {
            (&held.call, &held.asked) == (&asked.call, &asked.asked)
        }
        _ => held == asked,
    }
}

/// A command in words, for the message about a divergence.
pub(crate) fn describe(kind: &EventKind) -> String {
    match kind {
        EventKind::ActivityScheduled(one) => {
            format!(
                "activity {}({}){}",
                one.name,
                excerpt(&one.input),
                options(one)
            )
        }
        EventKind::ActorCallScheduled(one) => format!("call of {}", actor_method(one)),
        EventKind::ActorMessageSent(one) => format!("message to {}", actor_method(one)),
        EventKind::MessageDelayed(one) => {
            let due = match &one.asked {
                Some(Asked::AfterMs(millis)) => format!("after {millis} ms"),
                Some(Asked::AtMs(millis)) => format!("at {millis} ms since 1970"),
                Some(Asked::Text(text)) => format!("due {text}"),
                None => "due at no time".to_owned(),
            };
            let call = one.call.as_ref().map(actor_method).unwrap_or_default();
            format!("message to {call}, {due}")
        }
        EventKind::MessageTakenBack(one) => format!("the taking back of message {}", one.id),
        EventKind::Published(one) => {
            format!("{} published to topic {}", excerpt(&one.value), one.topic)
        }
        EventKind::Subscribed(one) => format!("subscription to topic {}", one.topic),
        EventKind::Unsubscribed(one) => format!("end of the subscription to topic {}", one.topic),
        EventKind::ChildScheduled(one) => {
            let id = one.id.as_deref().unwrap_or("no id given");
            let detached = if one.detached { ", detached" } else { "" };
            let close = match one.parent_close() {
                records::ParentClose::Terminate => "",
                records::ParentClose::Cancel => ", cancelled with its parent",
                records::ParentClose::Abandon => ", abandoned by its parent",
            };
            let (name, input) = (&one.name, excerpt(&one.input));
            format!("child {name}({input}), {id}{detached}{close}")
        }
        EventKind::TimerScheduled(one) => format!("timer of {} ms", one.duration_ms),
        EventKind::EventAwaited(one) => format!("wait for event {}", one.name),
        EventKind::Cancelled(one) => format!("cancel of handle {}", one.handle),
        EventKind::UpdateAccepted(one) => {
            format!("update {} {}({})", one.id, one.name, excerpt(&one.input))
        }
        EventKind::UpdateCompleted(one) => format!("the answer of update {}", one.id),
        EventKind::Patched(one) => format!("the new way {}", one.name),
        EventKind::ValueRecorded(one) => format!("the recorded value {}", excerpt(&one.value)),
        EventKind::Completed(_) => "the end, with an output".to_owned(),
        EventKind::Failed(failure) => format!("the end, with failure {}", failure.code),
        EventKind::Started(_) => "the start".to_owned(),
        EventKind::Resolved(one) => format!("the result of handle {}", one.handle),
        EventKind::EventRaised(one) => format!("event {}", one.name),
        EventKind::CancelRequested(_) => "a request to end".to_owned(),
        EventKind::CancelSent(one) => format!("a request to stop handle {}", one.handle),
        EventKind::Shielded(one) => format!("a shield for handle {}", one.handle),
        EventKind::Suspended(_) => "a suspension".to_owned(),
        EventKind::Resumed(_) => "a resumption".to_owned(),
        EventKind::Terminated(_) => "its termination".to_owned(),
        EventKind::ContinuedAsNew(one) => {
            format!("the end, to continue with {}", excerpt(&one.input))
        }
    }
}

/// What differs from the manifest, each after a comma.
fn options(activity: &ActivityScheduled) -> String {
    let retry = activity
        .retry
        .as_ref()
        .map(|retry| format!(", retry {retry:?}"));
    let times = [
        ("timeout", activity.timeout_ms),
        ("schedule to close", activity.schedule_to_close_ms),
        ("heartbeat timeout", activity.heartbeat_timeout_ms),
    ];
    let times = times.into_iter();
    let times = times.filter_map(|(name, time)| Some(format!(", {name} {} ms", time?)));
    retry.into_iter().chain(times).collect()
}

fn actor_method(call: &ActorCallScheduled) -> String {
    let ActorCallScheduled {
        actor_type,
        actor_id,
        method,
        ..
    } = call;
    format!("{actor_type}/{actor_id}.{method}({})", excerpt(&call.input))
}

fn excerpt(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

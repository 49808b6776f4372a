//! A workflow's history for people: every event in words.
//!
//! Pure. Reads events in their order, because a result names only the handle of its command. Knows what programs are
//! shown of an event, and shows no more: so it does not matter where that comes from.

use std::collections::HashMap;
use std::time::Duration;

use host_api::json::{
    ActivityLine, CallLine, ChildLine, EventLine, KindLine, OriginLine, OutcomeLine, Raw,
};
use host_base::Timestamp;

use super::{json, text, time};

/// Characters of a payload in a line for people.
const EXCERPT_CHARS: usize = 80;
/// What a timer does.
const TIMER_IS_OVER: &str = "is over";

/// Tells a history to people, from its first event on.
#[derive(Default)]
pub(crate) struct Narrator {
    start: Option<Timestamp>,
    subjects: HashMap<u32, Subject>,
}

/// What a handle stands for.
struct Subject {
    name: String,
    /// What it does when its result arrives.
    verb: &'static str,
}

impl Narrator {
    /// The next event, as a line.
    pub(crate) fn line(&mut self, event: &EventLine<'_>) -> String {
        let at = event.recorded_at().or(self.start).unwrap_or_default();
        let start = *self.start.get_or_insert(at);
        let offset = time::offset(at.since(start));
        let words = text::printable(&self.words(&event.kind));
        format!("{:>5}  {offset:>10}  {words}", event.number)
    }

    fn words(&mut self, kind: &KindLine<'_>) -> String {
        match kind {
            KindLine::Started {
                name,
                input,
                origin,
                component: _,
                attributes: _,
                starts: _,
            } => began(name, input, origin.as_ref()),
            KindLine::ActivityScheduled(activity) => self.activity(activity),
            KindLine::ActorCallScheduled { handle, call } => self.call(*handle, call),
            KindLine::ChildScheduled(child) => self.child(child),
            KindLine::TimerScheduled {
                handle,
                duration_ms,
                due,
            } => self.timer(*handle, *duration_ms, due),
            KindLine::EventAwaited { handle, name } => {
                let name = format!("event {name}");
                let words = format!("{name} awaited");
                self.subject(*handle, name, "was taken:");
                words
            }
            KindLine::ActorMessageSent { call } => {
                let (to, method, input) = (actor(call), &call.method, excerpt(&call.input));
                format!("{to} sent: {method} with {input}")
            }
            KindLine::MessageDelayed { id, call, due } => delayed(id, call.as_ref(), due),
            KindLine::MessageTakenBack { id } => format!("message {id} taken back"),
            KindLine::Published { topic, value } => {
                format!("published to topic {topic}: {}", excerpt(value))
            }
            KindLine::Subscribed { topic } => format!("subscribed to topic {topic}"),
            KindLine::Unsubscribed { topic } => format!("unsubscribed from topic {topic}"),
            KindLine::Cancelled { handle } => format!("{} given up", self.name(*handle)),
            KindLine::Resolved { handle, outcome } => self.resolved(*handle, outcome),
            KindLine::EventRaised { name, value } => {
                format!("event {name} raised with {}", excerpt(value))
            }
            KindLine::UpdateAccepted { id, name, input } => {
                format!("update {id} accepted: {name} with {}", excerpt(input))
            }
            KindLine::Patched { name } => format!("goes the new way {name}"),
            KindLine::ValueRecorded { value } => format!("value {} recorded", excerpt(value)),
            KindLine::UpdateCompleted { id, outcome } => {
                came_of(&format!("update {id}"), "answered with", outcome)
            }
            KindLine::CancelRequested { reason } => told_why("asked to end", reason),
            KindLine::CancelSent { handle } => format!("{} asked to stop", self.name(*handle)),
            KindLine::Shielded { handle } => {
                format!("{} shielded from a request to end", self.name(*handle))
            }
            KindLine::Suspended { reason } => told_why("suspended", reason),
            KindLine::Resumed => "resumed".to_owned(),
            KindLine::Terminated { reason } => told_why("terminated", reason),
            KindLine::ContinuedAsNew { input } => {
                format!("continued as new with {}", excerpt(input))
            }
            KindLine::Completed => "completed".to_owned(),
            KindLine::Failed { failure } => format!("failed: {}", failure.failure()),
            KindLine::Unknown => "something that a newer host recorded".to_owned(),
        }
    }

    fn call(&mut self, handle: u32, call: &CallLine<'_>) -> String {
        let (name, method) = (actor(call), &call.method);
        let words = format!("{name} called: {method} with {}", excerpt(&call.input));
        self.subject(handle, format!("{name} {method}"), "answered");
        words
    }

    fn activity(&mut self, activity: &ActivityLine<'_>) -> String {
        let name = format!("activity {}", activity.name);
        let (bounds, input) = (bounds(activity), excerpt(&activity.input));
        let words = format!("{name} scheduled{bounds} with {input}");
        self.subject(activity.handle, name, "returned");
        words
    }

    fn child(&mut self, child: &ChildLine<'_>) -> String {
        let name = match &child.id {
            Some(id) => format!("workflow {} {id}", child.name),
            None => format!("workflow {}", child.name),
        };
        let (alone, verb) = match child.detached {
            true => (", detached", "runs as"),
            false => ("", "completed with"),
        };
        let close = match child.parent_close.as_deref() {
            Some("cancel") => ", cancelled with its parent",
            Some("abandon") => ", abandoned by its parent",
            Some(_) | None => "",
        };
        let words = format!(
            "{name} started{alone}{close} with {}",
            excerpt(&child.input)
        );
        self.subject(child.handle, name, verb);
        words
    }

    fn timer(&mut self, handle: u32, duration_ms: u64, due: &str) -> String {
        let name = format!("timer of {}", length(duration_ms));
        let words = format!("{name} armed, due {due}");
        self.subject(handle, name, TIMER_IS_OVER);
        words
    }

    fn resolved(&self, handle: u32, outcome: &OutcomeLine<'_>) -> String {
        let name = self.name(handle);
        match (self.subjects.get(&handle), outcome) {
            // What a timer brings says nothing.
            (Some(subject), OutcomeLine::Value(value))
                if subject.verb == TIMER_IS_OVER && value.is_null() =>
            {
                format!("{name} {TIMER_IS_OVER}")
            }
            (subject, outcome) => came_of(
                &name,
                subject.map_or("returned", |subject| subject.verb),
                outcome,
            ),
        }
    }

    fn subject(&mut self, handle: u32, name: String, verb: &'static str) {
        self.subjects.insert(handle, Subject { name, verb });
    }

    fn name(&self, handle: u32) -> String {
        match self.subjects.get(&handle) {
            Some(subject) => subject.name.clone(),
            None => format!("handle {handle}"),
        }
    }
}

fn told_why(words: &str, reason: &str) -> String {
    match reason {
        "" => words.to_owned(),
        reason => format!("{words}: {reason}"),
    }
}

fn began(name: &str, input: &Raw, origin: Option<&OriginLine<'_>>) -> String {
    let words = format!("started {name} with {}", excerpt(input));
    match origin {
        Some(OriginLine { id, event, .. }) => format!("{words}, from event {event} of {id}"),
        None => words,
    }
}

/// How often an activity is tried, and how long it may take.
fn bounds(activity: &ActivityLine<'_>) -> String {
    let retry = activity.retry.as_ref();
    let tries = retry.map(|retry| match retry.max_attempts {
        0 | 1 => ", once".to_owned(),
        attempts => format!(", up to {attempts} times"),
    });
    let limit = |millis: Option<u64>, of| millis.map(|millis| format!(", {} {of}", length(millis)));
    let each = limit(activity.timeout_ms, "each");
    let all = limit(activity.schedule_to_close_ms, "in all");
    [tries, each, all].map(Option::unwrap_or_default).concat()
}

fn delayed(id: &str, call: Option<&CallLine<'_>>, due: &str) -> String {
    let call = call.map_or_else(String::new, |call| {
        let (to, input) = (actor(call), excerpt(&call.input));
        format!("{to} sent for {due}: {} with {input}; it is ", call.method)
    });
    format!("{call}message {id}")
}

fn actor(call: &CallLine<'_>) -> String {
    format!("actor {}/{}", call.actor_type, call.actor_id)
}

/// What came of the named thing: that it failed, or what it did.
fn came_of(name: &str, verb: &str, outcome: &OutcomeLine<'_>) -> String {
    match outcome {
        OutcomeLine::Failure(failure) => format!("{name} failed: {}", failure.failure()),
        OutcomeLine::Value(value) => format!("{name} {verb} {}", excerpt(value)),
    }
}

fn excerpt(value: &Raw) -> String {
    json::excerpt(value.bytes(), EXCERPT_CHARS)
}

fn length(millis: u64) -> String {
    time::length(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use host_store::records::{
        ActivityScheduled, ActorCallScheduled, Cancelled, ChildScheduled, Completed,
        ContinuedAsNew, Event, EventAwaited, EventKind, EventRaised, FailureRecord, MessageDelayed,
        MessageNamed, OutcomeKind, OutcomeRecord, ParentClose, Patched, Published, Reason,
        Resolved, Resumed, RetryRecord, Started, TimerScheduled, UpdateAccepted, UpdateCompleted,
        ValueRecorded,
    };

    use super::*;
    use crate::show::console;

    fn resolved(handle: u32, kind: OutcomeKind) -> EventKind {
        let outcome = Some(OutcomeRecord { kind: Some(kind) });
        EventKind::Resolved(Resolved { handle, outcome })
    }

    fn failure() -> FailureRecord {
        FailureRecord {
            code: "busy".to_owned(),
            message: "no line".to_owned(),
            retryable: true,
            details: Some(b"{\"n\":1}".to_vec()),
            causes: Vec::new(),
        }
    }

    fn started() -> EventKind {
        EventKind::Started(Box::new(Started {
            name: "w".to_owned(),
            input: b"{\"z\":1, \"a\":2}".to_vec(),
            seed: vec![1; 32],
            component: vec![0xab; 32],
            ..Started::default()
        }))
    }

    fn retry() -> RetryRecord {
        RetryRecord {
            max_attempts: 3,
            first_interval_ms: 100,
            coefficient: 2.0,
            max_interval_ms: 1000,
            jitter: 0.5,
            non_retryable: vec!["sold-out".to_owned()],
        }
    }

    fn published() -> EventKind {
        EventKind::Published(Published {
            topic: "news".to_owned(),
            value: b"[1]".to_vec(),
        })
    }

    fn kinds() -> Vec<EventKind> {
        let call = ActorCallScheduled {
            handle: 2,
            actor_type: "TaskActor".to_owned(),
            actor_id: "task-1".to_owned(),
            method: "Get".to_owned(),
            input: Vec::new(),
        };
        let mut kinds = vec![
            started(),
            EventKind::ActivityScheduled(ActivityScheduled {
                handle: 1,
                name: "check".to_owned(),
                input: b"7".to_vec(),
                retry: Some(Box::new(retry())),
                timeout_ms: Some(5000),
                schedule_to_close_ms: Some(60_000),
                heartbeat_timeout_ms: None,
            }),
            resolved(1, OutcomeKind::Value(b"true".to_vec())),
            EventKind::ActorCallScheduled(call.clone()),
            resolved(2, OutcomeKind::Failure(Box::new(failure()))),
            EventKind::ActorMessageSent(ActorCallScheduled {
                handle: 0,
                ..call.clone()
            }),
            EventKind::MessageDelayed(Box::new(MessageDelayed {
                call: Some(ActorCallScheduled { handle: 0, ..call }),
                due_ms: 90_000,
                id: "m".to_owned(),
                ..MessageDelayed::default()
            })),
            EventKind::MessageTakenBack(MessageNamed { id: "m".to_owned() }),
            EventKind::ChildScheduled(ChildScheduled {
                handle: 3,
                name: "child".to_owned(),
                id: Some("c-1".to_owned()),
                ..ChildScheduled::default()
            }),
            resolved(3, OutcomeKind::Value(Vec::new())),
            EventKind::ChildScheduled(ChildScheduled {
                handle: 6,
                name: "child".to_owned(),
                detached: true,
                parent_close: ParentClose::Abandon.into(),
                ..ChildScheduled::default()
            }),
            resolved(6, OutcomeKind::Value(b"\"w:6\"".to_vec())),
            published(),
            EventKind::CancelSent(Cancelled { handle: 6 }),
            EventKind::Shielded(Cancelled { handle: 6 }),
            EventKind::CancelRequested(Reason::default()),
            EventKind::Suspended(Reason {
                reason: "why".to_owned(),
            }),
            EventKind::Resumed(Resumed {}),
            EventKind::ContinuedAsNew(ContinuedAsNew {
                input: b"2".to_vec(),
            }),
            EventKind::Terminated(Reason::default()),
        ];
        kinds.extend(later_kinds());
        kinds
    }

    fn later_kinds() -> Vec<EventKind> {
        vec![
            EventKind::TimerScheduled(TimerScheduled {
                handle: 4,
                duration_ms: 90_000,
                due_ms: 90_000,
            }),
            EventKind::Cancelled(Cancelled { handle: 4 }),
            EventKind::EventAwaited(EventAwaited {
                handle: 5,
                name: "approved".to_owned(),
            }),
            EventKind::EventRaised(EventRaised {
                name: "Approved".to_owned(),
                value: b"\x1b".to_vec(),
            }),
            resolved(9, OutcomeKind::Value(b"1".to_vec())),
            EventKind::Patched(Patched {
                name: "receipts".to_owned(),
            }),
            EventKind::ValueRecorded(ValueRecorded {
                value: b"19".to_vec(),
            }),
            EventKind::UpdateAccepted(UpdateAccepted {
                id: "u-1".to_owned(),
                name: "add".to_owned(),
                input: b"2".to_vec(),
            }),
            EventKind::UpdateCompleted(UpdateCompleted {
                id: "u-1".to_owned(),
                outcome: Some(OutcomeRecord {
                    kind: Some(OutcomeKind::Value(b"3".to_vec())),
                }),
            }),
            EventKind::Completed(Completed {}),
            EventKind::Failed(Box::new(failure())),
        ]
    }

    fn event(kind: EventKind) -> Event {
        let kind = Some(kind);
        Event { at_ms: 0, kind }
    }

    #[test]
    fn every_kind_of_event_has_words() {
        let mut narrator = Narrator::default();
        let told = kinds().into_iter().map(|kind| {
            let line = narrator.line(&EventLine::new(0, &event(kind)));
            line.split_once("+0.000 s  ").unwrap().1.to_owned()
        });
        let words: Vec<_> = told.collect();
        let expected = [
            r#"started w with {"z":1,"a":2}"#,
            "activity check scheduled, up to 3 times, 5 s each, 1 min in all with 7",
            "activity check returned true",
            "actor TaskActor/task-1 called: Get with null",
            "actor TaskActor/task-1 Get failed: no line (busy)",
            "actor TaskActor/task-1 sent: Get with null",
            "actor TaskActor/task-1 sent for 1970-01-01T00:01:30.000Z: Get with null; it is message m",
            "message m taken back",
            "workflow child c-1 started with null",
            "workflow child c-1 completed with null",
            "workflow child started, detached, abandoned by its parent with null",
            r#"workflow child runs as "w:6""#,
            "published to topic news: [1]",
            "workflow child asked to stop",
            "workflow child shielded from a request to end",
            "asked to end",
            "suspended: why",
            "resumed",
            "continued as new with 2",
            "terminated",
            "timer of 1 min 30 s armed, due 1970-01-01T00:01:30.000Z",
            "timer of 1 min 30 s given up",
            "event approved awaited",
            r#"event Approved raised with "\u001b""#,
            "handle 9 returned 1",
            "goes the new way receipts",
            "value 19 recorded",
            "update u-1 accepted: add with 2",
            "update u-1 answered with 3",
            "completed",
            "failed: no line (busy)",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn times_count_from_the_first_event() {
        let mut narrator = Narrator::default();
        let at = |at_ms| Event {
            at_ms,
            kind: Some(EventKind::Completed(Completed {})),
        };
        assert_eq!(
            narrator.line(&EventLine::new(1, &at(5000))),
            "    1    +0.000 s  completed"
        );
        assert_eq!(
            narrator.line(&EventLine::new(2, &at(5250))),
            "    2    +0.250 s  completed"
        );
        let unknown = Event {
            at_ms: 5250,
            kind: None,
        };
        assert!(
            narrator
                .line(&EventLine::new(3, &unknown))
                .ends_with("something that a newer host recorded")
        );
    }

    #[test]
    fn programs_get_every_event_in_full() {
        let lines = kinds().into_iter().zip(1..).map(|(kind, number)| {
            let line = console::encode(&EventLine::new(number, &event(kind)));
            let (_, kind) = line
                .split_once(r#""at":"1970-01-01T00:00:00.000Z","#)
                .unwrap();
            kind.to_owned()
        });
        let component = "ab".repeat(32);
        let expected = [
            &format!(
                r#""kind":"started","name":"w","input":{{"z":1,"a":2}},"component":"{component}"}}"#
            ),
            r#""kind":"activity-scheduled","handle":1,"name":"check","input":7,"retry":{"max_attempts":3,"first_interval_ms":100,"coefficient":2.0,"max_interval_ms":1000,"jitter":0.5,"non_retryable":["sold-out"]},"timeout_ms":5000,"schedule_to_close_ms":60000}"#,
            r#""kind":"resolved","handle":1,"value":true}"#,
            r#""kind":"actor-call-scheduled","handle":2,"actor_type":"TaskActor","actor_id":"task-1","method":"Get","input":null}"#,
            r#""kind":"resolved","handle":2,"failure":{"code":"busy","message":"no line","retryable":true,"details":{"n":1}}}"#,
            r#""kind":"actor-message-sent","actor_type":"TaskActor","actor_id":"task-1","method":"Get","input":null}"#,
            r#""kind":"message-delayed","id":"m","actor_type":"TaskActor","actor_id":"task-1","method":"Get","input":null,"due":"1970-01-01T00:01:30.000Z"}"#,
            r#""kind":"message-taken-back","id":"m"}"#,
            r#""kind":"child-scheduled","handle":3,"name":"child","id":"c-1","input":null}"#,
            r#""kind":"resolved","handle":3,"value":null}"#,
            r#""kind":"child-scheduled","handle":6,"name":"child","id":null,"input":null,"detached":true,"parent_close":"abandon"}"#,
            r#""kind":"resolved","handle":6,"value":"w:6"}"#,
            r#""kind":"published","topic":"news","value":[1]}"#,
            r#""kind":"cancel-sent","handle":6}"#,
            r#""kind":"shielded","handle":6}"#,
            r#""kind":"cancel-requested","reason":""}"#,
            r#""kind":"suspended","reason":"why"}"#,
            r#""kind":"resumed"}"#,
            r#""kind":"continued-as-new","input":2}"#,
            r#""kind":"terminated","reason":""}"#,
            r#""kind":"timer-scheduled","handle":4,"duration_ms":90000,"due":"1970-01-01T00:01:30.000Z"}"#,
            r#""kind":"cancelled","handle":4}"#,
            r#""kind":"event-awaited","handle":5,"name":"approved"}"#,
            r#""kind":"event-raised","name":"Approved","value":"\u001b"}"#,
            r#""kind":"resolved","handle":9,"value":1}"#,
            r#""kind":"patched","name":"receipts"}"#,
            r#""kind":"value-recorded","value":19}"#,
            r#""kind":"update-accepted","id":"u-1","name":"add","input":2}"#,
            r#""kind":"update-completed","id":"u-1","value":3}"#,
            r#""kind":"completed"}"#,
            r#""kind":"failed","failure":{"code":"busy","message":"no line","retryable":true,"details":{"n":1}}}"#,
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_programs_are_shown_of_an_event_is_read_back_as_it_was() {
        let unknown = Event {
            at_ms: 0,
            kind: None,
        };
        for event in kinds().into_iter().map(event).chain([unknown]) {
            let line = console::encode(&EventLine::new(7, &event));
            let read: EventLine<'_> = serde_json::from_str(&line).unwrap();
            assert_eq!(console::encode(&read), line);
        }
    }

    #[test]
    fn an_event_that_lacks_something_is_no_event() {
        let line = r#"{"number":3,"at":"1970-01-01T00:00:00.000Z","kind":"patched"}"#;
        let error = serde_json::from_str::<EventLine<'_>>(line).unwrap_err();
        let words = "event 3 of the kind patched lacks a field";
        assert!(error.to_string().starts_with(words), "{error}");
    }
}

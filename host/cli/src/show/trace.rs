//! The trace: what happens in the runtime, told as it happens.
//!
//! Owns which happenings are told and in which words. A trace is written at once and by whoever caused it,
//! so that its order is the order of what happened; a terminal that does not take it holds the work up, as
//! it does for every program.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use host_api::json::{FailureReport, Raw, StallReport, level_name};
use host_base::{ActorKey, Outcome};
use host_engine::{LogLevel, WorkflowStatus};
use host_runtime::{Happening, Observer, Speaker, status_name};
use serde::Serialize;
use tokio::sync::watch;

use super::console::Console;
use super::{json, stall, text, time};

/// Characters of an output in the trace.
const EXCERPT_CHARS: usize = 120;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Only what nobody expects: many workflows run at once.
    Little,
    /// What a user wants to see.
    Normal,
    /// Debug lines as well.
    All,
}

/// Tells what happens.
pub(crate) struct Trace {
    console: Arc<Console>,
    detail: Detail,
    /// Workflows whose end is reported as a result.
    awaited: Mutex<HashSet<String>>,
    failed: AtomicBool,
    closed: watch::Sender<Option<String>>,
}

impl Trace {
    /// A trace on this console.
    pub(crate) fn new(console: Arc<Console>, detail: Detail) -> Trace {
        Trace {
            console,
            detail,
            awaited: Mutex::default(),
            failed: AtomicBool::new(false),
            closed: watch::Sender::new(None),
        }
    }

    /// From now on, this workflow's end is not told: somebody waits for it and reports it.
    pub(crate) fn leave_end_of(&self, id: &str) {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.insert(id.to_owned());
    }

    /// Whether any workflow has failed so far.
    pub(crate) fn saw_failure(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Waits until the store takes no more changes; says why it does not.
    pub(crate) async fn closed(&self) -> String {
        let mut closed = self.closed.subscribe();
        match closed.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(reason)) => reason.clone(),
            // The sender is ours and is held as long as we are.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    fn is_awaited(&self, id: &str) -> bool {
        let awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.contains(id)
    }

    fn remember(&self, happening: &Happening) {
        match happening {
            Happening::Closed { reason } => {
                self.closed.send_replace(Some(reason.clone()));
            }
            Happening::Ended {
                outcome: Err(_), ..
            } => self.failed.store(true, Ordering::Release),
            Happening::Ended { outcome: Ok(_), .. }
            | Happening::Said { .. }
            | Happening::Retrying { .. }
            | Happening::MessageFailed { .. }
            | Happening::Suspended { .. }
            | Happening::Resumed { .. }
            | Happening::ContinuedAsNew { .. }
            | Happening::HistoryLong { .. }
            | Happening::Stalled { .. } => {}
        }
    }

    fn is_told(&self, happening: &Happening) -> bool {
        match happening {
            Happening::Said { level, .. } => self.detail.covers(*level),
            Happening::Retrying { .. } => self.detail != Detail::Little,
            Happening::ContinuedAsNew { .. } => self.detail != Detail::Little,
            Happening::Ended { workflow, .. }
            | Happening::Suspended { workflow, .. }
            | Happening::Resumed { workflow }
            | Happening::Stalled { workflow, .. } => {
                self.detail != Detail::Little && !self.is_awaited(&workflow.id)
            }
            Happening::MessageFailed { .. } | Happening::HistoryLong { .. } => true,
            // The command that it ends reports it.
            Happening::Closed { .. } => false,
        }
    }
}

impl Observer for Trace {
    fn observe(&self, happening: Happening) {
        self.remember(&happening);
        if !self.is_told(&happening) {
            return;
        }
        if self.console.is_for_programs() {
            self.console.said(&Told::new(&happening));
        } else {
            self.console.say(&words(&happening));
        }
    }
}

impl Detail {
    fn covers(self, level: LogLevel) -> bool {
        match level {
            LogLevel::Debug => self == Detail::All,
            LogLevel::Info | LogLevel::Warn | LogLevel::Error => self != Detail::Little,
        }
    }
}

/// A happening for people: mostly a line.
fn words(happening: &Happening) -> String {
    let lines = match happening {
        Happening::Said {
            speaker,
            level,
            line,
        } => {
            format!("{} {}{line}", tag(speaker), level_word(*level))
        }
        Happening::Retrying {
            activity,
            attempt,
            max_attempts,
            wait,
            failure,
            workflow: _,
        } => {
            let wait = time::length(*wait);
            let of = match *max_attempts {
                u32::MAX => String::new(),
                max => format!(" of {max}"),
            };
            format!(
                "[Activity {activity}] attempt {attempt}{of} failed: {failure}; again in {wait}"
            )
        }
        Happening::MessageFailed {
            actor,
            method,
            failure,
        } => {
            format!("[Actor {actor}] {method} failed, and nobody waited for it: {failure}")
        }
        Happening::Ended {
            workflow,
            status,
            outcome,
        } => {
            format!("[Workflow {}] {}", workflow.id, ending(*status, outcome))
        }
        Happening::Suspended { workflow, reason } => match reason.as_str() {
            "" => format!("[Workflow {}] suspended", workflow.id),
            reason => format!("[Workflow {}] suspended: {reason}", workflow.id),
        },
        Happening::Resumed { workflow } => format!("[Workflow {}] resumed", workflow.id),
        Happening::ContinuedAsNew { workflow, run } => {
            format!("[Workflow {}] continues as run {run}", workflow.id)
        }
        Happening::HistoryLong {
            workflow,
            events,
            events_max,
        } => {
            let id = &workflow.id;
            format!(
                "[Workflow {id}] warning: its history has {events} events, and it fails at {events_max} \
                 (`history_events_max`); it should continue as new before"
            )
        }
        Happening::Stalled { workflow, stall } => {
            return stalled(&workflow.id, &stall::lines(&StallReport::new(stall)));
        }
        Happening::Closed { reason } => format!("the store takes no more changes: {reason}"),
    };
    text::printable(&lines)
}

fn stalled(id: &str, facts: &[String]) -> String {
    let facts = text::indented(facts);
    format!("[Workflow {id}] stalled: its code does not do what its history says\n{facts}")
}

fn tag(speaker: &Speaker) -> String {
    match speaker {
        Speaker::Workflow(key) => format!("[Workflow {}]", key.id),
        Speaker::Actor(key) => format!("[Actor {key}]"),
        Speaker::Activity { name, workflow: _ } => format!("[Activity {name}]"),
    }
}

fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug: ",
        LogLevel::Info => "",
        LogLevel::Warn => "warning: ",
        LogLevel::Error => "error: ",
    }
}

/// A level as a program reads it.
fn ending(status: WorkflowStatus, outcome: &Outcome) -> String {
    match outcome {
        Ok(output) => format!("completed with {}", json::excerpt(output, EXCERPT_CHARS)),
        Err(failure) => format!("{}: {failure}", status_name(status)),
    }
}

/// A happening for programs.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Told<'a> {
    Said {
        #[serde(flatten)]
        speaker: TellingSpeaker<'a>,
        level: &'static str,
        line: &'a str,
    },
    Retrying {
        activity: &'a str,
        workflow: &'a str,
        attempt: u32,
        max_attempts: u32,
        wait_ms: u128,
        failure: FailureReport<'a>,
    },
    MessageFailed {
        #[serde(flatten)]
        actor: TellingActor<'a>,
        method: &'a str,
        failure: FailureReport<'a>,
    },
    Ended {
        workflow: &'a str,
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<FailureReport<'a>>,
    },
    Stalled {
        workflow: &'a str,
        stall: StallReport<'a>,
    },
    Suspended {
        workflow: &'a str,
        reason: &'a str,
    },
    Resumed {
        workflow: &'a str,
    },
    ContinuedAsNew {
        workflow: &'a str,
        run: u32,
    },
    HistoryLong {
        workflow: &'a str,
        events: u64,
        events_max: u64,
    },
    Closed {
        reason: &'a str,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum TellingSpeaker<'a> {
    Workflow {
        workflow: &'a str,
    },
    Activity {
        activity: &'a str,
        workflow: &'a str,
    },
    Actor(TellingActor<'a>),
}

#[derive(Serialize)]
struct TellingActor<'a> {
    actor_type: &'a str,
    actor_id: &'a str,
}

impl<'a> Told<'a> {
    fn new(happening: &'a Happening) -> Told<'a> {
        match happening {
            Happening::Said {
                speaker,
                level,
                line,
            } => Told::Said {
                speaker: speaker.into(),
                level: level_name(*level),
                line,
            },
            Happening::Retrying {
                activity,
                workflow,
                attempt,
                max_attempts,
                wait,
                failure,
            } => Told::Retrying {
                activity,
                workflow: &workflow.id,
                attempt: *attempt,
                max_attempts: *max_attempts,
                wait_ms: wait.as_millis(),
                failure: FailureReport::new(failure),
            },
            Happening::MessageFailed {
                actor,
                method,
                failure,
            } => Told::MessageFailed {
                actor: actor.into(),
                method,
                failure: FailureReport::new(failure),
            },
            Happening::Ended {
                workflow,
                status,
                outcome,
            } => Told::ended(&workflow.id, *status, outcome),
            Happening::Stalled { workflow, stall } => Told::Stalled {
                workflow: &workflow.id,
                stall: StallReport::new(stall),
            },
            Happening::Suspended { workflow, reason } => Told::Suspended {
                workflow: &workflow.id,
                reason,
            },
            Happening::Resumed { workflow } => Told::Resumed {
                workflow: &workflow.id,
            },
            Happening::ContinuedAsNew { workflow, run } => Told::ContinuedAsNew {
                workflow: &workflow.id,
                run: *run,
            },
            Happening::HistoryLong {
                workflow,
                events,
                events_max,
            } => Told::HistoryLong {
                workflow: &workflow.id,
                events: *events,
                events_max: *events_max,
            },
            Happening::Closed { reason } => Told::Closed { reason },
        }
    }

    fn ended(workflow: &'a str, status: WorkflowStatus, outcome: &'a Outcome) -> Told<'a> {
        Told::Ended {
            workflow,
            status: status_name(status),
            output: outcome.as_ref().ok().map(|output| Raw::new(output)),
            failure: outcome.as_ref().err().map(FailureReport::new),
        }
    }
}

impl<'a> From<&'a Speaker> for TellingSpeaker<'a> {
    fn from(speaker: &'a Speaker) -> TellingSpeaker<'a> {
        match speaker {
            Speaker::Workflow(key) => TellingSpeaker::Workflow { workflow: &key.id },
            Speaker::Actor(key) => TellingSpeaker::Actor(key.into()),
            Speaker::Activity { name, workflow } => TellingSpeaker::Activity {
                activity: name,
                workflow: &workflow.id,
            },
        }
    }
}

impl<'a> From<&'a ActorKey> for TellingActor<'a> {
    fn from(key: &'a ActorKey) -> TellingActor<'a> {
        TellingActor {
            actor_type: &key.actor_type,
            actor_id: &key.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use host_base::{Failure, TenantId, WorkflowKey};
    use host_store::records::Stall;

    use super::*;
    use crate::show::console;

    fn workflow() -> WorkflowKey {
        WorkflowKey::new(TenantId::default(), "w-1").unwrap()
    }

    fn actor() -> ActorKey {
        ActorKey::new(TenantId::default(), "TaskActor", "task-1").unwrap()
    }

    fn activity() -> Speaker {
        Speaker::Activity {
            name: "validate_task".to_owned(),
            workflow: workflow(),
        }
    }

    fn said(speaker: Speaker, level: LogLevel, line: &str) -> Happening {
        let line = line.to_owned();
        Happening::Said {
            speaker,
            level,
            line,
        }
    }

    fn retrying() -> Happening {
        Happening::Retrying {
            activity: "x".to_owned(),
            workflow: workflow(),
            attempt: 1,
            max_attempts: 3,
            wait: Duration::from_secs(1),
            failure: Failure::transient("busy", "no line"),
        }
    }

    fn trace(detail: Detail) -> Trace {
        Trace::new(Arc::new(Console::default()), detail)
    }

    #[test]
    fn every_line_begins_with_who_said_it() {
        let cases = [
            (
                said(Speaker::Workflow(workflow()), LogLevel::Info, "Starting..."),
                "[Workflow w-1] Starting...",
            ),
            (
                said(activity(), LogLevel::Info, "Task valid"),
                "[Activity validate_task] Task valid",
            ),
            (
                said(Speaker::Actor(actor()), LogLevel::Warn, "late"),
                "[Actor TaskActor/task-1] warning: late",
            ),
            (
                said(activity(), LogLevel::Error, "\x1b[2Jno"),
                "[Activity validate_task] error: \\u{1b}[2Jno",
            ),
            (
                retrying(),
                "[Activity x] attempt 1 of 3 failed: no line (busy); again in 1 s",
            ),
        ];
        for (happening, line) in cases {
            assert_eq!(words(&happening), line);
        }
    }

    #[test]
    fn an_end_that_nobody_waits_for_is_told() {
        let ended = |status, outcome| Happening::Ended {
            workflow: workflow(),
            status,
            outcome,
        };
        assert_eq!(
            words(&ended(WorkflowStatus::Completed, Ok(b"[1, 2]".to_vec()))),
            "[Workflow w-1] completed with [1,2]"
        );
        let broken = Err(Failure::new("x", "broken"));
        let failed = ended(WorkflowStatus::Failed, broken.clone());
        assert_eq!(words(&failed), "[Workflow w-1] failed: broken (x)");
        let ended = ended(WorkflowStatus::Terminated, broken);
        assert_eq!(words(&ended), "[Workflow w-1] terminated: broken (x)");
        let trace = trace(Detail::Normal);
        assert!(trace.is_told(&failed));
        trace.leave_end_of("w-1");
        assert!(!trace.is_told(&failed));
    }

    #[test]
    fn a_stall_is_told_with_both_sides() {
        let stall = Stall {
            event: 3,
            history: "timer".to_owned(),
            asked: "activity a".to_owned(),
            ..Stall::default()
        };
        let happening = Happening::Stalled {
            workflow: workflow(),
            stall,
        };
        let expected = "[Workflow w-1] stalled: its code does not do what its history says\n  event    3\n  \
             history  timer\n  code     activity a\n  of       component unknown";
        assert_eq!(words(&happening), expected);
    }

    #[test]
    fn debug_lines_are_for_those_who_ask_and_many_workflows_are_told_of_little() {
        let debug = said(activity(), LogLevel::Debug, "x");
        let info = said(activity(), LogLevel::Info, "x");
        let told = |happening| {
            [Detail::Little, Detail::Normal, Detail::All]
                .map(|detail| trace(detail).is_told(happening))
        };
        assert_eq!(told(&debug), [false, false, true]);
        assert_eq!(told(&info), [false, true, true]);
        assert_eq!(told(&retrying()), [false, true, true]);
    }

    #[test]
    fn programs_get_every_fact_by_name() {
        let line = |happening: &Happening| console::encode(&Told::new(happening));
        assert_eq!(
            line(&said(activity(), LogLevel::Info, "hi")),
            r#"{"type":"said","activity":"validate_task","workflow":"w-1","level":"info","line":"hi"}"#
        );
        assert_eq!(
            line(&said(Speaker::Actor(actor()), LogLevel::Warn, "hi")),
            r#"{"type":"said","actor_type":"TaskActor","actor_id":"task-1","level":"warn","line":"hi"}"#
        );
        assert_eq!(
            line(&retrying()),
            r#"{"type":"retrying","activity":"x","workflow":"w-1","attempt":1,"max_attempts":3,"wait_ms":1000,"failure":{"code":"busy","message":"no line","retryable":true}}"#
        );
        let ended = Happening::Ended {
            workflow: workflow(),
            status: WorkflowStatus::Completed,
            outcome: Ok(b"{\"b\":1,\"a\":2}".to_vec()),
        };
        assert_eq!(
            line(&ended),
            r#"{"type":"ended","workflow":"w-1","status":"completed","output":{"b":1,"a":2}}"#
        );
    }
}

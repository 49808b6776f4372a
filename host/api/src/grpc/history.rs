//! A history as its clients read it: of each event what they have a word for; other events are left out.
//!
//! Pure. Calls of actors are shown as activities, which is what makes them in Dapr. What is scheduled has the number
//! of its event in the history, which its result names; other events have none.

use std::collections::HashMap;

use host_base::{Failure, Outcome, Timestamp};
use host_runtime::WorkflowView;
use host_runtime::records::{
    ActorCallScheduled, ChildScheduled, Event, EventKind, OutcomeKind, OutcomeRecord, Resolved,
    Started,
};
use host_runtime::workflow::child_id;

use super::messages::{
    Carried, ChildCreated, DetachedCreated, EventRaised, EventSent, ExecutionCompleted,
    ExecutionStalled, ExecutionStarted, FailureOf, HistoryEvent, Kind, ResultOf, TaskScheduled,
    TimerCreated, TimerFired, WorkflowInstance,
};
use super::state::{self, moment, text};

/// What has no number.
const NONE: i32 = -1;

/// Tells a run's history from its first event on.
pub(super) struct Narrator<'a> {
    view: &'a WorkflowView,
    scheduled: HashMap<u32, Scheduled>,
}

/// What a handle stands for: by which number, and what it is.
#[derive(Clone, Copy)]
struct Scheduled {
    number: i32,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Task,
    Child,
    /// When it is due.
    Timer(Timestamp),
}

impl<'a> Narrator<'a> {
    pub(super) fn new(view: &'a WorkflowView) -> Narrator<'a> {
        let scheduled = HashMap::new();
        Narrator { view, scheduled }
    }

    /// The next event, where there is a word for it.
    pub(super) fn event(&mut self, number: u64, event: Event) -> Option<HistoryEvent> {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let (event_id, kind) = self.told(number, event.kind?)?;
        Some(HistoryEvent {
            event_id,
            at: Some(moment(Timestamp(event.at_ms))),
            kind: Some(kind),
        })
    }

    /// That it stalls, where it does: it is no event of the history, because it may go on as if it never had.
    pub(super) fn stall(&self) -> Option<HistoryEvent> {
        let stall = self.view.stall.as_ref()?;
        let description = format!(
            "event {} of the history is {}, and the code asks for {}",
            stall.event, stall.history, stall.asked
        );
        Some(HistoryEvent {
            event_id: NONE,
            at: Some(moment(self.view.updated)),
            kind: Some(Kind::Stalled(ExecutionStalled {
                description: Some(description),
            })),
        })
    }

    fn told(&mut self, number: i32, kind: EventKind) -> Option<(i32, Kind)> {
        let told = match kind {
            EventKind::Started(started) => self.started(*started),
            EventKind::ActivityScheduled(one) => {
                self.schedule(one.handle, number, What::Task);
                return Some((number, task(one.name, &one.input)));
            }
            EventKind::ActorCallScheduled(call) => {
                self.schedule(call.handle, number, What::Task);
                let name = format!("{}/{}", actor(&call), call.method);
                return Some((number, task(name, &call.input)));
            }
            EventKind::ChildScheduled(child) => return Some((number, self.child(number, child))),
            EventKind::TimerScheduled(timer) => {
                let due = Timestamp(timer.due_ms);
                self.schedule(timer.handle, number, What::Timer(due));
                let fire_at = Some(moment(due));
                return Some((number, Kind::TimerCreated(TimerCreated { fire_at })));
            }
            EventKind::ActorMessageSent(message) => sent(message),
            EventKind::MessageDelayed(message) => sent(message.call?),
            EventKind::Resolved(resolved) => self.resolved(resolved)?,
            EventKind::EventRaised(raised) => Kind::EventRaised(EventRaised {
                name: raised.name,
                input: text(&raised.value),
            }),
            EventKind::Completed(_) | EventKind::Failed(_) => self.ended(),
            EventKind::Terminated(why) => Kind::Terminated(carried(why.reason.as_bytes())),
            EventKind::ContinuedAsNew(one) => Kind::ContinuedAsNew(carried(&one.input)),
            EventKind::Suspended(why) => Kind::Suspended(carried(why.reason.as_bytes())),
            EventKind::Resumed(_) => Kind::Resumed(carried(b"")),
            EventKind::EventAwaited(_)
            | EventKind::Cancelled(_)
            | EventKind::CancelRequested(_)
            | EventKind::CancelSent(_)
            | EventKind::Shielded(_)
            | EventKind::UpdateAccepted(_)
            | EventKind::UpdateCompleted(_)
            | EventKind::Patched(_)
            | EventKind::ValueRecorded(_)
            | EventKind::Published(_)
            | EventKind::Subscribed(_)
            | EventKind::Unsubscribed(_)
            | EventKind::MessageTakenBack(_) => return None,
        };
        Some((NONE, told))
    }

    fn schedule(&mut self, handle: u32, number: i32, what: What) {
        self.scheduled.insert(handle, Scheduled { number, what });
    }

    fn started(&self, started: Started) -> Kind {
        let instance = WorkflowInstance {
            instance_id: self.view.key.id.clone(),
            execution_id: Some(self.view.run.to_string()),
        };
        Kind::Started(ExecutionStarted {
            name: started.name,
            input: text(&started.input),
            instance: Some(instance),
        })
    }

    fn child(&mut self, number: i32, child: ChildScheduled) -> Kind {
        let instance_id = child_id(&self.view.key.id, child.id.as_deref(), child.handle);
        if child.detached {
            return Kind::DetachedCreated(DetachedCreated { instance_id });
        }
        self.schedule(child.handle, number, What::Child);
        Kind::ChildCreated(ChildCreated {
            instance_id,
            name: child.name,
            input: text(&child.input),
        })
    }

    /// What came of something that was scheduled. An event that was awaited is told when it is raised, and a
    /// detached child with its creation.
    fn resolved(&mut self, resolved: Resolved) -> Option<Kind> {
        let Scheduled { number, what } = self.scheduled.remove(&resolved.handle)?;
        let outcome = outcome(resolved.outcome);
        Some(match (what, outcome) {
            (What::Timer(due), _) => Kind::TimerFired(TimerFired {
                fire_at: Some(moment(due)),
                timer_id: number,
            }),
            (What::Task, Ok(value)) => Kind::TaskCompleted(result(number, &value)),
            (What::Task, Err(failure)) => Kind::TaskFailed(failed(number, &failure)),
            (What::Child, Ok(value)) => Kind::ChildCompleted(result(number, &value)),
            (What::Child, Err(failure)) => Kind::ChildFailed(failed(number, &failure)),
        })
    }

    fn ended(&self) -> Kind {
        let (result, failure) = state::ended_with(self.view.outcome.as_ref());
        Kind::Completed(ExecutionCompleted {
            status: state::status(self.view.status).into(),
            result,
            failure,
        })
    }
}

fn outcome(record: Option<OutcomeRecord>) -> Outcome {
    match record.and_then(|outcome| outcome.kind) {
        Some(OutcomeKind::Value(value)) => Ok(value),
        Some(OutcomeKind::Failure(failure)) => Err(Failure::from(*failure)),
        None => Ok(Vec::new()),
    }
}

fn task(name: String, input: &[u8]) -> Kind {
    let input = text(input);
    Kind::TaskScheduled(TaskScheduled { name, input })
}

fn sent(message: ActorCallScheduled) -> Kind {
    Kind::EventSent(EventSent {
        instance_id: actor(&message),
        input: text(&message.input),
        name: message.method,
    })
}

fn actor(call: &ActorCallScheduled) -> String {
    format!("{}/{}", call.actor_type, call.actor_id)
}

fn carried(input: &[u8]) -> Carried {
    Carried { input: text(input) }
}

fn result(scheduled_id: i32, value: &[u8]) -> ResultOf {
    ResultOf {
        scheduled_id,
        result: text(value),
    }
}

fn failed(scheduled_id: i32, failure: &Failure) -> FailureOf {
    FailureOf {
        scheduled_id,
        failure: Some(state::details(failure)),
    }
}

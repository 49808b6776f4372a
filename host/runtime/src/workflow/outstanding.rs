//! What an instance has asked for and not received, as far as something must be done about it when it ends.
//!
//! Follows the events of a history; knows nothing of the store.

use host_base::Timestamp;
use host_store::records::{ChildScheduled, EventKind, OutcomeKind, ParentClose, Resolved};

use crate::handles::{HandleMap, HandleSet};

use crate::workflow::commands::handle_of;

/// Handles whose activity or timer has rows in the store, or whose child may run.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    handles: HandleMap<Kind>,
    /// Those that a request to end does not reach.
    shielded: HandleSet,
}

/// What stands behind a handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A task.
    Activity,
    /// A timer that is due then.
    Timer(Timestamp),
    /// Another workflow.
    Child(Box<RunningChild>),
}

/// A child that has not ended, as far as its parent knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunningChild {
    /// The id that was asked for.
    pub(crate) id: Option<String>,
    /// Whether its end is not told to the parent.
    pub(crate) detached: bool,
    /// What becomes of it when its parent ends.
    pub(crate) close: ParentClose,
}

impl Kind {
    /// What a command leaves in the store until its result arrives; an actor's call leaves nothing.
    fn asked_for(command: &EventKind) -> Option<Kind> {
        match command {
            EventKind::ActivityScheduled(_) => Some(Kind::Activity),
            EventKind::TimerScheduled(one) => Some(Kind::Timer(Timestamp(one.due_ms))),
            EventKind::ChildScheduled(one) => Some(Kind::Child(RunningChild::of(one))),
            _ => None,
        }
    }
}

impl RunningChild {
    fn of(child: &ChildScheduled) -> Box<RunningChild> {
        Box::new(RunningChild {
            id: child.id.clone(),
            detached: child.detached,
            close: child.parent_close(),
        })
    }
}

impl Outstanding {
    /// Follows an event; returns the timer that it gives up, if it gives one up.
    pub(crate) fn follow(&mut self, kind: &EventKind) -> Option<(u32, Timestamp)> {
        match kind {
            EventKind::Resolved(one) => self.resolve(one),
            EventKind::Shielded(one) => {
                if self.handles.contains_key(&one.handle) {
                    self.shielded.insert(one.handle);
                }
            }
            EventKind::Cancelled(one) => return self.give_up(one.handle),
            other => {
                let asked = handle_of(other).zip(Kind::asked_for(other));
                self.handles.extend(asked);
            }
        }
        None
    }

    /// What has its result is not outstanding; a detached child runs on when it is started.
    fn resolve(&mut self, resolved: &Resolved) {
        let detached = match self.handles.get(&resolved.handle) {
            Some(Kind::Child(child)) => child.detached,
            Some(Kind::Activity | Kind::Timer(_)) | None => false,
        };
        let outcome = resolved.outcome.as_ref();
        let kind = outcome.and_then(|outcome| outcome.kind.as_ref());
        if !detached || matches!(kind, Some(OutcomeKind::Failure(_))) {
            self.handles.remove(&resolved.handle);
            self.shielded.remove(&resolved.handle);
        }
    }

    /// What stands behind a handle, if that has not ended.
    pub(crate) fn of(&self, handle: u32) -> Option<&Kind> {
        self.handles.get(&handle)
    }

    /// All that has not ended and that a request to end reaches, in the order of the handles: a turn does the
    /// same whenever it is run.
    pub(crate) fn unshielded(&self) -> Vec<(u32, Kind)> {
        let reached = |handle: &u32| !self.shielded.contains(handle);
        let reached = self.handles.iter().filter(|(handle, _)| reached(handle));
        let mut all: Vec<_> = reached
            .map(|(handle, kind)| (*handle, kind.clone()))
            .collect();
        all.sort_by_key(|(handle, _)| *handle);
        all
    }

    /// An activity and a child run on when they are given up, and an activity's task stays until it has ended.
    fn give_up(&mut self, handle: u32) -> Option<(u32, Timestamp)> {
        match self.handles.get(&handle) {
            Some(Kind::Timer(due)) => {
                let due = *due;
                self.handles.remove(&handle);
                Some((handle, due))
            }
            Some(Kind::Activity | Kind::Child(_)) | None => None,
        }
    }

    /// All that is left, which is nobody's any more.
    pub(crate) fn drain(&mut self) -> Vec<(u32, Kind)> {
        let mut all: Vec<_> = self.handles.drain().collect();
        all.sort_by_key(|(handle, _)| *handle);
        all
    }
}

#[cfg(test)]
mod tests {
    use host_base::{Failure, Outcome};
    use host_store::records::{ActivityScheduled, Cancelled, TimerScheduled};

    use super::*;

    fn timer(handle: u32, due_ms: u64) -> EventKind {
        EventKind::TimerScheduled(TimerScheduled {
            handle,
            due_ms,
            ..TimerScheduled::default()
        })
    }

    fn activity(handle: u32) -> EventKind {
        EventKind::ActivityScheduled(ActivityScheduled {
            handle,
            ..ActivityScheduled::default()
        })
    }

    #[test]
    fn a_timer_that_is_given_up_is_named_and_an_activity_stays() {
        let mut outstanding = Outstanding::default();
        outstanding.follow(&timer(1, 7));
        outstanding.follow(&activity(2));
        let cancel = |handle| EventKind::Cancelled(Cancelled { handle });
        assert_eq!(outstanding.follow(&cancel(1)), Some((1, Timestamp(7))));
        assert_eq!(outstanding.follow(&cancel(2)), None);
        assert_eq!(outstanding.drain(), [(2, Kind::Activity)]);
    }

    #[test]
    fn a_request_to_end_does_not_reach_what_is_shielded() {
        let mut outstanding = Outstanding::default();
        outstanding.follow(&activity(1));
        outstanding.follow(&activity(2));
        outstanding.follow(&EventKind::Shielded(Cancelled { handle: 1 }));
        assert_eq!(outstanding.unshielded(), [(2, Kind::Activity)]);
    }

    #[test]
    fn what_has_its_result_is_not_outstanding() {
        let mut outstanding = Outstanding::default();
        outstanding.follow(&activity(1));
        outstanding.follow(&EventKind::Resolved(Resolved {
            handle: 1,
            outcome: None,
        }));
        assert_eq!(outstanding.drain(), []);
    }

    #[test]
    fn a_detached_child_runs_on_when_it_is_started_and_not_when_it_was_refused() {
        let started = |outcome: Outcome| {
            let mut outstanding = Outstanding::default();
            outstanding.follow(&EventKind::ChildScheduled(ChildScheduled {
                handle: 1,
                detached: true,
                ..ChildScheduled::default()
            }));
            outstanding.follow(&EventKind::Resolved(Resolved {
                handle: 1,
                outcome: Some(outcome.into()),
            }));
            outstanding.drain().len()
        };
        assert_eq!(started(Ok(Vec::new())), 1);
        assert_eq!(started(Err(Failure::new("already-exists", "no"))), 0);
    }
}

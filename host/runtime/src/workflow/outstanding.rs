//! What an instance has asked for and not received, as far as something must be undone when it ends.
//!
//! Follows the events of a history; knows nothing of the store.

use std::collections::HashMap;

use host_base::Timestamp;
use host_store::records::EventKind;

/// Handles whose activity or timer has rows in the store.
#[derive(Debug, Default)]
pub(crate) struct Outstanding(HashMap<u32, Kind>);

/// What has rows in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A task.
    Activity,
    /// A timer that is due then.
    Timer(Timestamp),
}

impl Outstanding {
    /// Follows an event; returns the timer that it gives up, if it gives one up.
    pub(crate) fn follow(&mut self, kind: &EventKind) -> Option<(u32, Timestamp)> {
        match kind {
            EventKind::ActivityScheduled(one) => {
                self.0.insert(one.handle, Kind::Activity);
            }
            EventKind::TimerScheduled(one) => {
                let due = Timestamp(one.due_ms);
                self.0.insert(one.handle, Kind::Timer(due));
            }
            EventKind::Resolved(one) => {
                self.0.remove(&one.handle);
            }
            EventKind::Cancelled(one) => return self.give_up(one.handle),
            EventKind::Started(_)
            | EventKind::ActorCallScheduled(_)
            | EventKind::ChildScheduled(_)
            | EventKind::EventAwaited(_)
            | EventKind::ActorMessageSent(_)
            | EventKind::EventRaised(_)
            | EventKind::UpdateAccepted(_)
            | EventKind::UpdateCompleted(_)
            | EventKind::Completed(_)
            | EventKind::Failed(_) => {}
        }
        None
    }

    /// An activity runs on when it is given up, and its task stays until it has ended.
    fn give_up(&mut self, handle: u32) -> Option<(u32, Timestamp)> {
        match self.0.get(&handle) {
            Some(Kind::Timer(due)) => {
                let due = *due;
                self.0.remove(&handle);
                Some((handle, due))
            }
            Some(Kind::Activity) | None => None,
        }
    }

    /// All that is left, which is nobody's any more.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (u32, Kind)> + '_ {
        self.0.drain()
    }
}

#[cfg(test)]
mod tests {
    use host_store::records::{ActivityScheduled, Cancelled, Resolved, TimerScheduled};

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
        let left: Vec<_> = outstanding.drain().collect();
        assert_eq!(left, [(2, Kind::Activity)]);
    }

    #[test]
    fn what_has_its_result_is_not_outstanding() {
        let mut outstanding = Outstanding::default();
        outstanding.follow(&activity(1));
        outstanding.follow(&EventKind::Resolved(Resolved {
            handle: 1,
            outcome: None,
        }));
        assert_eq!(outstanding.drain().count(), 0);
    }
}

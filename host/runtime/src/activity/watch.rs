//! Watches over one attempt while it runs: says when it must stop, and writes what its heartbeats say.
//!
//! Knows nothing of what follows from a stop.

use std::time::Duration;

use host_base::Failure;
use host_base::failure::code;
use host_store::Batch;
use tokio::time::Instant;

use crate::activity::retry::Options;
use crate::activity::under_way::UnderWay;
use crate::core::Core;
use crate::effect::ActivityJob;

/// A heartbeat's details are written no more often than this, however often an activity reports.
const HEARTBEAT_WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// What stands for never: the timer wheel knows no later time, and no attempt runs so long.
pub(crate) const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One attempt that runs.
pub(crate) struct Watch<'a> {
    core: &'a Core,
    job: &'a ActivityJob,
    options: &'a Options,
    shared: &'a UnderWay,
    begun: Instant,
    /// By when the attempt must have ended, and whether that is for all of it.
    end: (Instant, bool),
    /// When details may be written next.
    write: Instant,
    /// By when an attempt that was asked to stop must have done so.
    grace_ends: Option<Instant>,
}

/// Why the watch wakes.
enum Why {
    Ends,
    SkippedBeat,
    GraceEnds,
    Writes,
}

impl<'a> Watch<'a> {
    /// The attempt begins now.
    pub(crate) fn new(
        core: &'a Core,
        job: &'a ActivityJob,
        options: &'a Options,
        shared: &'a UnderWay,
    ) -> Watch<'a> {
        let (begun, now) = (Instant::now(), core.clock.now());
        let deadline = options.deadline(job.scheduled);
        let left = deadline.map(|deadline| deadline.since(now));
        let end = match left {
            Some(left) if left <= options.timeout => (after(begun, left), true),
            _ => (after(begun, options.timeout), false),
        };
        Watch {
            core,
            job,
            options,
            shared,
            begun,
            end,
            write: begun,
            grace_ends: None,
        }
    }

    /// Waits until the attempt must stop, and says why.
    pub(crate) async fn until_it_must_stop(mut self) -> Failure {
        loop {
            if self.shared.is_cancelled() && self.grace_ends.is_none() {
                let limits = self.core.limits_of(&self.job.task.workflow.tenant);
                let grace = limits.activity_cancel_grace;
                self.grace_ends = Some(after(Instant::now(), grace));
            }
            let unwritten = self.shared.has_unwritten();
            let (at, why) = self.next(unwritten);
            let asked = self.grace_ends.is_some();
            let seen =
                || self.shared.has_unwritten() != unwritten || self.shared.is_cancelled() != asked;
            let news = tokio::time::timeout_at(at, self.shared.news(seen)).await;
            if news.is_ok() {
                continue;
            }
            match why {
                Why::Ends => return self.too_long(),
                Why::GraceEnds => return cancelled(&self.job.name),
                Why::Writes => self.write_details().await,
                Why::SkippedBeat if self.has_skipped_a_beat() => return self.silent(),
                Why::SkippedBeat => {}
            }
        }
    }

    /// What comes next, and when.
    fn next(&self, unwritten: bool) -> (Instant, Why) {
        let ends = Some((self.end.0, Why::Ends));
        let beat = self.next_beat().map(|at| (at, Why::SkippedBeat));
        let grace = self.grace_ends.map(|at| (at, Why::GraceEnds));
        let write = unwritten.then_some((self.write, Why::Writes));
        let all = [ends, beat, grace, write].into_iter().flatten();
        let first = all.min_by_key(|(at, _)| *at);
        first.expect("an attempt always has an end")
    }

    /// By when the next heartbeat must come.
    fn next_beat(&self) -> Option<Instant> {
        let last = self.shared.last_beat().unwrap_or(self.begun);
        Some(after(last, self.options.heartbeat_timeout?))
    }

    fn has_skipped_a_beat(&self) -> bool {
        self.next_beat().is_some_and(|beat| beat <= Instant::now())
    }

    /// The task is written by nobody else while the attempt runs.
    async fn write_details(&mut self) {
        self.write = Instant::now() + HEARTBEAT_WRITE_INTERVAL;
        let heartbeat = self.shared.write_details();
        let mut task = self.job.task_row();
        task.heartbeat = heartbeat;
        let mut batch = Batch::new();
        batch.put_task(&self.job.task, &task);
        self.core.commit(batch, Vec::new()).await;
    }

    fn too_long(&self) -> Failure {
        let (Options { timeout, .. }, name) = (self.options, &self.job.name);
        if self.end.1 {
            return self.options.too_late(name, self.job.last_failure.clone());
        }
        let text = format!("activity {name} took longer than its {timeout:?}");
        Failure::transient(code::TIMEOUT, text)
    }

    fn silent(&self) -> Failure {
        let limit = self.options.heartbeat_timeout.unwrap_or_default();
        let name = &self.job.name;
        let text = format!("activity {name} gave no heartbeat for its {limit:?}");
        Failure::transient(code::TIMEOUT, text)
    }
}

/// The activity stops because it was asked to.
pub(crate) fn cancelled(activity: &str) -> Failure {
    let text = format!("activity {activity} was asked to stop");
    Failure::new(code::CANCELLED, text)
}

fn after(instant: Instant, duration: Duration) -> Instant {
    instant + duration.min(NEVER)
}

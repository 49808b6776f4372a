//! What lies in the data directory and has not ended: going on with it, counting it, waiting for it.
//!
//! Knows nothing of how it came there.

use std::time::Duration;

use host_base::WorkflowKey;
use host_runtime::{Unfinished, WorkflowView};

use super::{Ending, Session};
use crate::exit::{self, Exit, Problem};
use crate::show::text::count;

/// How often something is looked for that nobody tells.
const LOOK: Duration = Duration::from_millis(5);
/// Workflows that are read at once.
const PAGE: usize = 1000;

impl Session {
    /// Goes on with what is unfinished, and says so.
    pub(crate) async fn resume(&self) -> Result<Unfinished, Problem> {
        let unfinished = self.runtime.resume().await?;
        if let Some(note) = resuming(unfinished, &self.data.display().to_string()) {
            self.console.note(&note);
        }
        Ok(unfinished)
    }

    /// Says how much is left behind.
    pub(crate) fn tell_unfinished(&self) -> Result<(), Problem> {
        let unfinished = self.runtime.unfinished()?;
        if let Some(note) = kept(unfinished.all(), &self.data.display().to_string()) {
            self.console.note(&note);
        }
        Ok(())
    }

    /// Waits until nothing runs any more; tells whether all of it ended well.
    pub(crate) async fn wait_for_all(&self) -> Ending {
        let mut exit = Exit::Done;
        for batch in self.runtime.batches(&self.tenant)? {
            // One that has ended is there at once.
            let ended = self.runtime.wait_for_batch(&self.tenant, &batch.id);
            ended.await?;
        }
        loop {
            // First: whatever a schedule starts later, it starts because something waits now.
            let waits = self.schedule_waits()?;
            let active = self.runtime.some_active(&self.tenant, PAGE)?;
            if active.is_empty() {
                if !waits {
                    break;
                }
                // The next of its times is met when what it waits for is known to have ended.
                tokio::time::sleep(LOOK).await;
            }
            for key in active {
                let view = self.runtime.wait_for_workflow(&key).await?;
                exit = view.map_or(exit, |view| exit.or(exit::of(view.status)));
            }
        }
        // Those that began and ended since the last look were seen by the trace alone.
        let failed = self.trace.saw_failure() || self.runtime.unfinished()?.stalled > 0;
        Ok(if failed { Exit::Failed } else { exit })
    }

    /// Whether times of a schedule wait for a workflow that has ended, or goes on by itself.
    fn schedule_waits(&self) -> Result<bool, Problem> {
        for one in self.runtime.schedules(&self.tenant)? {
            if !one.has_waiting() {
                continue;
            }
            let key = WorkflowKey::new(self.tenant.clone(), one.schedule.running).ok();
            let last = key.map(|key| self.runtime.workflow(&key)).transpose()?;
            let rests = |last: &WorkflowView| last.stall.is_some() || last.suspension.is_some();
            if !last.flatten().as_ref().is_some_and(rests) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn resuming(unfinished: Unfinished, data: &str) -> Option<String> {
    let resting = [
        (unfinished.stalled, "stalled"),
        (unfinished.suspended, "suspended"),
    ];
    let resting = resting.into_iter().filter(|(number, _)| *number > 0);
    let resting: Vec<_> = resting
        .map(|(number, how)| format!("{number} of them {how}"))
        .collect();
    let these = count(unfinished.all(), "unfinished workflow");
    if unfinished.all() == 0 {
        return None;
    }
    let facts = [vec![format!("Resuming {these} in {data}")], resting].concat();
    Some(facts.join(", "))
}

fn kept(number: usize, data: &str) -> Option<String> {
    let go_on = "\"host resume\" goes on with";
    match number {
        0 => None,
        1 => Some(format!(
            "1 workflow is unfinished and kept in {data}; {go_on} it"
        )),
        _ => Some(format!(
            "{number} workflows are unfinished and kept in {data}; {go_on} them"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_resumed_is_counted() {
        let of = |pending, running, stalled, suspended| {
            let unfinished = Unfinished {
                pending,
                running,
                stalled,
                suspended,
            };
            resuming(unfinished, ".host")
        };
        assert_eq!(of(0, 0, 0, 0), None);
        assert_eq!(
            of(1, 0, 0, 0).unwrap(),
            "Resuming 1 unfinished workflow in .host"
        );
        assert_eq!(
            of(1, 2, 0, 0).unwrap(),
            "Resuming 3 unfinished workflows in .host"
        );
        assert_eq!(
            of(0, 1, 1, 2).unwrap(),
            "Resuming 4 unfinished workflows in .host, 1 of them stalled, 2 of them suspended"
        );
    }

    #[test]
    fn what_is_left_behind_is_counted() {
        assert_eq!(kept(0, ".host"), None);
        assert_eq!(
            kept(1, ".host").unwrap(),
            "1 workflow is unfinished and kept in .host; \"host resume\" goes on with it"
        );
        assert!(
            kept(2, ".host")
                .unwrap()
                .starts_with("2 workflows are unfinished")
        );
    }
}

//! Continuing as new: how a run ends that goes on as another one, and when it should.

use std::cell::Cell;

use super::{InputOf, MarkedAsWorkflow, Workflow, WorkflowContext, input_of};
use crate::Failure;
use crate::bindings::durable::plugin::workflow as host;

/// The code of the failure that a body ends with to go on as a new run.
const CONTINUED_AS_NEW: &str = "continued-as-new";

thread_local! {
    /// Whether the body, which is the only one of its guest, has asked for it: a step may fail with the code by
    /// itself.
    static CONTINUES: Cell<bool> = const { Cell::new(false) };
}

impl WorkflowContext {
    /// Ends this run and begins the next one of this workflow, under the same id, with this input and an
    /// empty history: what a workflow that goes on for ever does now and then. To be returned at once.
    ///
    /// Events that no wait has taken go over to the next run; so does whoever waits for the workflow's end.
    /// What is outstanding is given up.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn check(round: u32) -> bool { round > 0 }
    /// /// Checks every minute, for ever.
    /// #[workflow]
    /// async fn monitor(ctx: WorkflowContext, rounds: u32) -> Result<u32, Failure> {
    ///     let mut round = rounds;
    ///     while !ctx.continue_as_new_suggested() {
    ///         ctx.activity(check, round).await?;
    ///         ctx.sleep(Duration::from_mins(1)).await;
    ///         round += 1;
    ///     }
    ///     ctx.continue_as_new(monitor, round)
    /// }
    /// # guest_sdk::export! { workflows: [monitor], activities: [check] }
    /// ```
    ///
    /// # Errors
    /// Always: the failure ends the body, and is not what the workflow ends with.
    ///
    /// # Panics
    /// The workflow is another one than the one that runs.
    pub fn continue_as_new<N: MarkedAsWorkflow, T>(
        &self,
        _workflow: N,
        input: InputOf<N>,
    ) -> Result<T, Failure> {
        let (next, name) = (N::Workflow::NAME, self.info().name);
        assert_eq!(next, name, "a workflow continues as itself");
        host::continue_as_new(&input_of(next, &input));
        CONTINUES.set(true);
        let text = format!("workflow `{name}` continues as new");
        Err(Failure::new(CONTINUED_AS_NEW, text))
    }

    /// How many events the history of this run has, as far as the body has come.
    pub fn history_events(&self) -> u64 {
        host::history().events
    }

    /// Whether the history is so long that the workflow should continue as new soon: at the host's limit, it
    /// fails. See [`continue_as_new`](Self::continue_as_new).
    pub fn continue_as_new_suggested(&self) -> bool {
        host::history().continue_as_new_suggested
    }
}

/// Whether a failure only says that the workflow goes on as a new run.
pub(crate) fn continues_as_new(failure: &Failure) -> bool {
    CONTINUES.get() && failure.code == CONTINUED_AS_NEW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_with_the_code_by_itself_does_not_continue_as_new() {
        let failure = Failure::new(CONTINUED_AS_NEW, "says a partner");
        assert!(!continues_as_new(&failure));
        CONTINUES.set(true);
        assert!(continues_as_new(&failure));
    }
}

//! What a workflow has done for it, as a future.
//!
//! Each future is lazy: polling it for the first time issues the command, and its handle's slot says when it
//! is complete. Must not know the kinds of commands.

use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::future::FusedFuture;

use crate::bindings::durable::plugin::workflow as host;
use crate::executor::{Handle, Outcome, Slots};
use crate::scopes::is_undoing;

/// Something that the host is to do for a workflow. Every kind comes from a method of
/// [`WorkflowContext`](crate::WorkflowContext).
pub trait Command: Unpin + private::Sealed {
    /// What comes of it.
    type Output;

    /// Whether it can be asked to stop.
    #[doc(hidden)]
    const STOPPABLE: bool = false;

    #[doc(hidden)]
    fn schedule(&mut self) -> Handle;

    #[doc(hidden)]
    fn finish(&self, outcome: Outcome) -> Self::Output;
}

pub(super) mod private {
    /// Keeps the kinds of commands in this crate.
    pub trait Sealed {}
}

/// Something that the host will do once this future is polled. It has methods to say how.
///
/// Dropped while it waits, it gives up its interest: a timer is disarmed and a wait for an event gives up
/// its place; anything else runs on, and its result is dropped.
#[must_use = "nothing happens before it is awaited or scheduled"]
pub struct Call<C: Command> {
    slots: Rc<Slots>,
    state: State,
    pub(super) command: C,
    shielded: bool,
}

enum State {
    New,
    Waiting(Handle),
    Finished,
}

impl<C: Command> Call<C> {
    /// Nothing has happened yet.
    pub(super) fn new(slots: Rc<Slots>, command: C) -> Self {
        Self {
            slots,
            state: State::New,
            command,
            shielded: false,
        }
    }

    /// The same call of another command.
    ///
    /// # Panics
    /// It was awaited, so that the host does what the former command says.
    pub(super) fn replaced<D: Command>(&self, command: D) -> Call<D> {
        assert!(
            matches!(self.state, State::New),
            "what was awaited has begun: detach it before"
        );
        Call {
            slots: self.slots.clone(),
            state: State::New,
            command,
            shielded: self.shielded,
        }
    }

    /// Starts it now instead of when it is first awaited.
    pub fn schedule(mut self) -> Scheduled<C> {
        self.handle();
        Scheduled(self)
    }

    fn handle(&mut self) -> Handle {
        match self.state {
            State::New => {
                let handle = self.command.schedule();
                if C::STOPPABLE && (self.shielded || is_undoing()) {
                    host::shield(handle);
                }
                self.slots.open(handle);
                self.state = State::Waiting(handle);
                handle
            }
            State::Waiting(handle) => handle,
            State::Finished => panic!("a future that is finished was awaited again"),
        }
    }
}

impl<C: Command> Future for Call<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let handle = self.handle();
        let Poll::Ready(outcome) = self.slots.poll(handle, cx) else {
            return Poll::Pending;
        };
        self.state = State::Finished;
        Poll::Ready(self.command.finish(outcome))
    }
}

/// Lets `select_biased!` pass over it once it is finished.
impl<C: Command> FusedFuture for Call<C> {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Finished)
    }
}

impl<C: Command> Drop for Call<C> {
    fn drop(&mut self) {
        if let State::Waiting(handle) = self.state {
            self.slots.give_up(handle);
        }
    }
}

/// Something that the host is doing; await it for what comes of it.
#[must_use = "dropping it gives up the result: await it, or `detach` it"]
pub struct Scheduled<C: Command>(Call<C>);

impl<C: Command> Scheduled<C> {
    /// Lets it run on without anybody waiting. A child is dealt with as ever when this workflow ends; to start
    /// one that outlives it, detach the [call](Call::detach).
    pub fn detach(mut self) {
        if let State::Waiting(handle) = mem::replace(&mut self.0.state, State::Finished) {
            self.0.slots.forget(handle);
        }
    }
}

impl<C: Command> Scheduled<C> {
    /// Asks it to stop. Its end still comes, mostly as the failure `cancelled`; what has ended by then is not
    /// changed.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn search(place: String) -> String { place }
    /// #[workflow]
    /// async fn find(ctx: WorkflowContext) -> Result<String, Failure> {
    ///     let near = ctx.activity(search, "near".to_owned()).schedule();
    ///     let far = ctx.activity(search, "far".to_owned()).schedule();
    ///     match select(near, far).await {
    ///         Either::Left((found, far)) => {
    ///             far.cancel();
    ///             far.await.ok();
    ///             found
    ///         }
    ///         Either::Right((found, _)) => found,
    ///     }
    /// }
    /// # guest_sdk::export! { workflows: [find], activities: [search] }
    /// ```
    pub fn cancel(&self)
    where
        C: Stoppable,
    {
        if let State::Waiting(handle) = self.0.state {
            host::request_cancel(handle);
        }
    }
}

impl<C: Command> Call<C> {
    /// Keeps a request to end the workflow from reaching it: for what must come to its end although the
    /// workflow is given up. Compensations are shielded by themselves.
    pub fn shielded(mut self) -> Self
    where
        C: Stoppable,
    {
        self.shielded = true;
        self
    }
}

/// What can be a step of a saga: it comes to its end soon after the workflow is asked to end.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no step of a saga",
    label = "not a step",
    note = "a step is an activity, an actor's method or a child; await anything else by itself"
)]
pub trait Step: Command + Sized {
    #[doc(hidden)]
    fn in_saga(call: Call<Self>) -> Call<Self> {
        call
    }
}

/// What can be asked to stop.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be asked to stop",
    note = "an activity and a child can; anything else is given up by dropping it"
)]
pub trait Stoppable: Command {}

impl<C: Command> Future for Scheduled<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<C: Command> FusedFuture for Scheduled<C> {
    fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command that has been issued.
    struct Issued;

    impl private::Sealed for Issued {}

    impl Command for Issued {
        type Output = ();

        fn schedule(&mut self) -> Handle {
            unreachable!("it has been scheduled")
        }

        fn finish(&self, _outcome: Outcome) {}
    }

    #[test]
    #[should_panic(expected = "detach it before")]
    fn what_has_begun_is_not_begun_again_in_another_way() {
        let slots = Rc::new(Slots::new(|_| {}));
        slots.open(1);
        let mut begun = Call::new(slots, Issued);
        begun.state = State::Waiting(1);
        drop(begun.replaced(Issued));
    }
}

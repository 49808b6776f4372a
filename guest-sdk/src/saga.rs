//! Sagas and requests to end: what a workflow undoes when it fails or is asked to stop.
//!
//! Owns what authors call; which step is undone when is decided by the scopes of the body.

use std::fmt;
use std::rc::Rc;

use crate::scopes::{Scopes, register};
use crate::workflow::{Call, Step, continues_as_new};
use crate::{Failure, WorkflowContext};

/// A saga that is under way: takes the steps that undo what was done. Clones are the same saga.
#[derive(Clone)]
pub struct Saga {
    scopes: Rc<Scopes>,
    scope: u32,
}

impl Saga {
    /// Does a step and registers what undoes it: `undo` makes the compensation of what came of the step.
    ///
    /// A request to end does not interrupt the step: an activity comes to its end and is undone then; a child
    /// is asked to stop, and undoes what it has done itself.
    ///
    /// # Errors
    /// The step failed; nothing is registered.
    pub async fn step<C, T, U, V>(
        &self,
        step: Call<C>,
        undo: impl FnOnce(&T) -> U,
    ) -> Result<T, Failure>
    where
        C: Step<Output = Result<T, Failure>>,
        U: IntoFuture<Output = Result<V, Failure>>,
        U::IntoFuture: 'static,
    {
        let shield = self.scopes.shield();
        let output = C::in_saga(step).await?;
        self.compensate(undo(&output));
        drop(shield);
        Ok(output)
    }

    /// Registers a compensation: what undoes a step, mostly an activity. It is not begun before it is needed.
    ///
    /// [`step`](Self::step) does this for one call. By itself, it is for what takes several calls to undo, and
    /// for a step of which half may have been done when it fails: register that before it is begun.
    pub fn compensate<T, U>(&self, undo: U)
    where
        U: IntoFuture<Output = Result<T, Failure>>,
        U::IntoFuture: 'static,
    {
        let undo = undo.into_future();
        let undo = Box::pin(async move { undo.await.map(drop) });
        register(&self.scopes, self.scope, undo);
    }
}

/// The workflow was asked to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    reason: String,
}

impl Cancelled {
    pub(crate) fn new(reason: String) -> Self {
        Self { reason }
    }

    /// Why, in the words of whoever asked; may be empty.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the workflow was asked to end")?;
        match self.reason.as_str() {
            "" => Ok(()),
            reason => write!(f, ": {reason}"),
        }
    }
}

impl std::error::Error for Cancelled {}

/// A workflow that ends with this failure after it was asked to end is `CANCELLED`.
impl From<Cancelled> for Failure {
    fn from(cancelled: Cancelled) -> Self {
        Self::new("cancelled", cancelled.to_string())
    }
}

impl WorkflowContext {
    /// Does several steps of which either all are done or none remains: where the saga fails, and where the
    /// workflow is asked to end meanwhile, the compensations that were registered are run in reverse, one
    /// after the other. They are activities like all others, with retries, and go on after a crash in their
    /// middle. One that fails for good does not keep the others from being run; its failure is told with the
    /// saga's.
    ///
    /// A saga may be within another one, and is undone with it. One that is dropped before its end, for
    /// example because its time was up, is undone when the saga around it is undone or the workflow ends.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    /// # pub struct Order { number: u32 }
    /// # #[activity] fn charge(order: Order) -> Result<String, Failure> { Ok(order.number.to_string()) }
    /// # #[activity] fn refund(receipt: String) { drop(receipt) }
    /// # #[activity] fn ship(order: Order) -> Result<String, Failure> { Ok(order.number.to_string()) }
    /// # #[activity] fn call_back(order: Order) { drop(order) }
    /// #[workflow]
    /// async fn sell(ctx: WorkflowContext, order: Order) -> Result<String, Failure> {
    ///     let sale = ctx.saga(async |saga| {
    ///         let undo = |receipt: &String| ctx.activity(refund, receipt.clone());
    ///         saga.step(ctx.activity(charge, order.clone()), undo).await?;
    ///         // A parcel that is on its way although shipping it failed comes back, too.
    ///         saga.compensate(ctx.activity(call_back, order.clone()));
    ///         ctx.activity(ship, order).await
    ///     });
    ///     sale.await
    /// }
    /// # guest_sdk::export! { workflows: [sell], activities: [charge, refund, ship, call_back] }
    /// ```
    ///
    /// # Errors
    /// What the saga failed with.
    pub async fn saga<T, B>(&self, body: B) -> Result<T, Failure>
    where
        B: AsyncFnOnce(Saga) -> Result<T, Failure>,
    {
        let scope = self.scopes().enter();
        let saga = Saga {
            scopes: self.scopes().clone(),
            scope: scope.id(),
        };
        let failed = |failure: &Failure| !continues_as_new(failure);
        scope.saga(body(saga), failed).await
    }

    /// Takes a request to end: where the workflow is asked to end meanwhile, the future is given up and its
    /// sagas are undone, and the body goes on with [`Cancelled`]. It may clean up and end as it likes; where it
    /// ends with that failure, it is `CANCELLED`. A body that takes no request is given up as a whole, and its
    /// sagas are undone.
    ///
    /// A workflow is asked once. Of several futures that take the request, all are told.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn close_account(name: String) { drop(name) }
    /// #[workflow]
    /// async fn rent(ctx: WorkflowContext, name: String) -> Result<String, Failure> {
    ///     match ctx.cancellable(ctx.event::<String>("returned")).await {
    ///         Ok(returned) => returned,
    ///         Err(cancelled) => {
    ///             ctx.activity(close_account, name).await?;
    ///             Err(cancelled.into())
    ///         }
    ///     }
    /// }
    /// # guest_sdk::export! { workflows: [rent], activities: [close_account] }
    /// ```
    ///
    /// # Errors
    /// The workflow was asked to end before the future was complete.
    pub async fn cancellable<F: IntoFuture>(&self, future: F) -> Result<F::Output, Cancelled> {
        let scopes = self.scopes();
        let output = scopes.enter().take_request(future.into_future()).await;
        output.ok_or_else(|| Cancelled::new(scopes.reason()))
    }

    /// Whether the workflow was asked to end, as far as the body has come.
    pub fn is_cancel_requested(&self) -> bool {
        self.scopes().is_end_requested()
    }
}

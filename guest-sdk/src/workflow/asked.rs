//! What a workflow tells those who ask: queries, updates, and where it stands.

use std::rc::Rc;

use serde::Serialize;

use super::WorkflowContext;
use crate::bindings::durable::plugin::workflow as host;
use crate::handlers::Named;
use crate::value::encode;
use crate::{Failure, Value};

impl WorkflowContext {
    /// Says how a query is answered: a question that anybody may ask while the workflow runs, and after it
    /// has ended.
    ///
    /// The handler only looks: it cannot await, and scheduling something in it ends the query. Share the
    /// state that it looks at by `Rc<Cell<_>>` or `Rc<RefCell<_>>`. Queries are not recorded. Register
    /// handlers before the first `await`, or a query may come too early.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// use guest_sdk::prelude::*;
    /// # #[activity] fn count_box(number: u32) -> u32 { number }
    ///
    /// const COUNTED: Query<(), u32> = Query::new("counted");
    ///
    /// #[workflow(queries(COUNTED))]
    /// async fn count_boxes(ctx: WorkflowContext, boxes: u32) -> Result<u32, Failure> {
    ///     let counted = Rc::new(Cell::new(0));
    ///     let state = counted.clone();
    ///     ctx.on_query(COUNTED, move |()| Ok(state.get()));
    ///     for number in 0..boxes {
    ///         counted.set(counted.get() + ctx.activity(count_box, number).await?);
    ///     }
    ///     Ok(counted.get())
    /// }
    /// ```
    ///
    /// A name that is only text works as well; then the manifest does not list the query:
    /// `ctx.on_query("counted", move |()| Ok(state.get()))`.
    pub fn on_query<I: Value, O: Value>(
        &self,
        name: impl Named<I, O>,
        answer: impl Fn(I) -> Result<O, Failure> + 'static,
    ) {
        self.handlers.on_query(name, answer);
    }

    /// Says how an update is applied: a change that a caller asks for, and an answer once it is made.
    ///
    /// `validate` looks at it first and may refuse, which leaves no trace; it only looks, like a query. What
    /// is accepted is recorded and applied: `apply` may await whatever the context offers, and runs beside
    /// the body. An update is applied once for each id that callers give it, and its answer is repeated to
    /// whoever repeats the id, also after a crash. Updates that are not applied when the workflow ends fail
    /// with `already-ended`; [`updates_applied`](Self::updates_applied) waits for them.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    ///
    /// use guest_sdk::prelude::*;
    /// # #[activity] fn reserve(item: String) -> Result<(), Failure> { drop(item); Ok(()) }
    ///
    /// const ADD: Update<String, usize> = Update::new("add");
    /// const CHECK_OUT: Update<(), ()> = Update::new("check-out");
    ///
    /// #[workflow(updates(ADD, CHECK_OUT))]
    /// async fn basket(ctx: WorkflowContext) -> Vec<String> {
    ///     let (items, open) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(true)));
    ///     let (here, state) = (ctx.clone(), items.clone());
    ///     let not_empty = |item: &String| match item.is_empty() {
    ///         true => Err(failure!("no-item", "an item has a name")),
    ///         false => Ok(()),
    ///     };
    ///     ctx.on_update(ADD, not_empty, move |item| {
    ///         let (ctx, items) = (here.clone(), state.clone());
    ///         async move {
    ///             ctx.activity(reserve, item.clone()).await?;
    ///             items.borrow_mut().push(item);
    ///             Ok(items.borrow().len())
    ///         }
    ///     });
    ///     let state = open.clone();
    ///     ctx.on_update(CHECK_OUT, |()| Ok(()), move |()| {
    ///         state.replace(false);
    ///         async { Ok(()) }
    ///     });
    ///     ctx.until(move || !*open.borrow()).await;
    ///     ctx.updates_applied().await;
    ///     items.take()
    /// }
    /// ```
    pub fn on_update<I: Value + 'static, O: Value, F>(
        &self,
        name: impl Named<I, O>,
        validate: impl Fn(&I) -> Result<(), Failure> + 'static,
        apply: impl Fn(I) -> F + 'static,
    ) where
        F: Future<Output = Result<O, Failure>> + 'static,
    {
        self.handlers.on_update(name, validate, apply);
    }

    /// Waits until a condition holds. It is looked at whenever the body or an update has done something, and
    /// must only look.
    pub fn until<C: Fn() -> bool + 'static>(&self, holds: C) -> impl Future<Output = ()> + use<C> {
        let (handlers, holds) = (self.handlers.clone(), Rc::new(holds));
        async move { handlers.until(holds).await }
    }

    /// Waits until no update is being applied. To be awaited by the body, before it returns or continues as new.
    ///
    /// An update that awaits it waits for itself, which is for ever: it fails with `already-ended` when the
    /// workflow ends, and where the body waits for it, the workflow does not end by itself.
    pub fn updates_applied(&self) -> impl Future<Output = ()> + use<> {
        let handlers = self.handlers.clone();
        self.until(move || !handlers.is_applying())
    }

    /// Says where the workflow stands, in a shape of its own, to whoever looks at it: `host workflow show`,
    /// actors that look it up. Each call takes the place of the one before.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn pack(item: String) -> bool { !item.is_empty() }
    /// #[workflow]
    /// async fn pack_all(ctx: WorkflowContext, items: Vec<String>) -> Result<(), Failure> {
    ///     let all = items.len();
    ///     for (done, item) in items.into_iter().enumerate() {
    ///         ctx.set_status(format!("{done} of {all} packed"));
    ///         ctx.activity(pack, item).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn set_status(&self, value: impl Serialize) {
        let value = encode(&value, "the custom status").unwrap_or_else(|why| panic!("{why}"));
        host::set_status(&value);
    }
}

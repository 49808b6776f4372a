//! Children: other workflows that a workflow starts.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::mem;

use serde::Serialize;

use super::call::private::Sealed;
use super::{
    Call, Command, InputOf, MarkedAsWorkflow, OutputOf, Step, Stoppable, Workflow, WorkflowContext,
    input_of, output,
};
use crate::bindings::durable::plugin::workflow as host;
use crate::executor::{Handle, Outcome};
use crate::{Failure, Value};

impl WorkflowContext {
    /// Starts another workflow and waits for its result. [`detach`](Call::detach) does not wait for it.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn print(page: u32) -> u32 { page }
    /// #[workflow]
    /// async fn chapter(ctx: WorkflowContext, page: u32) -> Result<u32, Failure> {
    ///     ctx.activity(print, page).await
    /// }
    ///
    /// #[workflow]
    /// async fn book(ctx: WorkflowContext, pages: u32) -> Result<u32, Failure> {
    ///     // Waits for its end. If the book is given up, so is the chapter, after cleaning up.
    ///     let first = ctx.child(chapter, 1).on_parent_close(ParentClose::Cancel);
    ///     let printed = first.await?;
    ///     // Runs on by itself, whatever becomes of the book.
    ///     let index = ctx.child(chapter, pages).id("index").detach().await?;
    ///     ctx.log(format!("the index is printed by {index}"));
    ///     Ok(printed)
    /// }
    /// # guest_sdk::export! { workflows: [chapter, book], activities: [print] }
    /// ```
    pub fn child<N: MarkedAsWorkflow>(
        &self,
        _workflow: N,
        input: InputOf<N>,
    ) -> Call<RunChild<OutputOf<N>>> {
        self.child_named(N::Workflow::NAME, &input)
    }

    /// Starts a workflow of another plugin and waits for its result.
    pub fn child_named<T: Value>(
        &self,
        name: impl Into<Cow<'static, str>>,
        input: &impl Serialize,
    ) -> Call<RunChild<T>> {
        let name = name.into();
        self.call(RunChild {
            child: Child {
                input: input_of(&name, input),
                name,
                id: None,
                close: None,
            },
            output: PhantomData,
        })
    }
}

/// What becomes of a child that still runs when its parent ends or continues as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentClose {
    /// It is terminated; where the parent was cancelled, it is cancelled instead, so that it can clean up.
    Terminate,
    /// It is cancelled, and may clean up.
    Cancel,
    /// It runs on.
    Abandon,
}

impl From<ParentClose> for host::ParentClose {
    fn from(close: ParentClose) -> Self {
        match close {
            ParentClose::Terminate => Self::Terminate,
            ParentClose::Cancel => Self::Cancel,
            ParentClose::Abandon => Self::Abandon,
        }
    }
}

/// Another workflow that is to be started.
#[derive(Default)]
struct Child {
    name: Cow<'static, str>,
    id: Option<String>,
    input: Vec<u8>,
    close: Option<ParentClose>,
}

impl Child {
    fn schedule(&mut self, detached: bool) -> Handle {
        let usual = match detached {
            false => ParentClose::Terminate,
            true => ParentClose::Abandon,
        };
        let options = host::ChildOptions {
            id: self.id.take(),
            detached,
            parent_close: self.close.unwrap_or(usual).into(),
        };
        host::schedule_child(&self.name, &mem::take(&mut self.input), &options)
    }
}

/// Runs another workflow.
pub struct RunChild<T> {
    child: Child,
    output: PhantomData<fn() -> T>,
}

impl<T: Value> Call<RunChild<T>> {
    /// The child's id, instead of one that is made from the parent's. An id that is in use fails with
    /// `already-exists`.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.command.child.id = Some(id.into());
        self
    }

    /// What becomes of the child if it still runs when this workflow ends. Otherwise, it is terminated, or
    /// runs on where it is [detached](Self::detach).
    pub fn on_parent_close(mut self, close: ParentClose) -> Self {
        self.command.child.close = Some(close);
        self
    }

    /// Starts the child without waiting for its end: what is awaited is its id, once its start is certain.
    pub fn detach(mut self) -> Call<StartChild> {
        let child = mem::take(&mut self.command.child);
        self.replaced(StartChild { child })
    }
}

impl<T> Sealed for RunChild<T> {}

impl<T: Value> Command for RunChild<T> {
    type Output = Result<T, Failure>;
    const STOPPABLE: bool = true;

    fn schedule(&mut self) -> Handle {
        self.child.schedule(false)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        output(
            outcome,
            format_args!("the result of workflow `{}`", self.child.name),
        )
    }
}

/// Starts another workflow and lets it run by itself.
pub struct StartChild {
    child: Child,
}

impl Sealed for StartChild {}

impl Command for StartChild {
    type Output = Result<String, Failure>;

    fn schedule(&mut self) -> Handle {
        self.child.schedule(true)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        output(
            outcome,
            format_args!("the id of workflow `{}`", self.child.name),
        )
    }
}

impl<T: Value> Step for RunChild<T> {}
impl Step for StartChild {}
impl<T: Value> Stoppable for RunChild<T> {}

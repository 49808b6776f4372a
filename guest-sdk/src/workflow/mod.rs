//! What a workflow body may do, and how one is run.
//!
//! Owns the context; what it hands out lies in a file for each kind. Must not keep any state besides, because
//! a body is run again from its history at any time.

mod activity;
mod actor;
mod asked;
mod attribute;
mod call;
mod child;
mod deterministic;
mod next_run;
mod run;
mod topics;
mod waits;

use std::fmt::Arguments;
use std::rc::Rc;

use serde::Serialize;

use crate::bindings::durable::plugin::workflow as host;
use crate::bindings::exports::durable::plugin::manifest::AskDefinition;
use crate::client::actor_methods;
use crate::executor::{Outcome, Slots};
use crate::handlers::Handlers;
use crate::log::log_methods;
use crate::scopes::Scopes;
use crate::value::{decode, encode};
use crate::{Failure, Value};

pub use activity::RunActivity;
pub use actor::CallActor;
pub use attribute::Attribute;
pub use call::{Call, Command, Scheduled, Step, Stoppable};
pub use child::{ParentClose, RunChild, StartChild};
pub use deterministic::WorkflowRng;
pub(crate) use next_run::continues_as_new;
pub use run::run_workflow;
pub use waits::{AwaitEvent, Elapsed, Sleep};

/// A process of several steps that survives everything. `#[workflow]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "not a workflow",
    note = "put `#[workflow]` on the function"
)]
pub trait Workflow {
    /// Its name in the manifest.
    const NAME: &'static str;
    /// What it does, for people.
    const DESCRIPTION: &'static str;
    /// What it takes.
    type Input: Value;
    /// What it returns.
    type Output: Value;

    /// The queries that the manifest lists.
    #[doc(hidden)]
    fn queries() -> Vec<AskDefinition> {
        Vec::new()
    }

    /// The updates that the manifest lists.
    #[doc(hidden)]
    fn updates() -> Vec<AskDefinition> {
        Vec::new()
    }

    /// Runs it from its beginning.
    fn run(
        ctx: WorkflowContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Failure>>;
}

/// The name of a function with `#[workflow]`, which says which workflow is meant. A compiler's message
/// that asks for this trait asks for the attribute.
pub trait MarkedAsWorkflow {
    /// The workflow.
    type Workflow: Workflow;
}

impl<F: FnOnce() -> W, W: Workflow> MarkedAsWorkflow for F {
    type Workflow = W;
}

/// What the workflow of that name takes.
pub type InputOf<N> = <<N as MarkedAsWorkflow>::Workflow as Workflow>::Input;

/// What the workflow of that name returns.
pub type OutputOf<N> = <<N as MarkedAsWorkflow>::Workflow as Workflow>::Output;

/// What a workflow may do. Clones are the same context.
#[derive(Clone)]
pub struct WorkflowContext {
    slots: Rc<Slots>,
    handlers: Rc<Handlers>,
    scopes: Rc<Scopes>,
}

/// Who the running workflow instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id, unique within the tenant.
    pub id: String,
    /// The name of the workflow.
    pub name: String,
    /// Counts from 1: how often this id has been used.
    pub run: u32,
}

actor_methods!(WorkflowContext, "Each call takes effect exactly once.");
log_methods!(
    WorkflowContext,
    host::log,
    "It appears once, however often the body is run again."
);

impl WorkflowContext {
    /// Who the running instance is.
    pub fn info(&self) -> Instance {
        let host::Instance { id, name, run } = host::info();
        Instance { id, name, run }
    }

    pub(crate) fn scopes(&self) -> &Rc<Scopes> {
        &self.scopes
    }

    fn call<C: Command>(&self, command: C) -> Call<C> {
        Call::new(self.slots.clone(), command)
    }
}

/// A workflow has no way to go on without an input that can be written: that is a mistake in its type.
fn input_of(what: &str, input: &impl Serialize) -> Vec<u8> {
    encode(input, format_args!("the input of `{what}`"))
        .unwrap_or_else(|failure| panic!("{failure}"))
}

/// Reads what came of something; `what` names it.
fn output<T: Value>(outcome: Outcome, what: Arguments<'_>) -> Result<T, Failure> {
    decode(&outcome?, "bad-output", what)
}

//! Runs a workflow's body on the host's behalf, and what it is asked beside it.

use std::rc::Rc;

use super::{Workflow, WorkflowContext, continues_as_new};
use crate::Failure;
use crate::bindings::durable::plugin::workflow as host;
use crate::executor::{Handle, Outcome, Slots, drive};
use crate::handlers::{Answered, Handlers};
use crate::scopes::Scopes;
use crate::value::{decode, encode};

/// Runs the workflow on the host's behalf.
pub fn run_workflow<W: Workflow>(input: &[u8]) -> Result<Vec<u8>, Failure> {
    let name = W::NAME;
    let what = format_args!("the input of workflow `{name}`");
    let input = decode(input, "bad-input", what)?;
    let slots = Rc::new(Slots::new(host::cancel));
    let (handlers, scopes) = (Rc::new(Handlers::default()), Rc::new(Scopes::default()));
    let context = WorkflowContext {
        slots: slots.clone(),
        handlers: handlers.clone(),
        scopes: scopes.clone(),
    };
    let body = scopes.watch(W::run(context, input), may_undo);
    let body = handlers.beside(body, complete_update);
    let others = || handlers.knows_updates();
    let output = drive(&slots, body, others, |handles| {
        wait(&handlers, &scopes, handles)
    });
    handlers.give_up();
    while handlers.knows_queries()
        && let Some(query) = host::next_query()
    {
        answer_query(&handlers, &query);
    }
    encode(&output?, format_args!("the result of workflow `{name}`"))
}

/// A run that goes on as a new one can schedule nothing more.
fn may_undo<T>(output: &Result<T, Failure>) -> bool {
    !output.as_ref().is_err_and(continues_as_new)
}

/// Waits for one of these and of the handles that were given before; none where something else came that the
/// body may go on with.
fn wait(handlers: &Handlers, scopes: &Scopes, more: &[Handle]) -> Option<(Handle, Outcome)> {
    let mut more = more;
    loop {
        match host::wait_more(std::mem::take(&mut more)) {
            host::Wakeup::Completion(one) => return Some((one.handle, one.outcome)),
            host::Wakeup::Update(update) => {
                if begin_update(handlers, update) {
                    return None;
                }
            }
            host::Wakeup::Query(query) => answer_query(handlers, &query),
            host::Wakeup::CancelRequested(reason) => {
                scopes.request_end(reason);
                return None;
            }
        }
    }
}

/// Judges an update and begins to apply it. False where it was refused.
fn begin_update(handlers: &Handlers, update: host::Update) -> bool {
    let host::Update {
        id,
        name,
        input,
        accepted,
    } = update;
    match handlers.judge(&name, &input, accepted) {
        Ok(applying) => {
            host::accept_update();
            handlers.begin(id, applying);
            true
        }
        Err(why) => {
            // What was accepted by code that knew it, this code refuses, and the host compares the two.
            host::refuse_update(&why.into());
            false
        }
    }
}

fn complete_update(id: &str, answered: Answered) {
    host::complete_update(id, answered.map_err(Failure::into).as_deref());
}

fn answer_query(handlers: &Handlers, query: &host::Query) {
    let answered = handlers.answer(&query.name, &query.input);
    host::answer_query(answered.map_err(Failure::into).as_deref());
}

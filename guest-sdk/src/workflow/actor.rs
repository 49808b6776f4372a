//! Actors, as a workflow calls them and sends them messages.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::mem;

use serde::Serialize;

use super::call::private::Sealed;
use super::{Call, Command, Step, WorkflowContext, input_of, output};
use crate::bindings::durable::plugin::workflow as host;
use crate::client::{Address, Caller, Sender};
use crate::executor::{Handle, Outcome};
use crate::{Failure, Value};

/// Calls an actor's method.
pub struct CallActor<T> {
    actor: Address,
    method: Cow<'static, str>,
    input: Vec<u8>,
    output: PhantomData<fn() -> T>,
}

impl<T> Sealed for CallActor<T> {}

impl<T: Value> Command for CallActor<T> {
    type Output = Result<T, Failure>;

    fn schedule(&mut self) -> Handle {
        let input = mem::take(&mut self.input);
        let Address { actor_type, id } = &self.actor;
        host::schedule_actor_call(actor_type, id, &self.method, &input)
    }

    fn finish(&self, outcome: Outcome) -> Self::Output {
        let (kind, method) = (&self.actor.actor_type, &self.method);
        output(outcome, format_args!("the answer of `{kind}.{method}`"))
    }
}

impl<T: Value> Step for CallActor<T> {}

impl Caller for WorkflowContext {
    type Answer<T: Value> = Call<CallActor<T>>;

    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> Call<CallActor<T>> {
        self.call(CallActor {
            actor: actor.clone(),
            input: input_of(&method, input),
            method,
            output: PhantomData,
        })
    }
}

impl Sender for WorkflowContext {
    fn send(&self, actor: &Address, method: &str, input: &[u8]) {
        host::send_actor(&actor.actor_type, &actor.id, method, input);
    }
}

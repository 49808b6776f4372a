//! Actors, as a workflow calls them and sends them messages.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::mem;

use serde::Serialize;

use super::call::private::Sealed;
use super::{Call, Command, Step, WorkflowContext, input_of, output};
use crate::bindings::durable::plugin::workflow as host;
use crate::client::{Address, Caller, LaterSender, MessageId, Sender, must};
use crate::executor::{Handle, Outcome};
use crate::{Failure, Moment, Value};

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
    type Sent = ();

    fn send(&self, actor: &Address, method: &str, input: Result<Vec<u8>, Failure>) {
        host::send_actor(&actor.actor_type, &actor.id, method, &must(input));
    }
}

impl LaterSender for WorkflowContext {
    fn send_later(
        &self,
        due: Moment,
        actor: &Address,
        method: &str,
        input: &[u8],
    ) -> Result<MessageId, Failure> {
        let Address { actor_type, id } = actor;
        let sent = host::send_later(actor_type, id, method, input, &due.0);
        Ok(MessageId(sent?))
    }
}

impl WorkflowContext {
    /// Takes back a message that was to be delivered later. One that was delivered before its receiver learns
    /// of it stays delivered.
    ///
    /// A message stays sent whatever becomes of the workflow: also where that fails or is terminated. Its id can
    /// be taken along to the next run.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[derive(Default, Serialize, Deserialize, JsonSchema)] struct Desk {}
    /// # #[actor] impl Desk { #[method] fn escalate(&self, ticket: String) { drop(ticket); } }
    /// #[workflow]
    /// async fn ticket(ctx: WorkflowContext, name: String) -> Result<(), Failure> {
    ///     // Three days are left, whether this host is there meanwhile or not.
    ///     let desk = ctx.actor::<Desk>("desk").later("72h");
    ///     let escalation = desk.escalate(name)?;
    ///     ctx.event::<()>("solved").await?;
    ///     ctx.cancel_message(&escalation)
    /// }
    /// ```
    pub fn cancel_message(&self, message: &MessageId) -> Result<(), Failure> {
        Ok(host::cancel_message(&message.0)?)
    }
}

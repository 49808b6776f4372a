//! `durable:plugin/activity`: what an activity asks for.

use host_base::Payload;
use wasmtime::Result;

use crate::bindings::durable::plugin::{activity, types};
use crate::convert;
use crate::error::Role;
use crate::guest::{Guest, Side};
use crate::imports::{ActivityImports, MethodCall};
use crate::refuse;

type GuestResult<T> = std::result::Result<T, types::Failure>;

impl Guest {
    fn activity(&mut self, function: &'static str) -> Result<&mut dyn ActivityImports> {
        match &mut self.side {
            Side::Activity(Some(imports)) => Ok(imports.as_mut()),
            other => Err(refuse::contract(other.role(), Role::Activity, function).into()),
        }
    }
}

impl activity::Host for Guest {
    fn info(&mut self) -> Result<activity::Execution> {
        let info = self.activity("info")?.info();
        Ok(activity::Execution {
            name: info.name,
            workflow_id: info.workflow_id,
            attempt: info.attempt,
            idempotency_key: info.idempotency_key,
        })
    }

    fn heartbeat(&mut self, details: Option<Payload>) -> Result<bool> {
        Ok(self.activity("heartbeat")?.heartbeat(details)?)
    }

    fn last_heartbeat(&mut self) -> Result<Option<Payload>> {
        Ok(self.activity("last-heartbeat")?.last_heartbeat())
    }

    async fn call_actor(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
        options: types::CallOptions,
    ) -> Result<GuestResult<Payload>> {
        let call = MethodCall {
            actor_type,
            actor_id,
            method,
            input,
        };
        let options = convert::call_options(options);
        let answer = self.activity("call-actor")?.call_actor(call, options);
        let outcome = self.wait_on(answer).await;
        Ok(outcome.map_err(convert::failure_to_guest))
    }

    async fn send(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
    ) -> Result<GuestResult<()>> {
        let call = MethodCall {
            actor_type,
            actor_id,
            method,
            input,
        };
        let answer = self.activity("send")?.send(call);
        let sent = self.wait_on(answer).await;
        Ok(sent.map_err(convert::failure_to_guest))
    }

    async fn send_later(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
        due: types::Moment,
    ) -> Result<GuestResult<String>> {
        let call = MethodCall {
            actor_type,
            actor_id,
            method,
            input,
        };
        let imports = self.activity("send-later")?;
        let answer = imports.send_later(call, convert::moment(due));
        let sent = self.wait_on(answer).await;
        Ok(sent.map_err(convert::failure_to_guest))
    }

    async fn cancel_message(&mut self, id: String) -> Result<GuestResult<()>> {
        let answer = self.activity("cancel-message")?.cancel_message(id);
        let cancelled = self.wait_on(answer).await;
        Ok(cancelled.map_err(convert::failure_to_guest))
    }

    async fn raise_event(
        &mut self,
        workflow_id: String,
        name: String,
        value: Payload,
    ) -> Result<GuestResult<()>> {
        let imports = self.activity("raise-event")?;
        let answer = imports.raise_event(workflow_id, name, value);
        let raised = self.wait_on(answer).await;
        Ok(raised.map_err(convert::failure_to_guest))
    }

    async fn publish(&mut self, topic: String, value: Payload) -> Result<GuestResult<()>> {
        let answer = self.activity("publish")?.publish(topic, value);
        let published = self.wait_on(answer).await;
        Ok(published.map_err(convert::failure_to_guest))
    }

    fn log(&mut self, level: types::LogLevel, message: String) -> Result<()> {
        self.activity("log")?;
        Guest::log(self, convert::log_level(level), message);
        Ok(())
    }
}

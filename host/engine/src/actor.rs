//! `durable:plugin/actor`: what an actor's method asks for.

use host_base::Payload;
use wasmtime::Result;

use crate::bindings::durable::plugin::{actor, types};
use crate::convert;
use crate::error::Role;
use crate::guest::{Guest, Side};
use crate::imports::ActorImports;
use crate::refuse;

type GuestResult<T> = std::result::Result<T, types::Failure>;

impl Guest {
    fn actor(&mut self, function: &'static str) -> Result<&mut dyn ActorImports> {
        match &mut self.side {
            Side::Actor(Some(imports)) => Ok(imports.as_mut()),
            other => Err(refuse::contract(other.role(), Role::Actor, function).into()),
        }
    }
}

impl actor::Host for Guest {
    fn info(&mut self) -> Result<actor::Identity> {
        let (actor_type, actor_id) = self.actor("info")?.identity();
        Ok(actor::Identity {
            actor_type,
            actor_id,
        })
    }

    fn get_state(&mut self, key: String) -> Result<Option<Payload>> {
        Ok(self.actor("get-state")?.get_state(&key)?)
    }

    fn set_state(&mut self, key: String, value: Payload) -> Result<()> {
        Ok(self.actor("set-state")?.set_state(&key, Some(value))?)
    }

    fn delete_state(&mut self, key: String) -> Result<()> {
        Ok(self.actor("delete-state")?.set_state(&key, None)?)
    }

    async fn call(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
    ) -> Result<GuestResult<Payload>> {
        let imports = self.actor("call")?;
        let answer = imports.call(actor_type, actor_id, method, input);
        let outcome = self.wait_on(answer).await;
        Ok(outcome.map_err(convert::failure_to_guest))
    }

    fn send(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
    ) -> Result<()> {
        let imports = self.actor("send")?;
        Ok(imports.send(actor_type, actor_id, method, input)?)
    }

    fn publish(&mut self, topic: String, value: Payload) -> Result<()> {
        Ok(self.actor("publish")?.publish(topic, value)?)
    }

    fn subscribe(&mut self, topic: String, method: String) -> Result<()> {
        Ok(self.actor("subscribe")?.subscribe(topic, Some(method))?)
    }

    fn unsubscribe(&mut self, topic: String) -> Result<()> {
        Ok(self.actor("unsubscribe")?.subscribe(topic, None)?)
    }

    async fn start_workflow(
        &mut self,
        name: String,
        id: Option<String>,
        input: Payload,
    ) -> Result<std::result::Result<String, types::StartError>> {
        let imports = self.actor("start-workflow")?;
        let answer = imports.start_workflow(name, id, input);
        let started = self.wait_on(answer).await;
        Ok(started.map_err(convert::start_error))
    }

    async fn get_workflow(&mut self, id: String) -> Result<Option<types::WorkflowInfo>> {
        let answer = self.actor("get-workflow")?.get_workflow(id);
        let info = self.wait_on(answer).await;
        Ok(info.map(convert::workflow_info))
    }

    async fn raise_event(
        &mut self,
        workflow_id: String,
        name: String,
        value: Payload,
    ) -> Result<GuestResult<()>> {
        let imports = self.actor("raise-event")?;
        let answer = imports.raise_event(workflow_id, name, value);
        let raised = self.wait_on(answer).await;
        Ok(raised.map_err(convert::failure_to_guest))
    }

    fn now_ms(&mut self) -> Result<u64> {
        Ok(self.actor("now-ms")?.now().0)
    }

    fn log(&mut self, level: types::LogLevel, message: String) -> Result<()> {
        self.actor("log")?;
        Guest::log(self, convert::log_level(level), message);
        Ok(())
    }
}

//! What a workflow body may ask for: checked against the limits, and answered by the machine.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use host_base::ids::check_id;
use host_base::{
    ActorKey, AttributeValue, Entity, Failure, InvalidId, Limits, Outcome, Payload, TenantId,
    Timestamp, WorkflowKey,
};
use host_engine::{
    Command, HistorySize, Interrupt, LogLevel, MethodCall, Moment, Query, Wakeup, WorkflowImports,
    WorkflowInstance,
};

use crate::core::Core;
use crate::limits;
use crate::locks::lock;
use crate::message_id::MessageId;
use crate::topics::{self, Topics};
use crate::workflow::machine::Machine;

/// The answers to one body.
pub(crate) struct Imports {
    info: WorkflowInstance,
    machine: Arc<Mutex<Machine>>,
    limits: Arc<Limits>,
    tenant: TenantId,
    topics: Arc<Topics>,
}

impl Imports {
    pub(crate) fn new(
        info: WorkflowInstance,
        tenant: TenantId,
        machine: Arc<Mutex<Machine>>,
        core: &Core,
    ) -> Imports {
        Imports {
            info,
            machine,
            limits: core.limits_of(&tenant),
            tenant,
            topics: Arc::clone(&core.topics),
        }
    }

    /// Ids are checked always, for the answer is the same in every replay. A limit may be another one by then,
    /// so that only new commands are held to it.
    fn check(&self, command: &Command) -> Result<(), Interrupt> {
        match command {
            Command::Activity { input, .. } => self.check_input("an activity's input", input),
            Command::ActorCall {
                actor_type,
                actor_id,
                input,
                ..
            }
            | Command::SendActor {
                actor_type,
                actor_id,
                input,
                ..
            } => {
                valid(check_id("actor type", actor_type))?;
                valid(check_id("actor id", actor_id))?;
                self.check_input("a message", input)
            }
            Command::ContinueAsNew { input } => self.check_input("the next run's input", input),
            Command::Child { id, input, .. } => {
                let id = id.as_deref();
                valid(id.map_or(Ok(()), |id| check_id("workflow id", id)))?;
                self.check_input("a child's input", input)
            }
            Command::CompleteUpdate {
                outcome: Ok(value), ..
            } => self.check_input("an update's answer", value),
            // It was read before.
            Command::CancelMessage { .. } => Ok(()),
            Command::RecordValue { value } => self.check_input("a recorded value", value),
            Command::Publish { topic, value } => self.check_publish(topic, value),
            Command::Subscribe { topic } => self.check_subscribe(topic),
            Command::Unsubscribe { topic } => topics::check_subscribable(topic),
            Command::CompleteUpdate { .. }
            | Command::Timer { .. }
            | Command::Event { .. }
            | Command::Cancel { .. }
            | Command::RequestCancel { .. }
            | Command::Shield { .. } => Ok(()),
        }
    }

    fn check_publish(&self, topic: &str, value: &[u8]) -> Result<(), Interrupt> {
        let mut machine = lock(&self.machine);
        if machine.is_live() {
            topics::check_publishable(&self.limits, topic, value)?;
            let others = self.topics.subscribers(&self.tenant, topic);
            machine.take_bytes(value.len() * others.saturating_sub(1))?;
        }
        Ok(())
    }

    fn check_subscribe(&self, topic: &str) -> Result<(), Interrupt> {
        topics::check_subscribable(topic)?;
        if lock(&self.machine).is_live() {
            let (tenant, id) = (self.tenant.clone(), self.info.id.clone());
            let by = Entity::Workflow(WorkflowKey { tenant, id });
            self.topics.check_room(&self.limits, topic, &by)?;
        }
        Ok(())
    }

    fn check_input(&self, what: &str, input: &[u8]) -> Result<(), Interrupt> {
        if lock(&self.machine).is_live() {
            limits::check_payload(&self.limits, what, input)?;
        }
        Ok(())
    }
}

fn valid(id: Result<(), InvalidId>) -> Result<(), Interrupt> {
    id.map_err(|error| Interrupt(error.to_string()))
}

/// Nobody is woken: whoever polls the run polls it again when something has arrived.
fn polled<T>(found: Result<Option<T>, Interrupt>) -> Poll<Result<T, Interrupt>> {
    match found {
        Ok(Some(found)) => Poll::Ready(Ok(found)),
        Ok(None) => Poll::Pending,
        Err(interrupt) => Poll::Ready(Err(interrupt)),
    }
}

impl WorkflowImports for Imports {
    fn instance(&self) -> WorkflowInstance {
        self.info.clone()
    }

    fn command(&mut self, command: Command) -> Result<u32, Interrupt> {
        self.check(&command)?;
        lock(&self.machine).command(command)
    }

    fn poll_wait_any(
        &mut self,
        handles: &[u32],
        _: &mut Context<'_>,
    ) -> Poll<Result<Wakeup, Interrupt>> {
        polled(lock(&self.machine).wait_any(handles))
    }

    fn poll_wait_more(
        &mut self,
        more: &[u32],
        _: &mut Context<'_>,
    ) -> Poll<Result<Wakeup, Interrupt>> {
        polled(lock(&self.machine).wait_more(more))
    }

    fn poll_wait(&mut self, handle: u32, _: &mut Context<'_>) -> Poll<Result<Outcome, Interrupt>> {
        polled(lock(&self.machine).wait(handle))
    }

    fn send_later(
        &mut self,
        call: MethodCall,
        due: Moment,
    ) -> Result<Result<String, Failure>, Interrupt> {
        limits::check_call(&self.limits, &call.method, &call.input)?;
        let (actor_type, id) = (call.actor_type.clone(), call.actor_id.clone());
        match ActorKey::new(self.tenant.clone(), actor_type, id) {
            Ok(to) => lock(&self.machine).send_later(to, call, due),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn cancel_message(&mut self, id: String) -> Result<Result<(), Failure>, Interrupt> {
        if let Err(failure) = MessageId::read(&self.tenant, &id) {
            return Ok(Err(failure));
        }
        self.command(Command::CancelMessage { id })?;
        Ok(Ok(()))
    }

    fn accept_update(&mut self) -> Result<(), Interrupt> {
        lock(&self.machine).accept_update()
    }

    fn refuse_update(&mut self, why: Failure) -> Result<(), Interrupt> {
        let why = limits::bounded_failure(&self.limits, "the update", why);
        lock(&self.machine).refuse_update(why)
    }

    fn answer_query(&mut self, outcome: Outcome) -> Result<(), Interrupt> {
        let outcome = limits::bounded(&self.limits, "the query", outcome);
        lock(&self.machine).answer_query(outcome)
    }

    fn next_query(&mut self) -> Result<Option<Query>, Interrupt> {
        lock(&self.machine).next_query()
    }

    fn set_status(&mut self, value: Payload) -> Result<(), Interrupt> {
        let mut machine = lock(&self.machine);
        if machine.is_live() {
            limits::check_custom_status(&self.limits, &value)?;
        }
        machine.set_status(value)
    }

    fn set_attribute(
        &mut self,
        name: String,
        value: Option<AttributeValue>,
    ) -> Result<(), Interrupt> {
        let mut machine = lock(&self.machine);
        if let Some(value) = &value {
            limits::check_attribute(&name, value).map_err(|error| Interrupt(error.to_string()))?;
            if machine.is_live() {
                limits::check_attribute_bytes(&self.limits, &name, value)?;
                limits::check_attributes_number(&self.limits, machine.attributes_with(&name))?;
            }
        }
        machine.set_attribute(name, value)
    }

    fn patched(&mut self, name: &str) -> Result<bool, Interrupt> {
        limits::check_name("patch", name)?;
        lock(&self.machine).patched(name)
    }

    fn recorded_value(&mut self) -> Result<Option<Payload>, Interrupt> {
        lock(&self.machine).recorded_value()
    }

    fn history_size(&self) -> HistorySize {
        lock(&self.machine).history_size()
    }

    fn now(&self) -> Timestamp {
        lock(&self.machine).now()
    }

    fn take_seed(&mut self) -> Option<[u8; 32]> {
        lock(&self.machine).take_seed()
    }

    fn random_u64(&mut self) -> u64 {
        lock(&self.machine).random_u64()
    }

    fn new_id(&mut self) -> String {
        lock(&self.machine).new_id()
    }

    fn log(&mut self, level: LogLevel, message: String) {
        lock(&self.machine).log(level, message);
    }
}

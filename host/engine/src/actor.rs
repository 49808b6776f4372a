//! `durable:plugin/actor`: what an actor's method asks for.

use std::time::Duration;

use host_base::Payload;
use wasmtime::Result;

use crate::bindings::durable::plugin::{actor, types};
use crate::convert;
use crate::error::Role;
use crate::guest::{Guest, Side};
use crate::imports::{
    ActorImports, Alarm, CatchUp, ConstantRetry, MethodCall, NewReminder, ReminderInfo, StatePage,
};
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
        let imports = self.actor("set-state")?;
        Ok(imports.set_state(&key, Some(value), None)?)
    }

    fn set_state_expiring(&mut self, key: String, value: Payload, ttl_ms: u64) -> Result<()> {
        let imports = self.actor("set-state-expiring")?;
        let ttl = Some(Duration::from_millis(ttl_ms));
        Ok(imports.set_state(&key, Some(value), ttl)?)
    }

    fn delete_state(&mut self, key: String) -> Result<()> {
        Ok(self.actor("delete-state")?.set_state(&key, None, None)?)
    }

    fn list_state(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<actor::StatePage> {
        let imports = self.actor("list-state")?;
        let page = imports.list_state(&prefix, after.as_deref(), limit)?;
        Ok(state_page(page))
    }

    fn set_reminder(
        &mut self,
        reminder: actor::Alarm,
        catch_up: actor::CatchUp,
        on_failure: actor::FailurePolicy,
        overwrite: bool,
    ) -> Result<GuestResult<()>> {
        let set = self.actor("set-reminder")?.set_reminder(NewReminder {
            alarm: alarm(reminder),
            catch_up: self::catch_up(catch_up),
            retry: retry(on_failure),
            overwrite,
        });
        Ok(set?.map_err(convert::failure_to_guest))
    }

    fn cancel_reminder(&mut self, name: String) -> Result<bool> {
        Ok(self.actor("cancel-reminder")?.cancel_reminder(&name)?)
    }

    fn get_reminder(&mut self, name: String) -> Result<Option<actor::ReminderInfo>> {
        let found = self.actor("get-reminder")?.reminder(&name)?;
        Ok(found.map(reminder_info))
    }

    fn list_reminders(
        &mut self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<actor::ReminderInfo>> {
        let imports = self.actor("list-reminders")?;
        let found = imports.reminders(after.as_deref(), limit)?;
        Ok(found.into_iter().map(reminder_info).collect())
    }

    fn set_timer(&mut self, timer: actor::Alarm) -> Result<GuestResult<()>> {
        let set = self.actor("set-timer")?.set_timer(alarm(timer));
        Ok(set?.map_err(convert::failure_to_guest))
    }

    fn cancel_timer(&mut self, name: String) -> Result<bool> {
        Ok(self.actor("cancel-timer")?.cancel_timer(&name)?)
    }

    async fn call(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
        options: types::CallOptions,
    ) -> Result<GuestResult<Payload>> {
        let call = method_call(actor_type, actor_id, method, input);
        let options = convert::call_options(options);
        let answer = self.actor("call")?.call(call, options);
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
        let call = method_call(actor_type, actor_id, method, input);
        Ok(self.actor("send")?.send(call)?)
    }

    fn send_later(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
        due: types::Moment,
    ) -> Result<GuestResult<String>> {
        let call = method_call(actor_type, actor_id, method, input);
        let sent = self
            .actor("send-later")?
            .send_later(call, convert::moment(due))?;
        Ok(sent.map_err(convert::failure_to_guest))
    }

    fn cancel_message(&mut self, id: String) -> Result<GuestResult<()>> {
        let cancelled = self.actor("cancel-message")?.cancel_message(&id)?;
        Ok(cancelled.map_err(convert::failure_to_guest))
    }

    fn deactivate(&mut self) -> Result<()> {
        Ok(self.actor("deactivate")?.deactivate()?)
    }

    fn delete(&mut self) -> Result<()> {
        Ok(self.actor("delete")?.delete()?)
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

fn method_call(actor_type: String, actor_id: String, method: String, input: Payload) -> MethodCall {
    MethodCall {
        actor_type,
        actor_id,
        method,
        input,
    }
}

fn alarm(alarm: actor::Alarm) -> Alarm {
    Alarm {
        name: alarm.name,
        method: alarm.method,
        input: alarm.input,
        due: convert::moment(alarm.due),
        period: alarm.period.map(convert::moment),
        ttl: alarm.ttl.map(convert::moment),
    }
}

fn catch_up(catch_up: actor::CatchUp) -> CatchUp {
    match catch_up {
        actor::CatchUp::Once => CatchUp::Once,
        actor::CatchUp::Skip => CatchUp::Skip,
        actor::CatchUp::All => CatchUp::All,
    }
}

fn retry(policy: actor::FailurePolicy) -> Option<ConstantRetry> {
    match policy {
        actor::FailurePolicy::Drop => None,
        actor::FailurePolicy::Constant(retry) => Some(ConstantRetry {
            interval: Duration::from_millis(retry.interval_ms),
            max_retries: retry.max_retries,
        }),
    }
}

fn reminder_info(info: ReminderInfo) -> actor::ReminderInfo {
    actor::ReminderInfo {
        name: info.name,
        method: info.method,
        input: info.input,
        due_ms: info.due.0,
        period: info.period,
        left: info.left,
        ends_ms: info.ends.map(|ends| ends.0),
    }
}

fn state_page(page: StatePage) -> actor::StatePage {
    let entries = page.entries.into_iter();
    actor::StatePage {
        entries: entries
            .map(|(key, value)| actor::StateEntry { key, value })
            .collect(),
        next: page.next,
    }
}

//! `durable:plugin/workflow`: what a workflow body asks for, as commands and waits.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use host_base::{AttributeValue, Payload};
use wasmtime::Result;

use crate::bindings::durable::plugin::{types, workflow};
use crate::convert;
use crate::error::{Interrupt, Role};
use crate::guest::{Guest, Side, timed};
use crate::imports::{Command, MethodCall, ParentClose, Query, Wakeup, WorkflowImports};
use crate::randomness::Randomness;
use crate::refuse;

type GuestResult<T> = std::result::Result<T, types::Failure>;
type GuestOutcome = GuestResult<Payload>;
type Polled<T> = Poll<std::result::Result<T, Interrupt>>;

impl Guest {
    fn workflow(&mut self, function: &'static str) -> Result<&mut dyn WorkflowImports> {
        match &mut self.side {
            Side::Workflow(imports) => Ok(imports.as_mut()),
            other => Err(refuse::contract(other.role(), Role::Workflow, function).into()),
        }
    }

    fn command(&mut self, function: &'static str, command: Command) -> Result<u32> {
        Ok(self.workflow(function)?.command(command)?)
    }

    /// Waits until `poll` is ready. What the guest did until now was one turn.
    async fn wait_until<T>(
        &mut self,
        function: &'static str,
        mut poll: impl FnMut(&mut dyn WorkflowImports, &mut Context<'_>) -> Polled<T>,
    ) -> Result<T> {
        self.workflow(function)?;
        self.begin_turn();
        let answer = poll_fn(|context| {
            if let Some(left) = self.leave.asked() {
                return Poll::Ready(Err(left));
            }
            let imports = match self.workflow(function) {
                Ok(imports) => imports,
                Err(error) => return Poll::Ready(Err(error)),
            };
            let poll = poll(imports, context);
            self.leave.set_waiting(poll.is_pending());
            poll.map(|answer| Ok(answer?))
        });
        let (answer, waited) = timed(answer).await;
        self.budget.waited(waited);
        if let Some(seed) = self.workflow(function)?.take_seed() {
            self.randomness = Randomness::seeded(seed);
        }
        answer
    }

    async fn wait_for(&mut self, function: &'static str, handle: u32) -> Result<GuestOutcome> {
        let outcome = self.wait_until(function, |imports, context| {
            imports.poll_wait(handle, context)
        });
        Ok(outcome.await?.map_err(convert::failure_to_guest))
    }
}

impl workflow::Host for Guest {
    fn info(&mut self) -> Result<workflow::Instance> {
        let instance = self.workflow("info")?.instance();
        Ok(workflow::Instance {
            id: instance.id,
            name: instance.name,
            run: instance.run,
        })
    }

    fn schedule_activity(
        &mut self,
        name: String,
        input: Payload,
        options: workflow::ActivityOptions,
    ) -> Result<u32> {
        self.command("schedule-activity", activity(name, input, options))
    }

    fn schedule_actor_call(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
    ) -> Result<u32> {
        let call = Command::ActorCall {
            actor_type,
            actor_id,
            method,
            input,
        };
        self.command("schedule-actor-call", call)
    }

    fn schedule_child(
        &mut self,
        name: String,
        input: Payload,
        options: workflow::ChildOptions,
    ) -> Result<u32> {
        let child = Command::Child {
            name,
            id: options.id,
            input,
            detached: options.detached,
            parent_close: parent_close(options.parent_close),
        };
        self.command("schedule-child", child)
    }

    fn schedule_timer(&mut self, duration_ms: u64) -> Result<u32> {
        let duration = Duration::from_millis(duration_ms);
        self.command("schedule-timer", Command::Timer { duration })
    }

    fn schedule_event(&mut self, name: String) -> Result<u32> {
        self.command("schedule-event", Command::Event { name })
    }

    fn send_actor(
        &mut self,
        actor_type: String,
        actor_id: String,
        method: String,
        input: Payload,
    ) -> Result<()> {
        let message = Command::SendActor {
            actor_type,
            actor_id,
            method,
            input,
        };
        self.command("send-actor", message).map(drop)
    }

    fn send_later(
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
        let imports = self.workflow("send-later")?;
        let sent = imports.send_later(call, convert::moment(due))?;
        Ok(sent.map_err(convert::failure_to_guest))
    }

    fn cancel_message(&mut self, id: String) -> Result<GuestResult<()>> {
        let cancelled = self.workflow("cancel-message")?.cancel_message(id)?;
        Ok(cancelled.map_err(convert::failure_to_guest))
    }

    fn publish(&mut self, topic: String, value: Payload) -> Result<()> {
        let publish = Command::Publish { topic, value };
        self.command("publish", publish).map(drop)
    }

    fn subscribe(&mut self, topic: String) -> Result<()> {
        let subscribe = Command::Subscribe { topic };
        self.command("subscribe", subscribe).map(drop)
    }

    fn unsubscribe(&mut self, topic: String) -> Result<()> {
        let unsubscribe = Command::Unsubscribe { topic };
        self.command("unsubscribe", unsubscribe).map(drop)
    }

    fn cancel(&mut self, handle: u32) -> Result<()> {
        self.command("cancel", Command::Cancel { handle }).map(drop)
    }

    fn request_cancel(&mut self, handle: u32) -> Result<()> {
        let request = Command::RequestCancel { handle };
        self.command("request-cancel", request).map(drop)
    }

    fn shield(&mut self, handle: u32) -> Result<()> {
        self.command("shield", Command::Shield { handle }).map(drop)
    }

    fn continue_as_new(&mut self, input: Payload) -> Result<()> {
        let next = Command::ContinueAsNew { input };
        self.command("continue-as-new", next).map(drop)
    }

    fn history(&mut self) -> Result<workflow::HistorySize> {
        let size = self.workflow("history")?.history_size();
        Ok(workflow::HistorySize {
            events: size.events,
            continue_as_new_suggested: size.continue_as_new_suggested,
        })
    }

    async fn wait_any(&mut self, handles: Vec<u32>) -> Result<workflow::Wakeup> {
        let wakeup = self.wait_until("wait-any", |imports, context| {
            imports.poll_wait_any(&handles, context)
        });
        Ok(wakeup_to_guest(wakeup.await?))
    }

    async fn wait_more(&mut self, more: Vec<u32>) -> Result<workflow::Wakeup> {
        let mut more = more;
        let wakeup = self.wait_until("wait-more", |imports, context| {
            // They are said once.
            imports.poll_wait_more(&std::mem::take(&mut more), context)
        });
        Ok(wakeup_to_guest(wakeup.await?))
    }

    async fn wait(&mut self, handle: u32) -> Result<GuestOutcome> {
        self.wait_for("wait", handle).await
    }

    async fn call_activity(
        &mut self,
        name: String,
        input: Payload,
        options: workflow::ActivityOptions,
    ) -> Result<GuestOutcome> {
        let handle = self.command("call-activity", activity(name, input, options))?;
        self.wait_for("call-activity", handle).await
    }

    fn accept_update(&mut self) -> Result<()> {
        Ok(self.workflow("accept-update")?.accept_update()?)
    }

    fn refuse_update(&mut self, why: types::Failure) -> Result<()> {
        let why = convert::failure(why);
        Ok(self.workflow("refuse-update")?.refuse_update(why)?)
    }

    fn complete_update(&mut self, id: String, outcome: GuestOutcome) -> Result<()> {
        let outcome = convert::outcome(outcome);
        let answer = Command::CompleteUpdate { id, outcome };
        self.command("complete-update", answer).map(drop)
    }

    fn answer_query(&mut self, outcome: GuestOutcome) -> Result<()> {
        let outcome = convert::outcome(outcome);
        Ok(self.workflow("answer-query")?.answer_query(outcome)?)
    }

    fn next_query(&mut self) -> Result<Option<workflow::Query>> {
        let query = self.workflow("next-query")?.next_query()?;
        if query.is_some() {
            // Each has the time of a turn.
            self.begin_turn();
        }
        Ok(query.map(query_to_guest))
    }

    fn set_status(&mut self, value: Payload) -> Result<()> {
        Ok(self.workflow("set-status")?.set_status(value)?)
    }

    fn set_attribute(
        &mut self,
        name: String,
        value: Option<workflow::AttributeValue>,
    ) -> Result<()> {
        let value = value.map(attribute_value);
        Ok(self.workflow("set-attribute")?.set_attribute(name, value)?)
    }

    fn patched(&mut self, name: String) -> Result<bool> {
        Ok(self.workflow("patched")?.patched(&name)?)
    }

    fn recorded_value(&mut self) -> Result<Option<Payload>> {
        Ok(self.workflow("recorded-value")?.recorded_value()?)
    }

    fn record_value(&mut self, value: Payload) -> Result<()> {
        let record = Command::RecordValue { value };
        self.command("record-value", record).map(drop)
    }

    fn now_ms(&mut self) -> Result<u64> {
        Ok(self.workflow("now-ms")?.now().0)
    }

    fn random_u64(&mut self) -> Result<u64> {
        Ok(self.workflow("random-u64")?.random_u64())
    }

    fn new_id(&mut self) -> Result<String> {
        Ok(self.workflow("new-id")?.new_id())
    }

    fn log(&mut self, level: types::LogLevel, message: String) -> Result<()> {
        self.workflow("log")?;
        Guest::log(self, convert::log_level(level), message);
        Ok(())
    }
}

fn wakeup_to_guest(wakeup: Wakeup) -> workflow::Wakeup {
    match wakeup {
        Wakeup::Completion(completion) => workflow::Wakeup::Completion(workflow::Completion {
            handle: completion.handle,
            outcome: completion.outcome.map_err(convert::failure_to_guest),
        }),
        Wakeup::CancelRequested(reason) => workflow::Wakeup::CancelRequested(reason),
        Wakeup::Update(update) => workflow::Wakeup::Update(workflow::Update {
            id: update.id,
            name: update.name,
            input: update.input,
            accepted: update.accepted,
        }),
        Wakeup::Query(query) => workflow::Wakeup::Query(query_to_guest(query)),
    }
}

fn query_to_guest(query: Query) -> workflow::Query {
    workflow::Query {
        name: query.name,
        input: query.input,
    }
}

fn attribute_value(value: workflow::AttributeValue) -> AttributeValue {
    match value {
        workflow::AttributeValue::Text(text) => AttributeValue::Text(text),
        workflow::AttributeValue::Number(number) => AttributeValue::Number(number),
        workflow::AttributeValue::Truth(truth) => AttributeValue::Bool(truth),
        workflow::AttributeValue::TimeMs(millis) => AttributeValue::Time(millis),
    }
}

fn parent_close(close: workflow::ParentClose) -> ParentClose {
    match close {
        workflow::ParentClose::Terminate => ParentClose::Terminate,
        workflow::ParentClose::Cancel => ParentClose::Cancel,
        workflow::ParentClose::Abandon => ParentClose::Abandon,
    }
}

fn activity(name: String, input: Payload, options: types::ActivityOptions) -> Command {
    Command::Activity {
        name,
        input,
        options: convert::activity_options(options),
    }
}

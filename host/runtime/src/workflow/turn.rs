//! What one turn of a workflow changes: its events as a batch, its commands as effects.

use std::time::Duration;

use host_base::failure::code;
use host_base::{Digest, Entity, Failure, Outcome, Payload, Timestamp, WorkflowKey};
use host_engine::{ActivityOptions, LogLevel, RetryPolicy};
use host_store::records::{
    ActivityScheduled, ActorCallScheduled, Call, Control, Delayed, Event, EventKind, Instance,
    MailControl, MailKind, MessageDelayed, OutcomeRecord, ParentClose, Reason, RetryRecord, Stall,
    Started, Status, Subscription, Task, TimerScheduled, Waiter,
};
use host_store::{TaskKey, TimerKey, TimerOf};
use tokio::sync::oneshot;

use crate::core::Core;
use crate::draft::Draft;
use crate::effect::{ActivityJob, Effect, Message};
use crate::message_id::MessageId;
use crate::observer::{Happening, Speaker};
use crate::retention;
use crate::start;
use crate::topics::{Stage, TopicOp};
use crate::view::{brings, status_of};
use crate::workflow::Loaded;
use crate::workflow::children::{Child, child_key};
use crate::workflow::outstanding::{Kind, RunningChild};

/// The batch and the effects of one turn, in the making.
pub(crate) struct Change<'a> {
    core: &'a Core,
    key: &'a WorkflowKey,
    pub(crate) now: Timestamp,
    draft: Draft,
}

impl<'a> Change<'a> {
    pub(crate) fn new(core: &'a Core, key: &'a WorkflowKey, now: Timestamp) -> Change<'a> {
        Change {
            core,
            key,
            now,
            draft: Draft::default(),
        }
    }

    /// What a message left in the store goes with the turn that handles it.
    pub(crate) fn delete_cause(&mut self, message: &Message) {
        delete_cause(&mut self.draft, self.key, message);
    }

    /// Writes events, and what the commands among them ask for.
    pub(crate) fn record(&mut self, loaded: &mut Loaded, recorded: Vec<(u64, Event)>) {
        let run = loaded.instance.run;
        for (sequence, event) in recorded {
            self.draft.batch.put_event(self.key, run, sequence, &event);
            let Some(kind) = event.kind else { continue };
            if let Some((handle, due)) = loaded.outstanding.follow(&kind) {
                self.draft.batch.delete_timer(&self.timer(run, handle, due));
            }
            self.carry_out(loaded, sequence, kind);
        }
    }

    /// Does what a command asks for; children are started separately.
    pub(crate) fn carry_out(&mut self, loaded: &Loaded, sequence: u64, command: EventKind) {
        let run = loaded.instance.run;
        match command {
            EventKind::ActivityScheduled(one) => self.schedule(loaded, sequence, one),
            EventKind::ActorCallScheduled(one) => {
                let waiter = self.waiter(run, one.handle);
                self.send_call(one, Some(waiter));
            }
            EventKind::ActorMessageSent(one) => self.send_call(one, None),
            EventKind::MessageDelayed(one) => self.delay(*one),
            EventKind::MessageTakenBack(one) => self.take_back(&one.id),
            EventKind::TimerScheduled(one) => self.arm(run, &one),
            EventKind::UpdateCompleted(one) => {
                let outcome = one.outcome.unwrap_or_default().into();
                let applied = Effect::Applied(self.key.clone(), run, one.id, outcome);
                self.draft.effects.push(applied);
            }
            EventKind::CancelRequested(one) => self.cancel_tree(loaded, &one.reason),
            EventKind::CancelSent(one) => self.ask_to_stop(loaded, one.handle),
            EventKind::Published(one) => self.draft.topics.push(TopicOp::Publish {
                tenant: self.key.tenant.clone(),
                topic: one.topic,
                value: one.value,
            }),
            EventKind::Subscribed(one) => self.subscribe(one.topic),
            EventKind::Unsubscribed(one) => self.draft.topics.push(TopicOp::Unsubscribe {
                topic: one.topic,
                by: Entity::Workflow(self.key.clone()),
            }),
            // Children are started separately, for their ids must be looked at first.
            EventKind::ChildScheduled(_)
            | EventKind::Started(_)
            | EventKind::EventAwaited(_)
            | EventKind::Cancelled(_)
            | EventKind::Resolved(_)
            | EventKind::EventRaised(_)
            | EventKind::UpdateAccepted(_)
            | EventKind::Patched(_)
            | EventKind::ValueRecorded(_)
            | EventKind::Shielded(_)
            | EventKind::Suspended(_)
            | EventKind::Resumed(_)
            | EventKind::Completed(_)
            | EventKind::Failed(_)
            | EventKind::Terminated(_)
            | EventKind::ContinuedAsNew(_) => {}
        }
    }

    /// The instance was asked to end: so are the activities and the children that it waits for.
    fn cancel_tree(&mut self, loaded: &Loaded, reason: &str) {
        for (handle, kind) in loaded.outstanding.unshielded() {
            match kind {
                Kind::Activity => self.cancel_activity(loaded, handle),
                Kind::Child(child) => {
                    if !child.detached && child.close != ParentClose::Abandon {
                        self.control(loaded, handle, &child, Control::Cancel, reason);
                    }
                }
                Kind::Timer(_) => {}
            }
        }
    }

    fn ask_to_stop(&mut self, loaded: &Loaded, handle: u32) {
        match loaded.outstanding.of(handle) {
            Some(Kind::Activity) => self.cancel_activity(loaded, handle),
            Some(Kind::Child(child)) => {
                self.control(
                    loaded,
                    handle,
                    child,
                    Control::Cancel,
                    "its parent asks for it",
                );
            }
            Some(Kind::Timer(_)) | None => {}
        }
    }

    fn cancel_activity(&mut self, loaded: &Loaded, handle: u32) {
        let task = self.task(loaded.instance.run, handle);
        self.draft.cancel_activity(task);
    }

    /// Sends a child what is wanted of it. It is for this parent's child alone, whoever has the id by then.
    fn control(
        &mut self,
        loaded: &Loaded,
        handle: u32,
        child: &RunningChild,
        control: Control,
        reason: &str,
    ) {
        // A child of an id that cannot be was never started.
        let Ok(key) = child_key(self.key, child.id.as_deref(), handle) else {
            return;
        };
        let mail = MailControl {
            control: control.into(),
            reason: reason.to_owned(),
            began_with: 0,
            parent: Some(self.waiter(loaded.instance.run, handle)),
        };
        let child = Entity::Workflow(key);
        self.draft.send(self.core, child, MailKind::Control(mail));
    }

    fn waiter(&self, run: u32, handle: u32) -> Waiter {
        Waiter {
            workflow_id: self.key.id.clone(),
            run,
            handle,
        }
    }

    fn task(&self, run: u32, handle: u32) -> TaskKey {
        TaskKey {
            workflow: self.key.clone(),
            run,
            handle,
        }
    }

    fn schedule(&mut self, loaded: &Loaded, event: u64, scheduled: ActivityScheduled) {
        let task = Task {
            event,
            ..Task::default()
        };
        let origin = Origin {
            workflow: self.key,
            instance: &loaded.instance,
            seed: &loaded.seed,
            scheduled: self.now,
        };
        let job = job(origin, task.clone(), scheduled);
        self.draft.batch.put_task(&job.task, &task);
        self.draft.effects.push(Effect::Run(Box::new(job)));
    }

    fn subscribe(&mut self, topic: String) {
        let by = Entity::Workflow(self.key.clone());
        let subscription = Subscription {
            method: String::new(),
            since_ms: self.now.0,
        };
        self.draft.topics.push(TopicOp::Subscribe {
            topic,
            by,
            subscription,
        });
    }

    fn arm(&mut self, run: u32, scheduled: &TimerScheduled) {
        let timer = self.timer(run, scheduled.handle, Timestamp(scheduled.due_ms));
        self.draft.batch.put_timer(&timer);
        self.draft.effects.push(Effect::Arm(timer));
    }

    fn timer(&self, run: u32, handle: u32, due: Timestamp) -> TimerKey {
        TimerKey {
            due,
            of: TimerOf::Workflow {
                workflow: self.key.clone(),
                run,
                handle,
            },
        }
    }

    fn delay(&mut self, delayed: MessageDelayed) {
        let id = MessageId::read(&self.key.tenant, &delayed.id);
        // Both were written by the machine, which made the one of the other.
        let (Ok(id), Some(call)) = (id, delayed.call) else {
            return;
        };
        let delayed = Delayed {
            call: Some(call_of(call, None)),
            due_ms: delayed.due_ms,
        };
        self.draft.delay(id, &delayed);
    }

    fn take_back(&mut self, id: &str) {
        // What is no id was refused before it was recorded.
        if let Ok(MessageId { to, name }) = MessageId::read(&self.key.tenant, id) {
            let kind = MailKind::CancelDelayed(name);
            self.draft.send(self.core, Entity::Actor(to), kind);
        }
    }

    fn send_call(&mut self, scheduled: ActorCallScheduled, waiter: Option<Waiter>) {
        let actor = host_base::ActorKey {
            tenant: self.key.tenant.clone(),
            actor_type: scheduled.actor_type.clone(),
            id: scheduled.actor_id.clone(),
        };
        let call = call_of(scheduled, waiter);
        let kind = MailKind::Call(call);
        self.draft.send(self.core, Entity::Actor(actor), kind);
    }

    /// Starts children, each with its parent's turn.
    pub(crate) fn start(&mut self, children: Vec<Child>) {
        for (new, permit) in children {
            self.draft.start(self.core, new, permit, self.now);
        }
    }

    /// The instance has begun, or no longer stalls.
    pub(crate) fn go_on(&mut self, loaded: &mut Loaded) {
        match loaded.instance.status() {
            Status::Pending | Status::Stalled | Status::Suspended => {
                match loaded.instance.status() {
                    Status::Suspended => self.told_resumed(),
                    _ => self.look_again(),
                }
                self.update(loaded, |instance| {
                    instance.set_status(Status::Running);
                    instance.stall = None;
                    instance.suspension = None;
                });
            }
            Status::Running
            | Status::Completed
            | Status::Failed
            | Status::Cancelled
            | Status::Terminated => {}
        }
    }

    /// It is not yet time for the instance to begin, though it may be held no longer.
    pub(crate) fn stay_pending(&mut self, loaded: &mut Loaded) {
        if loaded.instance.status() != Status::Suspended {
            return;
        }
        self.told_resumed();
        self.update(loaded, |instance| {
            instance.set_status(Status::Pending);
            instance.suspension = None;
        });
    }

    fn told_resumed(&mut self) {
        let workflow = self.key.clone();
        self.stopped(Happening::Resumed { workflow });
    }

    /// The instance was asked to end, and others shall see it.
    pub(crate) fn note_cancel(&mut self, loaded: &mut Loaded, reason: String) {
        self.update(loaded, |instance| instance.cancel_reason = Some(reason));
    }

    /// Nothing moves from now on. What arrives from the event `first` on, the code has not seen.
    pub(crate) fn hold(&mut self, loaded: &mut Loaded, first: u64) {
        if loaded.instance.status() == Status::Suspended {
            return self.look_again();
        }
        let unseen_from = loaded.unseen_from(first);
        let mut reason = String::new();
        self.update(loaded, |instance| {
            instance.set_status(Status::Suspended);
            if let Some(suspension) = &mut instance.suspension {
                suspension.unseen_from = unseen_from;
                reason.clone_from(&suspension.reason);
            }
        });
        self.stopped(Happening::Suspended {
            workflow: self.key.clone(),
            reason,
        });
    }

    /// The code came to its end.
    pub(crate) fn end(&mut self, loaded: &mut Loaded, outcome: Outcome) {
        let status = status_of_end(&loaded.instance, &outcome);
        self.end_as(loaded, status, outcome);
    }

    /// The instance ends; what it has not received is nobody's any more.
    fn end_as(&mut self, loaded: &mut Loaded, status: Status, outcome: Outcome) {
        self.let_go_of_outstanding(loaded, status);
        if loaded.instance.starts_ms > 0 {
            let timer = start::timer(self.key, &loaded.instance);
            self.draft.batch.delete_timer(&timer);
        }
        self.update(loaded, |instance| {
            instance.starts_ms = 0;
            instance.set_status(status);
            instance.outcome = Some(OutcomeRecord::from(outcome.clone()));
            instance.stall = None;
            instance.suspension = None;
        });
        self.leave_topics(&loaded.instance);
        self.retain(loaded);
        self.core.leave_component(self.key, &loaded.instance);
        let waits = !loaded.instance.detached;
        if let Some(parent) = loaded.instance.parent.clone().filter(|_| waits) {
            let tenant = &self.key.tenant;
            self.draft
                .resolve(self.core, tenant, parent, outcome.clone());
        }
        self.stopped(Happening::Ended {
            workflow: self.key.clone(),
            status: status_of(&loaded.instance),
            outcome,
        });
    }

    /// Whoever wants to know learns how the instance ended, and it wants to know nothing more itself.
    fn leave_topics(&mut self, instance: &Instance) {
        if let Some(stage) = Stage::of_end(instance.status()) {
            self.draft.announce(self.core, self.key, instance, stage);
        }
        let gone = || Entity::Workflow(self.key.clone());
        self.draft.forget_subscriptions(self.core, gone);
    }

    /// An instance that has ended is deleted after a while, where the host is told so.
    fn retain(&mut self, loaded: &mut Loaded) {
        let Some(kept) = retention::of(&self.core.limits, loaded.instance.status()) else {
            return;
        };
        let due = self.now.after(kept);
        self.update(loaded, |instance| instance.retained_until_ms = due.0);
        let timer = retention::timer(self.key, &loaded.instance);
        self.draft.batch.put_timer(&timer);
        self.draft.effects.push(Effect::Arm(timer));
    }

    /// The run ends as `status`: timers are disarmed, nobody waits for activities any more, and children are
    /// dealt with as they were started.
    fn let_go_of_outstanding(&mut self, loaded: &mut Loaded, status: Status) {
        let run = loaded.instance.run;
        // What was asked for last is not begun either. Messages that are due later are sent.
        self.draft.effects.retain(|effect| match effect {
            Effect::Run(_) => false,
            Effect::Arm(timer) => !matches!(timer.of, TimerOf::Workflow { .. }),
            _ => true,
        });
        for (handle, kind) in loaded.outstanding.drain() {
            match kind {
                Kind::Activity => {
                    let task = self.task(run, handle);
                    self.draft.batch.delete_task(&task);
                    if matches!(status, Status::Cancelled | Status::Terminated) {
                        self.draft.effects.push(Effect::CancelActivity(task));
                    }
                }
                Kind::Timer(due) => {
                    let timer = self.timer(run, handle, due);
                    self.draft.batch.delete_timer(&timer);
                }
                Kind::Child(child) => self.close_child(loaded, handle, &child, status),
            }
        }
    }

    /// This run has ended, and the next one begins with `input` and what is `left` of what arrived.
    pub(crate) fn continue_as_new(
        &mut self,
        loaded: &mut Loaded,
        input: Payload,
        left: Vec<EventKind>,
    ) {
        self.let_go_of_outstanding(loaded, Status::Completed);
        let asked = left.iter().rev().find_map(|kind| match kind {
            EventKind::CancelRequested(asked) => Some(asked.reason.clone()),
            _ => None,
        });
        let component = self.component_of_next_run(&loaded.instance);
        self.core.leave_component(self.key, &loaded.instance);
        self.update(loaded, |instance| {
            instance.first_run = instance.began_with();
            instance.run += 1;
            instance.set_status(Status::Pending);
            instance.stall = None;
            instance.cancel_reason = asked;
            instance.component = component;
        });
        let started = Started {
            name: loaded.instance.name.clone(),
            input,
            seed: self.core.random().to_vec(),
            component: loaded.instance.component.clone(),
            suggest_from: self.core.limits_of(&self.key.tenant).history_suggest_from(),
            attributes: loaded.instance.attributes.clone(),
            ..Started::default()
        };
        self.delete_old_runs(&loaded.instance);
        let first = std::iter::once(EventKind::Started(Box::new(started)));
        for (sequence, kind) in (0..).zip(first.chain(left)) {
            self.put_event(loaded, sequence, kind);
        }
        self.draft.tell(Happening::ContinuedAsNew {
            workflow: self.key.clone(),
            run: loaded.instance.run,
        });
        self.draft.effects.push(Effect::Begin(self.key.clone()));
    }

    /// Of the runs that an instance has gone on from, the latest are kept. One more has ended, so that one is
    /// too many.
    fn delete_old_runs(&mut self, instance: &Instance) {
        let kept = self.core.limits.continued_runs_kept;
        let oldest = instance.run.saturating_sub(kept.saturating_add(1));
        if oldest >= instance.began_with() {
            self.draft.batch.delete_run(self.key, oldest);
        }
    }

    /// The next run begins on the component that stands for the plugin now, as any start does.
    fn component_of_next_run(&mut self, instance: &Instance) -> Vec<u8> {
        let deployed = self.core.plugins.named(&self.key.tenant, &instance.plugin);
        match deployed.filter(|plugin| brings(plugin, &instance.name)) {
            Some(plugin) => {
                let digest = plugin.digest().0.to_vec();
                self.draft.effects.push(Effect::Hold(plugin));
                digest
            }
            None => instance.component.clone(),
        }
    }

    /// The history is long by now.
    pub(crate) fn tell_long(&mut self, events: u64) {
        self.draft.tell(Happening::HistoryLong {
            workflow: self.key.clone(),
            events,
            events_max: self.core.limits_of(&self.key.tenant).history_events_max,
        });
    }

    fn close_child(&mut self, loaded: &Loaded, handle: u32, child: &RunningChild, status: Status) {
        let control = match child.close {
            ParentClose::Abandon => return,
            // So that it can clean up, as its parent could.
            ParentClose::Terminate if status == Status::Cancelled => Control::Cancel,
            ParentClose::Terminate => Control::Terminate,
            ParentClose::Cancel => Control::Cancel,
        };
        self.control(loaded, handle, child, control, "its parent has ended");
    }

    /// The instance is ended from outside: the event of that number says so. What arrived from the event
    /// `first` on, the code has not seen.
    pub(crate) fn terminate(
        &mut self,
        loaded: &mut Loaded,
        sequence: u64,
        reason: String,
        first: u64,
    ) {
        let text = match reason.as_str() {
            "" => format!("workflow {} was terminated", self.key.id),
            reason => format!("workflow {} was terminated: {reason}", self.key.id),
        };
        let kind = EventKind::Terminated(Reason { reason });
        self.put_event(loaded, sequence, kind);
        let failure = Failure::new(code::TERMINATED, text);
        loaded.instance.unseen_from = Some(loaded.unseen_from(first));
        self.end_as(loaded, Status::Terminated, Err(failure));
    }

    fn put_event(&mut self, loaded: &Loaded, sequence: u64, kind: EventKind) {
        let event = Event {
            at_ms: self.now.0,
            kind: Some(kind),
        };
        let run = loaded.instance.run;
        self.draft.batch.put_event(self.key, run, sequence, &event);
    }

    /// The code broke: the event of that number says so, and the instance ends with the failure. What arrived
    /// from the event `first` on, the code has not seen in a turn that counts.
    pub(crate) fn break_off(
        &mut self,
        loaded: &mut Loaded,
        sequence: u64,
        failure: Failure,
        first: u64,
    ) {
        let kind = EventKind::Failed(Box::new(failure.clone().into()));
        self.put_event(loaded, sequence, kind);
        loaded.instance.unseen_from = Some(loaded.unseen_from(first));
        let outcome = Err(failure);
        let status = status_of_end(&loaded.instance, &outcome);
        self.end_as(loaded, status, outcome);
    }

    /// The instance waits for a component that agrees with its history. What arrives from the event `first`
    /// on, its code has not seen.
    pub(crate) fn stall(&mut self, loaded: &mut Loaded, stall: Stall, first: u64) {
        let unseen_from = loaded.unseen_from(first);
        let stall = Stall {
            unseen_from,
            ..stall
        };
        self.update(loaded, |instance| {
            instance.set_status(Status::Stalled);
            instance.stall = Some(stall.clone());
            instance.suspension = None;
        });
        self.stopped(Happening::Stalled {
            workflow: self.key.clone(),
            stall,
        });
    }

    /// The code has said where it stands.
    pub(crate) fn set_status(&mut self, loaded: &mut Loaded, value: Vec<u8>) {
        if loaded.instance.custom_status.as_ref() != Some(&value) {
            self.update(loaded, |instance| instance.custom_status = Some(value));
        }
    }

    /// Answers a caller once the turn is durable.
    pub(crate) fn answer(&mut self, caller: oneshot::Sender<Outcome>, outcome: Outcome) {
        self.draft.effects.push(Effect::Answer(caller, outcome));
    }

    /// Answers a caller once the update is applied.
    pub(crate) fn answer_later(&self, run: u32, id: &str, caller: oneshot::Sender<Outcome>) {
        self.core.updates.wait(self.key, run, id, caller);
    }

    /// The run has ended before its updates were applied.
    pub(crate) fn leave_unapplied(&mut self, run: u32) {
        let unapplied = Effect::Unapplied(self.key.clone(), run);
        self.draft.effects.push(unapplied);
    }

    /// The instance sleeps on, though it may be held no longer.
    pub(crate) fn sleep_on(&mut self, loaded: &mut Loaded) {
        if loaded.instance.status() != Status::Suspended {
            return self.look_again();
        }
        self.told_resumed();
        self.update(loaded, |instance| {
            instance.set_status(Status::Stalled);
            instance.suspension = None;
        });
    }

    /// Whoever waits for the instance looks at it again, also where that was to try something and did not.
    fn look_again(&mut self) {
        self.draft.effects.push(Effect::Changed(self.key.clone()));
    }

    /// Lines that the code said, once the turn is durable.
    pub(crate) fn say(&mut self, lines: Vec<(LogLevel, String)>) {
        let speaker = Speaker::Workflow(self.key.clone());
        self.draft.say(&speaker, lines);
    }

    /// Hands all of it over, if there is anything.
    pub(crate) async fn commit(mut self) {
        if !self.draft.batch.is_empty() || !self.draft.effects.is_empty() {
            let recorded = Effect::Recorded(self.key.clone());
            self.draft.effects.push(recorded);
            self.core.commit_draft(self.draft).await;
        }
    }

    pub(crate) fn update(&mut self, loaded: &mut Loaded, change: impl FnOnce(&mut Instance)) {
        let before = loaded.instance.clone();
        change(&mut loaded.instance);
        loaded.instance.updated_ms = self.now.0;
        self.draft
            .batch
            .put_instance(self.key, Some(&before), &loaded.instance);
    }

    fn stopped(&mut self, happening: Happening) {
        self.draft.tell(happening);
        self.look_again();
    }
}

/// As what an instance ends that was not ended from outside.
fn status_of_end(instance: &Instance, outcome: &Outcome) -> Status {
    let was_asked = instance.cancel_reason.is_some();
    match outcome {
        Ok(_) => Status::Completed,
        Err(failure) if was_asked && failure.code == code::CANCELLED => Status::Cancelled,
        Err(_) => Status::Failed,
    }
}

fn call_of(scheduled: ActorCallScheduled, waiter: Option<Waiter>) -> Call {
    Call {
        method: scheduled.method,
        input: scheduled.input,
        waiter,
    }
}

/// What a message to a workflow left in the store.
fn delete_cause(draft: &mut Draft, workflow: &WorkflowKey, message: &Message) {
    let Draft { batch, effects, .. } = draft;
    match message {
        Message::Mail(sequence, _) => {
            batch.delete_mail(&Entity::Workflow(workflow.clone()), *sequence);
        }
        Message::Activity(end) => {
            batch.delete_task(&end.task);
            let forget = |key: &Digest| batch.delete_reply(&workflow.tenant, key);
            end.replies.iter().for_each(forget);
            effects.push(Effect::LetGo(end.task.clone()));
        }
        Message::Timer(timer, _) => batch.delete_timer(timer),
        Message::Call(_)
        | Message::Order(_)
        | Message::Tick
        | Message::Move(_)
        | Message::Look
        | Message::Ask(_)
        | Message::Mailed => {}
    }
}

/// Whose activity it is, and since when.
pub(crate) struct Origin<'a> {
    pub(crate) workflow: &'a WorkflowKey,
    pub(crate) instance: &'a Instance,
    /// The run's random seed.
    pub(crate) seed: &'a [u8],
    pub(crate) scheduled: Timestamp,
}

/// An activity as a job, from its task and the event that scheduled it.
pub(crate) fn job(origin: Origin<'_>, task: Task, scheduled: ActivityScheduled) -> ActivityJob {
    let Origin {
        workflow, instance, ..
    } = origin;
    ActivityJob {
        task: TaskKey {
            workflow: workflow.clone(),
            run: instance.run,
            handle: scheduled.handle,
        },
        event: task.event,
        plugin: instance.plugin.clone(),
        component: instance.component.clone(),
        options: options(&scheduled),
        name: scheduled.name,
        input: scheduled.input,
        scheduled: origin.scheduled,
        seed: origin.seed.to_vec(),
        failed_attempts: task.failed_attempts,
        due_ms: task.due_ms,
        heartbeat: task.heartbeat,
        last_failure: task.last_failure.map(Failure::from),
    }
}

fn options(scheduled: &ActivityScheduled) -> ActivityOptions {
    ActivityOptions {
        retry: scheduled.retry.as_deref().map(retry_policy),
        timeout: scheduled.timeout_ms.map(Duration::from_millis),
        schedule_to_close: scheduled.schedule_to_close_ms.map(Duration::from_millis),
        heartbeat_timeout: scheduled.heartbeat_timeout_ms.map(Duration::from_millis),
    }
}

fn retry_policy(record: &RetryRecord) -> RetryPolicy {
    RetryPolicy {
        max_attempts: record.max_attempts,
        first_interval: Duration::from_millis(record.first_interval_ms),
        coefficient: record.coefficient,
        max_interval: Duration::from_millis(record.max_interval_ms),
        jitter: record.jitter,
        non_retryable: record.non_retryable.clone(),
    }
}

//! What one turn of a workflow changes: its events as a batch, its commands as effects.

use std::time::Duration;

use host_base::{Digest, Entity, Failure, Outcome, Timestamp, WorkflowKey};
use host_engine::{ActivityOptions, LogLevel, RetryPolicy};
use host_store::records::{
    ActivityScheduled, ActorCallScheduled, Call, Event, EventKind, Instance, MailKind,
    OutcomeRecord, RetryRecord, Stall, Status, Task, TimerScheduled, Waiter,
};
use host_store::{TaskKey, TimerKey, TimerOf};
use tokio::sync::oneshot;

use crate::core::Core;
use crate::draft::Draft;
use crate::effect::{ActivityJob, Effect, Message};
use crate::observer::{Happening, Speaker};
use crate::workflow::Loaded;
use crate::workflow::children::Child;
use crate::workflow::outstanding::Kind;

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

    fn carry_out(&mut self, loaded: &Loaded, sequence: u64, command: EventKind) {
        let run = loaded.instance.run;
        match command {
            EventKind::ActivityScheduled(one) => self.schedule(loaded, sequence, one),
            EventKind::ActorCallScheduled(one) => {
                let waiter = Waiter {
                    workflow_id: self.key.id.clone(),
                    run,
                    handle: one.handle,
                };
                self.send_call(one, Some(waiter));
            }
            EventKind::ActorMessageSent(one) => self.send_call(one, None),
            EventKind::TimerScheduled(one) => self.arm(run, &one),
            EventKind::UpdateCompleted(one) => {
                let outcome = one.outcome.unwrap_or_default().into();
                let applied = Effect::Applied(self.key.clone(), run, one.id, outcome);
                self.draft.effects.push(applied);
            }
            // Children are started separately, for their ids must be looked at first.
            EventKind::ChildScheduled(_)
            | EventKind::Started(_)
            | EventKind::EventAwaited(_)
            | EventKind::Cancelled(_)
            | EventKind::Resolved(_)
            | EventKind::EventRaised(_)
            | EventKind::UpdateAccepted(_)
            | EventKind::Completed(_)
            | EventKind::Failed(_) => {}
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

    fn send_call(&mut self, scheduled: ActorCallScheduled, waiter: Option<Waiter>) {
        let actor = host_base::ActorKey {
            tenant: self.key.tenant.clone(),
            actor_type: scheduled.actor_type,
            id: scheduled.actor_id,
        };
        let call = Call {
            method: scheduled.method,
            input: scheduled.input,
            waiter,
        };
        let kind = MailKind::Call(call);
        self.draft.send(self.core, Entity::Actor(actor), kind);
    }

    /// Starts children, each with its parent's turn.
    pub(crate) fn start(&mut self, children: Vec<Child>) {
        for (new, permit) in children {
            self.draft.start(new, permit, self.now);
        }
    }

    /// The instance has begun, or no longer stalls.
    pub(crate) fn go_on(&mut self, loaded: &mut Loaded) {
        match loaded.instance.status() {
            Status::Pending | Status::Stalled => self.update(loaded, |instance| {
                instance.set_status(Status::Running);
                instance.stall = None;
            }),
            Status::Running | Status::Completed | Status::Failed => {}
        }
    }

    /// The instance ends; what it has not received is nobody's any more.
    pub(crate) fn end(&mut self, loaded: &mut Loaded, outcome: Outcome) {
        let run = loaded.instance.run;
        // What was asked for last is not begun either.
        self.draft
            .effects
            .retain(|effect| !matches!(effect, Effect::Run(_) | Effect::Arm(_)));
        for (handle, kind) in loaded.outstanding.drain() {
            match kind {
                Kind::Activity => self.draft.batch.delete_task(&TaskKey {
                    workflow: self.key.clone(),
                    run,
                    handle,
                }),
                Kind::Timer(due) => {
                    let timer = self.timer(run, handle, due);
                    self.draft.batch.delete_timer(&timer);
                }
            }
        }
        self.update(loaded, |instance| {
            instance.set_status(if outcome.is_ok() {
                Status::Completed
            } else {
                Status::Failed
            });
            instance.outcome = Some(OutcomeRecord::from(outcome.clone()));
            instance.stall = None;
        });
        self.core.leave_component(self.key, &loaded.instance);
        if let Some(parent) = loaded.instance.parent.clone() {
            let tenant = &self.key.tenant;
            self.draft
                .resolve(self.core, tenant, parent, outcome.clone());
        }
        self.stopped(Happening::Ended {
            workflow: self.key.clone(),
            outcome,
        });
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
        let event = Event {
            at_ms: self.now.0,
            kind: Some(EventKind::Failed(failure.clone().into())),
        };
        let run = loaded.instance.run;
        self.draft.batch.put_event(self.key, run, sequence, &event);
        loaded.instance.unseen_from = Some(loaded.unseen_from(first));
        self.end(loaded, Err(failure));
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
        });
        self.stopped(Happening::Stalled {
            workflow: self.key.clone(),
            stall,
        });
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

    /// The instance sleeps on: whoever waits for it to try again learns that it did not.
    pub(crate) fn sleeps_on(&mut self) {
        self.draft.effects.push(Effect::Stopped(self.key.clone()));
    }

    /// Lines that the code said, once the turn is durable.
    pub(crate) fn say(&mut self, lines: Vec<(LogLevel, String)>) {
        let speaker = Speaker::Workflow(self.key.clone());
        self.draft.say(&speaker, lines);
    }

    /// Hands all of it over, if there is anything.
    pub(crate) async fn commit(self) {
        if !self.draft.batch.is_empty() || !self.draft.effects.is_empty() {
            self.core.commit(self.draft.batch, self.draft.effects).await;
        }
    }

    fn update(&mut self, loaded: &mut Loaded, change: impl FnOnce(&mut Instance)) {
        let before = loaded.instance.clone();
        change(&mut loaded.instance);
        loaded.instance.updated_ms = self.now.0;
        self.draft
            .batch
            .put_instance(self.key, Some(&before), &loaded.instance);
    }

    fn stopped(&mut self, happening: Happening) {
        self.draft.tell(happening);
        self.draft.effects.push(Effect::Stopped(self.key.clone()));
    }
}

/// What a message to a workflow left in the store.
fn delete_cause(draft: &mut Draft, workflow: &WorkflowKey, message: &Message) {
    let Draft { batch, effects } = draft;
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
        Message::Timer(timer) => batch.delete_timer(timer),
        Message::Call(_) | Message::Move(_) | Message::Look | Message::Ask(_) | Message::Mailed => {
        }
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
        retry: scheduled.retry.as_ref().map(retry_policy),
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

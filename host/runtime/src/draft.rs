//! The batch and the effects of one turn, in the making: what turns of workflows and of actors have in common.
//!
//! Knows nothing of what a turn decides.

use host_base::{Entity, Outcome, TenantId, Timestamp, WorkflowKey};
use host_engine::LogLevel;
use host_store::records::{Delayed, Mail, MailKind, MailResolved, OutcomeRecord, Waiter};
use host_store::{Batch, TaskKey, TimerKey, TimerOf};

use crate::core::Core;
use crate::effect::Effect;
use crate::message_id::MessageId;
use crate::observer::{Happening, Speaker};
use crate::start::{self, NewWorkflow};
use crate::starts::StartPermit;
use crate::topics::{Stage, TopicOp};

/// What a turn changes, and what follows once that is durable.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) batch: Batch,
    pub(crate) effects: Vec<Effect>,
    /// Carried out when it is handed to the disk, in the order in which that happens.
    pub(crate) topics: Vec<TopicOp>,
}

impl Draft {
    /// Sends a message: it lies in the receiver's inbox with this turn, and is told when that is durable.
    pub(crate) fn send(&mut self, core: &Core, to: Entity, kind: MailKind) {
        let sequence = core.sequences.next();
        let mail = Mail { kind: Some(kind) };
        self.batch.put_mail(&to, sequence, &mail);
        self.effects
            .push(Effect::Deliver(to, sequence, Box::new(mail)));
    }

    /// Sends a message that lies with its receiver until it is due.
    pub(crate) fn delay(&mut self, id: MessageId, delayed: &Delayed) {
        let MessageId { to, name } = id;
        self.batch.put_delayed(&to, &name, delayed);
        let timer = TimerKey {
            due: Timestamp(delayed.due_ms),
            of: TimerOf::Delayed {
                actor: to,
                id: name,
            },
        };
        self.batch.put_timer(&timer);
        self.effects.push(Effect::Arm(timer));
    }

    /// Sends a result to the workflow that waits for it.
    pub(crate) fn resolve(
        &mut self,
        core: &Core,
        tenant: &TenantId,
        waiter: Waiter,
        outcome: Outcome,
    ) {
        let workflow = WorkflowKey {
            tenant: tenant.clone(),
            id: waiter.workflow_id,
        };
        let resolved = MailResolved {
            run: waiter.run,
            handle: waiter.handle,
            outcome: Some(OutcomeRecord::from(outcome)),
        };
        let kind = MailKind::Resolved(resolved);
        self.send(core, Entity::Workflow(workflow), kind);
    }

    /// Starts a workflow with this turn.
    pub(crate) fn start(
        &mut self,
        core: &Core,
        new: NewWorkflow,
        mut permit: StartPermit,
        now: Timestamp,
    ) {
        let suggest_from = core.limits_of(&new.key.tenant).history_suggest_from();
        let instance = start::put(&mut self.batch, &new, suggest_from, now);
        self.announce(core, &new.key, &instance, Stage::Started);
        permit.runs_on(&new.plugin);
        self.effects.push(Effect::Release(permit));
        self.effects.push(match instance.starts_ms {
            0 => Effect::Begin(new.key),
            _ => {
                let timer = start::timer(&new.key, &instance);
                self.batch.put_timer(&timer);
                Effect::Arm(timer)
            }
        });
    }

    /// Asks an activity to stop with this turn; its end still comes.
    pub(crate) fn cancel_activity(&mut self, task: TaskKey) {
        self.batch.put_cancel(&task);
        self.effects.push(Effect::CancelActivity(task));
    }

    /// Lines that the turn's code said.
    pub(crate) fn say(&mut self, speaker: &Speaker, lines: Vec<(LogLevel, String)>) {
        for (level, line) in lines {
            let speaker = speaker.clone();
            self.tell(Happening::Said {
                speaker,
                level,
                line,
            });
        }
    }

    /// Something happened.
    pub(crate) fn tell(&mut self, happening: Happening) {
        self.effects.push(Effect::Tell(Box::new(happening)));
    }
}

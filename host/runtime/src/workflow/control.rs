//! What is wanted of an instance as a whole: that it ends, is held, or goes on.
//!
//! Each comes as a message of the inbox, so that it is neither lost nor obeyed twice. A message names the
//! instance that it is for, because another one may have the id by the time that it comes.

use host_store::records::{Control, Instance, MailControl, MailKind, Suspension};

use host_store::TimerOf;

use crate::effect::Message;
use crate::start::NO_HANDLE;
use crate::workflow::machine::{Arrival, Machine};
use crate::workflow::turn::Change;
use crate::workflow::{Loaded, Received};

/// What a message wants of the instance as a whole, if it does.
pub(crate) fn of(message: &Message) -> Option<&MailControl> {
    match message {
        Message::Mail(_, mail) => match &mail.kind {
            Some(MailKind::Control(control)) => Some(control),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a message may let the instance go on.
pub(crate) fn is_resume(message: &Message) -> bool {
    of(message).is_some_and(|control| control.control() == Control::Resume)
}

/// Whether a message says that the instance, which waits for that, begins.
pub(crate) fn is_start(message: &Message, instance: &Instance) -> bool {
    match message {
        Message::Timer(timer, _) => {
            instance.starts_ms > 0
                && matches!(timer.of, TimerOf::Workflow { run, handle: NO_HANDLE, .. } if run == instance.run)
        }
        _ => false,
    }
}

/// Whether the message is for this instance.
fn is_meant(control: &MailControl, instance: &Instance) -> bool {
    match &control.parent {
        Some(parent) => instance.parent.as_ref() == Some(parent),
        None => instance.began_with() == control.began_with,
    }
}

impl Loaded {
    /// Does what is wanted, as far as the code need not run for it.
    pub(super) fn obey(
        &mut self,
        change: &mut Change<'_>,
        machine: &mut Machine,
        control: &MailControl,
        received: &mut Received,
    ) {
        if !is_meant(control, &self.instance) {
            return;
        }
        let reason = control.reason.clone();
        match control.control() {
            Control::Cancel => {
                let arrival = Arrival::CancelRequested {
                    reason: reason.clone(),
                };
                if machine.arrive(arrival) {
                    change.note_cancel(self, reason);
                }
            }
            Control::Terminate => {
                received.ended.get_or_insert(reason);
            }
            Control::Suspend => self.suspend(change, machine, reason),
            Control::Resume => {
                if self.instance.suspension.take().is_some() {
                    machine.arrive(Arrival::Resumed);
                }
            }
            Control::Unknown => {}
        }
    }

    fn suspend(&mut self, change: &Change<'_>, machine: &mut Machine, reason: String) {
        if self.instance.suspension.is_some() {
            return;
        }
        machine.arrive(Arrival::Suspended {
            reason: reason.clone(),
        });
        self.instance.suspension = Some(Suspension {
            reason,
            at_ms: change.now.0,
            unseen_from: 0,
        });
    }
}

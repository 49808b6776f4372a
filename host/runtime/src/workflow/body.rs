//! A workflow's code on an instance of its own: begun, driven from wait to wait, and judged when it ends.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use host_base::failure::code;
use host_base::{Digest, Failure, Outcome, TenantId, WorkflowKey};
use host_engine::{GuestError, Plugin, Reason, WorkflowInstance, WorkflowRun};
use host_store::records::{Instance, Stall, Started};
use tokio::sync::OwnedSemaphorePermit;

use crate::core::Core;
use crate::limits;
use crate::locks::lock;
use crate::workflow::imports::Imports;
use crate::workflow::machine::Machine;

/// How long a body that found no instance waits before it tries again.
const BUSY_WAIT: Duration = Duration::from_millis(50);

/// The code of one run, with the instance that it lives on.
pub(crate) struct Body {
    run: WorkflowRun,
    begin: Begin,
    /// It broke when it was asked something, and cannot go on.
    broken: bool,
    _fiber: OwnedSemaphorePermit,
}

/// What a body begins with; kept, because it may have to begin again.
#[derive(Clone)]
pub(crate) struct Begin {
    plugin: Plugin,
    info: WorkflowInstance,
    tenant: TenantId,
    input: Vec<u8>,
    seed: [u8; 32],
}

/// How far a body came.
pub(crate) enum Step {
    /// There is no body.
    Asleep,
    /// It waits for what has not arrived.
    Waits,
    /// It returned.
    Ended(Outcome),
    /// It broke, as every replay would.
    Broke(Failure),
    /// It cannot go on with this component.
    Stalls(Stall),
    /// The instance is held, whatever its code would do.
    Held,
    /// It is not yet time for it to begin.
    Early,
    /// It is ended from outside, for that reason.
    Terminated(String),
}

impl Begin {
    pub(crate) fn new(
        plugin: Plugin,
        key: &WorkflowKey,
        instance: &Instance,
        started: &Started,
        seed: [u8; 32],
    ) -> Begin {
        Begin {
            plugin,
            info: WorkflowInstance {
                id: key.id.clone(),
                name: instance.name.clone(),
                run: instance.run,
            },
            tenant: key.tenant.clone(),
            input: started.input.clone(),
            seed,
        }
    }

    fn run(&self, core: &Core, machine: &Arc<Mutex<Machine>>) -> WorkflowRun {
        let (info, tenant) = (self.info.clone(), self.tenant.clone());
        let imports = Imports::new(info, tenant, Arc::clone(machine), core);
        let (name, input) = (&self.info.name, self.input.clone());
        self.plugin
            .run_workflow(name, input, self.seed, Box::new(imports))
    }
}

impl Body {
    /// A body that has not run yet. Waits for a free instance, for which others leave the memory.
    pub(crate) async fn begin(core: &Core, begin: Begin, machine: &Arc<Mutex<Machine>>) -> Body {
        let fiber = fiber(core).await;
        Body {
            run: begin.run(core, machine),
            begin,
            broken: false,
            _fiber: fiber,
        }
    }

    /// Which component its code is from.
    pub(crate) fn component(&self) -> Digest {
        self.begin.plugin.digest()
    }

    /// Whether it broke when it was asked something: it waits, and another one must go on.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Runs until it waits or ends.
    pub(crate) async fn run(&mut self, core: &Core, machine: &Arc<Mutex<Machine>>) -> Step {
        loop {
            match drive(&mut self.run, machine).await {
                None => return Step::Waits,
                // It has not begun, so that it can begin again.
                Some(Err(error)) if matches!(error.reason, Reason::Exhausted(_)) => {
                    let _wanted = core.entities.want_place();
                    tokio::time::sleep(BUSY_WAIT).await;
                    self.run = self.begin.run(core, machine);
                }
                Some(Err(error)) if lock(machine).is_undecided() => {
                    lock(machine).break_answer(broken(&error));
                    self.broken = true;
                    return Step::Waits;
                }
                Some(result) => {
                    let who = format_args!("workflow {}", self.begin.info.name);
                    let of_tenant = core.limits_of(&self.begin.tenant);
                    let bounded = |outcome| limits::bounded(&of_tenant, who, outcome);
                    return judge(result.map(bounded), &mut lock(machine), self.component());
                }
            }
        }
    }
}

/// The right to one of the engine's instances. Where none is free, idle workflows leave the memory.
async fn fiber(core: &Core) -> OwnedSemaphorePermit {
    let fibers = Arc::clone(&core.fibers);
    let fiber = match Arc::clone(&fibers).try_acquire_owned() {
        Ok(fiber) => Ok(fiber),
        Err(_) => {
            let _wanted = core.entities.want_place();
            fibers.acquire_owned().await
        }
    };
    fiber.expect("the semaphore of the instances is never closed")
}

/// Polls the run until it has ended or waits for an arrival; `None`: it waits.
async fn drive(
    run: &mut WorkflowRun,
    machine: &Mutex<Machine>,
) -> Option<Result<Outcome, GuestError>> {
    poll_fn(|context| match Pin::new(&mut *run).poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if lock(machine).is_waiting() => Poll::Ready(None),
        // It computes for long and lets others run.
        Poll::Pending => Poll::Pending,
    })
    .await
}

fn judge(result: Result<Outcome, GuestError>, machine: &mut Machine, component: Digest) -> Step {
    match result {
        Ok(outcome) => match machine.finish(&outcome) {
            Ok(()) => Step::Ended(outcome),
            Err(_) => Step::Stalls(divergence(machine, "", component)),
        },
        Err(error) if machine.divergence().is_some() => {
            Step::Stalls(divergence(machine, &error.backtrace, component))
        }
        Err(error) => match &error.reason {
            // Neither says anything about what the code would do: it may go on another time.
            Reason::Overran { .. } | Reason::Missing | Reason::Exhausted(_) => {
                let asked = error.to_string();
                Step::Stalls(stall_at(machine, asked, &error.backtrace, component))
            }
            Reason::Trap(_)
            | Reason::Memory { .. }
            | Reason::Refused { .. }
            | Reason::Interrupted(_) => match machine.may_end(error.to_string()) {
                Ok(()) => Step::Broke(broken(&error)),
                Err(_) => Step::Stalls(divergence(machine, &error.backtrace, component)),
            },
        },
    }
}

/// A body that breaks does so in every replay, so that trying again does not help its caller.
fn broken(error: &GuestError) -> Failure {
    Failure {
        retryable: false,
        ..error.failure()
    }
}

fn divergence(machine: &Machine, backtrace: &str, component: Digest) -> Stall {
    let found = machine.divergence();
    let found = found.expect("the machine has just refused what the code asked for");
    Stall {
        event: found.event,
        history: found.history.clone(),
        asked: found.asked.clone(),
        backtrace: backtrace.to_owned(),
        component: component.0.to_vec(),
        unseen_from: 0,
        may_pass: false,
    }
}

fn stall_at(machine: &Machine, asked: String, backtrace: &str, component: Digest) -> Stall {
    Stall {
        event: machine.next_sequence(),
        history: "nothing yet".to_owned(),
        asked,
        backtrace: backtrace.to_owned(),
        component: component.0.to_vec(),
        unseen_from: 0,
        may_pass: true,
    }
}

/// Why an instance cannot go on whose code is not there: its component is not, or brings no such workflow.
pub(crate) fn without_code(machine: &Machine, instance: &Instance, absent: Option<&str>) -> Stall {
    let Instance { plugin, name, .. } = instance;
    let missing = format!("no workflow {name} of plugin {plugin} is deployed");
    let why = absent.unwrap_or(&missing);
    let asked = format!("nothing, because {why} ({})", code::NOT_FOUND);
    let tried = Digest::from_bytes(&instance.component).unwrap_or(Digest([0; 32]));
    stall_at(machine, asked, "", tried)
}

//! Imports that a role may not have: linked, so that the component loads, and refused when called.
//!
//! Owns the sentences that say what to do instead.

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::error::Role;
use crate::guest::Guest;
use crate::stop::Stop;

/// WASI's interfaces that every role is answered on; they are linked for good.
const ANSWERED: [&str; 4] = ["wasi:cli/", "wasi:clocks/", "wasi:io/", "wasi:random/"];

/// Stands behind a resource of a refused interface; none is ever made.
struct Refused;

/// Whether an import is WASI's and no role is answered on it.
pub(crate) fn is_refused_wasi(import: &str) -> bool {
    import.starts_with("wasi:") && !ANSWERED.iter().any(|known| import.starts_with(known))
}

/// Links every interface of WASI that the component imports and no role may use.
pub(crate) fn link(linker: &mut Linker<Guest>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    let component = component.component_type();
    for (name, import) in component.imports(&engine) {
        if !is_refused_wasi(name) {
            continue;
        }
        if let ComponentItem::ComponentInstance(interface) = import.ty {
            link_interface(&mut linker.instance(name)?, name, &interface, &engine)?;
        }
    }
    Ok(())
}

fn link_interface(
    linker: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    content: &ComponentInstance,
    engine: &wasmtime::Engine,
) -> wasmtime::Result<()> {
    for (name, item) in content.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let import = format!("{interface}#{name}");
                linker.func_new(name, move |store, _, _, _| {
                    Err(refuse_wasi(&store, &import))
                })?;
            }
            ComponentItem::Resource(_) => {
                linker.resource(name, resource_type(name), |_, _| Ok(()))?;
            }
            ComponentItem::Type(_)
            | ComponentItem::CoreFunc(_)
            | ComponentItem::Module(_)
            | ComponentItem::Component(_)
            | ComponentItem::ComponentInstance(_) => {}
        }
    }
    Ok(())
}

/// Refused interfaces name some resources of `wasi:io`, which is answered: they must be the same types.
fn resource_type(name: &str) -> ResourceType {
    match name {
        "input-stream" => ResourceType::host::<DynInputStream>(),
        "output-stream" => ResourceType::host::<DynOutputStream>(),
        "pollable" => ResourceType::host::<DynPollable>(),
        "error" => ResourceType::host::<io::error::Error>(),
        _ => ResourceType::host::<Refused>(),
    }
}

fn refuse_wasi(store: &StoreContextMut<'_, Guest>, import: &str) -> wasmtime::Error {
    wasi(store.data().side.role(), import).into()
}

/// The refusal of one of WASI's functions.
pub(crate) fn wasi(role: Option<Role>, import: &str) -> Stop {
    let advice = match role {
        None => NO_IMPORTS.to_owned(),
        Some(Role::Workflow) => {
            format!(
                "a workflow may not {}; call an activity that does",
                what(import)
            )
        }
        Some(Role::Actor) => format!(
            "an actor may not {}; start a workflow whose activity does",
            what(import)
        ),
        Some(Role::Activity) => format!(
            "an activity may not {} unless the operator grants it, which this host cannot yet",
            what(import)
        ),
    };
    let import = import.to_owned();
    Stop::Refused { import, advice }
}

fn what(import: &str) -> &'static str {
    let starts = |prefix: &str| import.starts_with(prefix);
    if starts("wasi:filesystem/") {
        "use files"
    } else if starts("wasi:sockets/") {
        "open network connections"
    } else if starts("wasi:http/") {
        "make HTTP requests"
    } else {
        "use it"
    }
}

const NO_IMPORTS: &str = "`describe` only says what the plugin brings, and may not use any import";

/// The refusal of sleeping by WASI's clock.
pub(crate) fn sleep(role: Option<Role>, function: &str) -> Stop {
    let advice = match role {
        None => NO_IMPORTS,
        Some(Role::Workflow) => "a workflow waits with `schedule-timer`, in Rust with `ctx.sleep`",
        Some(Role::Actor) => {
            "an actor may not wait while others want to call it; start a workflow with a timer"
        }
        Some(Role::Activity) => "an activity may sleep, and this is a defect of the host",
    };
    Stop::Refused {
        import: format!("wasi:clocks/monotonic-clock#{function}"),
        advice: advice.to_owned(),
    }
}

/// The refusal of one of the contract's own functions, called by another kind of code than it is for.
pub(crate) fn contract(caller: Option<Role>, owner: Role, function: &str) -> Stop {
    let advice = match caller {
        None => NO_IMPORTS.to_owned(),
        Some(caller) if caller == owner => {
            format!("no {owner} is running while the component is being initialised")
        }
        Some(caller) => format!("it is for {owner} code; {}", instead(caller, function)),
    };
    Stop::Refused {
        import: format!("durable:plugin/{owner}#{function}"),
        advice,
    }
}

fn instead(caller: Role, function: &str) -> &'static str {
    match caller {
        Role::Workflow => instead_in_workflow(function),
        Role::Actor => instead_in_actor(function),
        Role::Activity => instead_in_activity(function),
    }
}

fn instead_in_workflow(function: &str) -> &'static str {
    match function {
        "call" | "call-actor" => "a workflow calls an actor with `schedule-actor-call`",
        "send" => "a workflow sends an actor a message with `send-actor`",
        "start-workflow" => "a workflow starts another one with `schedule-child`",
        "get-state" | "set-state" | "delete-state" => {
            "a workflow keeps its state in variables, and reaches an actor's with \
             `schedule-actor-call`"
        }
        "get-workflow" | "raise-event" => {
            "a workflow reaches other workflows through an actor, with `schedule-actor-call`"
        }
        _ => "a workflow has a function of its own for it in durable:plugin/workflow",
    }
}

fn instead_in_actor(function: &str) -> &'static str {
    match function {
        "schedule-actor-call" | "call-actor" => "an actor calls another one with `call`",
        "send-actor" => "an actor sends another one a message with `send`",
        "schedule-child" => "an actor starts a workflow with `start-workflow`",
        "schedule-activity" | "call-activity" | "schedule-timer" | "schedule-event" | "wait"
        | "wait-any" | "wait-more" | "cancel" | "request-cancel" | "continue-as-new" => {
            "an actor starts a workflow with `start-workflow`, and the workflow runs activities \
             and waits"
        }
        "random-u64" | "new-id" => "an actor may use random numbers of its language",
        _ => "an actor has a function of its own for it in durable:plugin/actor",
    }
}

fn instead_in_activity(function: &str) -> &'static str {
    match function {
        "schedule-actor-call" | "call" => "an activity calls an actor with `call-actor`",
        "send-actor" => "an activity sends an actor a message with `send`",
        "schedule-activity" | "call-activity" => {
            "an activity does the work itself, or leaves it to its workflow"
        }
        "schedule-timer" => "an activity may sleep",
        "random-u64" | "new-id" => "an activity may use random numbers of its language",
        "info" | "log" | "raise-event" | "publish" | "send" | "send-later" | "cancel-message" => {
            "an activity has a function of its own for it in durable:plugin/activity"
        }
        "now-ms" => "an activity may use the clock of its language",
        _ => "an activity returns its result, and leaves this to its workflow or to an actor",
    }
}

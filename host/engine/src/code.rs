//! A compiled and linked component, ready to be instantiated on one of the two engines.
//!
//! Knows nothing of what it will run.

use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use crate::bindings::durable::plugin as imports;
use crate::bindings::exports::durable::plugin as exports;
use crate::guest::Guest;
use crate::inspect::{Exports, Problem};
use crate::setup::{self, Flavour};
use crate::{refuse, wasi};

/// An engine with everything linked that any role is answered on. Which role may use what is decided
/// when it is called, so that one linker serves all.
pub(crate) struct Base {
    pub(crate) engine: Engine,
    linker: Linker<Guest>,
}

impl Base {
    pub(crate) fn new(flavour: Flavour, instances: u32) -> wasmtime::Result<Base> {
        let engine = setup::engine(flavour, instances)?;
        let mut linker = Linker::new(&engine);
        wasi::link(&mut linker)?;
        imports::workflow::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        imports::actor::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        imports::activity::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        Ok(Base { engine, linker })
    }
}

/// The component on one engine, with the places of what it exports.
pub(crate) struct Code {
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) manifest: exports::manifest::GuestIndices,
    pub(crate) workflows: Option<exports::workflows::GuestIndices>,
    pub(crate) actors: Option<exports::actors::GuestIndices>,
    pub(crate) activities: Option<exports::activities::GuestIndices>,
}

impl Code {
    /// Links a component of which [`crate::inspect`] has read the names.
    pub(crate) fn link(
        base: &Base,
        component: &Component,
        found: Exports,
    ) -> Result<Code, Problem> {
        let mut linker = base.linker.clone();
        refuse::link(&mut linker, component).map_err(|error| unfit(&error))?;
        let pre = linker.instantiate_pre(component);
        let pre = pre.map_err(|error| unfit(&error))?;
        Code::find_exports(pre, found).map_err(|error| unfit(&error))
    }

    fn find_exports(pre: InstancePre<Guest>, found: Exports) -> wasmtime::Result<Code> {
        let workflows = found
            .workflows
            .then(|| exports::workflows::GuestIndices::new(&pre));
        let actors = found
            .actors
            .then(|| exports::actors::GuestIndices::new(&pre));
        let activities = found
            .activities
            .then(|| exports::activities::GuestIndices::new(&pre));
        Ok(Code {
            manifest: exports::manifest::GuestIndices::new(&pre)?,
            workflows: workflows.transpose()?,
            actors: actors.transpose()?,
            activities: activities.transpose()?,
            pre,
        })
    }
}

fn unfit(error: &wasmtime::Error) -> Problem {
    Problem::new(
        format!("it does not fit this host: {error:#}"),
        "Build it against this host's wit/plugin.wit and WASI 0.2",
    )
}

//! How a workflow's instance is given up while its code waits, at little cost.
//!
//! wasmtime frees a suspended guest by resuming it with an error, and captures the guest's frames for it,
//! names and lines included, which takes a millisecond or two with debug information. Here the import that
//! the guest waits in answers with an error that brings a backtrace of its own, an empty one, so that none
//! is captured.

use std::sync::{Arc, Mutex};

use wasmtime::{Engine, Store, WasmBacktrace};

use crate::locks::lock;
use crate::stop::Stop;

/// Shared between a run and the import that it waits in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leave(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: bool,
    backtrace: Option<WasmBacktrace>,
}

impl Leave {
    /// Whether the guest waits, as the import says.
    pub(crate) fn set_waiting(&self, waiting: bool) {
        lock(&self.0).waiting = waiting;
    }

    /// Asks the guest to leave at its next poll. False where it does not wait and would go on instead.
    pub(crate) fn ask(&self, engine: &Engine) -> bool {
        let mut state = lock(&self.0);
        if state.waiting {
            // Nothing runs in this store, so that there are no frames.
            state.backtrace = Some(WasmBacktrace::capture(Store::new(engine, ())));
        }
        state.waiting
    }

    /// The error to leave with, if the guest was asked to.
    pub(crate) fn asked(&self) -> Option<wasmtime::Error> {
        let backtrace = lock(&self.0).backtrace.take()?;
        Some(wasmtime::Error::new(Stop::Left).context(backtrace))
    }
}

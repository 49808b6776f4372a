//! Compiled code that this host made itself, which is the only code that it runs.
//!
//! Owns the one place where bytes become executable. Who may say so: the compiler, just now, and the cache, which
//! proves it.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiled code of this host's own making.
#[derive(Clone)]
pub(crate) struct Compiled(Vec<u8>);

impl Compiled {
    /// What the compiler has just answered.
    pub(crate) fn just_now(code: Vec<u8>) -> Compiled {
        Compiled(code)
    }

    /// What this host is proven to have compiled before.
    pub(crate) fn proven(code: Vec<u8>) -> Compiled {
        Compiled(code)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The component, ready to be linked.
    #[expect(
        unsafe_code,
        reason = "wasmtime offers no other way to use code that another process or run has compiled"
    )]
    pub(crate) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the code is what wasmtime's compiler gave, for whoever made this value has it from there; it
        // cannot change meanwhile, for it is in memory that is ours alone; and wasmtime compares the version and the
        // configuration that are recorded in it.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

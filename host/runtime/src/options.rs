//! What a runtime is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use host_base::{Clock, Limits, SystemClock};
use host_engine::Compiler;
use host_store::StoreOptions;

use crate::observer::{Observer, Silent};

/// What a [`crate::Runtime`] is opened with.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// The data directory: the database, and compiled components under `cache/` with their key in `cache.key`. Made
    /// where it is not.
    pub data: PathBuf,
    /// The bounds of guests and entities.
    pub limits: Limits,
    /// The bounds of the store.
    pub store: StoreOptions,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
    /// Who compiles components.
    pub compiler: Compiler,
    /// Live workflow instances at most; none: as many as the machine allows.
    pub instances_max: Option<u32>,
}

impl RuntimeOptions {
    /// Default limits, the machine's clock, a compiler in this process, and nobody who is told.
    pub fn new(data: impl Into<PathBuf>) -> RuntimeOptions {
        RuntimeOptions {
            data: data.into(),
            limits: Limits::default(),
            store: StoreOptions::default(),
            clock: Arc::new(SystemClock),
            observer: Arc::new(Silent),
            compiler: Compiler::default(),
            instances_max: None,
        }
    }
}

//! The engine's handle: what it is made with, what all plugins share, and the clock that bounds guests.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use host_base::{CurrentLimits, Digest, Limits};
use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::code::Base;
use crate::compiler::Compiler;
use crate::error::{EngineError, LoadError};
use crate::idle::Places;
use crate::load;
use crate::machine::Pools;
use crate::plugin::Plugin;
use crate::setup::{Flavour, TICK};

/// How often instances that nobody needed are given up.
const TICKS_BETWEEN_LOOKS: u32 = 1_000;

/// What an [`Engine`] is made with.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// The limits of the machine: `activities_running_max` sizes the pool of instances that run activities
    /// and actors' turns.
    pub limits: Limits,
    /// Where compiled components are kept between starts; none: every start compiles. The folder is
    /// made where it is not; one that others can write to is not used. Beside it lies the key by which this host
    /// knows again what it wrote, in a file of the folder's name that ends with `.key`.
    pub cache_dir: Option<PathBuf>,
    /// Who compiles.
    pub compiler: Compiler,
    /// Live workflow instances at most; none: as many as the machine allows, which is about 7,600 where
    /// Linux's `vm.max_map_count` was not raised. More than that is lowered to it.
    pub instances_max: Option<u32>,
}

/// A handle to the engine; clones share it. Its thread ends with the last clone and the last plugin.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// What all plugins share.
pub(crate) struct Shared {
    pub(crate) cache: Option<Cache>,
    pub(crate) deterministic: Base,
    pub(crate) plain: Base,
    pub(crate) places: Arc<Places>,
    pub(crate) compiler: Compiler,
    pub(crate) compiles_held_max: usize,
    /// Places to compile and to wait for it, and places to compile.
    pub(crate) compiles_held: Arc<Semaphore>,
    pub(crate) compiles_running: Arc<Semaphore>,
    pools: Pools,
    /// Dropping it ends the ticker.
    _ticker: mpsc::Sender<()>,
}

impl Engine {
    /// Sets up both of wasmtime's engines and starts the thread that interrupts guests.
    ///
    /// # Errors
    /// wasmtime refuses the configuration or the machine, for example for want of address space.
    pub fn new(options: EngineOptions) -> Result<Engine, EngineError> {
        let activities_max = options.limits.activities_running_max;
        let pools = Pools::of_this_machine(activities_max, options.instances_max);
        let deterministic = base(Flavour::Deterministic, pools.workflows)?;
        let plain = base(Flavour::Plain, pools.plain)?;
        let places = Arc::new(Places::default());
        let limits = options.limits;
        let cache = options.cache_dir.as_deref();
        let engines = [deterministic.engine.clone(), plain.engine.clone()];
        Ok(Engine(Arc::new(Shared {
            cache: cache.and_then(|folder| Cache::open(folder, &limits)),
            compiler: options.compiler,
            compiles_held_max: limits.compiles_held_max,
            compiles_held: places_for(limits.compiles_held_max),
            compiles_running: places_for(limits.compiles_running_max),
            deterministic,
            plain,
            _ticker: start_ticker(engines, Arc::clone(&places))?,
            places,
            pools,
        })))
    }

    /// Checks and compiles a component and reads its manifest. `file` names it in messages. Each of its
    /// instances is held to the `limits` that hold when it is made.
    ///
    /// # Errors
    /// The file is no plugin that this host can run; the message says why and what to do.
    pub async fn load(
        &self,
        file: &str,
        bytes: &[u8],
        limits: Arc<CurrentLimits>,
    ) -> Result<Plugin, LoadError> {
        let plugin = load::load(&self.0, bytes, limits).await;
        plugin.map_err(|problem| problem.of(file))
    }

    /// Deletes the compiled code of a component. Whoever runs on it runs on; loading it compiles it again.
    pub fn forget_code(&self, digest: Digest) {
        if let Some(cache) = &self.0.cache {
            cache.forget(digest);
        }
    }

    /// Deletes compiled code that has lain there for so long and is of none of the components that are needed.
    pub fn tidy_code(&self, needed: &HashSet<Digest>, age: Duration) {
        if let Some(cache) = &self.0.cache {
            cache.tidy(needed, age);
        }
    }

    /// Live workflow instances that the pool offers, suspended ones included. One more ends with
    /// [`crate::Reason::Exhausted`].
    pub fn instances_max(&self) -> usize {
        self.0.pools.workflows as usize
    }
}

fn places_for(compiles: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(compiles.min(Semaphore::MAX_PERMITS)))
}

fn base(flavour: Flavour, instances: u32) -> Result<Base, EngineError> {
    Base::new(flavour, instances).map_err(|error| {
        EngineError::Setup(format!(
            "{error:#}. It reserves addresses for {instances} instances; allow the process more \
             (`ulimit -v unlimited`), or ask for fewer instances"
        ))
    })
}

fn start_ticker(
    engines: [wasmtime::Engine; 2],
    places: Arc<Places>,
) -> Result<mpsc::Sender<()>, EngineError> {
    let (alive, gone) = mpsc::channel();
    let thread = thread::Builder::new().name("engine-ticker".to_owned());
    let started = thread.spawn(move || tick(&engines, &places, &gone));
    started.map_err(|error| EngineError::Setup(format!("start the ticker's thread: {error}")))?;
    Ok(alive)
}

fn tick(engines: &[wasmtime::Engine; 2], places: &Places, gone: &mpsc::Receiver<()>) {
    let mut ticks = 0_u32;
    while gone.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        engines.iter().for_each(wasmtime::Engine::increment_epoch);
        ticks = (ticks + 1) % TICKS_BETWEEN_LOOKS;
        if ticks == 0 {
            places.drop_unneeded();
        }
    }
}

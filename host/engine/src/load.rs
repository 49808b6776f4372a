//! How bytes become a plugin: cheap checks first, then compiling, linking and the manifest.

use std::sync::Arc;

use host_base::{CurrentLimits, Digest};
use wasmtime::component::Component;

use crate::code::Code;
use crate::describe;
use crate::engine::Shared;
use crate::inspect::{self, Exports, Problem};
use crate::locks::lock;
use crate::manifest::Manifest;
use crate::plugin::Plugin;
use crate::setup::Flavour;

/// Checks and compiles a component and reads its manifest.
pub(crate) async fn load(
    shared: &Arc<Shared>,
    bytes: &[u8],
    limits: Arc<CurrentLimits>,
) -> Result<Plugin, Problem> {
    check_size(bytes.len(), limits.get().component_bytes_max)?;
    let exports = inspect::exports_of(bytes)?;
    let source = Source {
        bytes: Arc::from(bytes),
        digest: Digest::of(bytes),
        exports,
    };
    let first = source.first_flavour();
    let code = compile(shared, &source, first).await?;
    let manifest = describe::manifest_of(&code, exports, &limits.get()).await?;
    let other = match source.other_flavour(&manifest) {
        Some(flavour) => Some(compile(shared, &source, flavour).await?),
        None => None,
    };
    let (deterministic, plain) = match first {
        Flavour::Deterministic => (Some(code), other),
        Flavour::Plain => (None, Some(code)),
    };
    Ok(Plugin::new(
        Arc::clone(shared),
        limits,
        source.digest,
        manifest,
        deterministic,
        plain,
    ))
}

fn check_size(bytes: usize, max: usize) -> Result<(), Problem> {
    if bytes <= max {
        return Ok(());
    }
    Err(Problem::new(
        format!("it has {bytes} bytes, and the limit `component_bytes_max` is {max}"),
        "Strip it (`wasm-tools strip`), or raise the limit",
    ))
}

#[derive(Clone)]
struct Source {
    bytes: Arc<[u8]>,
    digest: Digest,
    exports: Exports,
}

impl Source {
    fn first_flavour(&self) -> Flavour {
        if self.exports.workflows {
            Flavour::Deterministic
        } else {
            Flavour::Plain
        }
    }

    /// The other engine's code is needed only for what the manifest names: the SDK exports all roles
    /// whether there is anything behind them or not.
    fn other_flavour(&self, manifest: &Manifest) -> Option<Flavour> {
        let plain = !manifest.actors.is_empty() || !manifest.activities.is_empty();
        (self.exports.workflows && plain).then_some(Flavour::Plain)
    }
}

/// Compiles where it may take its time.
async fn compile(shared: &Arc<Shared>, source: &Source, flavour: Flavour) -> Result<Code, Problem> {
    let (shared, source) = (Arc::clone(shared), source.clone());
    let work = tokio::task::spawn_blocking(move || compile_here(&shared, &source, flavour));
    work.await.unwrap_or_else(|error| {
        Err(Problem::new(
            format!("the compiler broke: {error}"),
            "Report it with the file: this is a defect of the host",
        ))
    })
}

fn compile_here(shared: &Shared, source: &Source, flavour: Flavour) -> Result<Code, Problem> {
    let base = match flavour {
        Flavour::Deterministic => &shared.deterministic,
        Flavour::Plain => &shared.plain,
    };
    let one_at_a_time = lock(&shared.compiling);
    let component = match &shared.cache {
        Some(cache) => cache.component(&base.engine, source.digest, &source.bytes),
        None => Component::new(&base.engine, &source.bytes),
    };
    drop(one_at_a_time);
    let component = component.map_err(|error| uncompilable(&error))?;
    Code::link(base, &component, source.exports)
}

fn uncompilable(error: &wasmtime::Error) -> Problem {
    Problem::new(
        format!("it cannot be compiled: {error:#}"),
        "Build it anew, without experimental features of WebAssembly and of WASI 0.3",
    )
}

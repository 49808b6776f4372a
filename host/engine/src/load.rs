//! How bytes become a plugin: cheap checks first, then compiling, linking and the manifest.

use std::sync::Arc;

use host_base::{CurrentLimits, Digest, Fault, Limits};

use crate::code::{Base, Code};
use crate::engine::Shared;
use crate::inspect::{self, Exports, Problem};
use crate::manifest::Manifest;
use crate::plugin::Plugin;
use crate::setup::Flavour;
use crate::{check, describe};

/// Checks and compiles a component and reads its manifest.
pub(crate) async fn load(
    shared: &Arc<Shared>,
    bytes: &[u8],
    limits: Arc<CurrentLimits>,
) -> Result<Plugin, Problem> {
    let now = limits.get();
    check_size(bytes.len(), now.component_bytes_max)?;
    let source = checked(Arc::from(bytes), now).await?;
    let exports = source.exports;
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

/// The component, once nothing in its file speaks against compiling it.
async fn checked(bytes: Arc<[u8]>, limits: Arc<Limits>) -> Result<Source, Problem> {
    aside(move || {
        inspect::check_kind(&bytes)?;
        check::count(&bytes, &limits)?;
        Ok(Source {
            exports: inspect::exports_of(&bytes)?,
            digest: Digest::of(&bytes),
            bytes,
            limits,
        })
    })
    .await
}

#[derive(Clone)]
struct Source {
    bytes: Arc<[u8]>,
    digest: Digest,
    exports: Exports,
    /// Those that held when it was loaded.
    limits: Arc<Limits>,
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

/// Does it where it may take its time.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Problem::new(
            format!("the compiler broke: {error}"),
            "Report it with the file: this is a defect of the host",
        )
        .by(Fault::Bug))
    })
}

/// The component's code for one engine: what was compiled before, or else compiled now.
async fn compile(shared: &Arc<Shared>, source: &Source, flavour: Flavour) -> Result<Code, Problem> {
    let find = (Arc::clone(shared), source.clone());
    let found = aside(move || find.0.compiled(&find.1, flavour).transpose()).await?;
    if let Some(code) = found {
        return Ok(code);
    }
    let _held = Arc::clone(&shared.compiles_held).try_acquire_owned();
    let _held = _held.map_err(|_| busy(shared.compiles_held_max))?;
    let turn = Arc::clone(&shared.compiles_running).acquire_owned().await;
    let (shared, source) = (Arc::clone(shared), source.clone());
    aside(move || {
        // It goes on where nobody waits for it any more, and counts as long as it does.
        let _turn = turn;
        // Somebody else may have compiled the same meanwhile.
        let found = shared.compiled(&source, flavour);
        found.unwrap_or_else(|| shared.compile(&source, flavour))
    })
    .await
}

fn busy(max: usize) -> Problem {
    Problem::new(
        format!(
            "{max} components are being compiled or wait for it, the limit `compiles_held_max`"
        ),
        "Try again later",
    )
    .by(Fault::TryAgain)
}

impl Shared {
    fn base(&self, flavour: Flavour) -> &Base {
        match flavour {
            Flavour::Deterministic => &self.deterministic,
            Flavour::Plain => &self.plain,
        }
    }

    /// The component's code, if it was compiled before.
    fn compiled(&self, source: &Source, flavour: Flavour) -> Option<Result<Code, Problem>> {
        let base = self.base(flavour);
        let component = self.cache.as_ref()?.find(&base.engine, source.digest)?;
        Some(Code::link(base, &component, source.exports))
    }

    fn compile(&self, source: &Source, flavour: Flavour) -> Result<Code, Problem> {
        let base = self.base(flavour);
        let (compiler, engine) = (&self.compiler, &base.engine);
        let compiled = compiler.compile(engine, flavour, &source.limits, &source.bytes)?;
        if let Some(cache) = &self.cache {
            cache.keep(engine, source.digest, &compiled);
        }
        let component = compiled
            .component(engine)
            .map_err(|error| unusable(&error))?;
        Code::link(base, &component, source.exports)
    }
}

/// Where the code is the compiler's of this very host, what is wrong with it is what no instance has room for.
fn unusable(error: &wasmtime::Error) -> Problem {
    Problem::new(
        format!("no instance has room for it: {error:#}"),
        "Build it so that each of its modules has one memory and few tables",
    )
}

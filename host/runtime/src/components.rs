//! Components that instances run on though another one stands for their plugin by now.
//!
//! Owns that each is in memory once and that only a bounded number of them waits there for its next use.
//! Which instance needs which component is written in the instance; a component stays in the store as long
//! as one does.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_base::{Digest, TenantId, WorkflowKey};
use host_engine::{LoadError, Plugin, WeakPlugin};
use host_store::records::Instance;
use host_store::{Batch, ReadError, Reader};
use tokio::time::Instant;

use crate::core::Core;
use crate::locks::lock;
use crate::view::ACTIVE;

/// How often it is looked whether a component is nobody's, if an instance has left one.
const LOOK: Duration = Duration::from_secs(1);
/// How long compiled code is kept of a component that is not in the store.
const TRIED_CODE_KEPT: Duration = Duration::from_hours(7 * 24);
/// Looking takes this share of the time at most.
const LOOK_SHARE: u32 = 20;

/// The components of replaced plugins that are in memory.
pub(crate) struct Components {
    loaded_max: usize,
    loaded: Mutex<Loaded>,
    /// Held while one is loaded, so that none is loaded twice.
    loading: tokio::sync::Mutex<()>,
    /// Whether an instance has left one since they were last looked through.
    left: AtomicBool,
}

#[derive(Default)]
struct Loaded {
    /// By tenant as well: instances that wait for their next use hold what a guest left in its memory.
    held: HashMap<(TenantId, Digest), Held>,
    uses: u64,
}

struct Held {
    /// None where it is kept only by those who run on it.
    kept: Option<Plugin>,
    plugin: WeakPlugin,
    used: u64,
}

impl Components {
    pub(crate) fn new(loaded_max: usize) -> Components {
        Components {
            loaded_max,
            loaded: Mutex::default(),
            loading: tokio::sync::Mutex::default(),
            left: AtomicBool::new(true),
        }
    }

    /// Another component takes this one's place: whoever runs on it goes on with it.
    pub(crate) fn keep(&self, tenant: &TenantId, plugin: &Plugin) {
        lock(&self.loaded).keep(tenant, plugin, self.loaded_max);
        self.instance_left();
    }

    /// An instance has ended or was moved: its component may be nobody's.
    pub(crate) fn instance_left(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Whether an instance has left a component since this was last asked.
    pub(crate) fn take_left(&self) -> bool {
        self.left.swap(false, Ordering::Relaxed)
    }

    fn loaded(&self, tenant: &TenantId, digest: &Digest) -> Option<Plugin> {
        lock(&self.loaded).use_again(tenant, digest)
    }

    /// Lets it go. False where somebody runs on it, or starts on it.
    fn let_go(&self, digest: &Digest) -> bool {
        let mut loaded = lock(&self.loaded);
        let of_digest = loaded.held.iter_mut().filter(|((_, of), _)| of == digest);
        of_digest.for_each(|(_, held)| held.kept = None);
        loaded.forget_unused();
        !loaded.held.keys().any(|(_, of)| of == digest)
    }
}

impl Loaded {
    fn use_again(&mut self, tenant: &TenantId, digest: &Digest) -> Option<Plugin> {
        self.uses += 1;
        let held = self.held.get_mut(&(tenant.clone(), *digest))?;
        held.used = self.uses;
        held.plugin.upgrade()
    }

    fn keep(&mut self, tenant: &TenantId, plugin: &Plugin, max: usize) {
        self.uses += 1;
        let held = Held {
            kept: Some(plugin.clone()),
            plugin: plugin.downgrade(),
            used: self.uses,
        };
        self.held.insert((tenant.clone(), plugin.digest()), held);
        if self.held.values().filter(|one| one.kept.is_some()).count() > max {
            let kept = self.held.values_mut().filter(|one| one.kept.is_some());
            if let Some(oldest) = kept.min_by_key(|one| one.used) {
                oldest.kept = None;
            }
        }
        self.forget_unused();
    }

    fn forget_unused(&mut self) {
        self.held
            .retain(|_, one| one.kept.is_some() || one.plugin.upgrade().is_some());
    }
}

impl Core {
    /// The component that an instance runs on: the one that it is pinned to, or else the one that stands for
    /// its plugin. Where it is not in memory, it is loaded.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence.
    pub(crate) async fn component(
        &self,
        tenant: &TenantId,
        plugin: &str,
        pin: &[u8],
    ) -> Result<Plugin, String> {
        let deployed = self.plugins.named(tenant, plugin);
        let pin = Digest::from_bytes(pin);
        match (deployed, pin) {
            (Some(deployed), Some(pin)) if deployed.digest() == pin => Ok(deployed),
            (Some(deployed), None) => Ok(deployed),
            (None, None) => Err(format!("no plugin {plugin} is deployed")),
            (_, Some(pin)) => self.replaced(tenant, plugin, &pin).await,
        }
    }

    /// The instance runs no more: if it was the last one on a replaced component, that is nobody's.
    pub(crate) fn leave_component(&self, key: &WorkflowKey, instance: &Instance) {
        let deployed = self.plugins.named(&key.tenant, &instance.plugin);
        if deployed.is_none_or(|plugin| plugin.digest().0[..] != instance.component) {
            self.components.instance_left();
        }
    }

    /// Checks and compiles a component, which is held to the tenant's limits from then on.
    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        file: &str,
        bytes: &[u8],
    ) -> Result<Plugin, LoadError> {
        let limits = self.tenants.limits_to_come(tenant);
        self.engine.load(file, bytes, limits).await
    }

    async fn replaced(
        &self,
        tenant: &TenantId,
        plugin: &str,
        digest: &Digest,
    ) -> Result<Plugin, String> {
        if let Some(loaded) = self.components.loaded(tenant, digest) {
            return Ok(loaded);
        }
        let _alone = self.components.loading.lock().await;
        if let Some(loaded) = self.components.loaded(tenant, digest) {
            return Ok(loaded);
        }
        let gone = |why: &dyn std::fmt::Display| {
            format!("component {digest} of plugin {plugin} cannot be loaded: {why}")
        };
        let bytes = self.reader.component(digest);
        let bytes = bytes.map_err(|error| gone(&error))?;
        let bytes = bytes.ok_or_else(|| gone(&"it is not in the store"))?;
        let loaded = self.load(tenant, plugin, &bytes).await;
        let loaded = loaded.map_err(|error| gone(&error))?;
        self.components.keep(tenant, &loaded);
        Ok(loaded)
    }

    /// Deletes the components that stand for no plugin and that no instance runs on. Whoever calls keeps
    /// others from deploying meanwhile.
    pub(crate) async fn forget_components(&self) -> Result<(), ReadError> {
        let replaced = replaced(&self.reader)?;
        if replaced.is_empty() {
            return Ok(());
        }
        // First: whoever starts on one holds it until the start is durable, and then is counted below.
        let mut idle: HashSet<Digest> = replaced.into_iter().collect();
        idle.retain(|digest| self.components.let_go(digest));
        for (_, digest) in pins(&self.reader).await?.keys() {
            idle.remove(digest);
        }
        let mut batch = Batch::new();
        idle.iter()
            .for_each(|digest| batch.delete_component(digest));
        // Waited for: whoever deploys one of them next must see that it is gone. A closed store says so to
        // others.
        let gone = !batch.is_empty() && self.commit_durably(batch, Vec::new()).await.is_ok();
        if gone {
            idle.into_iter()
                .for_each(|digest| self.engine.forget_code(digest));
        }
        Ok(())
    }
}

/// Deletes compiled code that nothing in the store needs: of components that were only tried, and of those
/// that went when the host was stopped in the middle. What was tried lately may be deployed next.
pub(crate) fn tidy_code(core: &Core) -> Result<(), ReadError> {
    let kept = core.reader.components()?.into_iter();
    let kept = kept.map(|(digest, _)| digest).collect();
    core.engine.tidy_code(&kept, TRIED_CODE_KEPT);
    Ok(())
}

/// Looks after them until it is aborted or the store cannot be read.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        let began = Instant::now();
        if core.components.take_left() {
            let _alone = core.deploying.lock().await;
            if let Err(error) = core.forget_components().await {
                return core.store_unreadable(&error);
            }
        }
        tokio::time::sleep(LOOK.max(began.elapsed() * LOOK_SHARE)).await;
    }
}

/// The components that are kept though they stand for no plugin.
fn replaced(reader: &Reader) -> Result<Vec<Digest>, ReadError> {
    let mut deployed = HashSet::new();
    for tenant in reader.tenants()? {
        let deployments = reader.deployments(&tenant)?;
        deployed.extend(deployments.into_iter().map(|(_, one)| one.component));
    }
    let kept = reader.components()?.into_iter().map(|(digest, _)| digest);
    Ok(kept
        .filter(|digest| !deployed.contains(&digest.0[..]))
        .collect())
}

/// How many of a tenant's instances that have not ended run on each component that they are pinned to.
pub(crate) async fn pins(reader: &Reader) -> Result<HashMap<(TenantId, Digest), usize>, ReadError> {
    let reader = reader.clone();
    let count = move || {
        let mut pins = HashMap::new();
        reader.each_with_status(&ACTIVE, |key, instance| {
            if let Some(pin) = Digest::from_bytes(&instance.component) {
                *pins.entry((key.tenant, pin)).or_default() += 1;
            }
        })?;
        Ok(pins)
    };
    // It reads as many records as there are instances.
    let counted = tokio::task::spawn_blocking(count).await;
    counted.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))
}

//! Which component stands for each plugin, and which plugin brings what.
//!
//! Knows loaded plugins; how they got here is the business of whoever deploys.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use host_base::failure::code;
use host_base::{ActorKey, Failure, TenantId};
use host_engine::{ActorDefinition, Plugin};

/// The plugins of all tenants.
#[derive(Default)]
pub(crate) struct Plugins {
    tenants: RwLock<HashMap<TenantId, Catalog>>,
    /// Whether any of them has brought a method that only reads.
    any_reads: AtomicBool,
}

/// The plugins of one tenant, and who brings each workflow and actor type.
#[derive(Clone, Default)]
struct Catalog {
    plugins: BTreeMap<String, Plugin>,
    workflows: HashMap<String, Plugin>,
    actors: HashMap<String, Plugin>,
    /// Plugins that were deployed and could not be loaded.
    missing: HashSet<String>,
}

/// Two plugins of a tenant bring something of the same name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) owner: String,
}

/// Nobody brings that actor type.
pub(crate) fn no_actor(actor_type: &str) -> Failure {
    let text = format!("no plugin brings the actor type {actor_type}");
    Failure::new(code::NOT_FOUND, text)
}

impl Plugins {
    /// The plugin of that name.
    pub(crate) fn named(&self, tenant: &TenantId, name: &str) -> Option<Plugin> {
        self.read().get(tenant)?.plugins.get(name).cloned()
    }

    /// The plugin that brings the workflow.
    pub(crate) fn of_workflow(&self, tenant: &TenantId, workflow: &str) -> Option<Plugin> {
        self.read().get(tenant)?.workflows.get(workflow).cloned()
    }

    /// The plugin that brings the actor type.
    pub(crate) fn of_actor(&self, tenant: &TenantId, actor_type: &str) -> Option<Plugin> {
        self.read().get(tenant)?.actors.get(actor_type).cloned()
    }

    /// The actor types that plugins of the tenant bring, in the order of their names.
    pub(crate) fn actor_types(&self, tenant: &TenantId) -> BTreeSet<String> {
        let tenants = self.read();
        let catalog = tenants.get(tenant);
        let types = catalog.map(|catalog| catalog.actors.keys().cloned().collect());
        types.unwrap_or_default()
    }

    /// The plugin that brings the actor's method, where that only reads.
    pub(crate) fn of_reader(&self, actor: &ActorKey, method: &str) -> Option<Plugin> {
        // Most have none, and need not be looked up for each call.
        if !self.any_reads.load(Ordering::Acquire) {
            return None;
        }
        let plugin = self.of_actor(&actor.tenant, &actor.actor_type)?;
        let definition = plugin.manifest().actor(&actor.actor_type)?;
        definition.only_reads(method).then_some(plugin)
    }

    /// Whether there is a method of the name.
    ///
    /// # Errors
    /// No plugin brings the actor type, or it has no such method.
    pub(crate) fn check_method(
        &self,
        tenant: &TenantId,
        actor_type: &str,
        method: &str,
    ) -> Result<(), Failure> {
        let plugin = self.of_actor(tenant, actor_type);
        let plugin = plugin.ok_or_else(|| no_actor(actor_type))?;
        let definition = plugin.manifest().actor(actor_type);
        let mut methods = definition.iter().flat_map(|definition| &definition.methods);
        if methods.any(|one| one.name == method) {
            return Ok(());
        }
        let text = format!("actor type {actor_type} has no method {method}");
        Err(Failure::new(code::NOT_FOUND, text))
    }

    /// A plugin that was deployed cannot be loaded.
    pub(crate) fn miss(&self, tenant: &TenantId, name: &str) {
        let mut tenants = self.write();
        let catalog = tenants.entry(tenant.clone()).or_default();
        catalog.missing.insert(name.to_owned());
    }

    /// Whether a plugin is missing that may bring what no other does.
    pub(crate) fn misses_any(&self, tenant: &TenantId) -> bool {
        let tenants = self.read();
        tenants
            .get(tenant)
            .is_some_and(|catalog| !catalog.missing.is_empty())
    }

    /// Whether the plugin could take its place.
    ///
    /// # Errors
    /// Another plugin brings something of the same name.
    pub(crate) fn check(&self, tenant: &TenantId, plugin: &Plugin) -> Result<(), Taken> {
        let tenants = self.read();
        let catalog = tenants.get(tenant);
        catalog.map_or(Ok(()), |catalog| catalog.check(plugin))
    }

    /// The plugin takes the place of the one of its name.
    ///
    /// # Errors
    /// As with [`Plugins::check`]; nothing has changed then.
    pub(crate) fn put(&self, tenant: &TenantId, plugin: Plugin) -> Result<(), Taken> {
        let mut tenants = self.write();
        let catalog = tenants.entry(tenant.clone()).or_default();
        catalog.check(&plugin)?;
        let reads = |actor: &ActorDefinition| !actor.reads.is_empty();
        if plugin.manifest().actors.iter().any(reads) {
            self.any_reads.store(true, Ordering::Release);
        }
        catalog.put(plugin);
        Ok(())
    }

    /// There is no plugin of that name any more.
    pub(crate) fn take(&self, tenant: &TenantId, name: &str) {
        if let Some(catalog) = self.write().get_mut(tenant) {
            catalog.take(name);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantId, Catalog>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<TenantId, Catalog>> {
        self.tenants.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog {
    fn check(&self, plugin: &Plugin) -> Result<(), Taken> {
        let manifest = plugin.manifest();
        let workflows = manifest.workflows.iter().map(|one| &one.name);
        let actors = manifest.actors.iter().map(|one| &one.actor_type);
        not_taken("workflow", &self.workflows, &manifest.name, workflows)?;
        not_taken("actor type", &self.actors, &manifest.name, actors)
    }

    fn put(&mut self, plugin: Plugin) {
        let manifest = plugin.manifest();
        let name = &manifest.name;
        self.take(name);
        for workflow in &manifest.workflows {
            self.workflows.insert(workflow.name.clone(), plugin.clone());
        }
        for actor in &manifest.actors {
            self.actors.insert(actor.actor_type.clone(), plugin.clone());
        }
        self.plugins.insert(name.clone(), plugin.clone());
    }

    fn take(&mut self, name: &str) {
        self.workflows
            .retain(|_, owner| owner.manifest().name != name);
        self.actors.retain(|_, owner| owner.manifest().name != name);
        self.missing.remove(name);
        self.plugins.remove(name);
    }
}

fn not_taken<'a>(
    what: &'static str,
    owners: &HashMap<String, Plugin>,
    plugin: &str,
    mut names: impl Iterator<Item = &'a String>,
) -> Result<(), Taken> {
    let taken = names.find_map(|name| {
        let owner = &owners.get(name)?.manifest().name;
        (owner != plugin).then(|| (name.clone(), owner.clone()))
    });
    match taken {
        Some((name, owner)) => Err(Taken { what, name, owner }),
        None => Ok(()),
    }
}

//! Taking a plugin away, which is done only where nothing needs it.
//!
//! Owns what counts as a need. What was begun on a component before it went runs on it to its end, for a component
//! stays in the store as long as an instance is pinned to it.

use std::sync::Arc;

use host_base::{ActorKey, Digest, Entity, TenantId};
use host_engine::{Manifest, Plugin};
use host_store::records::ScheduleTarget;
use host_store::{Batch, ReadError};

use crate::core::Core;
use crate::error::{RemoveError, StoreError};
use crate::rollout;
use crate::runtime::Runtime;
use crate::view::ACTIVE;

/// Things of one kind that are named where a plugin is needed; the rest is said to be there.
const NAMED_MAX: usize = 5;

impl Runtime {
    /// Takes a plugin away, with its components; durable when this returns. Where `keep_state` is set, actors may
    /// have state: it stays, for whichever plugin brings their type next.
    ///
    /// # Errors
    /// See [`RemoveError`]; nothing has changed then.
    pub async fn remove_plugin(
        &self,
        tenant: &TenantId,
        name: &str,
        keep_state: bool,
    ) -> Result<(), RemoveError> {
        let (core, tenant, name) = (Arc::clone(&self.core), tenant.clone(), name.to_owned());
        let remove = async move { remove(&core, &tenant, &name, keep_state).await };
        // To the end, whatever becomes of the caller: the store and the memory must say the same.
        let removed = self.core.tasks.spawn(remove).await;
        removed.unwrap_or_else(|_| Err(StoreError::from(self.core.closed()).into()))
    }

    /// Takes a component of a plugin away that does not stand for it and that no instance runs on; durable when this
    /// returns.
    ///
    /// # Errors
    /// See [`RemoveError`]; nothing has changed then.
    pub async fn remove_component(
        &self,
        tenant: &TenantId,
        plugin: &str,
        component: &Digest,
    ) -> Result<(), RemoveError> {
        let (core, tenant) = (Arc::clone(&self.core), tenant.clone());
        let (plugin, component) = (plugin.to_owned(), *component);
        let remove = async move { remove_one(&core, &tenant, &plugin, &component).await };
        let removed = self.core.tasks.spawn(remove).await;
        removed.unwrap_or_else(|_| Err(StoreError::from(self.core.closed()).into()))
    }
}

async fn remove(
    core: &Core,
    tenant: &TenantId,
    name: &str,
    keep_state: bool,
) -> Result<(), RemoveError> {
    let _alone = core.deploying.lock().await;
    let deployments = core.reader.deployments(tenant)?;
    if !deployments.iter().any(|(deployed, _)| deployed == name) {
        return Err(RemoveError::Unknown(name.to_owned()));
    }
    let plugin = core.plugins.named(tenant, name);
    // First, so that nobody misses a plugin that is needed.
    check(core, tenant, name, plugin.as_ref(), keep_state).await?;
    core.plugins.take(tenant, name);
    let gone = let_go(core, tenant, name, plugin.as_ref(), keep_state).await;
    match (&gone, plugin) {
        (Ok(()), Some(plugin)) => core.components.keep(tenant, &plugin),
        (Ok(()), None) => {}
        (Err(_), Some(plugin)) => {
            let back = core.plugins.put(tenant, plugin);
            back.expect("whoever takes its names deploys, and that waits for us");
        }
        (Err(_), None) => core.plugins.miss(tenant, name),
    }
    gone?;
    Ok(core.forget_components().await?)
}

/// Nothing new begins on it: what has begun can be seen, and if that is nothing, it goes.
async fn let_go(
    core: &Core,
    tenant: &TenantId,
    name: &str,
    plugin: Option<&Plugin>,
    keep_state: bool,
) -> Result<(), RemoveError> {
    core.settle_effects().await?;
    check(core, tenant, name, plugin, keep_state).await?;
    let mut batch = Batch::new();
    batch.delete_deployment(tenant, name);
    Ok(core.commit_durably(batch, Vec::new()).await?)
}

async fn remove_one(
    core: &Core,
    tenant: &TenantId,
    plugin: &str,
    component: &Digest,
) -> Result<(), RemoveError> {
    let _alone = core.deploying.lock().await;
    let kept = rollout::kept(core, tenant).await?;
    let mut of_plugin = kept.iter().filter(|one| one.plugin == plugin);
    let found = of_plugin.find(|one| one.digest == *component);
    let found = found.ok_or_else(|| RemoveError::Unknown(component.to_string()))?;
    let needs = match found.stands {
        true => format!("plugin {plugin}, for which it stands"),
        false => format!("{} unfinished workflows", found.instances),
    };
    Err(RemoveError::Needed {
        what: format!("component {component}"),
        by: vec![needs],
        only_state: false,
    })
}

async fn check(
    core: &Core,
    tenant: &TenantId,
    name: &str,
    plugin: Option<&Plugin>,
    keep_state: bool,
) -> Result<(), RemoveError> {
    let (mut by, mut state) = (Vec::new(), Vec::new());
    by.extend(workflows(core, tenant, name).await?);
    if let Some(manifest) = plugin.map(Plugin::manifest) {
        by.extend(schedules(core, tenant, manifest)?);
        for actor_type in manifest.actors.iter().map(|one| &one.actor_type) {
            by.extend(subscribers(core, tenant, actor_type));
            let expecting = core
                .reader
                .some_expecting(tenant, actor_type, NAMED_MAX + 1)?;
            by.extend(named("reminders of or messages to", &expecting));
            let having = core
                .reader
                .actors(tenant, Some(actor_type), None, NAMED_MAX + 1)?;
            state.extend(named("the state of", &having).filter(|_| !keep_state));
        }
    }
    let only_state = by.is_empty();
    by.append(&mut state);
    if by.is_empty() {
        return Ok(());
    }
    let what = format!("plugin {name}");
    Err(RemoveError::Needed {
        what,
        by,
        only_state,
    })
}

/// Those that have not ended, whichever of its components they run on.
async fn workflows(
    core: &Core,
    tenant: &TenantId,
    plugin: &str,
) -> Result<Option<String>, ReadError> {
    let (reader, tenant, plugin) = (core.reader.clone(), tenant.clone(), plugin.to_owned());
    let find = move || {
        let mut found = Vec::new();
        reader.each_with_status(&ACTIVE, |key, instance| {
            if key.tenant == tenant && instance.plugin == plugin {
                found.push(key.id);
            }
        })?;
        Ok(found)
    };
    // It reads as many records as there are instances.
    let found: Result<Vec<_>, _> = tokio::task::spawn_blocking(find)
        .await
        .unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()));
    let found = found?;
    Ok(named("the unfinished workflows", &found))
}

fn schedules(
    core: &Core,
    tenant: &TenantId,
    manifest: &Manifest,
) -> Result<Option<String>, ReadError> {
    let is_meant = |target: &ScheduleTarget| match target {
        ScheduleTarget::Workflow(one) => manifest.workflows.iter().any(|it| it.name == one.name),
        ScheduleTarget::Actor(call) => manifest.actor(&call.actor_type).is_some(),
    };
    let all = core.reader.schedules_of(tenant)?.into_iter();
    let meant = all.filter(|(_, one)| one.target.as_ref().is_some_and(is_meant));
    let names: Vec<_> = meant.map(|(name, _)| name).collect();
    Ok(named("the schedules", &names))
}

fn subscribers(core: &Core, tenant: &TenantId, actor_type: &str) -> Option<String> {
    let all = core.topics.views(tenant, None).into_iter();
    let of_type = all.filter_map(|one| match one.subscriber {
        Entity::Actor(actor) if actor.actor_type == actor_type => Some(actor),
        Entity::Actor(_) | Entity::Workflow(_) => None,
    });
    let of_type: Vec<ActorKey> = of_type.collect();
    named("subscriptions of", &of_type)
}

/// The first of them, if there are any.
fn named<T: ToString>(what: &str, all: &[T]) -> Option<String> {
    let first: Vec<_> = all.iter().take(NAMED_MAX).map(T::to_string).collect();
    let more = if all.len() > NAMED_MAX {
        " and more"
    } else {
        ""
    };
    (!all.is_empty()).then(|| format!("{what} {}{more}", first.join(", ")))
}

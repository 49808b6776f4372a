//! Deployments: another component comes to stand for a plugin, and what becomes of those who run on the old
//! one.
//!
//! An instance stays on the component that it was started on, until it ends or is moved. It is moved only
//! where its history and the component agree, unless somebody insists. One that stalls has nothing to lose: it
//! is moved to every component that agrees with its history.

use std::sync::Arc;

use host_base::{Digest, TenantId, Timestamp, WorkflowKey};
use host_engine::{Manifest, Plugin};
use host_store::records::{Component, Deployment, Instance, Status};
use host_store::{Batch, ReadError};
use tokio::task::JoinSet;

use crate::core::Core;
use crate::effect::{Message, Moved};
use crate::error::{DeployError, MoveError, RehearseError, StoreError};
use crate::plugins::Taken;
use crate::rehearsal::Rehearsal;
use crate::view::{ACTIVE, WorkflowView, is_active};
use crate::{components, recovery, workflow};
use host_base::Entity;

/// Histories that are replayed at once.
const REPLAYS_AT_ONCE: usize = 8;

/// What becomes of instances that have not ended when another component takes their plugin's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// They stay on their component; those that stall move where they can.
    Pin,
    /// Those move whose history agrees with the new component.
    Move,
    /// Nothing is changed, deployed or moved.
    Check,
}

/// How one instance does with the new component.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The instance, as it was before.
    pub workflow: WorkflowView,
    /// What the replay of its history showed.
    pub rehearsal: Rehearsal,
    /// Whether it goes on with the new component.
    pub moved: bool,
    /// How many are to be tried in all.
    pub of: usize,
}

/// What [`crate::Runtime::roll_out`] did.
#[derive(Clone, Debug)]
pub struct RolledOut {
    /// What the component says of itself.
    pub manifest: Manifest,
    /// The component.
    pub component: Digest,
    /// Whether another component stood for the plugin's name before.
    pub changed: bool,
}

/// A component that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptComponent {
    /// Which.
    pub digest: Digest,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The file that it came from.
    pub file: String,
    /// When it was deployed last.
    pub deployed: Timestamp,
    /// Whether it stands for its plugin: new instances are started on it.
    pub stands: bool,
    /// Instances that have not ended and run on it.
    pub instances: usize,
}

/// Who is told of the trials, one by one as they end.
pub(crate) type Tell = Arc<dyn Fn(Trial) + Send + Sync>;

/// What a deployment changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The component stood for the plugin before.
    Same,
    /// Nothing did.
    New,
    /// Another component did.
    Other,
}

/// A component on its way to its place.
pub(crate) struct Deploy {
    pub(crate) tenant: TenantId,
    pub(crate) plugin: Plugin,
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) rollout: Rollout,
    /// None: only those instances are looked at that may move.
    pub(crate) tell: Option<Tell>,
    /// Whether what can go on does.
    pub(crate) going: bool,
}

/// Deploys the component and looks after the instances that run on others.
pub(crate) async fn roll_out(core: &Arc<Core>, deploy: Deploy) -> Result<Change, DeployError> {
    let _alone = core.deploying.lock().await;
    let Deploy {
        tenant,
        plugin,
        file,
        ..
    } = &deploy;
    let taken = |taken| already_taken(file, taken);
    core.plugins.check(tenant, plugin).map_err(taken)?;
    let change = change_to(core, tenant, plugin);
    if deploy.rollout != Rollout::Check && change != Change::Same {
        install(core, &deploy).await?;
    }
    let others = others(core, &deploy).await.map_err(StoreError::Read)?;
    try_all(core, &deploy, others).await?;
    if deploy.rollout != Rollout::Check && change != Change::Same && deploy.going {
        core.timers.fire_again();
        recovery::go_on(core).await.map_err(StoreError::Read)?;
    }
    Ok(change)
}

fn change_to(core: &Core, tenant: &TenantId, plugin: &Plugin) -> Change {
    let before = core.plugins.named(tenant, &plugin.manifest().name);
    match before.map(|before| before.digest()) {
        Some(digest) if digest == plugin.digest() => Change::Same,
        Some(_) => Change::Other,
        None => Change::New,
    }
}

async fn install(core: &Core, deploy: &Deploy) -> Result<(), DeployError> {
    let Deploy {
        tenant,
        plugin,
        file,
        ..
    } = deploy;
    let before = core.plugins.named(tenant, &plugin.manifest().name);
    remember(core, deploy).await?;
    let put = core.plugins.put(tenant, plugin.clone());
    put.map_err(|taken| already_taken(file, taken))?;
    if let Some(before) = before {
        core.components.keep(tenant, &before);
    }
    Ok(())
}

async fn remember(core: &Core, deploy: &Deploy) -> Result<(), StoreError> {
    let Deploy {
        tenant,
        plugin,
        file,
        bytes,
        ..
    } = deploy;
    let (digest, manifest) = (plugin.digest(), plugin.manifest());
    let deployed_ms = core.clock.now().0;
    let deployment = Deployment {
        component: digest.0.to_vec(),
        file: file.clone(),
        deployed_ms,
    };
    let facts = Component {
        plugin: manifest.name.clone(),
        version: manifest.version.clone(),
        file: file.clone(),
        deployed_ms,
    };
    let mut batch = Batch::new();
    if core.reader.component(&digest)?.is_none() {
        batch.put_component(&digest, bytes);
    }
    batch.put_component_facts(&digest, &facts);
    batch.put_deployment(tenant, &manifest.name, &deployment);
    Ok(core.committer.commit(batch).await?)
}

/// The plugin's instances that have not ended and do not run on the component: those that are to be tried.
async fn others(core: &Core, deploy: &Deploy) -> Result<Vec<WorkflowKey>, ReadError> {
    let (reader, tenant) = (core.reader.clone(), deploy.tenant.clone());
    let (name, digest) = (
        deploy.plugin.manifest().name.clone(),
        deploy.plugin.digest(),
    );
    let all = deploy.rollout == Rollout::Move || deploy.tell.is_some();
    let find = move || {
        let mut found = Vec::new();
        let statuses: &[Status] = if all { &ACTIVE } else { &[Status::Stalled] };
        reader.each_with_status(statuses, |key, instance| {
            if key.tenant == tenant && instance.plugin == name && instance.component != digest.0 {
                found.push(key);
            }
        })?;
        Ok(found)
    };
    // It reads as many records as there are instances.
    let found = tokio::task::spawn_blocking(find).await;
    found.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))
}

/// Tries some at a time, so that what runs goes on meanwhile.
async fn try_all(
    core: &Arc<Core>,
    deploy: &Deploy,
    others: Vec<WorkflowKey>,
) -> Result<(), StoreError> {
    let of = others.len();
    let mut trials = JoinSet::new();
    for key in others {
        if trials.len() == REPLAYS_AT_ONCE {
            told(core, deploy, trials.join_next().await)?;
        }
        let (core, plugin) = (Arc::clone(core), deploy.plugin.clone());
        let rollout = deploy.rollout;
        trials.spawn(async move { try_one(&core, key, plugin, rollout, of).await });
    }
    while let Some(ended) = trials.join_next().await {
        told(core, deploy, Some(ended))?;
    }
    Ok(())
}

type Ended = Result<Result<Option<Trial>, ReadError>, tokio::task::JoinError>;

fn told(core: &Arc<Core>, deploy: &Deploy, ended: Option<Ended>) -> Result<(), StoreError> {
    let trial = match ended {
        Some(Ok(trial)) => trial?,
        Some(Err(_)) => return Err(core.closed().into()),
        None => None,
    };
    let Some(trial) = trial else { return Ok(()) };
    if trial.moved && trial.workflow.stall.is_some() && deploy.going {
        core.notify(&Entity::Workflow(trial.workflow.key.clone()), Message::Look);
    }
    if let Some(tell) = &deploy.tell {
        tell(trial);
    }
    Ok(())
}

/// None where it has ended meanwhile.
async fn try_one(
    core: &Arc<Core>,
    key: WorkflowKey,
    plugin: Plugin,
    rollout: Rollout,
    of: usize,
) -> Result<Option<Trial>, ReadError> {
    let Some(instance) = core.reader.instance(&key)?.filter(is_active) else {
        return Ok(None);
    };
    let stalls = instance.status() == Status::Stalled;
    let moves = match rollout {
        Rollout::Check => false,
        Rollout::Pin => stalls,
        Rollout::Move => true,
    };
    let moved = if moves {
        workflow::move_to(core, &key, plugin, false).await
    } else {
        stays(core, &key, &instance, &plugin).await?
    };
    let Some(Moved {
        rehearsal: Some(rehearsal),
        moved,
    }) = moved
    else {
        return Ok(None);
    };
    let workflow = WorkflowView::new(key, instance);
    Ok(Some(Trial {
        workflow,
        rehearsal,
        moved,
        of,
    }))
}

async fn stays(
    core: &Core,
    key: &WorkflowKey,
    instance: &Instance,
    plugin: &Plugin,
) -> Result<Option<Moved>, ReadError> {
    let rehearsal = workflow::rehearse(core, key, instance, plugin).await?;
    let moved = false;
    Ok(Some(Moved { rehearsal, moved }))
}

/// Moves one instance to the component that stands for its plugin.
pub(crate) async fn move_one(
    core: &Arc<Core>,
    key: &WorkflowKey,
    force: bool,
) -> Result<Trial, MoveError> {
    let _alone = core.deploying.lock().await;
    let instance = core.reader.instance(key).map_err(StoreError::from)?;
    let instance = instance.ok_or_else(|| MoveError::Unknown(key.id.clone()))?;
    let plugin = core.plugins.named(&key.tenant, &instance.plugin);
    let plugin = plugin.ok_or_else(|| MoveError::NotDeployed(instance.plugin.clone()))?;
    let workflow = WorkflowView::new(key.clone(), instance);
    let moved = workflow::move_to(core, key, plugin, force).await;
    let moved = moved.ok_or_else(|| StoreError::from(core.closed()))?;
    let Moved { rehearsal, moved } = moved;
    let rehearsal = rehearsal.ok_or_else(|| MoveError::Ended(Box::new(workflow.clone())))?;
    if moved && (force || workflow.stall.is_some()) {
        core.notify(&Entity::Workflow(key.clone()), Message::Look);
    }
    Ok(Trial {
        workflow,
        rehearsal,
        moved,
        of: 1,
    })
}

/// Replays one instance on its own component or on the one that is given.
pub(crate) async fn rehearse(
    core: &Core,
    key: &WorkflowKey,
    given: Option<Plugin>,
) -> Result<Rehearsal, RehearseError> {
    let unknown = || RehearseError::Unknown(key.id.clone());
    let instance = core.reader.instance(key).map_err(StoreError::from)?;
    let instance = instance.ok_or_else(unknown)?;
    let plugin = match given {
        Some(plugin) => plugin,
        None => own(core, key, &instance)
            .await
            .map_err(RehearseError::Absent)?,
    };
    let rehearsal = workflow::rehearse(core, key, &instance, &plugin).await;
    rehearsal.map_err(StoreError::from)?.ok_or_else(unknown)
}

/// What the instance runs on; of one that has ended, whose component may be gone, what stands for its plugin.
async fn own(core: &Core, key: &WorkflowKey, instance: &Instance) -> Result<Plugin, String> {
    let Instance {
        plugin, component, ..
    } = instance;
    match core.component(&key.tenant, plugin, component).await {
        Err(_) if !is_active(instance) => core.component(&key.tenant, plugin, &[]).await,
        found => found,
    }
}

/// The components that a tenant's plugins need: by plugin, those first that stand for it.
pub(crate) async fn kept(core: &Core, tenant: &TenantId) -> Result<Vec<KeptComponent>, StoreError> {
    let pins = components::pins(&core.reader).await?;
    let deployments = core.reader.deployments(tenant)?;
    let stands = |digest: &Digest| deployments.iter().any(|(_, one)| one.component == digest.0);
    let kept = core.reader.components()?.into_iter();
    let kept = kept.map(|(digest, facts)| KeptComponent {
        digest,
        plugin: facts.plugin,
        version: facts.version,
        file: facts.file,
        deployed: Timestamp(facts.deployed_ms),
        stands: stands(&digest),
        instances: pins.get(&(tenant.clone(), digest)).copied().unwrap_or(0),
    });
    // What another tenant calls as one of its plugins is called is no business of this one.
    let of_tenant = kept.filter(|one| one.stands || one.instances > 0);
    let mut kept: Vec<_> = of_tenant.collect();
    let order = |one: &KeptComponent| (one.plugin.clone(), !one.stands, u64::MAX - one.deployed.0);
    kept.sort_by_key(order);
    Ok(kept)
}

pub(crate) fn already_taken(file: &str, taken: Taken) -> DeployError {
    let Taken { what, name, owner } = taken;
    DeployError::Taken {
        file: file.to_owned(),
        what,
        name,
        owner,
    }
}

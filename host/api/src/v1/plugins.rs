//! `plugins`: deploy, list, show the components of one, activate one of them, remove one or all.
//!
//! Extracts, calls, converts; what becomes of unfinished workflows is the runtime's business.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use host_base::{Digest, Limits};
use host_runtime::{Rollout, Trial};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Body, Json, Path, Query};
use super::problem::{Kind, Problem};
use crate::json::{ComponentLine, Deployed, RolloutPolicy, Tally};
use crate::{Api, Shared};

/// What a component is sent as.
const COMPONENT: &str = "application/wasm";
/// What stands for the file where nothing is said.
pub(super) const FILE_DEFAULT: &str = "uploaded";
/// Workflows that are told one by one of which it is not known that they agree.
const DOUBTFUL_TOLD_MAX: usize = 100;

/// One plugin.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct One {
    /// The plugin's name.
    name: String,
}

/// How it is deployed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DeployOptions {
    /// Default: `pin`.
    #[param(inline)]
    rollout: Option<RolloutPolicy>,
    /// What the component is called in lists and messages. Default: `uploaded`.
    file: Option<String>,
}

/// One component of a plugin.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Version {
    /// The plugin's name.
    name: String,
    /// The component's digest, as the list of components has it.
    #[param(pattern = "^[0-9a-f]{64}$")]
    component: String,
}

/// What may be there although the plugin goes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RemoveOptions {
    /// Whether its actors may have state: it stays, for whichever plugin brings their type next. Default: false.
    keep_state: Option<bool>,
}

/// Which component is to stand for its plugin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Activate {
    /// Its digest, as the list of components has it.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    component: String,
}

/// Components.
#[derive(Serialize, ToSchema)]
struct Components<'a> {
    /// By plugin, those first that stand for it.
    components: Vec<ComponentLine<'a>>,
}

pub(super) fn routes(limits: &Limits) -> OpenApiRouter<Shared> {
    let upload = OpenApiRouter::new()
        .routes(routes!(list, deploy))
        .layer(DefaultBodyLimit::max(limits.component_bytes_max));
    upload
        .routes(routes!(show, remove))
        .routes(routes!(activate))
        .routes(routes!(remove_version))
}

/// Deploys a component
///
/// It stands for its plugin from now on: new workflows are started on it, and actors run on it. The same component
/// again changes nothing. As large as `component_bytes_max` at most.
#[utoipa::path(
    post,
    path = "/plugins",
    operation_id = "deploy_plugin",
    tag = "plugins",
    params(DeployOptions),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component."),
    responses((status = 200, description = "It is deployed, or checked.", body = Deployed<'static>))
)]
async fn deploy(
    api: Api,
    Query(DeployOptions { rollout, file }): Query<DeployOptions>,
    headers: HeaderMap,
    Body(component): Body,
) -> Result<Response, Problem> {
    check_component(&headers)?;
    let rollout = Rollout::from(rollout.unwrap_or_default());
    let file = file.as_deref().unwrap_or(FILE_DEFAULT);
    let tried: Arc<Mutex<Tried>> = Arc::default();
    let tell = {
        let tried = Arc::clone(&tried);
        move |trial: Trial| {
            tried
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(trial)
        }
    };
    let deployed = api
        .runtime
        .roll_out(api.tenant(), file, &component, rollout, tell);
    let deployed = deployed.await?;
    let tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
    let checked = rollout == Rollout::Check;
    let told = Deployed::new(&deployed, tried.tally, checked).with_trials(&tried.doubtful);
    Ok(axum::Json(told).into_response())
}

/// Whether a body says that it is a component.
pub(super) fn check_component(headers: &HeaderMap) -> Result<(), Problem> {
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == COMPONENT)
    {
        return Ok(());
    }
    let text = "a component must say that it is one: Content-Type: application/wasm";
    Err(Problem::new(Kind::NotJson, text))
}

/// The workflows that were tried.
#[derive(Default)]
struct Tried {
    tally: Tally,
    /// Some of which it is not known that they agree.
    doubtful: Vec<Trial>,
}

impl Tried {
    fn add(&mut self, trial: Trial) {
        self.tally.add(&trial);
        let agrees = trial.rehearsal.verdict.agrees();
        if !agrees && self.doubtful.len() < DOUBTFUL_TOLD_MAX {
            self.doubtful.push(trial);
        }
    }
}

/// Lists the components of all plugins
///
/// Those that stand for a plugin, and those that workflows run on which have not ended.
#[utoipa::path(
    get,
    path = "/plugins",
    operation_id = "list_plugins",
    tag = "plugins",
    responses((status = 200, description = "All of them.", body = Components<'static>))
)]
async fn list(api: Api) -> Result<Response, Problem> {
    components(&api, |_| true)
        .await
        .map(|(response, _)| response)
}

/// Lists the components of a plugin
#[utoipa::path(
    get,
    path = "/plugins/{name}",
    operation_id = "get_plugin",
    tag = "plugins",
    params(One),
    responses((status = 200, description = "All of them.", body = Components<'static>))
)]
async fn show(api: Api, Path(One { name }): Path<One>) -> Result<Response, Problem> {
    let (response, number) = components(&api, |plugin| plugin == name).await?;
    if number == 0 {
        return Err(Problem::unknown("plugin has the name", &name, "/plugins"));
    }
    Ok(response)
}

async fn components(
    api: &Api,
    wanted: impl Fn(&str) -> bool,
) -> Result<(Response, usize), Problem> {
    let mut kept = api.runtime.components(api.tenant()).await?;
    kept.retain(|one| wanted(&one.plugin));
    let plugins = api.runtime.plugins(api.tenant())?;
    let components = kept
        .iter()
        .map(|one| ComponentLine::new(one, plugins.iter().map(|(manifest, _)| manifest)));
    let components = components.collect();
    Ok((
        axum::Json(Components { components }).into_response(),
        kept.len(),
    ))
}

/// Removes a plugin
///
/// With all its components. It is refused as long as something needs the plugin: workflows that have not ended,
/// schedules, subscriptions, reminders and state of its actors.
#[utoipa::path(
    delete,
    path = "/plugins/{name}",
    operation_id = "remove_plugin",
    tag = "plugins",
    params(One, RemoveOptions),
    responses((status = 204, description = "It is removed."))
)]
async fn remove(
    api: Api,
    Path(One { name }): Path<One>,
    Query(RemoveOptions { keep_state }): Query<RemoveOptions>,
) -> Result<StatusCode, Problem> {
    let keep_state = keep_state.unwrap_or(false);
    let removed = api.runtime.remove_plugin(api.tenant(), &name, keep_state);
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a component of a plugin
///
/// One that does not stand for its plugin and that no workflow runs on any more. The host removes such ones by itself,
/// too, after a moment.
#[utoipa::path(
    delete,
    path = "/plugins/{name}/versions/{component}",
    operation_id = "remove_component",
    tag = "plugins",
    params(Version),
    responses((status = 204, description = "It is removed."))
)]
async fn remove_version(
    api: Api,
    Path(Version { name, component }): Path<Version>,
) -> Result<StatusCode, Problem> {
    let digest = digest(&api, &name, &component).await?;
    let removed = api.runtime.remove_component(api.tenant(), &name, &digest);
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Activates a component of a plugin
///
/// One that is kept because workflows run on it stands for its plugin again.
#[utoipa::path(
    post,
    path = "/plugins/{name}/activate",
    operation_id = "activate_component",
    tag = "plugins",
    params(One),
    request_body = Activate,
    responses((status = 200, description = "It stands for its plugin.", body = Deployed<'static>))
)]
async fn activate(
    api: Api,
    Path(One { name }): Path<One>,
    Json(Activate { component }): Json<Activate>,
) -> Result<Response, Problem> {
    let digest = digest(&api, &name, &component).await?;
    let activated = api.runtime.activate(api.tenant(), &digest).await?;
    let activated = activated.ok_or_else(|| no_component(&name, &component))?;
    let told = Deployed::new(&activated, Tally::default(), false);
    Ok(axum::Json(told).into_response())
}

/// The digest of a component that is kept.
async fn digest(api: &Api, plugin: &str, component: &str) -> Result<Digest, Problem> {
    let kept = api.runtime.components(api.tenant()).await?;
    let mut of_plugin = kept.iter().filter(|one| one.plugin == plugin);
    let found = of_plugin.find(|one| one.digest.to_string() == component);
    let found = found.ok_or_else(|| no_component(plugin, component))?;
    Ok(found.digest)
}

fn no_component(plugin: &str, component: &str) -> Problem {
    let list = format!("/plugins/{plugin}");
    Problem::unknown("component of that plugin has the digest", component, &list)
}

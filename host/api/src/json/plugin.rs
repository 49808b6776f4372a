//! The components that are kept for a tenant's plugins, and what they bring.
//!
//! Pure.

use host_runtime::{KeptComponent, Manifest};
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;

/// A component.
#[derive(Serialize, ToSchema)]
#[schema(as = Component)]
pub struct ComponentLine<'a> {
    /// The plugin's name.
    name: &'a str,
    /// The plugin's version, as it says itself.
    version: &'a str,
    /// The component's digest.
    component: String,
    /// The file that it came from.
    file: &'a str,
    /// When it was deployed last (RFC 3339, UTC).
    #[schema(format = DateTime)]
    deployed: String,
    /// Whether new workflows are started on it.
    stands: bool,
    /// Workflows that have not ended and run on it.
    unfinished: usize,
    #[serde(flatten)]
    brings: Option<Brings<'a>>,
}

/// What a plugin brings, by name.
#[derive(Serialize, ToSchema)]
struct Brings<'a> {
    workflows: Vec<&'a str>,
    actors: Vec<&'a str>,
    activities: Vec<&'a str>,
}

impl<'a> ComponentLine<'a> {
    /// What is known of it; the manifest of one that stands for its plugin says what it brings.
    pub fn new(kept: &'a KeptComponent, manifest: Option<&'a Manifest>) -> ComponentLine<'a> {
        ComponentLine {
            name: &kept.plugin,
            version: &kept.version,
            component: kept.digest.to_string(),
            file: &kept.file,
            deployed: rfc3339(kept.deployed),
            stands: kept.stands,
            unfinished: kept.instances,
            brings: manifest.map(Brings::new),
        }
    }
}

impl<'a> Brings<'a> {
    fn new(manifest: &'a Manifest) -> Brings<'a> {
        let workflows = manifest.workflows.iter();
        let actors = manifest.actors.iter();
        let activities = manifest.activities.iter();
        Brings {
            workflows: workflows.map(|one| one.name.as_str()).collect(),
            actors: actors.map(|one| one.actor_type.as_str()).collect(),
            activities: activities.map(|one| one.definition.name.as_str()).collect(),
        }
    }
}

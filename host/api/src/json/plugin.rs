//! The components that are kept for a tenant's plugins, what they bring, and which workflows can go on with one.
//!
//! Pure.

use host_runtime::{KeptComponent, Manifest, Trial, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;

/// Workflows that have not ended and were tried on the component.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct Tally {
    /// Whose history agrees with it.
    pub agree: usize,
    /// Whose history does not.
    pub differ: usize,
    /// Of which it could not be told.
    pub unsure: usize,
    /// Which go on with it.
    pub moved: usize,
}

impl Tally {
    /// Workflows that were tried.
    pub fn all(&self) -> usize {
        self.agree + self.differ + self.unsure
    }

    /// Workflows of which it is not known that they agree.
    pub fn doubtful(&self) -> usize {
        self.differ + self.unsure
    }

    /// One more was tried.
    pub fn add(&mut self, trial: &Trial) {
        self.moved += usize::from(trial.moved);
        match trial.rehearsal.verdict {
            Verdict::Agrees => self.agree += 1,
            Verdict::Differs(_) => self.differ += 1,
            Verdict::Unsure(_) => self.unsure += 1,
        }
    }
}

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

//! The components that are kept for a tenant's plugins, what they bring, and which workflows can go on with one.
//!
//! Pure.

use std::borrow::Cow;

use host_runtime::{KeptComponent, Manifest, RolledOut, Rollout, Trial, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TrialReport, rfc3339};

/// What becomes of workflows that have not ended and run on another component of the plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Rollout)]
pub enum RolloutPolicy {
    /// They stay on their component; those that stall move where they can.
    #[default]
    Pin,
    /// Those move whose history agrees with the new component.
    Move,
    /// Nothing is changed, deployed or moved: it is only told what would be.
    Check,
}

impl RolloutPolicy {
    /// As one word.
    pub fn name(self) -> &'static str {
        match self {
            RolloutPolicy::Pin => "pin",
            RolloutPolicy::Move => "move",
            RolloutPolicy::Check => "check",
        }
    }
}

impl From<RolloutPolicy> for Rollout {
    fn from(policy: RolloutPolicy) -> Rollout {
        match policy {
            RolloutPolicy::Pin => Rollout::Pin,
            RolloutPolicy::Move => Rollout::Move,
            RolloutPolicy::Check => Rollout::Check,
        }
    }
}

/// Workflows that have not ended and were tried on the component.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Component)]
pub struct ComponentLine<'a> {
    /// The plugin's name.
    pub name: Cow<'a, str>,
    /// The plugin's version, as it says itself.
    pub version: Cow<'a, str>,
    /// The component's digest.
    pub component: String,
    /// The file that it came from.
    pub file: Cow<'a, str>,
    /// When it was deployed last (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub deployed: String,
    /// Whether new workflows are started on it.
    pub stands: bool,
    /// Workflows that have not ended and run on it.
    pub unfinished: usize,
    /// What it brings, where it stands for its plugin.
    #[serde(flatten)]
    pub brings: Option<Brings<'a>>,
}

/// What a plugin brings.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Brings<'a> {
    /// Its workflows.
    pub workflows: Vec<DefinitionLine<'a>>,
    /// Its actor types.
    pub actors: Vec<DefinitionLine<'a>>,
    /// Its activities.
    pub activities: Vec<DefinitionLine<'a>>,
}

/// Something that a plugin brings.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Definition)]
pub struct DefinitionLine<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it is, for people.
    pub description: Cow<'a, str>,
}

/// What a deployment did.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Deployed<'a> {
    /// The plugin's name.
    pub name: Cow<'a, str>,
    /// Its version, as it says itself.
    pub version: Cow<'a, str>,
    /// The component's digest.
    pub component: String,
    /// Whether it stands for its plugin now; false where that was only tried.
    pub deployed: bool,
    /// Whether another component stood for the plugin before.
    pub changed: bool,
    /// The workflows that have not ended.
    #[serde(flatten)]
    pub tally: Tally,
    /// Those of which it is not known that they agree, a hundred at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<TrialReport<'a>>,
}

impl<'a> Deployed<'a> {
    /// What is known of it; nothing is deployed where it was only checked.
    pub fn new(rolled_out: &'a RolledOut, tally: Tally, checked: bool) -> Deployed<'a> {
        let manifest = &rolled_out.manifest;
        Deployed {
            name: (&manifest.name).into(),
            version: (&manifest.version).into(),
            component: rolled_out.component.to_string(),
            deployed: !checked,
            changed: rolled_out.changed,
            tally,
            trials: Vec::new(),
        }
    }

    /// The same with workflows that were tried.
    pub fn with_trials(self, trials: &'a [Trial]) -> Deployed<'a> {
        let trials = trials.iter().map(TrialReport::new).collect();
        Deployed { trials, ..self }
    }
}

impl<'a> ComponentLine<'a> {
    /// What is known of it; the manifest of one that stands for its plugin says what it brings.
    pub fn new(
        kept: &'a KeptComponent,
        manifests: impl IntoIterator<Item = &'a Manifest>,
    ) -> ComponentLine<'a> {
        let mut standing = manifests.into_iter().filter(|_| kept.stands);
        let manifest = standing.find(|manifest| manifest.name == kept.plugin);
        ComponentLine {
            name: (&kept.plugin).into(),
            version: (&kept.version).into(),
            component: kept.digest.to_string(),
            file: (&kept.file).into(),
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
            workflows: workflows
                .map(|one| DefinitionLine::new(&one.name, &one.description))
                .collect(),
            actors: actors
                .map(|one| DefinitionLine::new(&one.actor_type, &one.description))
                .collect(),
            activities: activities
                .map(|one| DefinitionLine::new(&one.definition.name, &one.definition.description))
                .collect(),
        }
    }
}

impl<'a> DefinitionLine<'a> {
    fn new(name: &'a str, description: &'a str) -> DefinitionLine<'a> {
        let (name, description) = (name.into(), description.into());
        DefinitionLine { name, description }
    }
}

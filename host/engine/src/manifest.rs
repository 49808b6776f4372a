//! What a plugin says of itself, as plain values (`durable:plugin/manifest`).
//!
//! Knows nothing of how it was asked.

use std::time::Duration;

use crate::imports::ActivityOptions;

/// All that a plugin brings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The plugin's name: a new component of the same name takes over from the old one.
    pub name: String,
    /// The plugin's version, for people.
    pub version: String,
    /// The workflows.
    pub workflows: Vec<WorkflowDefinition>,
    /// The actor types.
    pub actors: Vec<ActorDefinition>,
    /// The activities.
    pub activities: Vec<ActivityDefinition>,
    /// What `host run` starts when it is told nothing else.
    pub example: Option<Example>,
}

impl Manifest {
    /// The actor type of that name.
    pub fn actor(&self, actor_type: &str) -> Option<&ActorDefinition> {
        let mut actors = self.actors.iter();
        actors.find(|actor| actor.actor_type == actor_type)
    }
}

/// A workflow. Schemas are JSON Schema documents; empty means that anything goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowDefinition {
    /// Its name, unique in the plugin.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// What it takes.
    pub input_schema: String,
    /// What it returns.
    pub output_schema: String,
    /// The queries that it is known to answer.
    pub queries: Vec<Definition>,
    /// The updates that it is known to apply.
    pub updates: Vec<Definition>,
}

/// An activity, an actor's method, a query or an update. Schemas are JSON Schema documents; empty means that
/// anything goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// Its name, unique among its like in the plugin.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// What it takes.
    pub input_schema: String,
    /// What it returns.
    pub output_schema: String,
}

/// An actor type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActorDefinition {
    /// Its name, unique in the tenant.
    pub actor_type: String,
    /// What it stands for, for people.
    pub description: String,
    /// The shape of its typed state.
    pub state_schema: String,
    /// What can be called.
    pub methods: Vec<Definition>,
    /// The names of those methods that only read.
    pub reads: Vec<String>,
    /// After how long without a call it is deactivated; absent: the host's default.
    pub idle: Option<Duration>,
    /// Whether it is told before it leaves the memory.
    pub deactivates: bool,
    /// How often one chain of calls may be in the actor at once; absent: once.
    pub reentrancy: Option<u32>,
}

impl ActorDefinition {
    /// Whether the method of that name only reads.
    pub fn only_reads(&self, method: &str) -> bool {
        self.reads.iter().any(|name| name == method)
    }
}

/// An activity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivityDefinition {
    /// Its name and schemas.
    pub definition: Definition,
    /// How it is run where the workflow does not say.
    pub options: ActivityOptions,
}

/// What `host run` starts when it is told nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// Which workflow.
    pub workflow: String,
    /// The instance's id; `{name}` stands for the input's field of that name.
    pub id: String,
    /// The input, as JSON text.
    pub input: String,
}

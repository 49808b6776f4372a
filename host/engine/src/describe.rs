//! Reads a plugin's manifest and checks it: what the rest of the host relies on is true afterwards.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use host_base::Limits;
use host_base::ids::check_id;
use serde_json::Value;
use wasmtime::component::Instance;
use wasmtime::{AsContextMut, Store};

use crate::bindings::exports::durable::plugin::manifest as contract;
use crate::code::Code;
use crate::convert;
use crate::guest::{self, Guest, Side};
use crate::inspect::{Exports, Problem};
use crate::manifest::{
    ActivityDefinition, ActorDefinition, Definition, Example, Manifest, WorkflowDefinition,
};
use crate::panics::caught;
use crate::randomness::Randomness;
use crate::stop;

/// What the manifest of a component says, if it is one that this host can work with.
pub(crate) async fn manifest_of(
    code: &Code,
    exports: Exports,
    limits: &Arc<Limits>,
) -> Result<Manifest, Problem> {
    // A manifest is the same whenever it is read, so nothing in it may come from chance.
    let guest = Guest::new(Side::Describe, Randomness::seeded([0; 32]), limits);
    let mut store = guest::store(code.pre.engine(), guest);
    let described = caught(describe(&mut store, code)).await;
    let words = store.data_mut();
    words.end_call();
    let manifest = described.map_err(|error| unreadable(error, &words.output.last_words()))?;
    let manifest = convert(manifest?);
    check(&manifest, exports).map_err(invalid)?;
    Ok(manifest)
}

/// The outer error is the guest's, the inner one a matter of types.
async fn describe(
    store: &mut Store<Guest>,
    code: &Code,
) -> wasmtime::Result<Result<contract::Plugin, Problem>> {
    let instance = code.pre.instantiate_async(&mut *store).await?;
    let manifest = match check_types(&mut *store, code, &instance) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(Err(wrong_types(&error))),
    };
    Ok(Ok(manifest.call_describe(store).await?))
}

fn check_types(
    mut store: impl AsContextMut<Data = Guest>,
    code: &Code,
    instance: &Instance,
) -> wasmtime::Result<contract::Guest> {
    if let Some(workflows) = &code.workflows {
        workflows.load(&mut store, instance)?;
    }
    if let Some(actors) = &code.actors {
        actors.load(&mut store, instance)?;
    }
    if let Some(activities) = &code.activities {
        activities.load(&mut store, instance)?;
    }
    code.manifest.load(&mut store, instance)
}

fn wrong_types(error: &wasmtime::Error) -> Problem {
    Problem::new(
        format!("it exports an interface with other types than the contract has: {error:#}"),
        "Build it against this host's wit/plugin.wit",
    )
}

fn unreadable(error: wasmtime::Error, last_words: &str) -> Problem {
    let reason = stop::reason(&error, last_words);
    Problem::new(
        format!("its manifest cannot be read: {reason}"),
        "Correct what runs in `describe` or when the component is initialised",
    )
}

fn invalid(what: String) -> Problem {
    Problem::new(
        format!("its manifest is invalid: {what}"),
        "Correct what `describe` returns",
    )
}

fn convert(plugin: contract::Plugin) -> Manifest {
    Manifest {
        name: plugin.name,
        version: plugin.version,
        workflows: plugin.workflows.into_iter().map(workflow).collect(),
        actors: plugin.actors.into_iter().map(actor).collect(),
        activities: plugin.activities.into_iter().map(activity).collect(),
        example: plugin.example.map(|example| Example {
            workflow: example.workflow,
            id: example.id,
            input: example.input,
        }),
    }
}

fn workflow(workflow: contract::WorkflowDefinition) -> WorkflowDefinition {
    WorkflowDefinition {
        name: workflow.name,
        description: workflow.description,
        input_schema: workflow.input_schema,
        output_schema: workflow.output_schema,
        queries: workflow.queries.into_iter().map(ask).collect(),
        updates: workflow.updates.into_iter().map(ask).collect(),
    }
}

fn ask(ask: contract::AskDefinition) -> Definition {
    Definition {
        name: ask.name,
        description: String::new(),
        input_schema: ask.input_schema,
        output_schema: ask.output_schema,
    }
}

fn method(method: contract::MethodDefinition) -> Definition {
    Definition {
        name: method.name,
        description: method.description,
        input_schema: method.input_schema,
        output_schema: method.output_schema,
    }
}

fn actor(actor: contract::ActorDefinition) -> ActorDefinition {
    let reads = actor.methods.iter().filter(|method| method.read_only);
    ActorDefinition {
        reads: reads.map(|method| method.name.clone()).collect(),
        actor_type: actor.actor_type,
        description: actor.description,
        state_schema: actor.state_schema,
        methods: actor.methods.into_iter().map(method).collect(),
        idle: actor.idle_ms.map(Duration::from_millis),
        deactivates: actor.deactivates,
        reentrancy: actor.reentrancy,
    }
}

fn activity(activity: contract::ActivityDefinition) -> ActivityDefinition {
    ActivityDefinition {
        definition: Definition {
            name: activity.name,
            description: activity.description,
            input_schema: activity.input_schema,
            output_schema: activity.output_schema,
        },
        options: convert::activity_options(activity.options),
    }
}

fn check(manifest: &Manifest, exports: Exports) -> Result<(), String> {
    check_name("plugin name", &manifest.name)?;
    check_workflows(&manifest.workflows)?;
    let activities = manifest.activities.iter();
    check_definitions("activity", activities.map(|activity| &activity.definition))?;
    let types = manifest.actors.iter();
    check_names("actor type", types.map(|actor| actor.actor_type.as_str()))?;
    for actor in &manifest.actors {
        check_schema("state of actor", &actor.actor_type, &actor.state_schema)?;
        check_definitions("method", actor.methods.iter())
            .map_err(|what| format!("actor type `{}`: {what}", actor.actor_type))?;
    }
    check_exported("workflow", manifest.workflows.len(), exports.workflows)?;
    check_exported("actor", manifest.actors.len(), exports.actors)?;
    check_exported("activity", manifest.activities.len(), exports.activities)?;
    let example = manifest.example.as_ref();
    example.map_or(Ok(()), |example| check_example(example, manifest))
}

fn check_workflows(workflows: &[WorkflowDefinition]) -> Result<(), String> {
    check_names("workflow", workflows.iter().map(|one| one.name.as_str()))?;
    for workflow in workflows {
        let name = &workflow.name;
        check_schema("workflow", name, &workflow.input_schema)?;
        check_schema("workflow", name, &workflow.output_schema)?;
        check_definitions("query", workflow.queries.iter())
            .and_then(|()| check_definitions("update", workflow.updates.iter()))
            .map_err(|what| format!("workflow `{name}`: {what}"))?;
    }
    Ok(())
}

fn check_name(what: &'static str, name: &str) -> Result<(), String> {
    check_id(what, name).map_err(|error| error.to_string())
}

fn check_names<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        check_name(what, name)?;
        if !seen.insert(name) {
            return Err(format!("it names the {what} `{name}` twice"));
        }
    }
    Ok(())
}

fn check_definitions<'a>(
    what: &'static str,
    definitions: impl Iterator<Item = &'a Definition> + Clone,
) -> Result<(), String> {
    check_names(what, definitions.clone().map(|found| found.name.as_str()))?;
    for definition in definitions {
        check_schema(what, &definition.name, &definition.input_schema)?;
        check_schema(what, &definition.name, &definition.output_schema)?;
    }
    Ok(())
}

fn check_schema(what: &str, name: &str, schema: &str) -> Result<(), String> {
    if schema.is_empty() {
        return Ok(());
    }
    match serde_json::from_str(schema) {
        Ok(Value::Object(_) | Value::Bool(_)) => Ok(()),
        Ok(_) => Err(format!("a schema of the {what} `{name}` is no JSON object")),
        Err(error) => Err(format!(
            "a schema of the {what} `{name}` is no JSON: {error}"
        )),
    }
}

fn check_exported(what: &str, count: usize, exported: bool) -> Result<(), String> {
    if count == 0 || exported {
        return Ok(());
    }
    Err(format!(
        "it names {count} of kind {what}, and the component exports no such code"
    ))
}

fn check_example(example: &Example, manifest: &Manifest) -> Result<(), String> {
    let mut workflows = manifest.workflows.iter();
    if !workflows.any(|workflow| workflow.name == example.workflow) {
        let name = &example.workflow;
        return Err(format!(
            "its example runs the workflow `{name}`, which it does not bring"
        ));
    }
    let input: Value = serde_json::from_str(&example.input)
        .map_err(|error| format!("its example's input is no JSON: {error}"))?;
    check_name("example's id", &example.id)?;
    for field in placeholders(&example.id) {
        if input.get(field).is_none() {
            return Err(format!(
                "its example's id has `{{{field}}}`, and the input no such field"
            ));
        }
    }
    Ok(())
}

/// The names between braces.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let parts = template.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Manifest {
        Manifest {
            name: "plugin".to_owned(),
            workflows: vec![workflow("run")],
            example: Some(Example {
                workflow: "run".to_owned(),
                id: "run-{id}".to_owned(),
                input: r#"{"id": "7"}"#.to_owned(),
            }),
            ..Manifest::default()
        }
    }

    fn workflow(name: &str) -> WorkflowDefinition {
        WorkflowDefinition {
            name: name.to_owned(),
            ..WorkflowDefinition::default()
        }
    }

    fn definition(name: &str) -> Definition {
        Definition {
            name: name.to_owned(),
            ..Definition::default()
        }
    }

    /// Spoils a good manifest and looks for `expected` in what is said of it.
    fn refused(spoil: impl FnOnce(&mut Manifest), expected: &str) {
        let mut manifest = good();
        spoil(&mut manifest);
        let exports = Exports {
            manifest: true,
            workflows: true,
            actors: true,
            activities: false,
        };
        let said = check(&manifest, exports).expect_err(expected);
        assert!(said.contains(expected), "{said:?} has no {expected:?}");
    }

    #[test]
    fn names_are_there_keep_the_rules_and_occur_once() {
        refused(|m| m.name.clear(), "the plugin name must not be empty");
        refused(
            |m| m.workflows[0].name = "a\nb".to_owned(),
            "control characters",
        );
        refused(
            |m| m.workflows.push(workflow("run")),
            "the workflow `run` twice",
        );
        refused(
            |m| m.workflows[0].queries = vec![definition("ask"), definition("ask")],
            "workflow `run`: it names the query `ask` twice",
        );
        let actor = || ActorDefinition {
            actor_type: "A".to_owned(),
            methods: vec![definition("do"), definition("do")],
            ..ActorDefinition::default()
        };
        refused(
            |m| m.actors = vec![actor()],
            "actor type `A`: it names the method `do` twice",
        );
        refused(
            |m| m.actors = vec![actor(), actor()],
            "the actor type `A` twice",
        );
    }

    #[test]
    fn schemas_are_json() {
        refused(
            |m| m.workflows[0].input_schema = "{".to_owned(),
            "is no JSON",
        );
        refused(
            |m| m.workflows[0].input_schema = "1".to_owned(),
            "is no JSON object",
        );
    }

    #[test]
    fn what_is_named_is_exported() {
        let activity = ActivityDefinition {
            definition: definition("act"),
            ..ActivityDefinition::default()
        };
        refused(|m| m.activities.push(activity), "exports no such code");
    }

    #[test]
    fn an_example_can_be_run() {
        fn example(m: &mut Manifest) -> &mut Example {
            m.example.as_mut().expect("the good manifest has one")
        }
        refused(
            |m| example(m).workflow = "other".to_owned(),
            "does not bring",
        );
        refused(|m| example(m).input = "{".to_owned(), "input is no JSON");
        refused(|m| example(m).id = "x-{no}".to_owned(), "no such field");
    }
}

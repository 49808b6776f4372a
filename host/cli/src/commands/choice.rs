//! Which workflow is run, with which input, under which id.
//!
//! Pure: decides between what the plugins say of themselves and what the user says.

use anyhow::{Context, Result, anyhow, bail};
use host_api::json;
use host_base::{Digest, Payload};
use host_engine::Manifest;
use host_engine::manifest::Example;

use crate::input::lines::Naming;
use crate::input::pattern::Pattern;

/// Digits of an input's digest that make an id.
const DIGEST_DIGITS: usize = 12;

/// What is run.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    /// The workflow's name.
    pub(crate) workflow: String,
    /// Where ids come from, if anybody says.
    pattern: Option<Pattern>,
    /// The plugin's own example of an input.
    input: Option<Payload>,
}

impl Choice {
    /// What to run of these plugins, given what the user asks for by name.
    pub(crate) fn new(
        manifests: &[Manifest],
        workflow: Option<&str>,
        id: Option<&str>,
    ) -> Result<Choice> {
        let (manifest, workflow) = match workflow {
            Some(name) => (owner(manifests, name)?, name),
            None => default(manifests)?,
        };
        let example = manifest.example.as_ref();
        let example = example.filter(|example| example.workflow == workflow);
        Ok(Choice {
            workflow: workflow.to_owned(),
            pattern: pattern(id, example)?,
            input: example.map(|example| example.input.clone().into_bytes()),
        })
    }

    /// The user's input, or else the example's, or else nothing.
    pub(crate) fn input(&self, given: Option<Payload>) -> Payload {
        given.or_else(|| self.input.clone()).unwrap_or_default()
    }

    /// The id for one input. Without a pattern it is made from the input, so that the same command finds
    /// what it started before it was killed.
    pub(crate) fn id(&self, input: &Payload) -> Result<String> {
        match &self.pattern {
            Some(pattern) => self.filled(pattern, input),
            None => Ok(self.digest_id(input)),
        }
    }

    /// How the lines of a file get their ids.
    pub(crate) fn naming(&self) -> Naming<'_> {
        match &self.pattern {
            Some(pattern) => Naming::Pattern(pattern),
            None => Naming::Number {
                workflow: &self.workflow,
            },
        }
    }

    fn filled(&self, pattern: &Pattern, input: &Payload) -> Result<String> {
        let value = json::value(input).context("parse the input as JSON")?;
        let id = pattern.fill(&value);
        id.context("make an id; --id can give another")
    }

    fn digest_id(&self, input: &Payload) -> String {
        let digest = Digest::of(json::compact(input).as_bytes()).to_string();
        format!("{}-{}", self.workflow, &digest[..DIGEST_DIGITS])
    }
}

fn pattern(id: Option<&str>, example: Option<&Example>) -> Result<Option<Pattern>> {
    let examples = example.map(|example| example.id.as_str());
    let examples = examples.filter(|id| !id.is_empty());
    id.or(examples).map(Pattern::parse).transpose()
}

fn owner<'a>(manifests: &'a [Manifest], workflow: &str) -> Result<&'a Manifest> {
    let owner = manifests.iter().find(|manifest| has(manifest, workflow));
    owner.ok_or_else(|| {
        anyhow!(
            "no plugin given has the workflow {workflow}; {}",
            there_are(manifests)
        )
    })
}

/// The first plugin's example; a plugin with a single workflow needs none.
fn default(manifests: &[Manifest]) -> Result<(&Manifest, &str)> {
    let Some(first) = manifests.first() else {
        bail!("no plugin is given");
    };
    match (&first.example, first.workflows.as_slice()) {
        (Some(example), _) => Ok((first, &example.workflow)),
        (None, [only]) => Ok((first, &only.name)),
        (None, _) => {
            let (name, choices) = (&first.name, there_are(manifests));
            bail!("plugin {name} does not say what to run; choose with --workflow: {choices}")
        }
    }
}

fn has(manifest: &Manifest, workflow: &str) -> bool {
    manifest
        .workflows
        .iter()
        .any(|definition| definition.name == workflow)
}

fn there_are(manifests: &[Manifest]) -> String {
    let workflows = manifests.iter().flat_map(|manifest| &manifest.workflows);
    let names: Vec<_> = workflows
        .map(|definition| definition.name.as_str())
        .collect();
    match names.as_slice() {
        [] => "there are no workflows".to_owned(),
        [name] => format!("there is {name}"),
        names => format!("there are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use host_engine::manifest::WorkflowDefinition;

    use super::*;

    fn manifest(name: &str, workflows: &[&str]) -> Manifest {
        let definition = |name: &&str| WorkflowDefinition {
            name: (*name).to_owned(),
            ..WorkflowDefinition::default()
        };
        Manifest {
            name: name.to_owned(),
            workflows: workflows.iter().map(definition).collect(),
            ..Manifest::default()
        }
    }

    fn tasks() -> Manifest {
        let example = Example {
            workflow: "process".to_owned(),
            id: "task-{id}".to_owned(),
            input: r#"{"id":"1"}"#.to_owned(),
        };
        Manifest {
            example: Some(example),
            ..manifest("tasks", &["process", "other"])
        }
    }

    fn problem(manifests: &[Manifest], workflow: Option<&str>) -> String {
        let choice = Choice::new(manifests, workflow, None);
        format!("{:#}", choice.unwrap_err())
    }

    #[test]
    fn the_first_plugins_example_is_run() {
        let choice = Choice::new(&[tasks(), manifest("b", &["x"])], None, None).unwrap();
        assert_eq!(choice.workflow, "process");
        let example = choice.input(None);
        assert_eq!(choice.id(&example).unwrap(), "task-1");
        let given = choice.input(Some(br#"{"id":"2"}"#.to_vec()));
        assert_eq!(choice.id(&given).unwrap(), "task-2");
    }

    #[test]
    fn a_workflow_of_any_plugin_can_be_named_and_takes_no_other_ones_example() {
        let choice = Choice::new(&[tasks(), manifest("b", &["x"])], Some("x"), None).unwrap();
        assert_eq!(
            (choice.workflow.as_str(), choice.input(None)),
            ("x", Vec::new())
        );
        let other = Choice::new(&[tasks()], Some("other"), None).unwrap();
        assert_eq!(other.input(None), b"");
    }

    #[test]
    fn an_id_that_nobody_gives_is_the_same_for_the_same_input() {
        let choice = Choice::new(&[manifest("b", &["x"])], None, None).unwrap();
        let of = |input: &str| choice.id(&input.as_bytes().to_vec()).unwrap();
        assert_eq!(of("[1,2]"), of("[1, 2]"));
        assert_ne!(of("[1,2]"), of("[1,3]"));
        assert_eq!(of("1").len(), "x-".len() + DIGEST_DIGITS);
        assert_eq!(of(""), of("null"));
    }

    #[test]
    fn the_users_id_comes_first() {
        let choice = Choice::new(&[tasks()], None, Some("mine")).unwrap();
        assert_eq!(choice.id(&choice.input(None)).unwrap(), "mine");
    }

    #[test]
    fn an_input_without_the_ids_field_says_what_to_do() {
        let choice = Choice::new(&[tasks()], None, None).unwrap();
        let problem = choice.id(&b"{}".to_vec()).unwrap_err();
        assert_eq!(
            format!("{problem:#}"),
            "make an id; --id can give another: fill the id pattern task-{id} from the input: it has no field id"
        );
    }

    #[test]
    fn what_cannot_be_chosen_names_the_choices() {
        let many = [manifest("b", &["x", "y"])];
        assert_eq!(
            problem(&many, None),
            "plugin b does not say what to run; choose with --workflow: there are x, y"
        );
        assert_eq!(
            problem(&many, Some("z")),
            "no plugin given has the workflow z; there are x, y"
        );
        let none = [manifest("b", &[])];
        assert!(problem(&none, None).ends_with("there are no workflows"));
    }
}

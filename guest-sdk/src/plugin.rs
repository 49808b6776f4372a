//! A whole plugin: its manifest, and which code answers to which name.
//!
//! `export!` implements [`Plugin`] by matching names; this turns that into the contract's exports.

use std::marker::PhantomData;

use crate::bindings::durable::plugin::types;
use crate::bindings::exports::durable::plugin::{activities, actors, manifest, workflows};
use crate::policy::milliseconds;
use crate::value::{encode, input_schema, output_schema};
use crate::{
    Activity, Actor, Failure, InputOf, MarkedAsActivity, MarkedAsWorkflow, OutputOf, RetryPolicy,
    Value, Workflow,
};

/// What came of running code by name; nothing where there is none of that name.
pub type Found<T> = Option<Result<T, Failure>>;

/// All that a plugin brings, by name.
pub trait Plugin {
    /// What the host is told of it.
    fn describe() -> Manifest;
    /// Runs a workflow.
    fn run_workflow(name: &str, input: &[u8]) -> Found<Vec<u8>>;
    /// Runs an activity.
    fn run_activity(name: &str, input: &[u8]) -> Found<Vec<u8>>;
    /// Makes an actor active.
    fn activate(actor_type: &str, id: String) -> Found<()>;
    /// Tells an actor that it leaves the memory.
    fn deactivate(actor_type: &str, id: String) -> Found<()>;
    /// Runs a method.
    fn invoke(actor_type: &str, id: String, method: &str, input: &[u8]) -> Found<Vec<u8>>;
}

/// What the host is told of a plugin, piece by piece.
pub struct Manifest(manifest::Plugin);

impl Manifest {
    /// A plugin that brings nothing.
    pub fn new(name: &str, version: &str) -> Self {
        Self(manifest::Plugin {
            name: name.to_owned(),
            version: version.to_owned(),
            workflows: Vec::new(),
            actors: Vec::new(),
            activities: Vec::new(),
            example: None,
        })
    }

    /// It brings this workflow, too.
    #[must_use]
    pub fn workflow<N: MarkedAsWorkflow>(mut self, _workflow: N) -> Self {
        self.0.workflows.push(manifest::WorkflowDefinition {
            name: N::Workflow::NAME.to_owned(),
            description: N::Workflow::DESCRIPTION.to_owned(),
            input_schema: input_schema::<InputOf<N>>(),
            output_schema: output_schema::<OutputOf<N>>(),
            queries: N::Workflow::queries(),
            updates: N::Workflow::updates(),
        });
        self
    }

    /// It brings this actor type, too.
    #[must_use]
    pub fn actor<A: Actor>(mut self) -> Self {
        self.0.actors.push(manifest::ActorDefinition {
            actor_type: A::TYPE.to_owned(),
            description: A::DESCRIPTION.to_owned(),
            state_schema: input_schema::<A>(),
            methods: A::methods(),
            idle_ms: A::IDLE.map(milliseconds),
            deactivates: A::DEACTIVATE.is_some(),
            reentrancy: A::REENTRANCY,
        });
        self
    }

    /// It brings this activity, too.
    #[must_use]
    pub fn activity<N: MarkedAsActivity>(mut self, _activity: N) -> Self {
        self.0.activities.push(activity::<N::Activity>());
        self
    }

    /// What is started when the host is told nothing else.
    #[must_use]
    pub fn example<N: MarkedAsWorkflow>(
        mut self,
        _workflow: N,
        id: &str,
        input: InputOf<N>,
    ) -> Self {
        let bytes = encode(&input, "the example's input").unwrap_or_else(|e| panic!("{e}"));
        let input = String::from_utf8(bytes).expect("JSON is text");
        self.0.example = Some(manifest::Example {
            workflow: N::Workflow::NAME.to_owned(),
            id: id.to_owned(),
            input,
        });
        self
    }
}

fn activity<A: Activity>() -> manifest::ActivityDefinition {
    manifest::ActivityDefinition {
        name: A::NAME.to_owned(),
        description: A::DESCRIPTION.to_owned(),
        input_schema: input_schema::<A::Input>(),
        output_schema: output_schema::<A::Output>(),
        options: types::ActivityOptions {
            retry: A::RETRY.map(RetryPolicy::into),
            timeout_ms: A::TIMEOUT.map(milliseconds),
            schedule_to_close_ms: A::SCHEDULE_TO_CLOSE.map(milliseconds),
            heartbeat_timeout_ms: A::HEARTBEAT_TIMEOUT.map(milliseconds),
        },
    }
}

/// A method of an actor, for the manifest.
pub fn method<I: Value, O: Value>(
    name: &str,
    description: &str,
    read_only: bool,
) -> manifest::MethodDefinition {
    manifest::MethodDefinition {
        read_only,
        name: name.to_owned(),
        description: description.to_owned(),
        input_schema: input_schema::<I>(),
        output_schema: output_schema::<O>(),
    }
}

/// What a function returns that does not say that it returns a `Result`; asked while the plugin is compiled.
pub struct Returned<T>(PhantomData<T>);

impl<T, E> Returned<Result<T, E>> {
    /// It returns one all the same, under another name.
    pub const IS_RESULT: bool = true;
}

/// What holds for a type that has no such constant of its own.
pub trait NoResult {
    /// It returns none.
    const IS_RESULT: bool = false;
}

impl<T> NoResult for Returned<T> {}

/// Whether no name occurs twice; asked while the plugin is compiled.
pub const fn are_distinct(names: &[&str]) -> bool {
    let mut later = 0;
    while later < names.len() {
        let mut earlier = 0;
        while earlier < later {
            if are_equal(names[earlier].as_bytes(), names[later].as_bytes()) {
                return false;
            }
            earlier += 1;
        }
        later += 1;
    }
    true
}

const fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The answer of the code of that name, or that there is none.
fn answer<T>(found: Found<T>, kind: &str, name: &str) -> Result<T, types::Failure> {
    let missing = || {
        let message = format!("this plugin has no {kind} `{name}`");
        Err(Failure::new("not-found", message))
    };
    Ok(found.unwrap_or_else(missing)?)
}

impl<P: Plugin> manifest::Guest for P {
    fn describe() -> manifest::Plugin {
        P::describe().0
    }
}

impl<P: Plugin> workflows::Guest for P {
    fn run(name: String, input: Vec<u8>) -> Result<Vec<u8>, types::Failure> {
        answer(P::run_workflow(&name, &input), "workflow", &name)
    }
}

impl<P: Plugin> actors::Guest for P {
    fn activate(actor_type: String, actor_id: String) -> Result<(), types::Failure> {
        answer(
            P::activate(&actor_type, actor_id),
            "actor type",
            &actor_type,
        )
    }

    fn deactivate(actor_type: String, actor_id: String) -> Result<(), types::Failure> {
        let told = P::deactivate(&actor_type, actor_id);
        answer(told, "actor type", &actor_type)
    }

    fn invoke(
        actor_type: String,
        actor_id: String,
        method: String,
        input: Vec<u8>,
    ) -> Result<Vec<u8>, types::Failure> {
        let found = P::invoke(&actor_type, actor_id, &method, &input);
        answer(found, "actor type", &actor_type)
    }
}

impl<P: Plugin> activities::Guest for P {
    fn run(name: String, input: Vec<u8>) -> Result<Vec<u8>, types::Failure> {
        answer(P::run_activity(&name, &input), "activity", &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    /// Adds one.
    ///
    /// Never less.
    #[activity(
        name = "add-one",
        timeout = "2s",
        schedule_to_close = "1m",
        heartbeat_timeout = "1s",
        retry(max_attempts = 7, jitter = 0.5, non_retryable = ["odd", "even"])
    )]
    fn add(number: u8) -> Result<u16, Failure> {
        Ok(u16::from(number) + 1)
    }

    #[workflow]
    async fn nothing(ctx: WorkflowContext) {
        ctx.log("nothing");
    }

    const SIZE: Query<(), u8> = Query::new("size");
    const GROW: Update<u8, ()> = Update::new("grow");

    #[workflow(queries(SIZE), updates(GROW))]
    async fn echo(text: String) -> String {
        text
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    struct Door {
        open: bool,
    }

    /// Opens and shuts.
    #[actor(idle = "1m")]
    impl Door {
        /// Opens it.
        #[method]
        fn open_wide(&mut self) -> bool {
            self.open = true;
            self.open
        }

        #[method(name = "isOpen")]
        fn is_open(&self) -> bool {
            self.open
        }
    }

    fn manifest() -> manifest::Plugin {
        let manifest = Manifest::new("p", "1").workflow(nothing).actor::<Door>();
        let manifest = manifest.activity(add);
        manifest.example(echo, "echo-1", "hello".to_owned()).0
    }

    #[test]
    fn an_activity_is_described_by_its_attribute_and_its_comment() {
        let add = &manifest().activities[0];
        let options = &add.options;
        assert_eq!((&*add.name, options.timeout_ms), ("add-one", Some(2_000)));
        let (all, beat) = (options.schedule_to_close_ms, options.heartbeat_timeout_ms);
        assert_eq!((all, beat), (Some(60_000), Some(1_000)));
        assert_eq!(add.description, "Adds one.\n\nNever less.");
        let retry = options.retry.as_ref().expect("it was given");
        assert_eq!((retry.max_attempts, retry.jitter), (7, 0.5));
        assert_eq!(retry.non_retryable, ["odd", "even"]);
        assert!(add.input_schema.contains("\"maximum\":255"));
        assert!(add.output_schema.contains("\"maximum\":65535"));
    }

    #[test]
    fn what_takes_and_returns_nothing_has_no_schemas() {
        let nothing = &manifest().workflows[0];
        assert_eq!((&*nothing.input_schema, &*nothing.output_schema), ("", ""));
    }

    #[test]
    fn a_workflow_is_described_with_what_it_can_be_asked() {
        let manifest = Manifest::new("p", "1").workflow(nothing).workflow(echo).0;
        assert!(manifest.workflows[0].queries.is_empty());
        let (size, grow) = (
            &manifest.workflows[1].queries[0],
            &manifest.workflows[1].updates[0],
        );
        assert_eq!((&*size.name, &*size.input_schema), ("size", ""));
        assert!(size.output_schema.contains("\"maximum\":255"));
        assert_eq!((&*grow.name, &*grow.output_schema), ("grow", ""));
    }

    #[test]
    fn an_actor_is_described_with_its_methods() {
        let door = &manifest().actors[0];
        assert_eq!((&*door.actor_type, door.idle_ms), ("Door", Some(60_000)));
        assert_eq!(door.description, "Opens and shuts.");
        assert!(door.state_schema.contains("\"open\""));
        let names: Vec<_> = door.methods.iter().map(|method| &*method.name).collect();
        assert_eq!(names, ["OpenWide", "isOpen"]);
        assert_eq!(door.methods[0].description, "Opens it.");
    }

    #[test]
    fn the_example_is_written_as_json() {
        let example = manifest().example.expect("one was given");
        assert_eq!((&*example.workflow, &*example.input), ("echo", "\"hello\""));
    }

    #[test]
    fn code_is_run_by_name_with_json() {
        assert_eq!(
            crate::macros::run_activity::<add>(b"41"),
            Ok(b"42".to_vec())
        );
        assert_eq!(
            crate::macros::run_workflow::<echo>(b"\"x\""),
            Ok(b"\"x\"".to_vec())
        );
        assert_eq!(add::call(1), Ok(2));
    }

    #[test]
    fn an_input_that_does_not_fit_is_a_failure_that_names_the_code() {
        let failure = crate::macros::run_activity::<add>(b"\"x\"").unwrap_err();
        assert_eq!((&*failure.code, failure.retryable), ("bad-input", false));
        assert!(failure.message.contains("activity `add-one`"), "{failure}");
    }

    #[test]
    fn a_name_that_is_missing_is_a_failure() {
        let failure = answer::<()>(None, "workflow", "x").unwrap_err();
        let (code, message) = (failure.code, failure.message);
        assert_eq!(
            (&*code, &*message),
            ("not-found", "this plugin has no workflow `x`")
        );
    }

    #[test]
    fn a_name_that_occurs_twice_is_found() {
        assert!(are_distinct(&["a", "b", "ab"]));
        assert!(!are_distinct(&["a", "b", "a"]));
    }
}

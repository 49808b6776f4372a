//! Agent: a model plans, tools are used side by side, a person allows what cannot be taken back.
//!
//! Shows a loop that survives everything: what the model said and what the tools found is never asked for again
//! after a crash. Of the lookups, four at most are made at once; a letter waits for a person's word; and an actor
//! remembers what was found for the next conversation.

mod world;

use std::collections::BTreeMap;

use guest_sdk::prelude::*;
use world::{Mailbox, send, think, weather};

/// Rounds after which an agent that has no answer gives up.
const ROUNDS_MAX: u32 = 8;
/// Lookups that are made at once.
const LOOKUPS_MAX: usize = 4;

/// What somebody wants to know or have done.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Task {
    user: String,
    goal: String,
    /// How long a person has to allow a letter; then it counts as refused.
    approval_seconds: u64,
}

/// The weather of each city, and what came of each letter.
type Known = BTreeMap<String, String>;

/// What the model is asked.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Prompt {
    goal: String,
    known: Known,
}

/// What the model wants.
#[derive(Serialize, Deserialize, JsonSchema)]
enum Step {
    /// The weather of these cities.
    LookUp(Vec<String>),
    /// A letter, which cannot be taken back.
    Write(Letter),
    /// Nothing more.
    Answer(String),
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Letter {
    whom: String,
    text: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Report {
    answer: String,
    rounds: u32,
}

/// What is known from earlier conversations with a user.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Memory {
    facts: Known,
}

/// Remembers what was found for a user.
#[actor]
impl Memory {
    #[method]
    fn remember(&mut self, facts: Known) {
        self.facts.extend(facts);
    }

    #[method(read_only)]
    fn recall(&self) -> Known {
        self.facts.clone()
    }
}

/// Asks the model and does what it wants, until it has an answer.
#[workflow]
async fn agent(ctx: WorkflowContext, task: Task) -> Result<Report, Failure> {
    let memory = ctx.actor::<Memory>(&task.user);
    let mut known = memory.recall().await?;
    for rounds in 1..=ROUNDS_MAX {
        let (goal, seen) = (task.goal.clone(), known.clone());
        match ctx.activity(think, Prompt { goal, known: seen }).await? {
            Step::Answer(answer) => return Ok(Report { answer, rounds }),
            Step::Write(letter) => {
                let whom = letter.whom.clone();
                known.insert(whom, told(write_if_allowed(&ctx, &task, letter).await));
            }
            Step::LookUp(cities) => {
                let look = |city| ctx.activity(weather, city);
                let found = map_concurrent(LOOKUPS_MAX, cities.clone(), look).await;
                let facts = cities.iter().zip(&found);
                let facts =
                    facts.filter_map(|(city, fact)| Some((city.clone(), fact.clone().ok()?)));
                memory.remember(facts.collect()).await?;
                known.extend(cities.into_iter().zip(found.into_iter().map(told)));
            }
        }
    }
    Err(failure!("no-answer", "none after {ROUNDS_MAX} rounds"))
}

/// What came of a tool, for the model to read. One that fails does not end the agent.
fn told(used: Result<String, Failure>) -> String {
    used.unwrap_or_else(|failure| failure.message)
}

/// Waits for the event `approve-WHOM`, which says yes or no. Each letter waits for a name of its own, so that no
/// answer is taken for another one's.
async fn write_if_allowed(
    ctx: &WorkflowContext,
    task: &Task,
    letter: Letter,
) -> Result<String, Failure> {
    let (id, event) = (ctx.info().id, format!("approve-{}", letter.whom));
    let whom = &letter.whom;
    ctx.log(format!(
        "May I write to {whom}? host workflow raise {id} {event} true"
    ));
    let limit = Duration::from_secs(task.approval_seconds);
    match ctx.timeout(limit, ctx.event::<bool>(event)).await?? {
        true => ctx.activity(send, letter).await,
        false => Err(failure!("refused", "nobody allows it")),
    }
}

guest_sdk::export! {
    workflows: [agent],
    actors: [Memory, Mailbox],
    activities: [think, weather, send],
    example: agent, "agent-{user}", Task {
        user: "dora".to_owned(),
        goal: "compare Oslo and Rome and tell ann".to_owned(),
        approval_seconds: 3,
    },
}

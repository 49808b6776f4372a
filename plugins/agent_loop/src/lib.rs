//! Agent: a model plans, tools are used side by side, a person allows what cannot be taken back.
//!
//! Shows a loop that survives everything: what the model said and what the tools found is never asked for again
//! after a crash. At most four tools are used at once, each one that does something waits for an event of its
//! own, and an actor remembers what was found for the next conversation.

mod model;

use guest_sdk::prelude::*;
use model::think;

/// Rounds after which an agent that has no answer gives up.
const ROUNDS_MAX: u32 = 8;
/// Tools that are used at once.
const CALLS_MAX: usize = 4;

/// What somebody wants to know or have done.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Task {
    user: String,
    goal: String,
    /// How long a person has to allow a call; then it counts as refused.
    #[serde(default = "an_hour")]
    approval_seconds: u64,
}

fn an_hour() -> u64 {
    60 * 60
}

/// What the model is asked.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Prompt {
    goal: String,
    seen: Vec<Observation>,
}

/// What the model wants.
#[derive(Serialize, Deserialize, JsonSchema)]
enum Step {
    Use(Vec<ToolCall>),
    Answer(String),
}

/// A tool that the model wants used.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
enum ToolCall {
    /// Looks up the weather of a city.
    Weather(String),
    /// Writes to somebody, which cannot be taken back.
    Mail(Mailing),
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Mailing {
    whom: String,
    text: String,
}

/// What came of it: for the model to read, whether it went well or not.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Observation {
    /// The city, or who was to be written to.
    about: String,
    result: String,
    /// Whether it is worth knowing in the next conversation.
    lasting: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Report {
    answer: String,
    rounds: u32,
}

/// What is known from earlier conversations with a user.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Memory {
    facts: Vec<Observation>,
}

/// Remembers what was found for a user.
#[actor]
impl Memory {
    #[method]
    fn remember(&mut self, facts: Vec<Observation>) {
        self.facts.extend(facts);
    }

    #[method]
    fn recall(&self) -> Vec<Observation> {
        self.facts.clone()
    }
}

/// Somebody's mail. It stands for the outside world here.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Mailbox {
    letters: Vec<String>,
}

/// Keeps what was sent to somebody.
#[actor]
impl Mailbox {
    #[method]
    fn deliver(&mut self, letter: String) {
        self.letters.push(letter);
    }

    #[method]
    fn read(&self) -> Vec<String> {
        self.letters.clone()
    }
}

/// Asks the model and does what it wants, until it has an answer.
#[workflow]
async fn agent(ctx: WorkflowContext, task: Task) -> Result<Report, Failure> {
    let memory = ctx.actor::<Memory>(&task.user);
    let mut seen = memory.recall().await?;
    for rounds in 1..=ROUNDS_MAX {
        let goal = task.goal.clone();
        let prompt = Prompt {
            goal,
            seen: seen.clone(),
        };
        let calls = match ctx.activity(think, prompt).await? {
            Step::Use(calls) => calls,
            Step::Answer(answer) => return Ok(Report { answer, rounds }),
        };
        let new = map_concurrent(CALLS_MAX, calls, |call| use_tool(&ctx, &task, call)).await;
        let lasting: Vec<_> = new.iter().filter(|new| new.lasting).cloned().collect();
        if !lasting.is_empty() {
            memory.remember(lasting).await?;
        }
        seen.extend(new);
    }
    Err(failure!(
        "no-answer",
        "there is no answer after {ROUNDS_MAX} rounds"
    ))
}

/// Uses a tool. One that fails does not end the agent: the model reads why.
async fn use_tool(ctx: &WorkflowContext, task: &Task, call: ToolCall) -> Observation {
    let (about, used, lasting) = match call {
        ToolCall::Weather(city) => {
            let found = ctx.activity(weather, city.clone()).await;
            let lasting = found.is_ok();
            (city, found, lasting)
        }
        ToolCall::Mail(mailing) => {
            let whom = mailing.whom.clone();
            (whom, write_if_allowed(ctx, task, mailing).await, false)
        }
    };
    let result = used.unwrap_or_else(|failure| failure.message);
    Observation {
        about,
        result,
        lasting,
    }
}

/// Waits for the event `approve-WHOM`, which says yes or no. Each call waits for a name of its own, so that no
/// answer is taken for another call's.
async fn write_if_allowed(
    ctx: &WorkflowContext,
    task: &Task,
    mailing: Mailing,
) -> Result<String, Failure> {
    let (id, event) = (ctx.info().id, format!("approve-{}", mailing.whom));
    ctx.log(format!(
        "May I write to {}? host workflow raise {id} {event} true",
        mailing.whom
    ));
    let limit = Duration::from_secs(task.approval_seconds);
    match ctx.timeout(limit, ctx.event::<bool>(event)).await?? {
        true => ctx.activity(mail, mailing).await,
        false => Err(failure!("refused", "nobody allows it")),
    }
}

/// Looks up the weather of a city.
#[activity(timeout = "10s")]
fn weather(ctx: &ActivityContext, city: String) -> Result<String, Failure> {
    ctx.log(format!("looking up {city}"));
    match city.as_str() {
        "Lima" => Ok("fog".to_owned()),
        "Oslo" => Ok("snow".to_owned()),
        "Rome" => Ok("sun".to_owned()),
        _ => Err(failure!("unknown-city", "nobody knows")),
    }
}

/// Writes to somebody. An attempt that is repeated writes no second letter.
#[activity(timeout = "10s")]
fn mail(ctx: &ActivityContext, mailing: Mailing) -> Result<String, Failure> {
    ctx.actor::<Mailbox>(&mailing.whom).deliver(mailing.text)?;
    Ok("written to".to_owned())
}

guest_sdk::export! {
    workflows: [agent],
    actors: [Memory, Mailbox],
    activities: [think, weather, mail],
    example: agent, "agent-{user}", Task {
        user: "dora".to_owned(),
        goal: "compare Oslo and Rome and tell ann".to_owned(),
        approval_seconds: 3,
    },
}

//! What stands for the world around the agent: a language model, a weather service, and people's mail.
//!
//! The model looks up the cities in the goal and writes to whoever is named behind `tell`. Like a real one, it
//! knows nothing but what it is given.

use guest_sdk::prelude::*;

use crate::{Letter, Prompt, Step};

/// Thinks of the next step. Who thinks says so from time to time, and stops when nobody wants to know any more. What
/// an attempt had read when it was lost, the next one need not read again.
#[activity(
    timeout = "10m",
    heartbeat_timeout = "30s",
    retry(max_attempts = 5, first_interval = "1s")
)]
pub(crate) fn think(ctx: &ActivityContext, prompt: Prompt) -> Result<Step, Failure> {
    let read: Option<usize> = ctx.last_heartbeat()?;
    let words = prompt.goal.split(' ').enumerate();
    let mut unread = words.skip(read.unwrap_or(0));
    unread.try_for_each(|(read, _)| ctx.heartbeat(&read))?;
    Ok(next_step(prompt))
}

fn next_step(Prompt { goal, known }: Prompt) -> Step {
    let cities = goal.split(' ').filter(|word| is_city(word));
    let (found, unknown): (Vec<_>, Vec<_>) = cities.partition(|city| known.contains_key(*city));
    if !unknown.is_empty() {
        return Step::LookUp(unknown.into_iter().map(str::to_owned).collect());
    }
    let found = found.iter().map(|city| format!("{city}: {}", known[*city]));
    let text = found.collect::<Vec<_>>().join(", ");
    let whom = goal.split_once("tell ").map(|(_, whom)| whom.to_owned());
    match whom {
        None => Step::Answer(text),
        Some(whom) => match known.get(&whom) {
            None => Step::Write(Letter { whom, text }),
            Some(written) => Step::Answer(format!("{text}; {whom}: {written}")),
        },
    }
}

fn is_city(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

/// Looks up the weather of a city.
#[activity(timeout = "10s")]
pub(crate) fn weather(city: String) -> Result<String, Failure> {
    match city.as_str() {
        "Lima" => Ok("fog".to_owned()),
        "Oslo" => Ok("snow".to_owned()),
        "Rome" => Ok("sun".to_owned()),
        _ => Err(failure!("unknown-city", "nobody knows")),
    }
}

/// Writes to somebody. An attempt that is repeated writes no second letter.
#[activity(timeout = "10s")]
pub(crate) fn send(ctx: &ActivityContext, letter: Letter) -> Result<String, Failure> {
    ctx.actor::<Mailbox>(&letter.whom).deliver(letter.text)?;
    Ok("written to".to_owned())
}

/// Somebody's mail.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Mailbox {
    letters: Vec<String>,
}

/// Keeps what was sent to somebody.
#[actor]
impl Mailbox {
    #[method]
    fn deliver(&mut self, letter: String) {
        self.letters.push(letter);
    }

    #[method(read_only)]
    fn read(&self) -> Vec<String> {
        self.letters.clone()
    }
}

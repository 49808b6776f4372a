//! What stands for a language model: the cities in the goal are looked up, and who is in it behind `tell` is
//! written to. Like a model, it knows nothing but what it is given.

use guest_sdk::prelude::*;

use crate::{Mailing, Observation, Prompt, Step, ToolCall};

/// Thinks of the next step.
#[activity(timeout = "1m", retry(max_attempts = 5, first_interval = "1s"))]
pub(crate) fn think(ctx: &ActivityContext, prompt: Prompt) -> Step {
    let cities = cities_in(&prompt.goal);
    let unknown = cities
        .iter()
        .filter(|city| prompt.result_of(city).is_none());
    let lookups: Vec<_> = unknown
        .map(|city| ToolCall::Weather((*city).to_owned()))
        .collect();
    if !lookups.is_empty() {
        ctx.log(format!("{} cities to look up", lookups.len()));
        return Step::Use(lookups);
    }
    let found = cities
        .iter()
        .filter_map(|city| Some(format!("{city}: {}", prompt.result_of(city)?)));
    let found = found.collect::<Vec<_>>().join(", ");
    let Some(whom) = whom_to_tell(&prompt.goal) else {
        return Step::Answer(found);
    };
    match prompt.result_of(whom) {
        Some(result) => Step::Answer(format!("{found}; {whom}: {result}")),
        None => Step::Use(vec![ToolCall::Mail(Mailing {
            whom: whom.to_owned(),
            text: found,
        })]),
    }
}

fn cities_in(goal: &str) -> Vec<&str> {
    let words = goal.split_whitespace();
    words
        .filter(|word| word.starts_with(char::is_uppercase))
        .collect()
}

fn whom_to_tell(goal: &str) -> Option<&str> {
    let mut words = goal.split_whitespace();
    words.find(|word| *word == "tell")?;
    words.next()
}

impl Prompt {
    fn result_of(&self, about: &str) -> Option<&str> {
        let seen = self.seen.iter().find(|seen| seen.about == about);
        seen.map(|Observation { result, .. }| result.as_str())
    }
}

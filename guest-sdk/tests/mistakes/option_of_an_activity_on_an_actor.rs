//! A mistake: option of an activity on an actor.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor(timeout = "1s")]
impl Counter {
    #[method]
    fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}

//! A mistake: option idle word.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor(idle = "a while")]
impl Counter {
    #[method]
    fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}

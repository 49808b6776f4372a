//! A mistake: option reentrant unknown.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor(reentrant(levels = 4))]
impl Counter {
    #[method]
    fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}

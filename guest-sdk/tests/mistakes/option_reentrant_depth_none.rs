//! A mistake: option reentrant depth none.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor(reentrant(depth = 0))]
impl Counter {
    #[method]
    fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}

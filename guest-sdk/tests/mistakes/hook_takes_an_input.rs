//! A mistake: hook takes an input.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[activate]
    fn wake(&mut self, by: i64) {
        self.value = by;
    }
}

fn main() {}

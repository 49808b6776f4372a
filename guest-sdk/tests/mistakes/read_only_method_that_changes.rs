//! A mistake: read only method that changes.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method(read_only)]
    fn add(&mut self, by: i64) {
        self.value += by;
    }
}

fn main() {}

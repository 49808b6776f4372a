//! A mistake: option of a method unknown.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method(idempotent)]
    fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}

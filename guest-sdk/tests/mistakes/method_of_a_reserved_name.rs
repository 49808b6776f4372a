//! A mistake: method of a reserved name.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method]
    fn later(&self) -> i64 {
        self.value
    }
}

fn main() {}

//! A mistake: method owns the state.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method]
    fn get(self) -> i64 {
        self.value
    }
}

fn main() {}

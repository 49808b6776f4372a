//! A mistake: read only with a value.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method(read_only = true)]
    fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}

//! A mistake: method is async.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method]
    async fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}

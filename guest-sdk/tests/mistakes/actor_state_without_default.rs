//! A mistake: actor state without default.

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Counter;

#[actor]
impl Counter {
    #[method]
    fn get(&self) -> i64 {
        0
    }
}

fn main() {}

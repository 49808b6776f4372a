//! A mistake: method without receiver.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter;

#[actor]
impl Counter {
    #[method]
    fn get() -> i64 {
        0
    }
}

fn main() {}

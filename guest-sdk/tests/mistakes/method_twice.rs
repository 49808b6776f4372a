//! A mistake: method twice.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter;

#[actor]
impl Counter {
    #[method]
    fn get(&self) -> i64 {
        0
    }

    #[method(name = "Get")]
    fn get_again(&self) -> i64 {
        0
    }
}

fn main() {}

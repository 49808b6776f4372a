//! A mistake: hook twice.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[activate]
    fn wake(&mut self) {}

    #[activate]
    fn wake_again(&mut self) {}
}

fn main() {}

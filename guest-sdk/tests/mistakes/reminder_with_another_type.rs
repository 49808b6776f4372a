//! A mistake: reminder with another type.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method]
    fn get(&self) -> i64 {
        self.value
    }

    #[method]
    fn remind(&self, ctx: &ActorContext) -> Result<(), Failure> {
        ctx.reminder::<Self>("r").due("1h").call().add("one")
    }

    #[method]
    fn add(&mut self, by: i64) {
        self.value += by;
    }
}

fn main() {}

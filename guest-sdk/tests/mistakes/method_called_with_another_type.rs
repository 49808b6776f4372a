//! A mistake: method called with another type.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method]
    fn add(&mut self, by: i64) -> i64 {
        self.value += by;
        self.value
    }
}

#[workflow]
async fn run(ctx: WorkflowContext) -> Result<i64, Failure> {
    ctx.actor::<Counter>("1").add(true).await
}

fn main() {}

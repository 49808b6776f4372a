//! A mistake: activity called with another type.

use guest_sdk::prelude::*;

#[activity]
fn double(number: i64) -> i64 {
    number * 2
}

#[workflow]
async fn run(ctx: WorkflowContext) -> Result<i64, Failure> {
    ctx.activity(double, "twenty").await
}

fn main() {}

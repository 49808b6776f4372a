//! A mistake: activity without attribute.

use guest_sdk::prelude::*;

fn double(number: i64) -> i64 {
    number * 2
}

fn ship() -> bool {
    true
}

#[workflow]
async fn run(ctx: WorkflowContext) -> Result<i64, Failure> {
    ctx.activity(ship, ()).await?;
    ctx.activity(double, 1).await
}

fn main() {}

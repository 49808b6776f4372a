//! A mistake: event as a step of a saga.

use guest_sdk::prelude::*;

#[workflow]
async fn run(ctx: WorkflowContext) -> Result<(), Failure> {
    let saga = ctx.saga(async |saga| {
        let paid = ctx.event::<u32>("paid");
        saga.step(paid, |_| async { Ok::<_, Failure>(()) }).await?;
        Ok(())
    });
    saga.await
}

fn main() {}

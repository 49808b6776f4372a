//! A mistake: timer asked to stop.

use guest_sdk::prelude::*;

#[workflow]
async fn run(ctx: WorkflowContext) {
    let timer = ctx.sleep(Duration::from_secs(1)).schedule();
    timer.cancel();
    timer.await;
}

fn main() {}

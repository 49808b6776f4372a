//! A mistake: workflow borrows its context.

use guest_sdk::prelude::*;

#[workflow]
async fn run(ctx: &WorkflowContext) -> String {
    ctx.new_id()
}

fn main() {}

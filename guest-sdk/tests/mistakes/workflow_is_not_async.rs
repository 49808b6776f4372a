//! A mistake: workflow is not async.

use guest_sdk::prelude::*;

#[workflow]
fn run(ctx: WorkflowContext) -> i64 {
    1
}

fn main() {}

//! A mistake: workflow query of another type.

use guest_sdk::prelude::*;

const LEFT: Query<(), u32> = Query::new("left");

#[workflow(queries(LEFT))]
async fn run(ctx: WorkflowContext) {
    ctx.on_query(LEFT, |()| Ok("three"));
}

fn main() {}

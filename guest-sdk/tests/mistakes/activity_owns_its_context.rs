//! A mistake: activity owns its context.

use guest_sdk::prelude::*;

#[activity]
fn attempt(ctx: ActivityContext) -> u32 {
    ctx.info().attempt
}

fn main() {}

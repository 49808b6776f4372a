//! A mistake: activity takes its context last.

use guest_sdk::prelude::*;

#[activity]
fn weigh(pieces: u32, ctx: &ActivityContext) -> u32 {
    ctx.log("weighing");
    pieces
}

fn main() {}

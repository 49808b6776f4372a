//! A mistake: activity takes two inputs.

use guest_sdk::prelude::*;

#[activity]
fn add(ctx: &ActivityContext, a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}

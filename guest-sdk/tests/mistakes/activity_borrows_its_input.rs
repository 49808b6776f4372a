//! A mistake: activity borrows its input.

use guest_sdk::prelude::*;

#[activity]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {}

//! A mistake: export twice the same name.

use guest_sdk::prelude::*;

#[activity]
fn nothing() {}

#[activity(name = "nothing")]
fn also_nothing() {}

guest_sdk::export! {
    activities: [nothing, also_nothing],
}

fn main() {}

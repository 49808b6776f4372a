//! A mistake: option duration.

use guest_sdk::prelude::*;

#[activity(timeout = "10 seconds")]
fn nothing() {}

fn main() {}

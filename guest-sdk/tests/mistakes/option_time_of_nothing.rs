//! A mistake: option time of nothing.

use guest_sdk::prelude::*;

#[activity(timeout = "0s")]
fn nothing() {}

fn main() {}

//! A mistake: option duration as number.

use guest_sdk::prelude::*;

#[activity(timeout = 10)]
fn nothing() {}

fn main() {}

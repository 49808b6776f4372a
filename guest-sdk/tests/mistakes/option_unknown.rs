//! A mistake: option unknown.

use guest_sdk::prelude::*;

#[activity(retries = 3)]
fn nothing() {}

fn main() {}

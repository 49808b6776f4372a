//! A mistake: option retry unknown.

use guest_sdk::prelude::*;

#[activity(retry(backoff = 2.0))]
fn nothing() {}

fn main() {}

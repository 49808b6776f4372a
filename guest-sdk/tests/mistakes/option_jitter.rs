//! A mistake: option jitter.

use guest_sdk::prelude::*;

#[activity(retry(jitter = 1.5))]
fn nothing() {}

fn main() {}

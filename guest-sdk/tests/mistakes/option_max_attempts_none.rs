//! A mistake: option max attempts none.

use guest_sdk::prelude::*;

#[activity(retry(max_attempts = 0))]
fn nothing() {}

fn main() {}

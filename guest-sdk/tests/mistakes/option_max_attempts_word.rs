//! A mistake: option max attempts word.

use guest_sdk::prelude::*;

#[activity(retry(max_attempts = "many"))]
fn nothing() {}

fn main() {}

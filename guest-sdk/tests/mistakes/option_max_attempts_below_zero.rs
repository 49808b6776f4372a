//! A mistake: option max attempts below zero.

use guest_sdk::prelude::*;

#[activity(retry(max_attempts = -1))]
fn nothing() {}

fn main() {}

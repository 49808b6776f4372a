//! A mistake: option non retryable word.

use guest_sdk::prelude::*;

#[activity(retry(non_retryable = "sold-out"))]
fn nothing() {}

fn main() {}

//! A mistake: option jitter word.

use guest_sdk::prelude::*;

#[activity(retry(jitter = "some"))]
fn nothing() {}

fn main() {}

//! A mistake: option given twice.

use guest_sdk::prelude::*;

#[activity(timeout = "1s", timeout = "2s")]
fn nothing() {}

fn main() {}

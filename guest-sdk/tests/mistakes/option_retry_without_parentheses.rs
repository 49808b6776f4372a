//! A mistake: option retry without parentheses.

use guest_sdk::prelude::*;

#[activity(retry = 3)]
fn nothing() {}

fn main() {}

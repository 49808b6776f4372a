//! A mistake: option coefficient.

use guest_sdk::prelude::*;

#[activity(retry(coefficient = 0.5))]
fn nothing() {}

fn main() {}

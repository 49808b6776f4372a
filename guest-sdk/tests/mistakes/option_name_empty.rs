//! A mistake: option name empty.

use guest_sdk::prelude::*;

#[activity(name = "")]
fn nothing() {}

fn main() {}

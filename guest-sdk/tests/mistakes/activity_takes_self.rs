//! A mistake: activity takes self.

use guest_sdk::prelude::*;

#[activity]
fn double(&self) -> i64 {
    2
}

fn main() {}

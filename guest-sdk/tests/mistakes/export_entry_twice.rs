//! A mistake: export entry twice.

use guest_sdk::prelude::*;

guest_sdk::export! {
    activities: [],
    activities: [],
}

fn main() {}

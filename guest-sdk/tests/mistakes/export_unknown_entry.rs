//! A mistake: export unknown entry.

use guest_sdk::prelude::*;

guest_sdk::export! {
    agents: [],
}

fn main() {}

use guest_sdk::prelude::*;

guest_sdk::export! {
    agents: [],
}

fn main() {}

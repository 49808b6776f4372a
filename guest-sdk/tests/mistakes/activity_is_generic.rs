//! A mistake: activity is generic.

use guest_sdk::prelude::*;

#[activity]
fn same<T>(value: T) -> T {
    value
}

fn main() {}

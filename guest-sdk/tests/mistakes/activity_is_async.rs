//! A mistake: activity is async.

use guest_sdk::prelude::*;

#[activity]
async fn double(number: i64) -> i64 {
    number * 2
}

fn main() {}

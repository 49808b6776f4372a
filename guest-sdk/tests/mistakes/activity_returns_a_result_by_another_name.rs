//! A mistake: activity returns a result by another name.

use guest_sdk::prelude::*;

type Weighed = Result<u32, Failure>;

#[activity]
fn weigh() -> Weighed {
    Err(failure!("broken", "the scales are broken"))
}

fn main() {}

//! A mistake: input without derive.

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize)]
struct Order {
    number: u32,
}

#[activity]
fn number(order: Order) -> u32 {
    order.number
}

fn main() {}

//! A mistake: actor is generic.

use guest_sdk::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Shelf<T>(T);

#[actor]
impl<T> Shelf<T> {
    #[method]
    fn get(&self) {}
}

fn main() {}

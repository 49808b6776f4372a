//! A mistake: method returns a result by another name.

use guest_sdk::prelude::*;

type Got = Result<i64, Failure>;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    #[method]
    fn get(&self) -> Got {
        Ok(self.value)
    }
}

fn main() {}

//! A mistake: option of an activity on a workflow.

use guest_sdk::prelude::*;

#[workflow(timeout = "1h")]
async fn nothing() {}

fn main() {}

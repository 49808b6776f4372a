//! Work that makes more work: actors that call, workflows that start, messages, runs and retries without end.

use serde_json::{Value, json};

use super::attacked::{Attacked, problem, refused};

#[test]
fn calls_that_come_back_to_their_caller_fail_at_once() {
    let attacked = Attacked::start();
    for ids in [json!(["a"]), json!(["b", "c", "a"])] {
        let answer = attacked.calls("Caller", "a", "Ring", &ids);
        refused(&answer, "plugin-failed", "the call would never end");
    }
    attacked.still_serves();
}

#[test]
fn calls_of_ever_more_actors_end() {
    let attacked = Attacked::within("turn_time_max = \"3s\"");
    let answer = attacked.calls("Caller", "0", "Descend", &json!(1));
    problem(&answer);
    attacked.still_serves();
}

#[test]
fn a_workflow_that_breeds_for_ever_leaves_room_for_others() {
    let attacked = Attacked::start();
    attacked.starts("breeds", "a", json!(0));
    attacked.starts("goes_on", "b", json!(0));
    attacked.until_many("breeds");
    attacked.still_serves();
}

#[test]
fn a_workflow_starts_no_more_at_once_than_it_may() {
    let attacked = Attacked::within("workflow_pending_max = 100");
    let (code, message) = attacked.fails("orphan", json!(10_000));
    assert_eq!(code, "limit", "{message}");
    assert!(message.contains("workflow_pending_max"), "{message}");
    attacked.still_serves();
}

#[test]
fn runs_without_end_leave_room_for_others() {
    let attacked = Attacked::start();
    attacked.starts("goes_on", "a", json!(0));
    let many = |one: &Value| one["input"].as_u64() > Some(20);
    attacked.server.until("/api/v1/workflows/a", many);
    attacked.still_serves();
}

#[test]
fn an_actor_that_tells_itself_to_go_on_leaves_room_for_others() {
    let attacked = Attacked::within("inbox_messages_max = 100\nturn_effects_max = 1000");
    attacked.calls("Echo", "one", "Echo", &json!(1)).expect(200);
    // Each turn sends two: the second inbox that is full refuses.
    attacked.calls("Echo", "two", "Echo", &json!(2)).expect(200);
    let answer = attacked.calls("Echo", "many", "Echo", &json!(1_000_000));
    refused(&answer, "limit", "turn_effects_max");
    let heard = |id: &str| {
        let answer = attacked.calls("Echo", id, "Heard", &Value::Null);
        answer.expect(200).as_u64().unwrap()
    };
    while heard("one") < 100 {}
    attacked.still_serves();
}

#[test]
fn retries_without_end_and_without_a_wait_leave_room_for_others() {
    let attacked = Attacked::start();
    attacked.starts("runs_fails_at_once", "a", json!(100));
    let tried = |one: &Value| one["activities"][0]["attempt"].as_u64() > Some(20);
    attacked.server.until("/api/v1/workflows/a", tried);
    attacked.still_serves();
}

//! Activities that are tried again, given up, and that go on where the attempt before them was.

use host_base::time::ManualClock;
use serde_json::Value;

use super::*;
use crate::host::until;

/// What the probe's workflow says of the failure of its activity.
async fn failure_of(host: &Host, id: &str, patience: Value) -> Value {
    host.run("be_patient", id, patience).await.unwrap()
}

#[tokio::test]
async fn a_failure_reaches_the_workflow_with_the_chain_of_its_causes() {
    let host = Scratch::new().await;
    let patience = json!({"activity": "fails_for_a_reason", "attempts": 1});
    let failure = failure_of(&host, "w", patience).await;
    assert_eq!(failure["code"], "no-stock");
    let causes = json!([
        {"code": "empty", "message": "the shelf is empty"},
        {"code": "failed", "message": "the van is late"},
    ]);
    assert_eq!(failure["causes"], causes);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_failure_that_the_policy_lists_is_not_tried_again() {
    let host = Scratch::new().await;
    let patience = json!({"activity": "fails_for_a_reason", "attempts": 9, "non_retryable": true});
    let failure = failure_of(&host, "w", patience).await;
    assert_eq!(failure["code"], "no-stock");
    assert!(retries(&host).is_empty());
}

#[tokio::test]
async fn retries_end_when_all_of_it_would_take_too_long() {
    let host = Scratch::new().await;
    let patience = json!({"activity": "fails_for_a_reason", "schedule_to_close_ms": 100});
    let failure = failure_of(&host, "w", patience).await;
    assert_eq!(
        (&failure["code"], &failure["retryable"]),
        (&json!("timeout"), &json!(false))
    );
    let codes: Vec<_> = failure["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["code"])
        .collect();
    assert_eq!(codes, ["no-stock", "empty", "failed"]);
    assert!(!retries(&host).is_empty());
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn an_attempt_is_dropped_when_all_of_it_takes_too_long() {
    let host = Scratch::new().await;
    let patience = json!({"activity": "say_nothing", "counter": "c", "schedule_to_close_ms": 300});
    let failure = failure_of(&host, "w", patience).await;
    assert_eq!(failure["code"], "timeout");
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("schedule to close of 300ms"), "{message}");
    assert_eq!(host.count("c").await, 1);
}

#[tokio::test]
async fn time_for_all_of_it_passes_while_the_host_is_away() {
    // The next host has the machine's clock, which shows another year.
    let host = Scratch::at(ManualClock::at(host_base::Timestamp(1_000))).await;
    let patience = json!({
        "activity": "fails_for_a_reason", "attempts": 5, "interval_ms": 60_000,
        "schedule_to_close_ms": 3_600_000,
    });
    host.start("be_patient", "w", patience).await.unwrap();
    let first =
        |happening: &Happening| matches!(happening, Happening::Retrying { .. }).then_some(());
    host.told("a retry", first).await;
    let host = host.reopen().await;
    let failure = host.wait("w").await.unwrap();
    assert_eq!(failure["code"], "timeout");
    assert_eq!(failure["causes"][0]["code"], "no-stock");
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn an_attempt_that_owes_a_heartbeat_and_gives_none_is_tried_again() {
    let host = Scratch::new().await;
    let patience = json!({
        "activity": "say_nothing", "counter": "c", "heartbeat_timeout_ms": 50, "attempts": 3,
    });
    let failure = failure_of(&host, "w", patience).await;
    assert_eq!(
        (&failure["code"], &failure["retryable"]),
        (&json!("timeout"), &json!(true))
    );
    let message = failure["message"].as_str().unwrap();
    assert!(
        message.contains("gave no heartbeat for its 50ms"),
        "{message}"
    );
    assert_eq!(retries(&host), [1, 2]);
}

#[tokio::test]
async fn an_attempt_goes_on_from_the_last_heartbeat_of_the_one_before() {
    let host = Scratch::new().await;
    assert_eq!(host.run("go_on_behind", "w", 2_000).await.unwrap(), 2_000);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn the_details_of_a_heartbeat_survive_the_host() {
    let host = Scratch::new().await;
    host.start("report", "w", "gate").await.unwrap();
    let written = async || {
        let pending = host.pending_activities(&workflow("w"), 1).unwrap().pop()?;
        assert_eq!((&*pending.name, pending.attempt), ("report_and_wait", 1));
        pending.heartbeat
    };
    let details = until("a heartbeat to be written", written).await;
    assert_eq!(details, b"\"waiting for gate\"");
    let host = host.reopen().await;
    host.call(&counter("gate"), "Add", 1).await.unwrap();
    assert_eq!(host.wait("w").await.unwrap(), "waiting for gate");
    host.close_and_find_nothing_left().await;
}

fn retries(host: &Host) -> Vec<u32> {
    host.all_told(|happening| match happening {
        Happening::Retrying { attempt, .. } => Some(*attempt),
        _ => None,
    })
}

#[tokio::test]
async fn an_activity_that_finds_no_place_in_time_is_given_up() {
    let host = Scratch::with(|limits| limits.activities_running_max = 1).await;
    let busy = json!({"activity": "say_nothing", "counter": "c"});
    host.start("be_patient", "busy", busy).await.unwrap();
    host.until_count("c", 1).await;
    let patience = json!({"activity": "fails_for_a_reason", "schedule_to_close_ms": 100});
    let failure = failure_of(&host, "w", patience).await;
    assert_eq!(failure["code"], "timeout");
    assert!(!host.view("busy").unwrap().has_ended());
}

//! What becomes of instances when another component takes their plugin's place.

use host_engine::WorkflowStatus;

use super::*;

#[tokio::test]
async fn an_instance_whose_code_changed_stalls_with_what_differs_and_others_go_on() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    host.start("nap", "napping", 1_000).await.unwrap();
    host.until_events("napping", 2).await;
    let deployed = host.deploy_fixture("sdk_probe_changed").await;
    assert!(deployed.changed);
    host.raise("w", "go", "news").await.unwrap();
    let stall = host.until_stalled("w").await;
    assert_eq!(stall.event, 1);
    assert_eq!(stall.history, "wait for event go");
    assert!(
        stall.asked.contains("activity double(1)"),
        "{}",
        stall.asked
    );
    assert!(
        stall.backtrace.contains("sdk_probe_changed/src/lib.rs:"),
        "{}",
        stall.backtrace
    );
    assert_eq!(host.view("w").unwrap().status, WorkflowStatus::Stalled);
    assert_eq!(host.unfinished().unwrap().stalled, 1);
    assert_eq!(host.wait("napping").await, Ok(json!("rested")));
    assert_eq!(host.run("sequence", "new", 3).await, Ok(json!(3)));
}

#[tokio::test]
async fn a_stalled_instance_ends_on_its_old_component_with_what_arrived_meanwhile() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    host.deploy_fixture("sdk_probe_changed").await;
    host.raise("w", "go", "first").await.unwrap();
    host.until_stalled("w").await;
    host.raise("w", "go", "second").await.unwrap();
    host.deploy_fixture("sdk_probe").await;
    assert_eq!(host.until_ended("w").await, Ok(json!("first")));
    let numbers = host.history(&workflow("w"), 1, 0, 10).unwrap();
    let numbers: Vec<_> = numbers.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_stalled_instance_waits_over_restarts() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    host.deploy_fixture("sdk_probe_changed").await;
    host.raise("w", "go", "news").await.unwrap();
    let stall = host.until_stalled("w").await;
    let host = host.reopen().await;
    assert_eq!(host.until_stalled("w").await, stall);
    let host = host.reopen().await;
    host.deploy_fixture("sdk_probe").await;
    assert_eq!(host.until_ended("w").await, Ok(json!("news")));
}

#[tokio::test]
async fn an_activity_with_another_input_is_another_activity() {
    let host = Scratch::new().await;
    host.start("sequence", "w", 2_000).await.unwrap();
    host.until_events("w", 10).await;
    host.deploy_fixture("sdk_probe_changed").await;
    let stall = host.until_stalled("w").await;
    assert_eq!(stall.event, 1);
    assert_eq!(stall.history, "activity double(0)");
    assert!(
        stall.asked.contains("activity double(1)"),
        "{}",
        stall.asked
    );
    host.deploy_fixture("sdk_probe").await;
    assert_eq!(host.until_ended("w").await, Ok(json!(2_000)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn code_that_ends_where_history_waits_stalls() {
    let host = Scratch::new().await;
    host.start("deterministic", "w", ()).await.unwrap();
    host.until_events("w", 4).await;
    host.deploy_fixture("sdk_probe_changed").await;
    host.raise("w", "go", ()).await.unwrap();
    let stall = host.until_stalled("w").await;
    assert_eq!(stall.history, "activity double(1)");
    assert!(stall.asked.contains("the end"), "{}", stall.asked);
}

#[tokio::test]
async fn the_same_component_again_changes_nothing() {
    let host = Scratch::new().await;
    assert!(!host.deploy_fixture("sdk_probe").await.changed);
    let host = host.reopen().await;
    assert!(!host.deploy_fixture("sdk_probe").await.changed);
    assert_eq!(host.run("nap", "w", 1).await, Ok(json!("rested")));
}

#[tokio::test]
async fn a_workflow_that_the_new_component_does_not_bring_stalls_until_one_does() {
    let host = Scratch::new().await;
    let family = json!({"children": 1, "input": 50});
    host.start("parent", "w", family).await.unwrap();
    host.until_events("w", 2).await;
    host.deploy_fixture("sdk_probe_changed").await;
    let stall = host.until_stalled("w").await;
    assert!(
        stall.asked.contains("no workflow parent"),
        "{}",
        stall.asked
    );
    host.deploy_fixture("sdk_probe").await;
    assert_eq!(host.until_ended("w").await, Ok(json!(["rested"])));
}

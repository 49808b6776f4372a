//! Each bound, at its edge: the error names it, and nothing else breaks.

use std::time::Duration;

use host_runtime::StartError;
use host_store::Batch;

use super::*;
use crate::host::payload;
use crate::topics::{listen, until_heard};

#[track_caller]
fn assert_limit(outcome: Result<Value, Failure>, name: &str) {
    let (code, message) = failure(outcome);
    assert_eq!(code, "limit", "{message}");
    assert!(message.contains(name), "{message}");
}

#[tokio::test]
async fn a_payload_may_have_so_many_bytes_wherever_it_goes() {
    let host = Scratch::with(|limits| limits.payload_bytes_max = 1_000).await;
    let (c, long) = (counter("c"), "a".repeat(2_000));
    let name = "payload_bytes_max";
    match host.start("await_event", "w", &long).await {
        Err(StartError::Refused(failure)) => assert_limit(Err(failure), name),
        other => panic!("{other:?}"),
    }
    host.start("await_event", "w", ()).await.unwrap();
    let raised = host.raise("w", "go", &long).await;
    assert_limit(raised.map(|()| Value::Null), name);
    assert_limit(host.call(&c, "Read", &long).await, name);
    // What code hands over is bounded as what callers hand over.
    assert_limit(host.call(&walker("a"), "Speak", 2_000).await, name);
    let short = host.call(&walker("a"), "Speak", 500).await;
    assert_eq!(short, Ok(json!("a".repeat(500))));
    host.raise("w", "go", 1).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(1)));
}

#[tokio::test]
async fn a_workflow_whose_output_is_too_long_fails() {
    let host = Scratch::with(|limits| limits.payload_bytes_max = 100).await;
    let family = json!({"children": 20, "input": 1});
    assert_limit(host.run("parent", "w", family).await, "payload_bytes_max");
}

#[tokio::test]
async fn an_actor_whose_mailbox_is_full_is_busy() {
    let host = Scratch::with(|limits| limits.inbox_messages_max = 4).await;
    let walk = json!({"actor": "c", "by": 1, "gate": "gate"});
    let a = walker("a");
    let walking = host.call(&a, "AddAndWait", walk);
    let others = async {
        host.until_count("c", 1).await;
        let greet = || host.call(&a, "Greet", ());
        let crowd = tokio::join!(greet(), greet(), greet(), greet(), async {
            let refused = greet().await.unwrap_err();
            assert_eq!(refused.code, "busy");
            assert!(refused.retryable);
            assert!(refused.message.contains("inbox_messages_max"), "{refused}");
            host.call(&counter("gate"), "Add", 1).await.unwrap();
        });
        assert_eq!(crowd.0, Ok(json!("hello")));
        assert_eq!(crowd.3, Ok(json!("hello")));
    };
    let (walked, ()) = tokio::join!(walking, others);
    assert_eq!(walked, Ok(json!(1)));
    assert_eq!(host.call(&a, "Greet", ()).await, Ok(json!("hello")));
}

/// The host's plugin is gone from its store, as if the file had been damaged.
async fn without_its_plugin(host: Scratch, limits: Limits) -> Scratch {
    let kept = host.components(&tenant()).await.unwrap();
    let (store, dir) = host.close().await;
    let mut batch = Batch::new();
    kept.iter()
        .for_each(|one| batch.delete_component(&one.digest));
    store.committer.commit(batch).await.unwrap();
    drop(store);
    Scratch::resumed(dir, limits).await
}

#[tokio::test]
async fn so_many_messages_wait_for_a_plugin_that_is_missing() {
    let limits = Limits {
        inbox_messages_max: 4,
        ..Limits::default()
    };
    let host = Scratch::new().await;
    listen(&host, "a", "news").await;
    let host = without_its_plugin(host, limits).await;
    let publish = async |number: u32| host.publish(&tenant(), "news", payload(number)).await;
    for number in 0..4 {
        publish(number).await.unwrap();
    }
    let refused = publish(4).await.unwrap_err();
    assert_eq!(refused.code, "busy");
    assert!(refused.retryable);
    for words in ["4 messages", "inbox_messages_max", "deploy it"] {
        assert!(refused.message.contains(words), "{refused}");
    }
    host.deploy_fixture("sdk_probe").await;
    assert_eq!(
        until_heard(&host, "a", 4).await,
        [0, 1, 2, 3].map(Value::from)
    );
    publish(4).await.unwrap();
    until_heard(&host, "a", 5).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn messages_that_find_a_mailbox_full_arrive_all_the_same() {
    let host = Scratch::with(|limits| limits.inbox_messages_max = 4).await;
    let times = json!({"actor": "told", "times": 3_000});
    assert_eq!(host.run("send_counter", "w", times).await, Ok(Value::Null));
    let told = async || {
        let value = host.call(&counter("told"), "Get", ()).await.ok()?;
        (value == 3_000).then_some(())
    };
    host::until("3,000 messages to be handled", told).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn results_that_find_a_workflows_mailbox_full_arrive_all_the_same() {
    let host = Scratch::with(|limits| limits.inbox_messages_max = 4).await;
    assert_eq!(host.run("fan_out", "w", 500).await, Ok(json!(249_500)));
    let family = json!({"children": 100, "input": 1});
    let rested = json!(vec!["rested"; 100]);
    assert_eq!(host.run("parent", "parent", family).await, Ok(rested));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_history_that_is_full_ends_the_workflow() {
    let host = Scratch::with(|limits| limits.history_events_max = 100).await;
    assert_eq!(host.run("sequence", "short", 40).await, Ok(json!(40)));
    assert_limit(host.run("sequence", "w", 60).await, "history_events_max");
    assert!(host.events("w").len() <= 102);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn events_that_fill_a_history_end_the_workflow() {
    let host = Scratch::with(|limits| limits.history_events_max = 20).await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    for number in 1..19 {
        host.raise("w", "not awaited", number).await.unwrap();
        // One turn each, so that none lies in the inbox when the workflow ends.
        host.until_events("w", 2 + number).await;
    }
    host.raise("w", "not awaited", 19).await.unwrap();
    assert_limit(host.wait("w").await, "history_events_max");
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn activities_beyond_those_held_in_memory_run_all_the_same() {
    let host = Scratch::with(|limits| limits.activities_held_max = 10).await;
    assert_eq!(host.run("fan_out", "w", 300).await, Ok(json!(89_700)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_turn_may_hand_over_so_many_bytes() {
    let host = Scratch::with(|limits| limits.turn_bytes_max = 500).await;
    let (c, name) = (counter("c"), "turn_bytes_max");
    let put = |value: String| json!({"key": "k", "value": value});
    assert_eq!(
        host.call(&c, "Put", put("a".repeat(400))).await,
        Ok(Value::Null)
    );
    assert_limit(host.call(&c, "Put", put("a".repeat(600))).await, name);
    assert_eq!(host.run("sequence", "steps", 500).await, Ok(json!(500)));
    assert_limit(host.run("fan_out", "w", 500).await, name);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_workflow_that_waits_for_too_much_at_once_ends() {
    let host = Scratch::with(|limits| limits.workflow_pending_max = 10).await;
    assert_eq!(host.run("fan_out", "few", 10).await, Ok(json!(90)));
    assert_limit(host.run("fan_out", "w", 11).await, "workflow_pending_max");
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_turn_may_send_and_write_so_much() {
    let host = Scratch::with(|limits| {
        limits.turn_effects_max = 10;
        limits.turn_writes_max = 20;
    })
    .await;
    let a = walker("a");
    assert_limit(host.call(&a, "SendMany", 11).await, "turn_effects_max");
    assert_limit(host.call(&a, "WriteMany", 21).await, "turn_writes_max");
    assert_eq!(host.count("a").await, 0);
    assert_eq!(host.call(&a, "SendMany", 10).await, Ok(Value::Null));
    assert_eq!(host.call(&a, "WriteMany", 19).await, Ok(Value::Null));
    host.until_count("a", 10).await;
}

#[tokio::test]
async fn an_actors_turn_with_its_calls_may_take_so_long() {
    let host = Scratch::with(|limits| limits.turn_time_max = Duration::from_secs(1)).await;
    let walk = json!({"actor": "c", "by": 1, "gate": "closed"});
    let (code, message) = failure(host.call(&walker("a"), "AddAndWait", walk).await);
    assert_eq!(code, "timeout");
    assert!(message.contains("Walker/a.AddAndWait"), "{message}");
    // What it called has happened, and both go on.
    assert_eq!(host.count("c").await, 1);
    assert_eq!(
        host.call(&walker("a"), "Greet", ()).await,
        Ok(json!("hello"))
    );
}

#[tokio::test]
async fn more_workflows_wait_than_there_are_instances() {
    let host = Scratch::new().await;
    let ids: Vec<_> = (0..200).map(|one| format!("w-{one}")).collect();
    for id in &ids {
        host.start("await_event", id, ()).await.unwrap();
    }
    for id in &ids {
        host.until_events(id, 2).await;
    }
    for (value, id) in ids.iter().enumerate() {
        host.raise(id, "go", value).await.unwrap();
    }
    for (value, id) in ids.iter().enumerate() {
        assert_eq!(host.wait(id).await, Ok(json!(value)));
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn workflows_that_have_ended_take_no_place_from_those_that_wait() {
    let host = Scratch::new().await;
    for one in 0..200 {
        host.run("nap", &format!("n-{one}"), 0).await.unwrap();
    }
    let ids: Vec<_> = (0..20).map(|one| format!("w-{one}")).collect();
    for id in &ids {
        host.start("await_event", id, ()).await.unwrap();
        host.until_events(id, 2).await;
    }
}

#[tokio::test]
async fn a_workflow_goes_on_though_limits_are_lower_than_what_it_has_done() {
    let host = Scratch::new().await;
    let leaf =
        json!({"child": "leaf", "name": "await_event", "input": null, "note": "a".repeat(100)});
    let tree = json!({"child": "middle", "name": "run_child", "input": leaf});
    host.start("run_child", "top", tree).await.unwrap();
    host.start("draws", "draws", ()).await.unwrap();
    host.until_events("leaf", 2).await;
    host.until_events("draws", 2).await;
    let (store, dir) = host.close().await;
    drop(store);
    let lower = Limits {
        payload_bytes_max: 50,
        custom_status_bytes_max: 1,
        ..Limits::default()
    };
    let host = Scratch::resumed(dir, lower).await;
    host.raise("leaf", "go", 1).await.unwrap();
    assert_eq!(host.wait("top").await, Ok(json!(1)));
    host.raise("draws", "go", ()).await.unwrap();
    assert!(host.wait("draws").await.is_ok());
}

//! What workflows do: in order, at once, against the clock, with events, children and actors.

use host_store::records::EventKind;

use super::*;

#[tokio::test]
async fn activities_run_one_after_the_other() {
    let host = Scratch::new().await;
    assert_eq!(host.run("sequence", "w", 50).await, Ok(json!(50)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_thousand_activities_run_at_once() {
    let host = Scratch::new().await;
    assert_eq!(host.run("fan_out", "w", 1_000).await, Ok(json!(999_000)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn what_loses_a_race_is_given_up() {
    let host = Scratch::new().await;
    assert_eq!(host.run("race", "w", ()).await, Ok(json!("activity")));
    let events = host.events("w");
    let cancelled = events
        .iter()
        .filter(|(_, event)| matches!(event, EventKind::Cancelled(_)));
    assert_eq!(cancelled.count(), 1);
    host.reopen().await.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_wait_ends_with_its_time_limit() {
    let host = Scratch::new().await;
    assert_eq!(host.run("timed_out", "w", ()).await, Ok(json!("timed out")));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn an_event_is_kept_until_it_is_waited_for() {
    let host = Scratch::new().await;
    host.start("await_event", "before", ()).await.unwrap();
    host.raise("before", "Go", 1).await.unwrap();
    host.start("await_event", "while", ()).await.unwrap();
    host.until_events("while", 2).await;
    host.raise("while", "gO", 2).await.unwrap();
    host.start("await_event", "after", ()).await.unwrap();
    let host = host.reopen().await;
    host.raise("after", "GO", 3).await.unwrap();
    for (id, value) in [("before", 1), ("while", 2), ("after", 3)] {
        assert_eq!(host.wait(id).await, Ok(json!(value)), "{id}");
    }
}

#[tokio::test]
async fn an_event_of_another_name_does_not_end_the_wait() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.raise("w", "stop", 1).await.unwrap();
    host.raise("w", "go", 2).await.unwrap();
    host.raise("w", "go", 3).await.ok();
    assert_eq!(host.wait("w").await, Ok(json!(2)));
}

#[tokio::test]
async fn an_event_for_nobody_is_refused() {
    let host = Scratch::new().await;
    let raised = host.raise("nobody", "go", ()).await;
    assert_eq!(failure(raised.map(|()| Value::Null)).0, "not-found");
    host.run("nap", "w", 1).await.unwrap();
    let raised = host.raise("w", "go", ()).await;
    assert_eq!(failure(raised.map(|()| Value::Null)).0, "already-ended");
    let event = json!({"workflow": "nobody", "name": "go", "value": 1});
    let raised = host.call(&counter("c"), "Signal", event).await;
    assert_eq!(failure(raised).0, "not-found");
}

#[tokio::test]
async fn an_actor_raises_an_event_with_its_turn() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    let event = json!({"workflow": "w", "name": "GO", "value": {"a": [1, 2]}});
    host.call(&counter("c"), "Signal", event).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!({"a": [1, 2]})));
}

#[tokio::test]
async fn a_nap_is_never_shorter_than_it_was_told() {
    let host = Scratch::new().await;
    for (id, ms) in [("0", 0), ("1", 1), ("30", 30), ("100", 100)] {
        assert_eq!(host.run("nap", id, ms).await, Ok(json!("rested")));
        let slept = nap_of(&host, id);
        assert!(slept >= ms, "{slept} ms of {ms}");
    }
}

/// Milliseconds between the start of a nap and the result of its timer.
fn nap_of(host: &Host, id: &str) -> u64 {
    let events = host.events(id);
    let at = |wanted: fn(&EventKind) -> bool| {
        let (at, _) = events.iter().find(|(_, event)| wanted(event)).unwrap();
        *at
    };
    let begun = at(|event| matches!(event, EventKind::TimerScheduled(_)));
    at(|event| matches!(event, EventKind::Resolved(_))) - begun
}

#[tokio::test]
async fn an_activity_knows_which_attempt_it_is() {
    let host = Scratch::new().await;
    assert_eq!(host.run("retries", "w", 4).await, Ok(json!(4)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn retries_end_with_the_last_failure() {
    let host = Scratch::new().await;
    let (code, message) = failure(host.run("retries", "w", 11).await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("not-yet", "attempt 10 fails")
    );
}

#[tokio::test]
async fn a_retry_that_is_due_is_made_by_the_next_process_and_counts_on() {
    let host = Scratch::new().await;
    host.start("retries", "w", 10).await.unwrap();
    host.told("a retry", |happening| match happening {
        Happening::Retrying { attempt: 3, .. } => Some(()),
        _ => None,
    })
    .await;
    let host = host.reopen().await;
    assert_eq!(host.wait("w").await, Ok(json!(10)));
}

#[tokio::test]
async fn what_no_retry_helps_is_not_tried_again() {
    let host = Scratch::new().await;
    assert_eq!(host.run("gives_up", "w", ()).await, Ok(json!("sold-out")));
}

#[tokio::test]
async fn a_parent_gets_what_its_children_return() {
    let host = Scratch::new().await;
    let family = json!({"children": 20, "input": 1});
    let rested = json!(vec!["rested"; 20]);
    assert_eq!(host.run("parent", "w", family).await, Ok(rested));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_child_whose_id_is_in_use_is_refused() {
    let host = Scratch::new().await;
    host.start("await_event", "child", ()).await.unwrap();
    let refused = host.run("child_with_id", "w", "child").await;
    assert_eq!(refused, Ok(json!("already-exists")));
    assert_eq!(host.view("child").unwrap().name, "await_event");
    // Its own id is in use as well.
    let refused = host.run("child_with_id", "self", "self").await;
    assert_eq!(refused, Ok(json!("already-exists")));
    let rested = host.run("child_with_id", "w", "another").await;
    assert_eq!(rested, Ok(json!("rested")));
}

#[tokio::test]
async fn parents_that_want_the_same_child_get_one() {
    let host = Scratch::new().await;
    let ids: Vec<_> = (0..50).map(|parent| format!("w-{parent}")).collect();
    for id in &ids {
        host.start("child_with_id", id, "child").await.unwrap();
    }
    for id in &ids {
        let outcome = host.wait(id).await.unwrap();
        assert!(
            outcome == "rested" || outcome == "already-exists",
            "{outcome}"
        );
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn calls_and_messages_of_a_workflow_count_once() {
    let host = Scratch::new().await;
    let calls = json!({"actor": "called", "times": 100});
    assert_eq!(host.run("call_counter", "w", calls).await, Ok(json!(100)));
    let messages = json!({"actor": "told", "times": 100});
    assert_eq!(
        host.run("send_counter", "w", messages).await,
        Ok(Value::Null)
    );
    host.until_count("told", 100).await;
    assert_eq!(
        (host.count("called").await, host.count("told").await),
        (100, 100)
    );
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn instances_of_one_workflow_do_not_disturb_each_other() {
    let host = Scratch::new().await;
    let ids: Vec<_> = (0..100).map(|one| format!("w-{one}")).collect();
    for (count, id) in ids.iter().enumerate() {
        host.start("sequence", id, count % 7).await.unwrap();
    }
    for (count, id) in ids.iter().enumerate() {
        assert_eq!(host.wait(id).await, Ok(json!(count % 7)));
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn what_runs_beside_the_first_failure_is_given_up() {
    let host = Scratch::new().await;
    let (code, _) = failure(host.run("all_or_none", "w", ()).await);
    assert_eq!(code, "sold-out");
    host.close_and_find_nothing_left().await;
}

//! What has ended is begun again from one of its events, and only what follows from it is done again.

use host_runtime::{Rerun, RerunError};
use host_store::records::EventKind;

use super::*;

/// From which event, under the id `again`.
fn from(from: u64) -> Rerun {
    Rerun {
        from,
        id: Some("again".to_owned()),
        ..Rerun::default()
    }
}

fn with_result(from_event: u64, result: Value) -> Rerun {
    let result = Some(Ok(serde_json::to_vec(&result).unwrap()));
    Rerun {
        result,
        ..from(from_event)
    }
}

/// Begins `w` again and waits for the end.
async fn rerun(host: &Host, wanted: Rerun) -> Result<Value, Failure> {
    host.rerun(&workflow("w"), wanted).await.unwrap();
    host.wait("again").await
}

#[tokio::test]
async fn a_result_can_be_another_one() {
    let host = Scratch::new().await;
    let double = json!({"name": "double", "input": 21});
    assert_eq!(host.run("run_activity", "w", double).await, Ok(json!(42)));
    assert_eq!(rerun(&host, with_result(2, json!(7))).await, Ok(json!(7)));
    assert_eq!(host.events("again").len(), 4);
    assert_eq!(host.wait("w").await, Ok(json!(42)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn an_input_can_be_another_one() {
    let host = Scratch::new().await;
    host.run("sequence", "w", 2).await.unwrap();
    let wanted = Rerun {
        input: Some(b"3".to_vec()),
        ..from(0)
    };
    assert_eq!(rerun(&host, wanted).await, Ok(json!(3)));
    assert_eq!(host.events("again").len(), 8);
}

#[tokio::test]
async fn what_had_no_result_by_then_is_asked_for_anew_and_nothing_else() {
    let host = Scratch::new().await;
    let calls = json!({"actor": "c", "times": 3});
    assert_eq!(host.run("call_counter", "w", calls).await, Ok(json!(3)));
    // The first call and its answer are kept; the two others are made again.
    assert_eq!(rerun(&host, from(2)).await, Ok(json!(5)));
    let fan = host.run("fan_out", "fan", 3).await;
    let again = Rerun {
        id: Some("fan again".to_owned()),
        ..with_result(4, json!(100))
    };
    host.rerun(&workflow("fan"), again).await.unwrap();
    let first = match &host.events("fan")[4].1 {
        EventKind::Resolved(one) => i64::from(one.handle - 1) * 2,
        other => panic!("{other:?}"),
    };
    let sum = fan.unwrap().as_i64().unwrap();
    assert_eq!(host.wait("fan again").await, Ok(json!(sum - first + 100)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn children_are_started_anew_under_ids_of_the_new_parent() {
    let host = Scratch::new().await;
    let family = json!({"children": 2, "input": 1});
    host.run("parent", "w", family).await.unwrap();
    assert_eq!(rerun(&host, from(3)).await, Ok(json!(["rested", "rested"])));
    let started = [1, 2].map(|child| host.view(&format!("again:{child}")).is_some());
    assert_eq!(started.iter().filter(|started| **started).count(), 1);
}

#[tokio::test]
async fn random_numbers_are_the_same_before_the_event_and_others_behind_it() {
    let host = Scratch::new().await;
    host.start("deterministic", "w", ()).await.unwrap();
    // It waits by then, or the event could be recorded before the result.
    host.until_events("w", 4).await;
    host.raise("w", "go", ()).await.unwrap();
    let text = |outcome: Result<Value, Failure>| outcome.unwrap().as_str().unwrap().to_owned();
    let old = text(host.wait("w").await);
    host.rerun(&workflow("w"), from(2)).await.unwrap();
    // A replay in between must not change them.
    let host = host.reopen().await;
    host.until_events("again", 4).await;
    let host = host.reopen().await;
    host.raise("again", "go", ()).await.unwrap();
    let new = text(host.wait("again").await);
    let numbers = |text: &str, line| {
        let line: &str = text.lines().nth(line).unwrap();
        let behind_the_time = line.split("} ").nth(1).unwrap();
        behind_the_time.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(old.lines().next(), new.lines().next());
    assert_ne!(numbers(&old, 1), numbers(&new, 1));
}

#[tokio::test]
async fn what_the_code_asked_for_is_no_event_to_begin_from() {
    let host = Scratch::new().await;
    host.run("sequence", "w", 1).await.unwrap();
    let refused = host.rerun(&workflow("w"), from(1)).await;
    assert!(
        matches!(&refused, Err(RerunError::Refused(_))),
        "{refused:?}"
    );
    let refused = host.rerun(&workflow("w"), from(99)).await;
    assert!(
        matches!(&refused, Err(RerunError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(host.view("again"), None);
}

#[tokio::test]
async fn a_copy_that_the_deployed_code_does_not_agree_with_is_refused() {
    let host = Scratch::new().await;
    host.run("sequence", "w", 2).await.unwrap();
    host.deploy_fixture("sdk_probe_changed").await;
    let refused = host.rerun(&workflow("w"), from(2)).await;
    match refused {
        Err(RerunError::Differs(stall)) => assert_eq!(stall.event, 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(rerun(&host, from(0)).await, Ok(json!(2)));
}

#[tokio::test]
async fn only_what_has_ended_is_begun_again() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    let refused = host.rerun(&workflow("w"), from(0)).await;
    assert!(
        matches!(&refused, Err(RerunError::NotEnded(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_was_drawn_up_to_the_event_is_drawn_again_however_often_it_is_copied() {
    let host = Scratch::new().await;
    let drawn = |outcome: Result<Value, Failure>| -> Vec<u64> {
        serde_json::from_value(outcome.unwrap()).unwrap()
    };
    let all_differ = |one: &[u64], other: &[u64]| one.iter().zip(other).all(|(a, b)| a != b);
    let first = drawn(host.run("gamble", "w", 3).await);
    let again = drawn(rerun(&host, from(2)).await);
    assert_eq!(first[..2], again[..2]);
    assert!(all_differ(&first[2..], &again[2..]), "{first:?} {again:?}");
    let wanted = Rerun {
        id: Some("third".to_owned()),
        ..from(4)
    };
    host.rerun(&workflow("again"), wanted).await.unwrap();
    let third = drawn(host.wait("third").await);
    assert_eq!(again[..4], third[..4]);
    assert!(all_differ(&again[4..], &third[4..]), "{again:?} {third:?}");
    for id in ["again", "third"] {
        let replayed = host.rehearse(&workflow(id), None).await.unwrap();
        assert!(replayed.verdict.agrees(), "{replayed:?}");
    }
}

/// The number of the first event of `w` that is like this.
fn number_of(host: &Host, is_it: impl Fn(&EventKind) -> bool) -> u64 {
    let events = host.events("w");
    events.iter().position(|(_, kind)| is_it(kind)).unwrap() as u64
}

#[tokio::test]
async fn what_was_asked_to_end_by_the_event_ends_as_cancelled_again() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    host.cancel_workflow(&workflow("w"), "enough")
        .await
        .unwrap();
    host.wait("w").await.unwrap_err();
    let asked = number_of(&host, |kind| matches!(kind, EventKind::CancelRequested(_)));
    rerun(&host, from(asked)).await.unwrap_err();
    assert_eq!(host.view("again").unwrap().status_name(), "cancelled");
}

#[tokio::test]
async fn a_topic_that_was_subscribed_to_by_the_event_is_subscribed_to() {
    let host = Scratch::new().await;
    let reception = json!({"topic": "news", "count": 2});
    host.start("receive", "w", reception).await.unwrap();
    host.until_events("w", 3).await;
    for value in ["1", "2"] {
        let published = host.publish(&tenant(), "news", value.into()).await;
        assert_eq!(published, Ok(1));
    }
    host.wait("w").await.unwrap();
    let first = number_of(&host, |kind| matches!(kind, EventKind::EventRaised(_)));
    host.rerun(&workflow("w"), from(first)).await.unwrap();
    let subscribed = async || host.subscriptions(&tenant(), None).pop();
    host::until("a subscription", subscribed).await;
    host.publish(&tenant(), "news", b"3".to_vec())
        .await
        .unwrap();
    assert_eq!(host.wait("again").await, Ok(json!([1, 3])));
}

#[tokio::test]
async fn a_new_way_that_was_gone_is_no_event_to_begin_from() {
    let host = Scratch::new().await;
    host.run("renovated", "w", ()).await.unwrap();
    let patched = number_of(&host, |kind| matches!(kind, EventKind::Patched(_)));
    let refused = host.rerun(&workflow("w"), from(patched)).await;
    assert!(
        matches!(&refused, Err(RerunError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_id_in_use_is_refused_whatever_is_to_be_begun_again() {
    let host = Scratch::new().await;
    host.run("sequence", "w", 2).await.unwrap();
    host.start("await_event", "again", ()).await.unwrap();
    host.until_events("again", 2).await;
    let before = host.events("again");
    let otherwise = Rerun {
        input: Some(b"3".to_vec()),
        ..from(0)
    };
    for wanted in [from(2), from(0), otherwise] {
        match host.rerun(&workflow("w"), wanted).await {
            Err(RerunError::AlreadyExists(view)) => assert_eq!(view.name, "await_event"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(host.events("again"), before);
}

#[tokio::test]
async fn a_result_that_is_too_long_is_refused() {
    let host = Scratch::with(|limits| limits.payload_bytes_max = 100).await;
    host.run("sequence", "w", 1).await.unwrap();
    let refused = host
        .rerun(&workflow("w"), with_result(2, json!("x".repeat(99))))
        .await;
    let Err(RerunError::Refused(failure)) = refused else {
        panic!("{refused:?}")
    };
    assert!(failure.message.contains("payload_bytes_max"), "{failure}");
}

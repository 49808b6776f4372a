//! Publish and subscribe: exactly once, in order, from the turn of the subscription on.

use host_base::Entity;
use host_runtime::SubscriptionView;

use super::*;
use crate::host::{Host, payload, until};

fn listener(id: &str) -> ActorKey {
    ActorKey::new(tenant(), "Listener", id).unwrap()
}

pub(crate) async fn listen(host: &Host, id: &str, topic: &str) {
    host.call(&listener(id), "Listen", topic).await.unwrap();
}

async fn heard(host: &Host, id: &str) -> Vec<Value> {
    let heard = host.call(&listener(id), "Heard", ()).await.unwrap();
    heard.as_array().unwrap().clone()
}

/// What a listener has heard once it is so much.
pub(crate) async fn until_heard(host: &Host, id: &str, count: usize) -> Vec<Value> {
    let enough = async || {
        let heard = heard(host, id).await;
        (heard.len() >= count).then_some(heard)
    };
    until(&format!("{count} values to be heard by {id}"), enough).await
}

fn saying(topic: &str, values: impl IntoIterator<Item = u32>) -> Value {
    let values: Vec<_> = values.into_iter().collect();
    json!({"topic": topic, "values": values})
}

fn numbers(range: std::ops::Range<u32>) -> Vec<Value> {
    range.map(Value::from).collect()
}

fn subscriptions(host: &Host) -> Vec<SubscriptionView> {
    host.subscriptions(&tenant(), None)
}

async fn start_receiver(host: &Host, id: &str, topic: &str, count: usize) {
    let reception = json!({"topic": topic, "count": count});
    host.start("receive", id, reception).await.unwrap();
    let subscribed = async || {
        let of = host.subscriptions(&tenant(), Some(topic));
        let mine = |one: &SubscriptionView| one.subscriber == Entity::Workflow(workflow(id));
        of.iter().any(mine).then_some(())
    };
    until(&format!("{id} to subscribe"), subscribed).await;
}

#[tokio::test]
async fn all_who_have_subscribed_hear_each_value_once_and_in_order() {
    let host = Scratch::new().await;
    listen(&host, "a", "news").await;
    listen(&host, "b", "news").await;
    listen(&host, "c", "olds").await;
    start_receiver(&host, "r", "news", 100).await;
    host.run("say", "w", saying("news", 0..60)).await.unwrap();
    let more = saying("news", 60..100);
    host.call(&listener("s"), "Say", more).await.unwrap();
    assert_eq!(until_heard(&host, "a", 100).await, numbers(0..100));
    assert_eq!(until_heard(&host, "b", 100).await, numbers(0..100));
    assert_eq!(host.wait("r").await, Ok(numbers(0..100).into()));
    assert_eq!(heard(&host, "c").await, numbers(0..0));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_turn_that_fails_neither_subscribes_nor_publishes() {
    let host = Scratch::new().await;
    listen(&host, "a", "news").await;
    let failed = host.call(&listener("b"), "ListenThenFail", "news").await;
    assert!(failed.is_err());
    let said = saying("news", 0..1);
    let failed = host.call(&listener("b"), "SayThenFail", said).await;
    assert!(failed.is_err());
    assert_eq!(subscriptions(&host).len(), 1);
    host.publish(&tenant(), "news", payload(7)).await.unwrap();
    assert_eq!(until_heard(&host, "a", 1).await, [7]);
    assert_eq!(heard(&host, "b").await, numbers(0..0));
}

#[tokio::test]
async fn an_activity_publishes_once_for_all_its_attempts() {
    let host = Scratch::new().await;
    listen(&host, "a", "news").await;
    let said = saying("news", 0..3);
    host.run("have_said", "w", said).await.unwrap();
    host.publish(&tenant(), "news", payload(3)).await.unwrap();
    assert_eq!(until_heard(&host, "a", 4).await, numbers(0..4));
}

#[tokio::test]
async fn subscriptions_outlast_the_host_and_end_with_the_workflow_or_when_told() {
    let host = Scratch::new().await;
    listen(&host, "a", "news").await;
    start_receiver(&host, "r", "news", 1).await;
    let host = host.reopen().await;
    assert_eq!(subscriptions(&host).len(), 2);
    let reached = host.publish(&tenant(), "news", payload(1)).await;
    assert_eq!(reached, Ok(2));
    assert_eq!(host.wait("r").await, Ok(json!([1])));
    assert_eq!(until_heard(&host, "a", 1).await, [1]);
    let host = host.reopen().await;
    let left = subscriptions(&host);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].subscriber, Entity::Actor(listener("a")));
    assert_eq!(left[0].method.as_deref(), Some("Hear"));
    let stop = host.call(&listener("a"), "StopListening", "news").await;
    stop.unwrap();
    assert_eq!(host.publish(&tenant(), "news", payload(2)).await, Ok(0));
    let host = host.reopen().await;
    assert_eq!(subscriptions(&host), []);
}

#[tokio::test]
async fn an_actor_that_is_deleted_has_subscribed_to_nothing() {
    let host = Scratch::new().await;
    listen(&host, "a", "news").await;
    listen(&host, "a", "olds").await;
    listen(&host, "b", "news").await;
    host.call(&listener("a"), "Vanish", ()).await.unwrap();
    let left = subscriptions(&host);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(host.publish(&tenant(), "news", payload(1)).await, Ok(1));
    let host = host.reopen().await;
    assert_eq!(subscriptions(&host), left);
}

#[tokio::test]
async fn who_subscribes_while_others_publish_hears_all_from_then_on() {
    let host = Scratch::new().await;
    let said = saying("news", 0..300);
    host.start("say_slowly", "w", said).await.unwrap();
    for (id, events) in [("a", 30), ("b", 150), ("c", 300)] {
        host.until_events("w", events).await;
        listen(&host, id, "news").await;
    }
    host.wait("w").await.unwrap();
    host.publish(&tenant(), "news", payload(300)).await.unwrap();
    for id in ["a", "b", "c"] {
        let last = async || {
            let heard = heard(&host, id).await;
            (heard.last() == Some(&json!(300))).then_some(heard)
        };
        let heard = until("the last value to be heard", last).await;
        let first = heard[0].as_u64().unwrap().try_into().unwrap();
        assert_eq!(heard, numbers(first..301));
    }
}

#[tokio::test]
async fn where_workflows_start_and_end_is_published() {
    let host = Scratch::new().await;
    listen(&host, "all", "$workflow/gives_up").await;
    host.call(&listener("one"), "WatchNap", "nap")
        .await
        .unwrap();
    host.wait("nap").await.unwrap();
    host.run("gives_up", "w", ()).await.unwrap();
    let stage = |workflow: &str, id: &str, stage: &str| json!({"id": id, "workflow": workflow, "run": 1, "stage": stage, "failure": null});
    let of_nap = ["STARTED", "COMPLETED"].map(|name| stage("nap", "nap", name));
    assert_eq!(until_heard(&host, "one", 2).await, of_nap);
    let of_all = ["STARTED", "COMPLETED"].map(|name| stage("gives_up", "w", name));
    assert_eq!(until_heard(&host, "all", 2).await, of_all);
}

#[tokio::test]
async fn the_end_with_a_failure_is_told_with_its_code() {
    let host = Scratch::new().await;
    listen(&host, "a", "$instance/w").await;
    let run = json!({"name": "always_fails"});
    assert!(host.run("run_activity", "w", run).await.is_err());
    let heard = until_heard(&host, "a", 2).await;
    assert_eq!(
        (&heard[1]["stage"], &heard[1]["failure"]),
        (&json!("FAILED"), &json!("sold-out"))
    );
}

#[tokio::test]
async fn what_may_not_be_published_or_subscribed_is_refused_by_name() {
    let host = Scratch::with(|limits| limits.topic_subscribers_max = 1).await;
    listen(&host, "a", "news").await;
    let refused = async |method, topic| {
        let b = listener("b");
        failure(host.call(&b, method, topic).await).1
    };
    let full = refused("Listen", "news").await;
    assert!(full.contains("`topic_subscribers_max`"), "{full}");
    let missing = refused("ListenBadly", "olds").await;
    assert!(missing.contains("no method Overhear"), "{missing}");
    let reserved = refused("Listen", "$else").await;
    assert!(reserved.contains("$workflow/NAME"), "{reserved}");
    let long = payload("a".repeat(64 << 10));
    let long = host.publish(&tenant(), "news", long).await.unwrap_err();
    assert!(long.message.contains("`topic_value_bytes_max`"), "{long}");
    let reserved = host.publish(&tenant(), "$workflow/nap", payload(1)).await;
    assert_eq!(reserved.unwrap_err().code, "limit");
    assert_eq!(subscriptions(&host).len(), 1);
}

#[tokio::test]
async fn an_actor_that_is_deleted_hears_nothing_any_more() {
    let host = Scratch::new().await;
    listen(&host, "a", "news").await;
    listen(&host, "b", "news").await;
    host.delete_actor(&listener("a")).await.unwrap();
    host.run("say", "w", saying("news", 0..3)).await.unwrap();
    assert_eq!(until_heard(&host, "b", 3).await, numbers(0..3));
    assert_eq!(heard(&host, "a").await, numbers(0..0));
    assert_eq!(subscriptions(&host).len(), 1);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn that_a_workflow_was_cancelled_or_terminated_is_told() {
    let host = Scratch::new().await;
    listen(&host, "a", "$workflow/await_event").await;
    for id in ["c", "t"] {
        host.start("await_event", id, ()).await.unwrap();
    }
    host.cancel_workflow(&workflow("c"), "enough")
        .await
        .unwrap();
    assert!(host.until_ended("c").await.is_err());
    host.terminate_workflow(&workflow("t"), "at once")
        .await
        .unwrap();
    assert!(host.until_ended("t").await.is_err());
    let heard = until_heard(&host, "a", 4).await;
    let of = |id: &str| -> Vec<_> {
        let mine = heard.iter().filter(|one| one["id"] == id);
        mine.map(|one| one["stage"].clone()).collect()
    };
    assert_eq!(of("c"), ["STARTED", "CANCELLED"]);
    assert_eq!(of("t"), ["STARTED", "TERMINATED"]);
}

#[tokio::test]
async fn who_always_fails_is_told_of_each_value_once_and_holds_up_nobody() {
    let host = Scratch::new().await;
    let bad = host.call(&listener("bad"), "ListenInVain", "news").await;
    bad.unwrap();
    listen(&host, "good", "news").await;
    host.run("say", "w", saying("news", 0..3)).await.unwrap();
    assert_eq!(until_heard(&host, "good", 3).await, numbers(0..3));
    let failed = async || {
        let failed = host.all_told(|happening| match happening {
            Happening::MessageFailed { actor, failure, .. } if *actor == listener("bad") => {
                Some(failure.code.clone())
            }
            _ => None,
        });
        (failed.len() == 3).then_some(failed)
    };
    assert_eq!(until("three failures", failed).await, ["deaf"; 3]);
    assert_eq!(heard(&host, "bad").await, numbers(0..0));
    host.close_and_find_nothing_left().await;
}

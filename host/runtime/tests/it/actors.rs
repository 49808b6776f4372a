//! Actors: one turn at a time over a state that a failed turn leaves alone.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_turn_that_fails_leaves_the_state() {
    let host = Scratch::new().await;
    let c = counter("c");
    assert_eq!(host.call(&c, "Add", 3).await, Ok(json!(3)));
    let (code, message) = failure(host.call(&c, "AddThenFail", 4).await);
    assert_eq!((code.as_str(), message.as_str()), ("no", "4 is not added"));
    let (code, message) = failure(host.call(&c, "AddThenTrap", 4).await);
    assert_eq!(code, "trap");
    assert!(message.contains("4 is not added"), "{message}");
    assert_eq!(host.count("c").await, 3);
    let host = host.reopen().await;
    assert_eq!(host.count("c").await, 3);
}

#[tokio::test]
async fn values_are_kept_by_key_over_restarts_until_they_are_deleted() {
    let host = Scratch::new().await;
    let c = counter("c");
    let value = json!({"deep": [1, null, "two"]});
    let entry = json!({"key": "k", "value": value});
    host.call(&c, "Put", entry).await.unwrap();
    assert_eq!(host.call(&c, "Read", "k").await, Ok(value.clone()));
    assert_eq!(host.call(&c, "Read", "other").await, Ok(Value::Null));
    let host = host.reopen().await;
    assert_eq!(host.call(&c, "Read", "k").await, Ok(value));
    assert_eq!(host.call(&counter("d"), "Read", "k").await, Ok(Value::Null));
    host.call(&c, "Forget", "k").await.unwrap();
    assert_eq!(host.call(&c, "Read", "k").await, Ok(Value::Null));
    let host = host.reopen().await;
    assert_eq!(host.call(&c, "Read", "k").await, Ok(Value::Null));
}

#[tokio::test]
async fn an_idle_actor_leaves_the_memory_and_comes_back_with_its_state() {
    let host = Scratch::with(|limits| limits.entity_idle_max = Duration::from_millis(50)).await;
    for value in 1..=3 {
        assert_eq!(host.call(&counter("c"), "Add", 1).await, Ok(json!(value)));
        host.until_all_left().await;
    }
    assert_eq!(host.count("c").await, 3);
}

#[tokio::test]
async fn actors_that_are_too_many_make_room_and_none_loses_its_state() {
    let host = Scratch::with(|limits| limits.entities_live_max = 50).await;
    for round in 1..=2 {
        for actor in 0..300 {
            let c = counter(&actor.to_string());
            assert_eq!(host.call(&c, "Add", 1).await, Ok(json!(round)));
        }
        let few = async || (host.entities_live() <= 50).then_some(());
        host::until("the oldest to leave", few).await;
    }
}

#[tokio::test]
async fn actors_that_hold_too_much_make_room_and_none_loses_its_state() {
    let host = Scratch::with(|limits| limits.entities_live_bytes_max = 1 << 20).await;
    let text = "a".repeat(100_000);
    for actor in 0..50 {
        let put = json!({"key": "k", "value": text});
        let c = counter(&actor.to_string());
        assert_eq!(host.call(&c, "Put", put).await, Ok(Value::Null));
    }
    let few = async || (host.entities_live() <= 10).then_some(());
    host::until("the oldest to leave", few).await;
    for actor in 0..50 {
        let c = counter(&actor.to_string());
        assert_eq!(host.call(&c, "Read", "k").await, Ok(json!(text)));
    }
}

#[tokio::test]
async fn calls_of_many_callers_are_turns_one_after_the_other() {
    let host = Scratch::new().await;
    let c = counter("c");
    let calls: Vec<_> = (0..500).map(|_| host.call(&c, "Add", 1)).collect();
    let mut values = Vec::new();
    for call in together(calls).await {
        values.push(call.unwrap().as_i64().unwrap());
    }
    values.sort_unstable();
    assert_eq!(values, Vec::from_iter(1..=500));
}

/// Polls all of them until all are ready.
async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<_> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_message_to_another_actor_arrives_with_the_turn_that_sent_it() {
    let host = Scratch::new().await;
    for _ in 0..10 {
        let to = json!({"other": "told", "by": 2});
        host.call(&counter("c"), "Tell", to).await.unwrap();
    }
    host.until_count("told", 20).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_message_whose_turn_fails_is_told_and_not_tried_for_ever() {
    // Adding writes, and telling does not.
    let host = Scratch::with(|limits| limits.turn_writes_max = 0).await;
    let to = json!({"other": "told", "by": 1});
    host.call(&counter("c"), "Tell", to).await.unwrap();
    let (actor, method) = host
        .told("a failed message", |happening| match happening {
            Happening::MessageFailed { actor, method, .. } => Some((actor.clone(), method.clone())),
            _ => None,
        })
        .await;
    assert_eq!((actor, method.as_str()), (counter("told"), "Add"));
    assert_eq!(host.count("told").await, 0);
    host.close_and_find_nothing_left().await;
}

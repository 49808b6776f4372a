//! Actors that may be entered again while they wait: one turn, whoever is called in the chain.

use std::time::Duration;

use super::*;

fn actor(actor_type: &str, id: &str) -> ActorKey {
    ActorKey::new(tenant(), actor_type, id).unwrap()
}

async fn reflect(host: &Host, of: Value) -> Result<Value, Failure> {
    host.call(&actor("Mirror", "m"), "Reflect", of).await
}

/// The mirror's value, and how often the echo was asked.
async fn seen(host: &Host) -> (Value, Value) {
    let value = host.call(&actor("Mirror", "m"), "Value", ()).await;
    let count = host.call(&actor("Echo", "echo-1"), "Count", ()).await;
    (value.unwrap(), count.unwrap())
}

#[tokio::test]
async fn a_call_that_enters_an_actor_again_sees_its_turn_and_is_part_of_it() {
    let host = Scratch::new().await;
    // One and ten for each that was in, over what the one before had.
    assert_eq!(reflect(&host, json!({"levels": 1})).await, Ok(json!(22)));
    let host = host.reopen().await;
    assert_eq!(seen(&host).await, (json!(22), json!(1)));
    assert_eq!(reflect(&host, json!({"levels": 0})).await, Ok(json!(33)));
}

#[tokio::test]
async fn the_depth_of_a_chain_is_bounded() {
    let host = Scratch::new().await;
    assert_eq!(
        reflect(&host, json!({"levels": 2, "minds": true})).await,
        Ok(json!(33))
    );
    let too_deep = reflect(&host, json!({"levels": 3, "minds": true})).await;
    let (code, message) = failure(too_deep);
    assert_eq!(code, "limit", "{message}");
    assert!(message.contains("`reentrant(depth)` is 3"), "{message}");
}

#[tokio::test]
async fn without_a_door_the_chain_gets_an_error_at_once() {
    let host = Scratch::new().await;
    let shut = json!({"levels": 0, "minds": true});
    let (code, message) = failure(host.call(&actor("Mirror", "m"), "ReflectShut", shut).await);
    assert_eq!(code, "deadlock", "{message}");
    assert_eq!(seen(&host).await, (json!(0), json!(0)));
}

#[tokio::test]
async fn what_entered_and_failed_leaves_nothing_and_neither_does_a_turn_that_failed() {
    let host = Scratch::new().await;
    let fails = json!({"levels": 1, "fails": true});
    assert_eq!(reflect(&host, fails).await, Ok(json!(11)));
    let vain = json!({"levels": 1, "in_vain": true});
    assert_eq!(failure(reflect(&host, vain).await).0, "no");
    // The echo's own turns were committed each time.
    assert_eq!(seen(&host).await, (json!(11), json!(2)));
}

#[tokio::test]
async fn a_call_that_is_not_waited_for_any_more_is_let_in_no_longer() {
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(30)).await;
    let gate = json!({"levels": 1, "gate": "gate"});
    assert_eq!(reflect(&host, gate).await, Ok(json!(11)));
    host.call(&counter("gate"), "Add", 1).await.unwrap();
    // The echo finds the door shut and calls as anybody does, or has been told that it was left.
    let (value, count) = seen(&host).await;
    assert_eq!(count, json!(1));
    assert!([json!(11), json!(22)].contains(&value), "{value}");
}

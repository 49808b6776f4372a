//! Calls between actors, and from activities and workflows to actors: answered once, and never in a circle.

use std::time::{Duration, Instant};

use super::*;

/// Far below what a turn may take, and far above what an answer takes.
const AT_ONCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_call_that_would_wait_for_itself_fails_at_once() {
    let host = Scratch::new().await;
    for circle in [vec!["a"], vec!["b", "a"], vec!["b", "c", "d", "a"]] {
        let begun = Instant::now();
        let (code, message) = failure(host.call(&counter("a"), "Ping", &circle).await);
        assert_eq!(code, "deadlock", "{message}");
        assert!(message.contains("Counter/a"), "{message}");
        assert!(begun.elapsed() < AT_ONCE);
    }
    // Whoever was in the circle goes on.
    let chain = json!(["b", "c", "d"]);
    assert_eq!(
        host.call(&counter("a"), "Ping", chain).await,
        Ok(Value::Null)
    );
}

#[tokio::test]
async fn of_two_chains_that_cross_one_is_refused_and_the_other_gets_its_answer() {
    let host = Scratch::new().await;
    let meet = |other| json!({"gate": "gate", "all": 2, "other": other});
    let (a, b) = (walker("a"), walker("b"));
    let begun = Instant::now();
    let (one, other) = tokio::join!(
        host.call(&a, "Meet", meet("b")),
        host.call(&b, "Meet", meet("a"))
    );
    assert!(begun.elapsed() < AT_ONCE);
    let (answers, failures): (Vec<_>, Vec<_>) = [one, other].into_iter().partition(Result::is_ok);
    assert_eq!(answers, [Ok(json!("hello"))]);
    let codes: Vec<_> = failures.into_iter().map(|one| failure(one).0).collect();
    assert_eq!(codes, ["deadlock"]);
}

#[tokio::test]
async fn a_call_from_a_workflow_may_go_through_actors() {
    let host = Scratch::new().await;
    let via = json!({"other": "b", "by": 5});
    assert_eq!(host.call(&counter("a"), "AddVia", via).await, Ok(json!(5)));
    assert_eq!((host.count("a").await, host.count("b").await), (5, 5));
    let sum = json!({"actor": "b", "by": 2});
    assert_eq!(
        host.call(&counter("a"), "AddNamed", sum).await,
        Ok(json!(7))
    );
}

#[tokio::test]
async fn a_call_of_an_activity_that_is_run_again_has_no_second_effect() {
    let host = Scratch::new().await;
    let run = json!({"name": "slow_add_to_counter", "input": {"actor": "c", "by": 4}});
    assert_eq!(host.run("run_activity", "w", run).await, Ok(json!(4)));
    assert_eq!(host.count("c").await, 4);
}

#[tokio::test]
async fn another_call_of_a_later_attempt_gets_its_own_answer() {
    let host = Scratch::new().await;
    let run = json!({"name": "different_call_on_retry", "input": {"actor": "c"}});
    assert_eq!(host.run("run_activity", "w", run).await, Ok(json!(11)));
    assert_eq!(host.count("c").await, 11);
}

#[tokio::test]
async fn the_same_activity_of_another_instance_has_an_effect_of_its_own() {
    let host = Scratch::new().await;
    let run = json!({"name": "slow_add_to_counter", "input": {"actor": "c", "by": 1}});
    for total in 1..=3 {
        // A new run of the same id is another instance, too.
        let id = if total == 2 { "other" } else { "w" };
        assert_eq!(host.run("run_activity", id, &run).await, Ok(json!(total)));
    }
    assert_eq!(host.count("c").await, 3);
}

#[tokio::test]
async fn a_call_that_is_repeated_with_its_key_gets_the_first_answer_and_has_no_second_effect() {
    let host = Scratch::new().await;
    let c = counter("c");
    let add = |by: i64, key| host.call_once(&c, "Add", by, key);
    assert_eq!(add(1, Some("k")).await, Ok(json!(1)));
    assert_eq!(add(5, None).await, Ok(json!(6)));
    assert_eq!(add(1, Some("k")).await, Ok(json!(1)));
    // Another input is another call.
    assert_eq!(add(2, Some("k")).await, Ok(json!(8)));
    let host = host.reopen().await;
    assert_eq!(host.call_once(&c, "Add", 1, Some("k")).await, Ok(json!(1)));
    assert_eq!(host.count("c").await, 8);
}

#[tokio::test]
async fn repeats_that_come_at_the_same_time_count_once() {
    let host = Scratch::new().await;
    let c = counter("c");
    let add = || host.call_once(&c, "Add", 1, Some("k"));
    let (one, two, three) = tokio::join!(add(), add(), add());
    assert_eq!(
        (one, two, three),
        (Ok(json!(1)), Ok(json!(1)), Ok(json!(1)))
    );
    assert_eq!(host.count("c").await, 1);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let host = Scratch::new().await;
    let nobody = ActorKey::new(tenant(), "Nobody", "1").unwrap();
    let (code, message) = failure(host.call(&nobody, "Get", ()).await);
    assert_eq!(code, "not-found");
    assert!(message.contains("Nobody"), "{message}");
    let (code, message) = failure(host.call(&counter("c"), "Nothing", ()).await);
    assert_eq!(code, "not-found");
    assert!(message.contains("Nothing"), "{message}");
    let (code, _) = failure(host.call(&counter("c"), "Add", "no number").await);
    assert_eq!(code, "bad-input");
}

//! Of one id there is one instance, whoever starts it and however many do.

use std::collections::HashSet;

use host_engine::WorkflowStatus;
use host_runtime::StartError;

use super::*;

const ROUNDS: u32 = 1_000;

#[tokio::test]
async fn of_two_starts_of_one_id_exactly_one_succeeds() {
    let host = Scratch::new().await;
    for round in 0..ROUNDS {
        let id = format!("w-{round}");
        let (one, other) = tokio::join!(
            host.start("await_event", &id, ()),
            host.start("await_event", &id, ())
        );
        let existing = match (one, other) {
            (Ok(_), Err(StartError::AlreadyExists(view)))
            | (Err(StartError::AlreadyExists(view)), Ok(_)) => view,
            neither => panic!("{id}: {neither:?}"),
        };
        assert_eq!((existing.key, existing.run), (workflow(&id), 1));
        host.raise(&id, "go", round).await.unwrap();
    }
    for round in 0..ROUNDS {
        assert_eq!(host.wait(&format!("w-{round}")).await, Ok(json!(round)));
    }
}

#[tokio::test]
async fn of_two_actors_that_start_one_id_exactly_one_succeeds() {
    let host = Scratch::new().await;
    for round in 0..ROUNDS {
        let nap = json!({"id": format!("w-{round}"), "ms": 100_000});
        let (one, other) = (counter("one"), counter("other"));
        let (one, other) = tokio::join!(
            host.call(&one, "StartNap", &nap),
            host.call(&other, "StartNap", &nap)
        );
        let answers = HashSet::from([one.unwrap(), other.unwrap()]);
        let expected = [json!("started"), json!("already-exists")];
        assert_eq!(answers, HashSet::from(expected), "round {round}");
    }
}

#[tokio::test]
async fn an_actor_and_a_caller_that_start_one_id_get_one_instance() {
    let host = Scratch::new().await;
    for round in 0..100 {
        let id = format!("w-{round}");
        let nap = json!({"id": id, "ms": 100_000});
        let actor = counter("one");
        let (actor, caller) = tokio::join!(
            host.call(&actor, "StartNap", &nap),
            host.start("nap", &id, 100_000)
        );
        let by_actor = actor == Ok(json!("started"));
        let by_caller = match caller {
            Ok(_) => true,
            Err(StartError::AlreadyExists(_)) => false,
            Err(StartError::Refused(failure)) => panic!("{id}: {failure}"),
        };
        assert_ne!(by_actor, by_caller, "{id}");
    }
}

#[tokio::test]
async fn a_start_that_finds_the_id_in_use_is_told_of_the_instance() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    match host.start("nap", "w", 1).await {
        Err(StartError::AlreadyExists(view)) => {
            assert_eq!(view.name, "await_event");
            assert_eq!(view.status, WorkflowStatus::Running);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_id_of_an_ended_instance_is_free_for_the_next_run() {
    let host = Scratch::new().await;
    for run in 1..=3 {
        assert_eq!(host.start("nap", "w", 1).await.unwrap().run, run);
        assert_eq!(host.wait("w").await, Ok(json!("rested")));
    }
    let host = host.reopen().await;
    assert_eq!(host.start("nap", "w", 1).await.unwrap().run, 4);
    assert_eq!(host.wait("w").await, Ok(json!("rested")));
}

#[tokio::test]
async fn a_start_of_a_turn_that_fails_leaves_no_instance_and_the_id_free() {
    let host = Scratch::new().await;
    let nap = json!({"id": "w", "ms": 1});
    let (code, _) = failure(host.call(&counter("c"), "StartThenFail", &nap).await);
    assert_eq!(code, "no");
    assert_eq!(host.view("w"), None);
    assert_eq!(
        host.call(&counter("c"), "StartNap", &nap).await,
        Ok(json!("started"))
    );
    assert_eq!(host.view("w").unwrap().run, 1);
    assert_eq!(host.wait("w").await, Ok(json!("rested")));
}

#[tokio::test]
async fn a_workflow_that_no_plugin_brings_is_refused_by_its_name() {
    let host = Scratch::new().await;
    match host.start("nonsense", "w", ()).await {
        Err(StartError::Refused(failure)) => {
            assert_eq!(failure.code, "not-found");
            assert!(failure.message.contains("nonsense"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
    let answer = host.call(&counter("c"), "StartNamed", "nonsense").await;
    assert_eq!(failure(answer).0, "not-found");
}

#[tokio::test]
async fn a_start_without_an_id_gets_one_of_its_own() {
    let host = Scratch::new().await;
    let owner = tenant();
    let start = || host.start_workflow(&owner, "nap", None, host::payload(1));
    let (one, other) = (start().await.unwrap(), start().await.unwrap());
    assert_ne!(one.key, other.key);
    assert_eq!(host.wait(&one.key.id).await, Ok(json!("rested")));
}

//! What differs in every ordinary run is the same in every replay, and the world is out of reach.

use std::time::Duration;

use super::*;

fn line(happening: &Happening) -> Option<String> {
    match happening {
        Happening::Said { line, .. } => Some(line.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn clocks_random_numbers_and_orders_are_the_same_in_a_replay() {
    let host = Scratch::new().await;
    host.start("deterministic", "w", ()).await.unwrap();
    let first = host.told("the first text", line).await;
    assert_eq!(first.lines().count(), 2);
    let host = host.reopen().await;
    host.raise("w", "go", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(first)));
    // What a replay says again was said before.
    assert_eq!(host.all_told(line), [""; 0]);
}

#[tokio::test]
async fn an_evicted_workflow_is_the_same_when_it_comes_back() {
    let host = Scratch::with(|limits| limits.entity_idle_max = Duration::from_millis(50)).await;
    host.start("deterministic", "w", ()).await.unwrap();
    let first = host.told("the first text", line).await;
    host.until_all_left().await;
    host.raise("w", "go", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(first)));
    assert_eq!(host.all_told(line), [first]);
}

#[tokio::test]
async fn two_instances_have_different_chances() {
    let host = Scratch::new().await;
    for id in ["one", "other"] {
        host.start("deterministic", id, ()).await.unwrap();
        host.raise(id, "go", ()).await.unwrap();
    }
    assert_ne!(host.wait("one").await, host.wait("other").await);
}

#[tokio::test]
async fn the_world_is_out_of_reach_for_workflows_and_actors_and_they_are_told_what_to_do() {
    let host = Scratch::new().await;
    for deed in ["http", "file"] {
        let workflow = host.run("misbehave", deed, deed).await;
        let actor = host.call(&counter("c"), "Misbehave", deed).await;
        for (role, outcome) in [("workflow", workflow), ("actor", actor)] {
            let text = match outcome {
                Ok(text) => text.to_string(),
                Err(failure) => failure.message,
            };
            assert!(text.contains("activity"), "{role}, {deed}: {text}");
        }
    }
}

#[tokio::test]
async fn a_workflow_or_an_actor_that_sleeps_by_itself_is_told_how_to_wait() {
    let host = Scratch::new().await;
    let (code, message) = failure(host.run("misbehave", "w", "sleep").await);
    assert_eq!(code, "refused");
    assert!(message.contains("`ctx.sleep`"), "{message}");
    let (code, message) = failure(host.call(&counter("c"), "Misbehave", "sleep").await);
    assert_eq!(code, "refused");
    assert!(message.contains("a workflow with a timer"), "{message}");
    let rests = json!({"name": "misbehave", "input": "sleep"});
    let rested = host.run("run_activity", "a", rests).await;
    assert_eq!(rested, Ok(json!("rested")));
}

#[tokio::test]
async fn there_are_no_threads_no_arguments_and_no_environment() {
    let host = Scratch::new().await;
    let thread = host.run("misbehave", "thread", "thread").await;
    let thread = thread.unwrap().to_string();
    assert!(thread.contains("Not supported"), "{thread}");
    let surroundings = host.run("misbehave", "surroundings", "surroundings").await;
    assert_eq!(surroundings, Ok(json!("0 0")));
}

//! What becomes of instances when another component takes their plugin's place.

use host_base::Outcome;
use host_engine::WorkflowStatus;
use host_runtime::{MoveError, Rollout, Trial, Verdict};
use host_store::records::{EventKind, Stall};

use super::*;
use crate::host::{fixture, until};

/// An instance of the old code that waits, and the new code deployed.
async fn waiting_on_the_old_component(name: &str, events: usize) -> Scratch {
    let host = Scratch::new().await;
    host.start(name, "w", ()).await.unwrap();
    host.until_events("w", events).await;
    assert!(host.deploy_fixture("sdk_probe_changed").await.changed);
    host
}

/// What the workflow's activities returned.
fn results(host: &Host, id: &str) -> Vec<i64> {
    let events = host.events(id).into_iter();
    let outcomes = events.filter_map(|(_, kind)| match kind {
        EventKind::Resolved(one) => one.outcome,
        _ => None,
    });
    let outputs = outcomes.map(|outcome| Outcome::from(outcome).unwrap());
    outputs
        .map(|output| serde_json::from_slice(&output).unwrap())
        .collect()
}

/// Where code and history differ, as the only trial of a roll-out says.
#[track_caller]
fn difference(trials: &[Trial]) -> Stall {
    let [trial] = trials else {
        panic!("not one trial: {trials:?}")
    };
    assert!(!trial.moved);
    match &trial.rehearsal.verdict {
        Verdict::Differs(stall) => (**stall).clone(),
        other => panic!("it does not differ: {other:?}"),
    }
}

#[tokio::test]
async fn an_instance_ends_on_the_component_that_it_was_started_on_and_new_ones_start_on_the_new_one()
 {
    let host = waiting_on_the_old_component("await_event", 2).await;
    assert_eq!(host.run("sequence", "new", 3).await, Ok(json!(3)));
    assert_eq!(results(&host, "new"), [20, 40, 60]);
    let host = host.reopen().await;
    host.raise("w", "go", "news").await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!("news")));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn activities_of_an_instance_run_on_its_component() {
    let host = Scratch::new().await;
    host.start("long_history", "w", 300).await.unwrap();
    host.until_events("w", 100).await;
    host.deploy_fixture("sdk_probe_changed").await;
    host.until_events("w", 602).await;
    let doubled: Vec<_> = (0..300).map(|number| 2 * number).collect();
    assert_eq!(results(&host, "w"), doubled);
    host.raise("w", "go", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(300)));
}

#[tokio::test]
async fn a_replaced_component_is_kept_as_long_as_an_instance_runs_on_it() {
    let host = waiting_on_the_old_component("await_event", 2).await;
    let kept = host.components(&tenant()).await.unwrap();
    let counts: Vec<_> = kept.iter().map(|one| (one.stands, one.instances)).collect();
    assert_eq!(counts, [(true, 0), (false, 1)]);
    let host = host.reopen().await;
    host.raise("w", "go", "news").await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!("news")));
    let old = kept[1].digest;
    let gone = async || {
        let kept = host.components(&tenant()).await.unwrap();
        kept.iter().all(|one| one.digest != old).then_some(())
    };
    until("the old component to be nobody's", gone).await;
    // What was compiled of it goes when it has left the store.
    let forgotten = async || (!host.has_compiled(&old)).then_some(());
    until("the old component to go", forgotten).await;
    let (store, _dir) = host.close().await;
    assert_eq!(store.reader.component(&old).unwrap(), None);
    assert!(store.reader.component(&kept[0].digest).unwrap().is_some());
}

#[tokio::test]
async fn a_roll_out_says_of_each_instance_whether_its_history_agrees_and_moves_those_that_do() {
    let host = Scratch::new().await;
    host.start("await_event", "differs", ()).await.unwrap();
    host.start("nap", "agrees", 60_000).await.unwrap();
    host.until_events("differs", 2).await;
    host.until_events("agrees", 2).await;
    let checked = host
        .roll_out_fixture("sdk_probe_changed", Rollout::Check)
        .await;
    let told = |trials: &[Trial]| {
        let told = trials.iter().map(|one| {
            let agrees = one.rehearsal.verdict.agrees();
            (one.workflow.key.id.clone(), agrees, one.moved)
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    };
    let of = |id: &str, agrees, moved| (id.to_owned(), agrees, moved);
    assert_eq!(
        told(&checked),
        [of("agrees", true, false), of("differs", false, false)]
    );
    // Nothing has changed: the old code can still be started.
    assert_eq!(host.run("fan_out", "old", 2).await, Ok(json!(2)));
    let moved = host
        .roll_out_fixture("sdk_probe_changed", Rollout::Move)
        .await;
    assert_eq!(
        told(&moved),
        [of("agrees", true, true), of("differs", false, false)]
    );
    assert_eq!(host.unfinished().unwrap().stalled, 0);
    let again = host
        .roll_out_fixture("sdk_probe_changed", Rollout::Pin)
        .await;
    assert_eq!(told(&again), [of("differs", false, false)]);
}

#[tokio::test]
async fn a_roll_out_names_what_differs_first() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    let trials = host
        .roll_out_fixture("sdk_probe_changed", Rollout::Pin)
        .await;
    let stall = difference(&trials);
    assert_eq!(
        (stall.event, stall.history.as_str()),
        (1, "wait for event go")
    );
    assert!(
        stall.asked.contains("activity double(1)"),
        "{}",
        stall.asked
    );
    let place = "sdk_probe_changed/src/lib.rs:";
    assert!(stall.backtrace.contains(place), "{}", stall.backtrace);
}

#[tokio::test]
async fn an_activity_with_another_input_is_another_activity() {
    let host = Scratch::new().await;
    host.start("long_history", "w", 3).await.unwrap();
    host.start("sequence", "busy", 2_000).await.unwrap();
    host.until_events("busy", 10).await;
    let trials = host
        .roll_out_fixture("sdk_probe_changed", Rollout::Move)
        .await;
    let busy: Vec<_> = trials
        .into_iter()
        .filter(|one| one.workflow.key.id == "busy")
        .collect();
    let stall = difference(&busy);
    assert_eq!(
        (stall.event, stall.history.as_str()),
        (1, "activity double(0)")
    );
    assert!(
        stall.asked.contains("activity double(1)"),
        "{}",
        stall.asked
    );
    assert_eq!(host.wait("busy").await, Ok(json!(2_000)));
}

#[tokio::test]
async fn code_that_ends_where_history_waits_differs() {
    let host = Scratch::new().await;
    host.start("deterministic", "w", ()).await.unwrap();
    host.until_events("w", 4).await;
    let trials = host
        .roll_out_fixture("sdk_probe_changed", Rollout::Move)
        .await;
    let stall = difference(&trials);
    assert_eq!(stall.history, "activity double(1)");
    assert!(stall.asked.contains("the end"), "{}", stall.asked);
}

#[tokio::test]
async fn a_component_without_the_workflow_differs_and_cannot_be_insisted_on() {
    let host = Scratch::new().await;
    let family = json!({"children": 1, "input": 300});
    host.start("parent", "w", family).await.unwrap();
    host.until_events("w", 2).await;
    host.deploy_fixture("sdk_probe_changed").await;
    let trial = host.move_workflow(&workflow("w"), true).await.unwrap();
    let stall = difference(&[trial]);
    assert!(
        stall.asked.contains("no workflow parent"),
        "{}",
        stall.asked
    );
    assert_eq!(host.wait("w").await, Ok(json!(["rested"])));
}

#[tokio::test]
async fn who_insists_moves_an_instance_that_stalls_then_with_what_differs() {
    let host = waiting_on_the_old_component("await_event", 2).await;
    let refused = host.move_workflow(&workflow("w"), false).await.unwrap();
    let difference = difference(&[refused]);
    assert!(
        host.move_workflow(&workflow("w"), true)
            .await
            .unwrap()
            .moved
    );
    let stall = host.until_stalled("w").await;
    assert_eq!(
        (stall.event, &stall.asked),
        (difference.event, &difference.asked)
    );
    assert_eq!(host.view("w").unwrap().status, WorkflowStatus::Stalled);
    assert_eq!(host.unfinished().unwrap().stalled, 1);
    assert_eq!(host.run("nap", "other", 1).await, Ok(json!("rested")));
}

#[tokio::test]
async fn a_stalled_instance_goes_on_with_a_component_that_agrees_and_gets_what_arrived_meanwhile() {
    let host = waiting_on_the_old_component("await_event", 2).await;
    host.move_workflow(&workflow("w"), true).await.unwrap();
    host.until_stalled("w").await;
    host.raise("w", "go", "first").await.unwrap();
    host.raise("w", "go", "second").await.unwrap();
    host.until_events("w", 4).await;
    host.deploy_fixture("sdk_probe").await;
    assert_eq!(host.until_ended("w").await, Ok(json!("first")));
    let numbers = host.history(&workflow("w"), 1, 0, 10).unwrap();
    let numbers: Vec<_> = numbers.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_stalled_instance_waits_over_restarts() {
    let host = waiting_on_the_old_component("await_event", 2).await;
    host.move_workflow(&workflow("w"), true).await.unwrap();
    let stall = host.until_stalled("w").await;
    let host = host.reopen().await;
    assert_eq!(host.until_stalled("w").await, stall);
    host.raise("w", "go", "news").await.unwrap();
    let host = host.reopen().await;
    host.deploy_fixture("sdk_probe").await;
    assert_eq!(host.until_ended("w").await, Ok(json!("news")));
}

#[tokio::test]
async fn what_has_ended_or_never_was_is_not_moved() {
    let host = Scratch::new().await;
    host.run("nap", "w", 1).await.unwrap();
    let ended = host.move_workflow(&workflow("w"), true).await;
    assert!(matches!(ended, Err(MoveError::Ended(_))), "{ended:?}");
    let unknown = host.move_workflow(&workflow("x"), true).await;
    assert!(matches!(unknown, Err(MoveError::Unknown(_))), "{unknown:?}");
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
async fn what_has_ended_is_tried_on_the_old_way_where_a_new_one_was_added_since() {
    let host = Scratch::new().await;
    host.start("improved", "w", ()).await.unwrap();
    host.raise("w", "go", ()).await.unwrap();
    host.wait("w").await.unwrap();
    let changed = fixture("sdk_probe_changed");
    let key = workflow("w");
    let tried = host.rehearse(&key, Some(("changed", &changed))).await;
    let tried = tried.unwrap();
    let old_way = br#""early false false, late false, recorded 1""#;
    assert_eq!(tried.outcome, Some(Ok(old_way.to_vec())));
    let Verdict::Differs(stall) = tried.verdict else {
        panic!("{tried:?}")
    };
    assert_eq!(stall.asked, "the end, with another output");
}

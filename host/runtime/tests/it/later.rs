//! Workflows that are started now and begin later: there from the start, with nothing done before their time.

use host_base::time::ManualClock;
use host_base::{Clock, SystemClock, Timestamp};
use host_runtime::{ControlError, Moment, Start, WorkflowStatus, WorkflowView};
use host_store::records::EventKind;

use super::*;

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// A clock that shows the present time.
fn clock() -> (ManualClock, Timestamp) {
    let now = SystemClock.now();
    (ManualClock::at(now), now)
}

fn in_an_hour(now: Timestamp) -> Timestamp {
    Timestamp(now.0 + HOUR_MS)
}

async fn start(host: &Host, name: &str, id: &str, input: Value, at: Moment) -> WorkflowView {
    let start = Start {
        name: name.to_owned(),
        id: Some(id.to_owned()),
        input: host::payload(input),
        at: Some(at),
        ..Start::default()
    };
    host.start_workflow_with(&tenant(), start).await.unwrap()
}

/// One that waits for its time: it has recorded nothing but what reached it.
#[track_caller]
fn check_waits(host: &Host, id: &str, starts: Timestamp) {
    let view = host.view(id).unwrap();
    assert_eq!(
        (view.status, view.starts),
        (WorkflowStatus::Pending, Some(starts))
    );
}

#[tokio::test]
async fn a_workflow_begins_at_its_time_also_after_a_restart_and_not_before() {
    let (clock, now) = clock();
    let host = Scratch::at(clock.clone()).await;
    let due = in_an_hour(now);
    let text = Moment::Text("1h".to_owned());
    let started = start(&host, "deterministic", "w", json!(null), text).await;
    assert_eq!(started.starts, Some(due));
    // An event comes before it begins, and is kept.
    host.raise("w", "go", json!(1)).await.unwrap();
    host.until_events("w", 2).await;
    check_waits(&host, "w", due);
    let host = host.reopen_at(clock.clone()).await;
    clock.set(Timestamp(due.0 - 1));
    host.run("sequence", "other", 1).await.unwrap();
    check_waits(&host, "w", due);
    clock.set(due);
    host.wait("w").await.unwrap();
    let events = host.events("w");
    let is_of_code =
        |kind: &EventKind| !matches!(kind, EventKind::Started(_) | EventKind::EventRaised(_));
    let first = events.iter().find(|(_, kind)| is_of_code(kind)).unwrap();
    assert!(first.0 >= due.0, "{events:?}");
    assert_eq!(host.view("w").unwrap().starts, None);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn code_that_begins_later_is_told_the_time_at_which_it_begins() {
    let (clock, now) = clock();
    let host = Scratch::at(clock.clone()).await;
    let due = in_an_hour(now);
    start(&host, "deterministic", "w", json!(null), Moment::At(due)).await;
    // An event before its time does not turn its clock.
    host.raise("w", "go", json!(1)).await.unwrap();
    host.until_events("w", 2).await;
    clock.set(Timestamp(due.0 + 5_000));
    let told = host.wait("w").await.unwrap();
    let first = told.as_str().unwrap().lines().next().unwrap().to_owned();
    assert!(first.contains(&(due.0 / 1_000).to_string()), "{first}");
}

#[tokio::test]
async fn a_time_that_is_over_is_now() {
    let (clock, now) = clock();
    let host = Scratch::at(clock).await;
    let started = start(
        &host,
        "sequence",
        "w",
        json!(1),
        Moment::At(Timestamp(now.0 - 1)),
    )
    .await;
    assert_eq!(started.starts, None);
    host.wait("w").await.unwrap();
    let start = Start {
        name: "sequence".to_owned(),
        at: Some(Moment::Text("noon".to_owned())),
        ..Start::default()
    };
    let refused = host.start_workflow_with(&tenant(), start).await;
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("the time of the start `noon` is not"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_ended_before_it_begins_never_begins_and_leaves_nothing() {
    let (clock, now) = clock();
    let host = Scratch::at(clock.clone()).await;
    let at = || Moment::At(in_an_hour(now));
    for id in ["terminated", "cancelled", "purged"] {
        start(&host, "await_event", id, json!(null), at()).await;
    }
    let early = host.purge_workflow(&workflow("purged"), false).await;
    assert!(matches!(early, Err(ControlError::NotEnded(_))), "{early:?}");
    host.terminate_workflow(&workflow("terminated"), "enough")
        .await
        .unwrap();
    host.cancel_workflow(&workflow("cancelled"), "enough")
        .await
        .unwrap();
    let (code, text) = failure(host.until_ended("cancelled").await);
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("cancelled", "it was asked to end before it began")
    );
    let status = |id| host.view(id).unwrap().status;
    assert_eq!(status("cancelled"), WorkflowStatus::Cancelled);
    assert_eq!(status("terminated"), WorkflowStatus::Terminated);
    host.purge_workflow(&workflow("purged"), true)
        .await
        .unwrap();
    assert_eq!(host.view("purged"), None);
    // The id is free, and the time of the one before is not that of the next.
    host.start("await_event", "terminated", ()).await.unwrap();
    host.until_events("terminated", 2).await;
    host.terminate_workflow(&workflow("terminated"), "")
        .await
        .unwrap();
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn what_is_held_when_its_time_comes_begins_when_it_is_resumed() {
    let (clock, now) = clock();
    let host = Scratch::at(clock.clone()).await;
    let due = in_an_hour(now);
    for id in ["held", "resumed"] {
        start(&host, "nap", id, json!(1), Moment::At(due)).await;
        host.suspend_workflow(&workflow(id), "holiday")
            .await
            .unwrap();
    }
    host.resume_workflow(&workflow("resumed")).await.unwrap();
    check_waits(&host, "resumed", due);
    let host = host.reopen_at(clock.clone()).await;
    clock.set(due);
    let begun = async || (host.view("resumed")?.status == WorkflowStatus::Running).then_some(());
    host::until("it to begin", begun).await;
    assert_eq!(host.view("held").unwrap().status, WorkflowStatus::Suspended);
    let begins = async || host.view("held").filter(|view| view.starts.is_none());
    host::until("its time to come", begins).await;
    host.resume_workflow(&workflow("held")).await.unwrap();
    clock.set(Timestamp(due.0 + HOUR_MS));
    host.wait("held").await.unwrap();
    host.wait("resumed").await.unwrap();
}

#[tokio::test]
async fn what_has_not_begun_answers_no_query_and_takes_no_update() {
    let (clock, now) = clock();
    let host = Scratch::at(clock.clone()).await;
    let due = in_an_hour(now);
    start(&host, "tally", "w", json!(5), Moment::At(due)).await;
    for outcome in [
        host.query("w", "total", ()).await,
        host.update("w", "add", 1, "u").await,
    ] {
        let (code, text) = failure(outcome);
        assert_eq!(
            (code.as_str(), text.as_str()),
            (
                "refused",
                "workflow w has never waited, and cannot be asked"
            )
        );
    }
    let trial = host.move_workflow(&workflow("w"), false).await.unwrap();
    assert!(trial.moved);
    check_waits(&host, "w", due);
    clock.set(due);
    host.until_events("w", 2).await;
    assert_eq!(host.update("w", "add", 1, "u").await, Ok(json!(6)));
}

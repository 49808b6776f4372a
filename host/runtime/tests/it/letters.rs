//! Messages to actors that workflows and activities send, at once and later, and take back.

use std::time::Duration;

use host_base::time::ManualClock;
use host_base::{Clock, Timestamp};
use host_store::records::EventKind;

use super::*;

const LONG: Duration = Duration::from_secs(3_600);

/// A host whose clock is turned by hand, on which messages of a tenth, of one and of two were sent to counter
/// `c`; so many of the first are taken back at the event `go`.
async fn written(back: usize) -> (Scratch, ManualClock) {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    let letters = json!({"actor": "c", "due": "PT1H", "by": [100, 10, 1], "back": back});
    host.start("write_letters", "w", letters).await.unwrap();
    host.until_events("w", 5).await;
    (host, clock)
}

fn ids(host: &Host) -> Vec<String> {
    let kinds = host.events("w").into_iter().map(|(_, kind)| kind);
    let ids = kinds.filter_map(|kind| match kind {
        EventKind::MessageDelayed(one) => Some(one.id),
        _ => None,
    });
    ids.collect()
}

#[tokio::test]
async fn a_workflows_message_comes_when_it_is_due_and_one_that_was_taken_back_never() {
    let (host, clock) = written(1).await;
    host.raise("w", "go", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(ids(&host))));
    assert_eq!(host.count("c").await, 0);
    clock.set(clock.now().after(LONG));
    host.until_count("c", 11).await;
    assert_eq!(host.count("c").await, 11);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_message_stays_sent_when_its_workflow_is_terminated() {
    let (host, clock) = written(3).await;
    host.terminate_workflow(&workflow("w"), "").await.unwrap();
    let host = host.reopen_at(clock.clone()).await;
    clock.set(clock.now().after(LONG));
    host.until_count("c", 111).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_message_that_is_sent_in_a_workflows_last_turn_comes() {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    let letters = json!({"actor": "c", "due": "PT1H", "by": [1]});
    host.start("write_letters", "w", letters).await.unwrap();
    host.raise("w", "go", ()).await.unwrap();
    host.wait("w").await.unwrap();
    clock.set(clock.now().after(LONG));
    host.until_count("c", 1).await;
}

#[tokio::test]
async fn a_replay_sends_nothing_again_and_knows_the_ids() {
    let (host, clock) = written(3).await;
    let host = host.reopen_at(clock.clone()).await;
    host.raise("w", "go", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(ids(&host))));
    clock.set(clock.now().after(LONG));
    assert_eq!(host.count("c").await, 0);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn the_next_run_can_take_back_what_the_last_one_sent() {
    let host = Scratch::new().await;
    assert_eq!(host.run("pass_on", "w", ("c", ())).await, Ok(json!(2)));
    assert_eq!(host.count("c").await, 0);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_time_that_is_not_understood_is_an_error_and_leaves_no_trace() {
    let host = Scratch::new().await;
    let letters = json!({"actor": "c", "due": "soon", "by": [1]});
    let failure = host.run("write_letters", "w", letters).await.unwrap_err();
    assert_eq!(failure.code, "bad-input");
    assert!(failure.message.contains("soon"), "{failure}");
    assert_eq!(host.events("w").len(), 2);
    let undue = json!({"actor": "", "due": "1h", "by": [1]});
    let failure = host.run("write_letters", "v", undue).await.unwrap_err();
    assert_eq!(failure.code, "bad-input");
}

#[tokio::test]
async fn a_rerun_sends_what_is_behind_its_event_and_nothing_before_it() {
    let (host, clock) = written(1).await;
    host.raise("w", "go", ()).await.unwrap();
    host.wait("w").await.unwrap();
    let again = |from, id: &str| host_runtime::Rerun {
        from,
        id: Some(id.to_owned()),
        ..Default::default()
    };
    // Behind the event `go`, the first message is taken back: the one that is there no more.
    host.rerun(&workflow("w"), again(5, "back")).await.unwrap();
    assert_eq!(host.wait("back").await, Ok(json!(ids(&host))));
    host.rerun(&workflow("w"), again(0, "all")).await.unwrap();
    host.raise("all", "go", ()).await.unwrap();
    assert_ne!(host.wait("all").await, Ok(json!(ids(&host))));
    clock.set(clock.now().after(LONG));
    host.until_count("c", 22).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn an_activity_sends_each_message_once_however_often_it_is_tried() {
    let host = Scratch::new().await;
    assert_eq!(host.run("have_written", "w", "c").await, Ok(json!(1)));
    assert_eq!(host.count("c").await, 1);
    let rings = host.call(&keeper("c"), "Rings", ()).await;
    assert_eq!(rings, Ok(json!(1)));
    host.close_and_find_nothing_left().await;
}

//! Workflows that are asked: queries and updates, of instances that live, were evicted, have ended or broke.

use std::time::Duration;

use host_store::records::EventKind;

use super::*;
use crate::host::until;

async fn with_tally(start: i64) -> Scratch {
    let host = Scratch::new().await;
    host.start("tally", "w", start).await.unwrap();
    host
}

/// The same, on a host that lets go at once of what does nothing.
async fn with_forgetful_tally(start: i64) -> Scratch {
    let host = Scratch::with(|limits| limits.entity_idle_max = Duration::ZERO).await;
    host.start("tally", "w", start).await.unwrap();
    host
}

async fn total(host: &Host) -> Value {
    host.query("w", "total", ()).await.unwrap()
}

/// Updates in the history: those that were accepted, and those that were answered.
fn updates(host: &Host) -> (usize, usize) {
    let events = host.events("w");
    let count = |is: fn(&EventKind) -> bool| events.iter().filter(|(_, kind)| is(kind)).count();
    (
        count(|kind| matches!(kind, EventKind::UpdateAccepted(_))),
        count(|kind| matches!(kind, EventKind::UpdateCompleted(_))),
    )
}

#[tokio::test]
async fn a_query_is_answered_before_and_after_the_end_and_leaves_no_trace() {
    let host = with_tally(5).await;
    assert_eq!(total(&host).await, json!(5));
    let before = host.events("w");
    assert_eq!(total(&host).await, json!(5));
    assert_eq!(host.events("w"), before);
    host.raise("w", "close", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(5)));
    assert_eq!(total(&host).await, json!(5));
    let host = host.reopen().await;
    assert_eq!(total(&host).await, json!(5));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn many_queries_at_once_are_all_answered() {
    let host = with_tally(5).await;
    let ask = || host.query("w", "total", ());
    let answers: [_; 4] = tokio::join!(ask(), ask(), ask(), ask()).into();
    assert!(
        answers.iter().all(|answer| *answer == Ok(json!(5))),
        "{answers:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_what_can() {
    let host = with_tally(0).await;
    let (code, text) = failure(host.query("w", "size", ()).await);
    assert_eq!(code, "not-found");
    let expected =
        "this workflow has no query `size`; it has `misbehave`, `schedule`, `spoil`, `total`";
    assert_eq!(text, expected);
    let (code, text) = failure(host.update("w", "size", (), "u").await);
    assert_eq!(code, "not-found");
    assert_eq!(
        text,
        "this workflow has no update `size`; it has `add`, `add-double`, `settle`, `wait-for`"
    );
    let (code, text) = failure(host.query("nobody", "total", ()).await);
    assert_eq!(
        (&*code, &*text),
        ("not-found", "no workflow has the id nobody")
    );
    assert_eq!(
        failure(host.update("w", "add", "x", "u").await).0,
        "bad-input"
    );
    assert_eq!(updates(&host), (0, 0));
}

#[tokio::test]
async fn a_query_that_breaks_or_changes_something_harms_nobody() {
    let host = with_tally(5).await;
    let deeds = [
        ("panic", "trap"),
        ("memory", "memory-limit"),
        ("spin", "timeout"),
    ];
    for (deed, code) in deeds {
        assert_eq!(failure(host.query("w", "misbehave", deed).await).0, code);
        assert_eq!(total(&host).await, json!(5));
    }
    let (code, text) = failure(host.query("w", "schedule", ()).await);
    assert_eq!(code, "limit");
    assert!(
        text.contains("nothing can be scheduled while a query is answered"),
        "{text}"
    );
    assert_eq!(host.query("w", "spoil", ()).await, Ok(json!(5)));
    assert_eq!(host.update("w", "add", 1, "u").await, Ok(json!(6)));
    host.raise("w", "close", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(6)));
    assert_eq!(
        failure(host.query("w", "misbehave", "panic").await).0,
        "trap"
    );
    assert_eq!(total(&host).await, json!(6));
}

#[tokio::test]
async fn a_query_does_not_change_the_order_of_what_comes_later() {
    let host = Scratch::new().await;
    for (id, queries) in [("asked", 1), ("not-asked", 0)] {
        host.start("shuffled", id, ()).await.unwrap();
        for _ in 0..3 {
            for _ in 0..queries {
                host.query(id, "orders", ()).await.unwrap();
            }
            host.raise(id, "next", ()).await.unwrap();
        }
    }
    // Their seeds differ: each is compared with its own replay.
    let result = host.wait("asked").await.unwrap();
    let host = host.reopen().await;
    assert_eq!(host.query("asked", "orders", ()).await, Ok(result));
    host.wait("not-asked").await.unwrap();
}

#[tokio::test]
async fn an_instance_that_broke_is_asked_where_it_waited_last() {
    let host = Scratch::new().await;
    host.start("breaks", "w", ()).await.unwrap();
    assert_eq!(total(&host).await, json!(1));
    host.raise("w", "go", ()).await.unwrap();
    until("the event to be seen", async || {
        (total(&host).await == json!(2)).then_some(())
    })
    .await;
    host.raise("w", "break", ()).await.unwrap();
    assert_eq!(failure(host.wait("w").await).0, "trap");
    assert_eq!(total(&host).await, json!(2));
}

#[tokio::test]
async fn an_update_is_judged_applied_recorded_and_answered() {
    let host = with_tally(5).await;
    assert_eq!(host.update("w", "add", 2, "a").await, Ok(json!(7)));
    assert_eq!(host.update("w", "add-double", 4, "b").await, Ok(json!(15)));
    assert_eq!(updates(&host), (2, 2));
    assert_eq!(total(&host).await, json!(15));
    let (code, text) = failure(host.update("w", "add", -1, "c").await);
    assert_eq!((&*code, &*text), ("negative", "-1 is negative"));
    assert_eq!(updates(&host), (2, 2));
    assert_eq!(host.update("w", "add", 1, "c").await, Ok(json!(16)));
    host.raise("w", "close", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(16)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn an_update_is_applied_once_for_each_id() {
    let host = with_tally(0).await;
    let same = || host.update("w", "add-double", 4, "same");
    let answers: [_; 4] = tokio::join!(same(), same(), same(), same()).into();
    assert!(
        answers.iter().all(|answer| *answer == Ok(json!(8))),
        "{answers:?}"
    );
    let host = host.reopen().await;
    assert_eq!(
        host.update("w", "add-double", 4, "same").await,
        Ok(json!(8))
    );
    assert_eq!(total(&host).await, json!(8));
    host.raise("w", "close", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(8)));
    assert_eq!(
        host.update("w", "add-double", 4, "same").await,
        Ok(json!(8))
    );
    let (code, text) = failure(host.update("w", "add", 4, "other").await);
    assert_eq!(
        (&*code, &*text),
        ("already-ended", "workflow w is completed already")
    );
    assert_eq!(updates(&host), (1, 1));
}

#[tokio::test]
async fn an_update_that_waits_is_answered_though_the_instance_left_the_memory() {
    let host = with_forgetful_tally(0).await;
    let key = workflow("w");
    let waiting = host.update_workflow(&key, "wait-for", b"\"it\"".to_vec(), Some("u"));
    let asked = async {
        until("the update to be accepted", async || {
            (updates(&host) == (1, 0)).then_some(())
        })
        .await;
        host.until_all_left().await;
        host.raise("w", "it", 7).await.unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, asked);
    assert_eq!(answer, Ok(b"7".to_vec()));
    host.raise("w", "close", ()).await.unwrap();
    host.wait("w").await.unwrap();
}

#[tokio::test]
async fn an_update_that_is_not_applied_at_the_end_fails() {
    let host = with_tally(0).await;
    let waiting = host.update("w", "wait-for", "never", "u");
    let close = async {
        until("the update to be accepted", async || {
            (updates(&host) == (1, 0)).then_some(())
        })
        .await;
        host.raise("w", "close", ()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, close);
    let expected = "workflow w had ended before its update u was applied";
    assert_eq!(
        failure(answer),
        ("already-ended".to_owned(), expected.to_owned())
    );
    let repeat = host.update("w", "wait-for", "never", "u").await;
    assert_eq!(
        failure(repeat),
        ("already-ended".to_owned(), expected.to_owned())
    );
}

#[tokio::test]
async fn a_body_waits_for_what_updates_do_and_for_updates() {
    let host = Scratch::new().await;
    host.start("fill", "w", 10).await.unwrap();
    assert_eq!(host.update("w", "add", 4, "a").await, Ok(json!(4)));
    assert_eq!(host.update("w", "add", 6, "b").await, Ok(json!(10)));
    assert_eq!(host.wait("w").await, Ok(json!(10)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn an_instance_whose_code_differs_from_its_history_says_so_to_whoever_asks() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    host.deploy_fixture("sdk_probe_changed").await;
    host.move_workflow(&workflow("w"), true).await.unwrap();
    host.until_stalled("w").await;
    assert_eq!(failure(host.update("w", "add", 1, "b").await).0, "stalled");
    let (code, text) = failure(host.query("w", "total", ()).await);
    assert_eq!(code, "stalled");
    let expected =
        "event 1 of the history is wait for event go, and the code asked for activity double(1)";
    assert!(text.ends_with(expected), "{text}");
}

#[tokio::test]
async fn what_a_workflow_says_of_itself_is_seen_and_repeated_by_its_replay() {
    let host = Scratch::new().await;
    host.start("draws", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    let said = host.view("w").unwrap().custom_status.unwrap();
    let drawn: Value = serde_json::from_slice(&said).unwrap();
    let mut sorted = serde_json::from_slice::<Vec<u32>>(&said).unwrap();
    let extra = sorted.pop().unwrap();
    assert!((100..200).contains(&extra), "{extra}");
    assert_ne!(sorted, (0..10).collect::<Vec<_>>());
    sorted.sort_unstable();
    assert_eq!(sorted, (0..10).collect::<Vec<_>>());
    let host = host.reopen().await;
    host.raise("w", "go", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(drawn));
    assert_eq!(host.view("w").unwrap().custom_status, Some(said));
}

#[tokio::test]
async fn a_custom_status_is_bounded() {
    let host = Scratch::with(|limits| limits.custom_status_bytes_max = 100).await;
    host.run("boasts", "short", 98).await.unwrap();
    let (code, text) = failure(host.run("boasts", "long", 99).await);
    assert_eq!(code, "limit");
    assert!(text.contains("`custom_status_bytes_max` of 100"), "{text}");
    assert_eq!(host.view("long").unwrap().custom_status, None);
}

#[tokio::test]
async fn an_old_history_goes_the_old_way_where_it_was_and_the_new_one_behind() {
    let host = Scratch::new().await;
    host.start("improved", "old", ()).await.unwrap();
    host.until_events("old", 5).await;
    host.deploy_fixture("sdk_probe_changed").await;
    assert!(
        host.move_workflow(&workflow("old"), false)
            .await
            .unwrap()
            .moved
    );
    host.start("improved", "new", ()).await.unwrap();
    host.until_events("new", 6).await;
    let host = host.reopen().await;
    for (id, expected) in [
        ("old", "early false false, late true, recorded 1"),
        ("new", "early true true, late true, recorded 2"),
    ] {
        host.raise(id, "go", ()).await.unwrap();
        assert_eq!(host.wait(id).await, Ok(json!(expected)));
    }
    let marks = |id| {
        let events = host.events(id);
        let patched = |kind: &EventKind| matches!(kind, EventKind::Patched(_));
        events.iter().filter(|(_, kind)| patched(kind)).count()
    };
    assert_eq!((marks("old"), marks("new")), (1, 2));
}

#[tokio::test]
async fn a_workflow_without_queries_that_has_ended_says_that_it_answers_none() {
    let host = Scratch::new().await;
    host.run("sequence", "w", 1).await.unwrap();
    let (code, message) = failure(host.query("w", "total", ()).await);
    assert_eq!(code, "refused");
    assert_eq!(message, "workflow w answers no queries");
}

#[tokio::test]
async fn an_update_that_waits_until_all_are_applied_waits_for_itself_until_the_workflow_ends() {
    let host = with_tally(1).await;
    let settling = host.update("w", "settle", (), "s");
    let others = async {
        let accepted = async || (updates(&host).0 == 1).then_some(());
        until("the update to be accepted", accepted).await;
        assert_eq!(host.update("w", "add", 2, "a").await, Ok(json!(3)));
        host.raise("w", "close", ()).await.unwrap();
    };
    let (settled, ()) = tokio::join!(settling, others);
    assert_eq!(failure(settled).0, "already-ended");
    assert_eq!(host.wait("w").await, Ok(json!(3)));
}

//! Reminders: each time once, not early, whatever happens to the host meanwhile.

use host_base::time::ManualClock;
use host_base::{Clock, SystemClock, Timestamp};
use host_engine::{Alarm, CatchUp, Moment, NewReminder};

use super::*;

fn ring(name: &str, due: &str) -> Value {
    json!({"name": name, "due": due, "by": 1})
}

fn every(name: &str, due: &str, every: &str) -> Value {
    json!({"name": name, "due": due, "every": every, "by": 1})
}

async fn rings(host: &Host, id: &str) -> i64 {
    let rings = host.call(&keeper(id), "Rings", ()).await;
    rings.unwrap().as_i64().unwrap()
}

async fn until_rings(host: &Host, id: &str, least: i64) {
    let what = format!("keeper {id} rung {least} times");
    let look = async || (rings(host, id).await >= least).then_some(());
    host::until(&what, look).await;
}

fn names(host: &Host, id: &str) -> Vec<String> {
    let reminders = host.reminders(&keeper(id), None, 100).unwrap();
    reminders.into_iter().map(|one| one.name).collect()
}

#[tokio::test]
async fn a_reminder_fires_once_and_not_early_and_leaves_nothing() {
    let host = Scratch::new().await;
    let set = SystemClock.now();
    host.call(&keeper("k"), "Remind", ring("r", "300ms"))
        .await
        .unwrap();
    assert_eq!(names(&host, "k"), ["r"]);
    until_rings(&host, "k", 1).await;
    assert!(SystemClock.now().since(set).as_millis() >= 300);
    assert_eq!(names(&host, "k"), [""; 0]);
    assert_eq!(rings(&host, "k").await, 1);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_repeating_one_fires_as_often_as_it_was_told_and_is_listed_until_then() {
    let host = Scratch::new().await;
    host.call(&keeper("k"), "Remind", every("b", "1h", "R5/PT1H"))
        .await
        .unwrap();
    host.call(&keeper("k"), "Remind", every("a", "0s", "R3/20ms"))
        .await
        .unwrap();
    until_rings(&host, "k", 3).await;
    let left = host.reminders(&keeper("k"), None, 9).unwrap();
    let [left] = &left[..] else {
        panic!("{left:?}")
    };
    assert_eq!(
        (&*left.name, &*left.method, left.left),
        ("b", "Ring", Some(5))
    );
    assert_eq!(left.period.as_deref(), Some("PT3600S"));
    let cancelled = host.cancel_reminder(&keeper("k"), "b").await;
    assert_eq!(cancelled, Ok(true));
    assert_eq!(host.cancel_reminder(&keeper("k"), "b").await, Ok(false));
    assert_eq!(rings(&host, "k").await, 3);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn one_of_the_same_name_replaces_it_unless_it_is_told_not_to() {
    let host = Scratch::new().await;
    let k = keeper("k");
    host.call(&k, "Remind", ring("r", "1h")).await.unwrap();
    let mut keep = ring("r", "10ms");
    keep["keep_existing"] = json!(true);
    let (code, message) = failure(host.call(&k, "Remind", keep).await);
    assert_eq!(
        (&*code, &*message),
        ("already-exists", "Keeper/k has a reminder `r` already")
    );
    let mut sooner = ring("r", "10ms");
    sooner["by"] = json!(7);
    host.call(&k, "Remind", sooner).await.unwrap();
    until_rings(&host, "k", 7).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_turn_that_fails_sets_none_and_a_time_that_is_none_is_refused() {
    let host = Scratch::new().await;
    let k = keeper("k");
    let (code, _) = failure(host.call(&k, "RemindInVain", ring("r", "1ms")).await);
    assert_eq!(code, "no");
    for (due, period) in [
        ("soon", None),
        ("1s", Some("R0/PT1S")),
        ("1s", Some("PT0S")),
    ] {
        let mut wrong = ring("r", due);
        wrong["every"] = json!(period);
        let (code, message) = failure(host.call(&k, "Remind", wrong).await);
        assert_eq!(code, "bad-input", "{message}");
    }
    assert_eq!(names(&host, "k"), [""; 0]);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn it_is_cancelled_from_inside_and_from_another_turn() {
    let host = Scratch::new().await;
    let k = keeper("k");
    host.call(&k, "RemindTwice", every("r", "0s", "10ms"))
        .await
        .unwrap();
    let gone = async || names(&host, "k").is_empty().then_some(());
    host::until("the reminder to be cancelled", gone).await;
    assert_eq!(rings(&host, "k").await, 2);
    host.call(&k, "Remind", ring("later", "1h")).await.unwrap();
    let there = host.call(&k, "Reminders", "later").await;
    assert_eq!(there, Ok(json!([["later"], 1])));
    assert_eq!(host.call(&k, "Cancel", "later").await, Ok(json!(true)));
    assert_eq!(host.call(&k, "Cancel", "later").await, Ok(json!(false)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_method_that_fails_is_run_again_as_often_as_allowed() {
    let host = Scratch::new().await;
    let mut ring = every("r", "0s", "R2/PT0.2S");
    ring["retries"] = json!(2);
    host.call(&keeper("k"), "RemindOfFailure", ring)
        .await
        .unwrap();
    let gone = async || names(&host, "k").is_empty().then_some(());
    host::until("the reminder to be over", gone).await;
    let failed = host.all_told(|happening| match happening {
        Happening::MessageFailed { method, .. } => Some(method.clone()),
        _ => None,
    });
    assert_eq!(failed, ["RingInVain"; 6]);
    // The same call of the same firing counts once, however often the method is run.
    assert_eq!((rings(&host, "k").await, host.count("k").await), (0, 2));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn it_outlives_the_actors_stay_in_memory() {
    let short = std::time::Duration::from_millis(50);
    let host = Scratch::with(|limits| limits.entity_idle_max = short).await;
    host.call(&keeper("k"), "Remind", ring("r", "2500ms"))
        .await
        .unwrap();
    host.until_all_left().await;
    assert_eq!(names(&host, "k"), ["r"]);
    let gone = async || names(&host, "k").is_empty().then_some(());
    host::until("the reminder to fire", gone).await;
    assert_eq!(rings(&host, "k").await, 1);
}

#[tokio::test]
async fn each_time_counts_once_over_many_restarts() {
    let mut host = Scratch::new().await;
    for id in ["a", "b", "c"] {
        let ring = every(id, "0s", "R30/10ms");
        let ring = json!({"catch_up": "all", "name": id, "by": 1, "due": ring["due"], "every": ring["every"]});
        host.call(&keeper(id), "RemindToAdd", ring).await.unwrap();
    }
    let mut restarts = 0;
    while rings(&host, "a").await < 30 {
        host = host.reopen().await;
        restarts += 1;
    }
    for id in ["a", "b", "c"] {
        until_rings(&host, id, 30).await;
        host.until_count(id, 60).await;
    }
    assert!(restarts > 0);
    for id in ["a", "b", "c"] {
        assert_eq!((rings(&host, id).await, host.count(id).await), (30, 60));
    }
    host.close_and_find_nothing_left().await;
}

/// How often it rings where the host was away for decades.
async fn caught_up(catch_up: &str) -> (i64, Vec<String>) {
    let host = Scratch::at(ManualClock::at(Timestamp(100_000))).await;
    let mut ring = every("r", "10s", "PT1H");
    ring["catch_up"] = json!(catch_up);
    host.call(&keeper("k"), "Remind", ring).await.unwrap();
    let host = host.reopen().await;
    let moved_on = async || {
        let due = host.reminders(&keeper("k"), None, 1).unwrap()[0].due;
        (due > SystemClock.now()).then_some(())
    };
    host::until("the reminder to catch up", moved_on).await;
    (rings(&host, "k").await, names(&host, "k"))
}

#[tokio::test]
async fn what_was_due_while_the_host_was_away_is_caught_up_with_by_rule() {
    for (rule, expected) in [("once", 1), ("skip", 0), ("all", 100)] {
        assert_eq!(
            caught_up(rule).await,
            (expected, vec!["r".to_owned()]),
            "{rule}"
        );
    }
}

#[tokio::test]
async fn it_is_not_due_behind_its_end() {
    let host = Scratch::new().await;
    let mut ring = every("r", "0s", "50ms");
    ring["ttl"] = json!("120ms");
    host.call(&keeper("k"), "Remind", ring).await.unwrap();
    let gone = async || names(&host, "k").is_empty().then_some(());
    host::until("the reminder to end", gone).await;
    let rung = rings(&host, "k").await;
    assert!((1..=3).contains(&rung), "{rung}");
    host.close_and_find_nothing_left().await;
}

fn new_reminder(method: &str, due: &str) -> NewReminder {
    NewReminder {
        alarm: Alarm {
            name: "r".to_owned(),
            method: method.to_owned(),
            input: host::payload(5),
            due: Moment::Text(due.to_owned()),
            period: None,
            ttl: None,
        },
        catch_up: CatchUp::Once,
        retry: None,
        overwrite: false,
    }
}

#[tokio::test]
async fn one_that_is_set_from_outside_is_like_any_other() {
    let host = Scratch::new().await;
    let k = keeper("k");
    host.set_reminder(&k, new_reminder("Ring", "1h"))
        .await
        .unwrap();
    let again = host.set_reminder(&k, new_reminder("Ring", "1h")).await;
    assert_eq!(again.unwrap_err().code, "already-exists");
    assert_eq!(host.cancel_reminder(&k, "r").await, Ok(true));
    for (method, due, code) in [("Ring", "soon", "bad-input"), ("Hum", "1h", "not-found")] {
        let refused = host.set_reminder(&k, new_reminder(method, due)).await;
        assert_eq!(refused.unwrap_err().code, code);
    }
    host.set_reminder(&k, new_reminder("Ring", "0s"))
        .await
        .unwrap();
    until_rings(&host, "k", 5).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn hundreds_that_are_due_together_all_fire() {
    let host = Scratch::new().await;
    for number in 0..500 {
        let id = number.to_string();
        host.call(&keeper(&id), "Remind", ring("r", "500ms"))
            .await
            .unwrap();
    }
    for number in 0..500 {
        until_rings(&host, &number.to_string(), 1).await;
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_method_that_only_reads_does_not_bring_its_actor_in() {
    let (host, k) = (Scratch::new().await, keeper("k"));
    let mut reminder = new_reminder("Rings", "0s");
    reminder.alarm.input = host::payload(());
    host.set_reminder(&k, reminder).await.unwrap();
    let fired = async || {
        let left = host.reminders(&k, None, 1).unwrap();
        left.is_empty().then_some(())
    };
    host::until("the reminder to fire", fired).await;
    let life = host.call(&k, "Life", ()).await;
    assert_eq!(life, Ok(json!([0, 1, 0])));
}

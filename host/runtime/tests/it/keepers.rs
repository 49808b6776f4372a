//! What else an actor has: values that expire and lists of them, timers, delayed messages, methods that only
//! read, and a beginning and an end.

use std::time::Duration;

use host_base::Timestamp;
use host_base::time::ManualClock;
use host_runtime::{Alarm, Moment, StateChange};

use super::*;

const ALL: usize = 1_000_000;

fn kept(key: &str, ms: u64) -> Value {
    json!({"key": key, "value": "v", "ms": ms})
}

fn page(prefix: &str, after: Option<&str>, limit: u32) -> Value {
    json!({"prefix": prefix, "after": after, "limit": limit})
}

async fn call(host: &Host, id: &str, method: &str, input: Value) -> Value {
    host.call(&keeper(id), method, input).await.unwrap()
}

#[tokio::test]
async fn a_value_that_expires_is_hidden_at_once_and_deleted_later() {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    call(&host, "k", "Keep", kept("short", 1_000)).await;
    call(&host, "k", "Keep", kept("again", 1_000)).await;
    call(&host, "k", "Keep", kept("again", 500_000)).await;
    clock.set(Timestamp(100_999));
    assert_eq!(call(&host, "k", "Look", json!("short")).await, json!("v"));
    clock.set(Timestamp(101_000));
    assert_eq!(call(&host, "k", "Look", json!("short")).await, Value::Null);
    let listed = call(&host, "k", "Page", page("", None, 9)).await;
    assert_eq!(listed, json!([["again"], null]));
    // What is due later fires later: by then the value is gone from the store, too.
    host.start("nap", "w", 100_000).await.unwrap();
    host.until_events("w", 2).await;
    clock.set(Timestamp(210_000));
    host.wait("w").await.unwrap();
    assert_eq!(call(&host, "k", "Look", json!("again")).await, json!("v"));
    let (store, _dir) = host.close().await;
    let state = store
        .reader
        .state_keys(&keeper("k"), "", None, ALL)
        .unwrap();
    let keys: Vec<_> = state.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["$state", "again"]);
}

#[tokio::test]
async fn a_list_has_this_turns_writes_and_those_of_turns_that_are_not_durable() {
    let host = Scratch::new().await;
    call(&host, "k", "Fill", json!(2_500)).await;
    let first = call(&host, "k", "Page", page("n/", None, 2)).await;
    assert_eq!(first, json!([["n/00001", "n/00002"], "n/00002"]));
    // Two more that this turn writes, and one less.
    assert_eq!(
        call(&host, "k", "CountKeys", json!("n/")).await,
        json!(2_251)
    );
    assert_eq!(
        call(&host, "k", "CountKeys", json!("n/")).await,
        json!(2_250 + 1)
    );
    let host = host.reopen().await;
    assert_eq!(
        call(&host, "k", "CountKeys", json!("n/")).await,
        json!(2_251)
    );
    let last = call(&host, "k", "Page", page("n/0249", Some("n/02497"), 9)).await;
    assert_eq!(last, json!([["n/02498", "n/02499"], null]));
}

#[tokio::test]
async fn state_that_is_bigger_than_the_memory_for_it_is_read_by_key_and_by_page() {
    let host = Scratch::new().await;
    let text = "a".repeat(200_000);
    let c = counter("c");
    for number in 0..20 {
        let entry = json!({"key": format!("k/{number:02}"), "value": text});
        host.call(&c, "Put", entry).await.unwrap();
    }
    for number in [0, 7, 19] {
        let value = host.call(&c, "Read", format!("k/{number:02}")).await;
        assert_eq!(value, Ok(json!(text)));
    }
    let mut after = None;
    let mut pages = 0;
    loop {
        let page = host.call(
            &c,
            "ListKeys",
            json!({"prefix": "k/", "after": after, "limit": 1_000}),
        );
        let page = page.await.unwrap();
        // A page has no more bytes than a payload may have.
        assert!(page[0].as_array().unwrap().len() <= 5);
        pages += 1;
        after = page[1].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 4);
}

fn timer(due: &str, every: Option<&str>) -> Value {
    json!({"name": "t", "due": due, "every": every, "by": 1})
}

#[tokio::test]
async fn a_timer_fires_as_a_turn_until_it_is_cancelled() {
    let host = Scratch::new().await;
    call(&host, "k", "SetTimer", timer("0s", Some("5ms"))).await;
    let rung = async || (call(&host, "k", "Rings", Value::Null).await.as_i64()? >= 3).then_some(());
    host::until("three rings", rung).await;
    assert_eq!(
        call(&host, "k", "CancelTimer", json!("t")).await,
        json!(true)
    );
    let rings = call(&host, "k", "Rings", Value::Null).await;
    assert_eq!(
        call(&host, "k", "CancelTimer", json!("t")).await,
        json!(false)
    );
    assert_eq!(call(&host, "k", "Rings", Value::Null).await, rings);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_timer_is_gone_when_its_actor_leaves_which_is_told_before() {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    call(&host, "k", "SetTimer", timer("10s", None)).await;
    call(&host, "k", "Leave", Value::Null).await;
    host.until_all_left().await;
    clock.set(Timestamp(120_000));
    // It came for the first call and for this one, and went once.
    assert_eq!(
        call(&host, "k", "Life", Value::Null).await,
        json!([0, 2, 1])
    );
    assert!(host.deactivate_actor(&keeper("k")) && !host.deactivate_actor(&keeper("other")));
    host.until_all_left().await;
    assert_eq!(
        call(&host, "k", "Life", Value::Null).await,
        json!([0, 3, 2])
    );
    let gone = host.all_told(|happening| match happening {
        Happening::Said { line, .. } if line == "gone" => Some(()),
        _ => None,
    });
    assert_eq!(gone.len(), 2);
}

fn addition(due: &str) -> Value {
    json!({"counter": "c", "by": 3, "due": due})
}

#[tokio::test]
async fn a_delayed_message_is_delivered_once_and_not_where_it_was_taken_back() {
    let host = Scratch::new().await;
    let later = call(&host, "k", "SendLater", addition("1h")).await;
    let never = call(&host, "k", "SendLater", addition("2999-01-01T00:00:00Z")).await;
    call(&host, "k", "SendLater", addition("50ms")).await;
    host.until_count("c", 3).await;
    assert_eq!(host.count("c").await, 3);
    let host = host.reopen().await;
    for message in [&later, &never, &never] {
        call(&host, "k", "TakeBack", message.clone()).await;
    }
    let (code, _) = failure(host.call(&keeper("k"), "TakeBack", "no id").await);
    assert_eq!(code, "bad-input");
    let (code, _) = failure(host.call(&keeper("k"), "SendLater", addition("soon")).await);
    assert_eq!(code, "bad-input");
    // Behind what was taken back.
    host.call(&keeper("k"), "SendLater", addition("0s"))
        .await
        .unwrap();
    host.until_count("c", 6).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_delayed_message_outlives_its_host() {
    let host = Scratch::new().await;
    call(&host, "k", "SendLater", addition("300ms")).await;
    let host = host.reopen().await;
    host.until_count("c", 3).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_method_that_only_reads_runs_beside_a_turn_and_sees_what_is_committed() {
    // It asks its gate again and again, on a machine with much else to do.
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(30)).await;
    call(&host, "k", "Ring", json!(1)).await;
    let keeper = keeper("k");
    let ringing = host.call(&keeper, "RingAtGate", json!({"gate": "gate"}));
    let reading = async {
        host.until_count("gate-asked", 1).await;
        for _ in 0..20 {
            assert_eq!(call(&host, "k", "Rings", Value::Null).await, json!(1));
        }
        host.call(&counter("gate"), "Add", 1).await.unwrap();
    };
    let (rung, ()) = tokio::join!(ringing, reading);
    assert_eq!(rung, Ok(json!(2)));
    assert_eq!(call(&host, "k", "Rings", Value::Null).await, json!(2));
}

#[tokio::test]
async fn a_method_that_only_reads_may_change_and_send_nothing() {
    let host = Scratch::new().await;
    for deed in ["write", "send", "remind", "delete", "call"] {
        let (code, message) = failure(host.call(&keeper("k"), "Meddle", deed).await);
        assert_eq!(code, "refused", "{message}");
        assert!(message.contains("read_only"), "{message}");
    }
    assert_eq!(call(&host, "k", "Look", json!("k")).await, Value::Null);
    assert_eq!(host.count("meddled").await, 0);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_call_that_is_not_waited_for_any_more_holds_up_nobody() {
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(30)).await;
    let wanted = json!({"gate": "gate", "keeper": "slow", "ms": 100});
    let (code, message) = failure(host.call(&keeper("k"), "HaveRung", wanted).await);
    assert_eq!(code, "timeout", "{message}");
    assert!(
        message.starts_with("Keeper/slow.RingAtGate did not answer within"),
        "{message}"
    );
    // The caller goes on, and the callee's turn is its own.
    assert_eq!(call(&host, "k", "Ring", json!(1)).await, json!(1));
    let slow = keeper("slow");
    let next = host.call(&slow, "Ring", 1);
    let gate = counter("gate");
    let open = host.call(&gate, "Add", 1);
    let (next, _) = tokio::join!(next, open);
    assert_eq!(next, Ok(json!(2)));
}

/// The keys of an actor's state, and how many reminders it has.
fn everything(store: &host_store::Store, id: &str) -> (Vec<String>, usize) {
    let state = store.reader.state_keys(&keeper(id), "", None, ALL).unwrap();
    let reminders = store.reader.reminders(&keeper(id), None, ALL).unwrap();
    let keys = state.into_iter().map(|(key, _)| key);
    (keys.collect(), reminders.len())
}

#[tokio::test]
async fn a_deleted_actor_leaves_nothing_but_what_is_written_afterwards() {
    let host = Scratch::new().await;
    for id in ["inside", "outside", "outside-2"] {
        call(&host, id, "Ring", json!(1)).await;
        call(&host, id, "Fill", json!(50)).await;
        call(
            &host,
            id,
            "Remind",
            json!({"name": "r", "due": "1h", "by": 1}),
        )
        .await;
    }
    // Before it lies in the store, and after it was read back.
    assert_eq!(
        call(&host, "inside", "Close", Value::Null).await,
        Value::Null
    );
    assert_eq!(
        call(&host, "inside", "Life", Value::Null).await,
        json!([0, 1, 0])
    );
    let listed = call(&host, "inside", "Page", page("", None, 9)).await;
    assert_eq!(listed, json!([["closed"], null]));
    host.delete_actor(&keeper("outside")).await.unwrap();
    let host = host.reopen().await;
    host.delete_actor(&keeper("outside-2")).await.unwrap();
    let listed = call(&host, "outside-2", "Page", page("n/", None, 9)).await;
    assert_eq!(listed, json!([[], null]));
    let (store, _dir) = host.close().await;
    // They came again: one to be asked, the other for the list.
    let keys = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    assert_eq!(
        everything(&store, "inside"),
        (keys(&["$state", "closed"]), 0)
    );
    assert_eq!(everything(&store, "outside"), (keys(&[]), 0));
    assert_eq!(everything(&store, "outside-2"), (keys(&["$state"]), 0));
}

#[tokio::test]
async fn an_actor_that_was_deleted_is_activated_anew_by_its_next_call() {
    let host = Scratch::new().await;
    call(&host, "k", "Ring", json!(1)).await;
    host.delete_actor(&keeper("k")).await.unwrap();
    assert_eq!(
        call(&host, "k", "Life", Value::Null).await,
        json!([0, 1, 0])
    );
}

#[tokio::test]
async fn an_idle_actor_is_told_before_it_leaves() {
    let host = Scratch::with(|limits| limits.entity_idle_max = Duration::from_millis(50)).await;
    call(&host, "k", "Ring", json!(1)).await;
    host.until_all_left().await;
    assert_eq!(
        call(&host, "k", "Life", Value::Null).await,
        json!([1, 2, 1])
    );
}

#[tokio::test]
async fn the_turn_of_a_caller_that_is_gone_ends_before_the_next_and_one_that_has_not_begun_never_does()
 {
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(30)).await;
    let (k, gate) = (keeper("k"), json!({"gate": "gate"}));
    {
        let ringing = host.call(&k, "RingAtGate", gate);
        tokio::select! {
            rung = ringing => panic!("the gate is shut: {rung:?}"),
            () = host.until_count("gate-asked", 1) => {}
        }
    }
    {
        let waiting = host.call(&k, "Ring", 100);
        tokio::select! {
            biased;
            rung = waiting => panic!("another turn goes on: {rung:?}"),
            () = std::future::ready(()) => {}
        }
    }
    let (open, next) = (counter("gate"), host.call(&k, "Ring", 1));
    let open = host.call(&open, "Add", 1);
    let (next, _) = tokio::join!(next, open);
    assert_eq!(next, Ok(json!(2)));
}

#[tokio::test]
async fn an_actor_that_is_away_is_read_where_it_lies() {
    let host = Scratch::new().await;
    call(&host, "k", "Ring", json!(1)).await;
    assert!(host.deactivate_actor(&keeper("k")));
    host.until_all_left().await;
    // It reads the state, and the reminders twice.
    let reminders = call(&host, "k", "Reminders", json!("r")).await;
    assert_eq!(reminders, json!([[], 0]));
    assert_eq!(host.entities_live(), 0);
}

#[tokio::test]
async fn an_actor_may_be_idle_for_as_long_as_its_type_says() {
    let host = Scratch::new().await;
    let mayfly = ActorKey::new(tenant(), "Mayfly", "m").unwrap();
    assert_eq!(host.call(&mayfly, "Came", ()).await, Ok(json!(1)));
    host.call(&counter("c"), "Add", 1).await.unwrap();
    let one_is_left = async || (host.entities_live() == 1).then_some(());
    crate::host::until("the mayfly to leave", one_is_left).await;
    assert_eq!(host.call(&mayfly, "Came", ()).await, Ok(json!(2)));
}

fn write(key: &str, value: impl Into<Option<&'static str>>) -> StateChange {
    StateChange {
        key: key.to_owned(),
        value: value.into().map(Into::into),
        ttl: None,
    }
}

#[tokio::test]
async fn what_is_written_from_outside_is_written_between_two_turns() {
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(30)).await;
    let (k, gate) = (keeper("k"), json!({"gate": "gate"}));
    let mut ringing = Box::pin(host.call(&k, "RingAtGate", gate));
    tokio::select! {
        rung = &mut ringing => panic!("the gate is shut: {rung:?}"),
        () = host.until_count("gate-asked", 1) => {}
    }
    let mut writing = Box::pin(host.write_state(&k, vec![write("k", "1")]));
    tokio::select! {
        biased;
        written = &mut writing => panic!("a turn goes on: {written:?}"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(host.state(&k, "k").unwrap(), None);
    host.call(&counter("gate"), "Add", 1).await.unwrap();
    assert_eq!(ringing.await, Ok(json!(1)));
    writing.await.unwrap();
    assert_eq!(host.state(&k, "k").unwrap(), Some(b"1".to_vec().into()));
    assert_eq!(call(&host, "k", "Look", json!("k")).await, json!(1));
    assert_eq!(call(&host, "k", "Rings", Value::Null).await, json!(1));
}

#[tokio::test]
async fn all_that_is_written_from_outside_is_there_or_nothing() {
    let host = Scratch::new().await;
    let k = keeper("k");
    host.write_state(&k, vec![write("a", "1"), write("b", "2")])
        .await
        .unwrap();
    let long = "k".repeat(2_000);
    let refused = host
        .write_state(&k, vec![write("a", None), write(&long, "1")])
        .await
        .unwrap_err();
    assert_eq!(refused.code, "limit");
    let host = host.reopen().await;
    assert_eq!(call(&host, "k", "Look", json!("a")).await, json!(1));
    host.write_state(&k, vec![write("a", None)]).await.unwrap();
    assert_eq!(call(&host, "k", "Look", json!("a")).await, Value::Null);
    assert_eq!(call(&host, "k", "Look", json!("b")).await, json!(2));
    let nobody = ActorKey::new(tenant(), "Nobody", "a").unwrap();
    let refused = host.write_state(&nobody, vec![write("a", "1")]).await;
    assert_eq!(refused.unwrap_err().code, "not-found");
}

fn alarm(method: &str, due: &str) -> Alarm {
    Alarm {
        name: "t".to_owned(),
        method: method.to_owned(),
        input: b"1".to_vec(),
        due: Moment::Text(due.to_owned()),
        period: None,
        ttl: None,
    }
}

#[tokio::test]
async fn a_timer_that_is_set_from_outside_fires_unless_it_is_cancelled() {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    let k = keeper("k");
    host.set_timer(&k, alarm("Ring", "10s")).await.unwrap();
    assert_eq!(host.cancel_timer(&k, "t").await, Ok(true));
    assert_eq!(host.cancel_timer(&k, "t").await, Ok(false));
    clock.set(Timestamp(120_000));
    assert_eq!(
        call(&host, "k", "Life", Value::Null).await,
        json!([0, 1, 0])
    );
    host.set_timer(&k, alarm("Ring", "0s")).await.unwrap();
    assert_eq!(
        call(&host, "k", "Life", Value::Null).await,
        json!([1, 1, 0])
    );
    let unknown = host.set_timer(&k, alarm("Nothing", "0s")).await;
    assert_eq!(unknown.unwrap_err().code, "not-found");
    let never = host.set_timer(&k, alarm("Ring", "soon")).await;
    assert_eq!(never.unwrap_err().code, "bad-input");
}

//! Timers: none early, none lost, in the order in which they are due.

use std::time::Duration;

use host_base::time::ManualClock;
use host_base::{Clock, SystemClock, Timestamp};
use host_store::records::EventKind;

use super::*;

fn ended(happening: &Happening) -> Option<String> {
    match happening {
        Happening::Ended { workflow, .. } => Some(workflow.id.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn thousands_of_timers_that_are_due_together_all_fire() {
    let host = Scratch::new().await;
    let ids: Vec<_> = (0..2_000).map(|one| format!("w-{one}")).collect();
    let due = SystemClock.now().after(Duration::from_secs(2));
    for (one, id) in (0..).zip(&ids) {
        let ms = due.since(SystemClock.now()).as_millis() as u64 + one % 100;
        host.start("nap", id, ms).await.unwrap();
    }
    for id in &ids {
        assert_eq!(host.wait(id).await, Ok(json!("rested")));
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn other_work_goes_on_while_very_many_timers_fire() {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    let ids: Vec<_> = (0..2_000).map(|one| format!("w-{one}")).collect();
    for id in &ids {
        host.start("nap", id, 3_600_000).await.unwrap();
    }
    for id in &ids {
        host.until_events(id, 2).await;
    }
    clock.set(clock.now().after(Duration::from_secs(3_600)));
    host.told("the first end", ended).await;
    assert_eq!(host.count("c").await, 0);
    assert!(host.unfinished().unwrap().all() > 0);
    for id in &ids {
        assert_eq!(host.wait(id).await, Ok(json!("rested")));
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn very_many_messages_of_one_second_all_come_in_order_and_other_work_goes_on() {
    const EACH: u64 = 5_000;
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    let keepers: Vec<_> = (0..20).map(|one| keeper(&format!("k-{one}"))).collect();
    for one in &keepers {
        let peal = json!({"count": EACH, "from_ms": 3_600_000});
        host.call(one, "PealLater", peal).await.unwrap();
    }
    clock.set(Timestamp(3_601_000));
    let rings = async |of| host.call(of, "Rings", ()).await.unwrap().as_u64().unwrap();
    let begun = async || (rings(&keepers[0]).await > 0).then_some(());
    host::until("the first ring", begun).await;
    assert_eq!(host.count("c").await, 0);
    assert!(rings(&keepers[19]).await < EACH);
    for one in &keepers {
        let all = async || {
            assert_eq!(host.all_told(failed_message), [""; 0]);
            (rings(one).await == EACH).then_some(())
        };
        host::until("all rings", all).await;
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn timers_of_an_actor_whose_turn_takes_long_do_not_hold_up_others() {
    let clock = ManualClock::at(Timestamp(100_000));
    // The turn waits at its gate without rest.
    let tireless = |limits: &mut Limits| limits.turn_cpu_max = Duration::from_secs(60);
    let host = Scratch::at_with(clock.clone(), tireless).await;
    let busy = keeper("busy");
    let peal = json!({"count": 500, "from_ms": 3_600_000});
    host.call(&busy, "PealLater", peal).await.unwrap();
    host.start("nap", "w", 3_600_000).await.unwrap();
    host.until_events("w", 2).await;
    let ringing = host.call(&busy, "RingAtGate", json!({"gate": "gate"}));
    let others = async {
        host.until_count("gate-asked", 1).await;
        clock.set(Timestamp(3_800_000));
        assert_eq!(host.wait("w").await, Ok(json!("rested")));
        host.call(&counter("gate"), "Add", 1).await.unwrap();
    };
    let (rung, ()) = tokio::join!(ringing, others);
    assert_eq!(rung, Ok(json!(1)));
    let all = async || (host.call(&busy, "Rings", ()).await == Ok(json!(501))).then_some(());
    host::until("all rings", all).await;
    host.close_and_find_nothing_left().await;
}

fn failed_message(happening: &Happening) -> Option<String> {
    match happening {
        Happening::MessageFailed { failure, .. } => Some(failure.to_string()),
        _ => None,
    }
}

#[tokio::test]
async fn timers_fire_in_the_order_in_which_they_are_due() {
    let host = Scratch::new().await;
    let mut due = Vec::new();
    for ms in [900, 300, 700, 500] {
        let id = ms.to_string();
        host.start("nap", &id, ms).await.unwrap();
        host.until_events(&id, 2).await;
        due.push((due_of(&host, &id), id));
    }
    for (_, id) in &due {
        host.wait(id).await.unwrap();
    }
    due.sort();
    let ids: Vec<_> = due.into_iter().map(|(_, id)| id).collect();
    assert_eq!(host.all_told(ended), ids);
}

/// When the timer of a nap is due.
fn due_of(host: &Host, id: &str) -> u64 {
    let mut events = host.events(id).into_iter();
    let due = events.find_map(|(_, event)| match event {
        EventKind::TimerScheduled(timer) => Some(timer.due_ms),
        _ => None,
    });
    due.unwrap()
}

#[tokio::test]
async fn a_clock_that_is_turned_back_makes_no_timer_early_and_loses_none() {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    host.start("nap", "before", 50).await.unwrap();
    host.until_events("before", 2).await;
    clock.set(Timestamp(100_050));
    host.wait("before").await.unwrap();
    clock.set(Timestamp(10_000));
    for (id, ms) in [("long", 50), ("short", 20)] {
        host.start("nap", id, ms).await.unwrap();
        host.until_events(id, 2).await;
    }
    for (now, id) in [(10_020, "short"), (10_050, "long")] {
        clock.set(Timestamp(now));
        host.wait(id).await.unwrap();
        let (ended, _) = host.events(id).pop().unwrap();
        assert_eq!(ended, now, "{id}");
    }
}

#[tokio::test]
async fn a_clock_that_is_turned_forward_makes_no_timer_late() {
    let clock = ManualClock::at(Timestamp(100_000));
    let host = Scratch::at(clock.clone()).await;
    host.start("nap", "w", 3_600_000).await.unwrap();
    host.until_events("w", 2).await;
    clock.set(Timestamp(100_000 + 3_600_000));
    assert_eq!(host.wait("w").await, Ok(json!("rested")));
}

#[tokio::test]
async fn a_timer_that_is_due_before_all_others_is_not_forgotten() {
    let host = Scratch::new().await;
    host.start("nap", "long", 100_000).await.unwrap();
    host.until_events("long", 2).await;
    for one in 0..20 {
        let id = format!("w-{one}");
        assert_eq!(host.run("nap", &id, one % 3).await, Ok(json!("rested")));
    }
}

#[tokio::test]
async fn timers_that_were_due_while_the_host_was_away_fire_at_once() {
    let host = Scratch::new().await;
    for one in 0..20 {
        let id = format!("w-{one}");
        host.start("nap", &id, 2_000).await.unwrap();
        host.until_events(&id, 2).await;
    }
    let (store, dir) = host.close().await;
    let forever = Timestamp(u64::MAX);
    let armed = store.reader.timers(None, forever, 100).unwrap().len();
    assert!(armed > 0);
    let all_due = async || {
        let due = store.reader.timers(None, SystemClock.now(), 100).unwrap();
        (due.len() == armed).then_some(())
    };
    host::until("all timers to be due", all_due).await;
    drop(store);
    let host = Scratch::resumed(dir, Limits::default()).await;
    for one in 0..20 {
        assert_eq!(host.wait(&format!("w-{one}")).await, Ok(json!("rested")));
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_sleeping_workflow_leaves_the_memory_and_wakes() {
    let host = Scratch::with(|limits| limits.entity_idle_max = Duration::from_millis(50)).await;
    host.start("nap", "w", 2_500).await.unwrap();
    host.until_events("w", 2).await;
    host.until_all_left().await;
    assert!(!host.view("w").unwrap().has_ended());
    assert_eq!(host.wait("w").await, Ok(json!("rested")));
}

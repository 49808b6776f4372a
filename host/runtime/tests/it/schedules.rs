//! Schedules: each of their times counts once, and what becomes of it where the last one still goes on.

use std::time::Duration;

use host_base::Timestamp;
use host_base::time::ManualClock;
use host_runtime::Fired;
use host_store::records::{Overlap, Schedule, ScheduleTarget, ScheduledCall, ScheduledWorkflow};

use super::*;
use crate::host::{payload, until};

/// 2026-01-01T00:00:00Z.
const START: u64 = 1_767_225_600_000;
const MINUTE: u64 = 60_000;

/// Every minute, a workflow of that name, whose id is `s-` and the time.
fn every_minute(workflow: &str, overlap: Overlap) -> Schedule {
    let target = ScheduleTarget::Workflow(ScheduledWorkflow {
        name: workflow.to_owned(),
        id: "{schedule}-{time}".to_owned(),
    });
    Schedule {
        cron: "* * * * *".to_owned(),
        zone: "UTC".to_owned(),
        target: Some(target),
        overlap: overlap.into(),
        queue_max: 1,
        catch_up_ms: 10 * MINUTE,
        ..Schedule::default()
    }
}

/// The id of the workflow of that minute.
fn id(minute: u64) -> String {
    format!("s-2026-01-01T00:{minute:02}:00Z")
}

/// Every minute from its creation on, a call of actor `c` with a one.
fn calling(actor_type: &str, method: &str) -> Schedule {
    let call = ScheduledCall {
        actor_type: actor_type.to_owned(),
        actor_id: "c".to_owned(),
        method: method.to_owned(),
    };
    Schedule {
        interval_ms: MINUTE,
        target: Some(ScheduleTarget::Actor(call)),
        input: payload(1),
        catch_up_ms: MINUTE,
        ..Schedule::default()
    }
}

async fn hosts() -> (Scratch, ManualClock) {
    let clock = ManualClock::at(Timestamp(START));
    (Scratch::at(clock.clone()).await, clock)
}

async fn create(host: &Host, schedule: Schedule) {
    let created = host.create_schedule(&tenant(), "s", schedule, false).await;
    created.unwrap();
}

fn shown(host: &Host) -> Schedule {
    host.schedule(&tenant(), "s", 0).unwrap().unwrap().schedule
}

async fn until_shown(host: &Host, what: &str, is: impl Fn(&Schedule) -> bool) -> Schedule {
    let look = async || Some(shown(host)).filter(|schedule| is(schedule));
    until(what, look).await
}

#[tokio::test]
async fn a_workflow_is_started_once_for_each_time() {
    let (host, clock) = hosts().await;
    let mut schedule = every_minute("nap", Overlap::Skip);
    schedule.input = payload(0);
    create(&host, schedule).await;
    for minute in 1..=2 {
        clock.set(Timestamp(START + minute * MINUTE));
        until_shown(&host, "a time to be met", |one| one.started == minute).await;
        assert_eq!(host.until_ended(&id(minute)).await, Ok(json!("rested")));
    }
    let host = host.reopen().await;
    assert_eq!(host.view(&id(1)).unwrap().run, 1);
}

#[tokio::test]
async fn a_time_is_left_out_while_the_last_workflow_goes_on() {
    let (host, clock) = hosts().await;
    create(&host, every_minute("await_event", Overlap::Skip)).await;
    clock.set(Timestamp(START + MINUTE));
    until_shown(&host, "the first", |one| one.started == 1).await;
    clock.set(Timestamp(START + 2 * MINUTE));
    let one = until_shown(&host, "the second", |one| one.skipped == 1).await;
    assert_eq!(one.problem, format!("workflow {} still went on", id(1)));
    assert!(host.view(&id(2)).is_none());
    host.raise(&id(1), "go", 1).await.unwrap();
    host.until_ended(&id(1)).await.unwrap();
    clock.set(Timestamp(START + 3 * MINUTE));
    until_shown(&host, "the third", |one| one.started == 2).await;
}

#[tokio::test]
async fn a_time_waits_until_the_last_workflow_has_ended() {
    let (host, clock) = hosts().await;
    create(&host, every_minute("await_event", Overlap::Queue)).await;
    clock.set(Timestamp(START + MINUTE));
    until_shown(&host, "the first", |one| one.started == 1).await;
    clock.set(Timestamp(START + 3 * MINUTE));
    // One may wait.
    until_shown(&host, "the third", |one| {
        one.skipped == 1 && one.queued.len() == 1
    })
    .await;
    host.raise(&id(1), "go", 1).await.unwrap();
    let one = until_shown(&host, "the second", |one| one.started == 2).await;
    assert_eq!((one.queued, one.running), (Vec::new(), id(2)));
}

#[tokio::test]
async fn the_workflow_that_goes_on_is_ended_for_the_next() {
    for (overlap, status) in [
        (Overlap::Cancel, "cancelled"),
        (Overlap::Terminate, "terminated"),
    ] {
        let (host, clock) = hosts().await;
        create(&host, every_minute("await_event", overlap)).await;
        clock.set(Timestamp(START + MINUTE));
        until_shown(&host, "the first", |one| one.started == 1).await;
        clock.set(Timestamp(START + 2 * MINUTE));
        until_shown(&host, "the second", |one| one.started == 2).await;
        assert_eq!(host.view(&id(1)).unwrap().status_name(), status);
        assert!(!host.view(&id(2)).unwrap().has_ended());
    }
}

#[tokio::test]
async fn times_are_made_up_for_as_long_ago_as_is_said() {
    let (host, clock) = hosts().await;
    let mut schedule = every_minute("await_event", Overlap::Allow);
    schedule.catch_up_ms = 3 * MINUTE;
    create(&host, schedule).await;
    clock.set(Timestamp(START + 30 * MINUTE));
    let one = until_shown(&host, "the last ones", |one| one.started == 4).await;
    assert_eq!((one.missed, one.next_ms), (1, START + 31 * MINUTE));
    assert!(host.view(&id(26)).is_none() && host.view(&id(27)).is_some());
}

#[tokio::test]
async fn a_range_is_made_up_for_once_and_one_after_the_other() {
    let (host, _clock) = hosts().await;
    let mut schedule = every_minute("nap", Overlap::Skip);
    schedule.input = payload(0);
    create(&host, schedule).await;
    let range = (Timestamp(START - 3 * MINUTE), Timestamp(START - MINUTE));
    let fired = async || {
        let tenant = tenant();
        let fired = host.backfill_schedule(&tenant, "s", range.0, range.1);
        fired.await.unwrap()
    };
    assert_eq!(
        fired().await,
        Fired {
            started: 1,
            queued: 2,
            skipped: 0
        }
    );
    until_shown(&host, "all three", |one| one.started == 3).await;
    let last = "s-2025-12-31T23:59:00Z";
    assert_eq!(host.until_ended(last).await, Ok(json!("rested")));
    assert_eq!(
        fired().await,
        Fired {
            started: 0,
            queued: 0,
            skipped: 3
        }
    );
    assert_eq!(host.view(last).unwrap().run, 1);
}

#[tokio::test]
async fn a_schedule_that_is_paused_does_nothing_until_it_is_resumed() {
    let (host, clock) = hosts().await;
    create(&host, every_minute("nap", Overlap::Allow)).await;
    host.pause_schedule(&tenant(), "s").await.unwrap();
    clock.set(Timestamp(START + 5 * MINUTE));
    host.resume_schedule(&tenant(), "s").await.unwrap();
    assert_eq!(shown(&host).next_ms, START + 6 * MINUTE);
    clock.set(Timestamp(START + 6 * MINUTE));
    until_shown(&host, "the next", |one| one.started == 1).await;
    assert_eq!(shown(&host).missed, 0);
    host.delete_schedule(&tenant(), "s").await.unwrap();
    assert_eq!(host.schedule(&tenant(), "s", 0).unwrap(), None);
}

#[tokio::test]
async fn an_actor_is_called_at_each_time_and_when_it_is_triggered() {
    let (host, clock) = hosts().await;
    create(&host, calling("Counter", "Add")).await;
    create(&host, calling("Counter", "Add")).await;
    clock.set(Timestamp(START + MINUTE));
    host.until_count("c", 1).await;
    host.trigger_schedule(&tenant(), "s").await.unwrap();
    host.trigger_schedule(&tenant(), "s").await.unwrap();
    host.until_count("c", 3).await;
    assert_eq!(shown(&host).started, 3);
    host.close_and_find_nothing_left().await;
}

async fn refused(host: &Host, schedule: Schedule, expected: &str) {
    let refused = host.create_schedule(&tenant(), "s", schedule, false).await;
    let message = refused.unwrap_err().message;
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_reason() {
    let (host, _clock) = hosts().await;
    let good = || every_minute("nap", Overlap::Skip);
    let with_cron = |cron: &str| Schedule {
        cron: cron.to_owned(),
        ..good()
    };
    let nowhere = Schedule {
        zone: "Nowhere".to_owned(),
        ..good()
    };
    let over = Schedule {
        until_ms: START,
        ..good()
    };
    for (schedule, expected) in [
        (
            every_minute("no-such", Overlap::Skip),
            "no plugin brings a workflow",
        ),
        (with_cron("x"), "no cron expression"),
        (nowhere, "no time zone `Nowhere`"),
        (with_cron("0 0 30 2 *"), "`0 0 30 2 *` names no time"),
        (over, "before the end at 2026-01-01T00:00:00Z"),
        (
            calling("Counter", "Hum"),
            "actor type Counter has no method Hum",
        ),
        (
            calling("Nobody", "Hum"),
            "no plugin brings the actor type Nobody",
        ),
    ] {
        refused(&host, schedule, expected).await;
    }
    create(&host, good()).await;
    let other = every_minute("await_event", Overlap::Skip);
    refused(&host, other, "another definition").await;
}

#[tokio::test]
async fn what_is_not_there_or_too_much_is_not_done() {
    let (host, _clock) = hosts().await;
    create(&host, every_minute("nap", Overlap::Skip)).await;
    let missing = host.trigger_schedule(&tenant(), "other").await.unwrap_err();
    assert_eq!(missing.code, "not-found");
    let (from, to) = (Timestamp(0), Timestamp(START));
    let endless = host.backfill_schedule(&tenant(), "s", from, to).await;
    let message = endless.unwrap_err().message;
    assert!(
        message.contains("more than 1000 times") && message.contains("`schedule_backfill_max`"),
        "{message}"
    );
}

#[tokio::test]
async fn a_time_that_is_met_a_little_late_counts_though_nothing_is_to_be_caught_up() {
    let (host, clock) = hosts().await;
    let mut schedule = every_minute("nap", Overlap::Skip);
    (schedule.input, schedule.catch_up_ms) = (payload(0), 0);
    create(&host, schedule).await;
    clock.set(Timestamp(START + MINUTE + 5_000));
    let one = until_shown(&host, "the first", |one| one.started + one.missed > 0).await;
    assert_eq!((one.started, one.missed), (1, 0));
    clock.set(Timestamp(START + 2 * MINUTE + 20_000));
    let one = until_shown(&host, "the second", |one| one.started + one.missed > 1).await;
    assert_eq!((one.started, one.missed), (1, 1));
}

#[tokio::test]
async fn times_that_wait_do_not_go_on_while_the_schedule_is_paused() {
    let (host, clock) = hosts().await;
    create(&host, every_minute("await_event", Overlap::Queue)).await;
    for minute in 1..=2 {
        clock.set(Timestamp(START + minute * MINUTE));
        let met = |one: &Schedule| one.started + one.queued.len() as u64 == minute;
        until_shown(&host, "a time to be met", met).await;
    }
    host.pause_schedule(&tenant(), "s").await.unwrap();
    host.raise(&id(1), "go", 1).await.unwrap();
    host.until_ended(&id(1)).await.unwrap();
    let now = Timestamp(START + 2 * MINUTE);
    let fired = host.backfill_schedule(&tenant(), "s", now, now).await;
    assert_eq!(fired.map(|fired| (fired.started, fired.queued)), Ok((0, 1)));
    assert!(host.view(&id(2)).is_none());
    host.resume_schedule(&tenant(), "s").await.unwrap();
    until_shown(&host, "the one that waited", |one| one.started == 2).await;
}

#[tokio::test]
async fn no_time_is_made_up_for_that_has_not_come() {
    let (host, _) = hosts().await;
    let mut schedule = every_minute("nap", Overlap::Allow);
    schedule.input = payload(0);
    create(&host, schedule).await;
    let (from, to) = (Timestamp(START - 2 * MINUTE), Timestamp(START + 9 * MINUTE));
    let fired = host.backfill_schedule(&tenant(), "s", from, to).await;
    assert_eq!(fired.map(|fired| fired.started), Ok(3));
}

#[tokio::test]
async fn a_workflow_that_a_schedule_starts_is_told_of_as_any_other() {
    let (host, _clock) = hosts().await;
    crate::topics::listen(&host, "a", "$workflow/nap").await;
    let mut schedule = every_minute("nap", Overlap::Skip);
    schedule.input = payload(0);
    create(&host, schedule).await;
    host.trigger_schedule(&tenant(), "s").await.unwrap();
    let heard = crate::topics::until_heard(&host, "a", 2).await;
    let stages: Vec<_> = heard.iter().map(|one| one["stage"].clone()).collect();
    assert_eq!(stages, ["STARTED", "COMPLETED"]);
}

#[tokio::test]
async fn an_actor_is_called_once_for_a_time_however_often_it_is_made_up_for() {
    let (host, clock) = hosts().await;
    let mut schedule = calling("Counter", "Add");
    schedule.from_ms = START - 5 * MINUTE;
    create(&host, schedule).await;
    clock.set(Timestamp(START + MINUTE));
    host.until_count("c", 1).await;
    let (from, to) = (Timestamp(0), Timestamp(START + MINUTE));
    let backfill = async || {
        let fired = host.backfill_schedule(&tenant(), "s", from, to).await;
        fired.map(|fired| (fired.started, fired.queued, fired.skipped))
    };
    assert_eq!(backfill().await, Ok((6, 0, 1)));
    assert_eq!(backfill().await, Ok((0, 0, 7)));
    host.until_count("c", 7).await;
    // The next host has the machine's clock, by which other times are due.
    host.pause_schedule(&tenant(), "s").await.unwrap();
    let host = host.reopen().await;
    assert_eq!(host.count("c").await, 7);
}

#[tokio::test]
async fn a_backfill_neither_takes_the_place_of_what_is_due_nor_loses_its_own() {
    for overlap in [
        Overlap::Skip,
        Overlap::Queue,
        Overlap::Cancel,
        Overlap::Terminate,
    ] {
        let (host, clock) = hosts().await;
        create(&host, every_minute("await_event", overlap)).await;
        let range = (Timestamp(START - 2 * MINUTE), Timestamp(START - MINUTE));
        let fired = host
            .backfill_schedule(&tenant(), "s", range.0, range.1)
            .await;
        assert_eq!(fired.map(|fired| fired.queued), Ok(1));
        clock.set(Timestamp(START + MINUTE));
        let one = until_shown(&host, "a time that is due", |one| !one.queued.is_empty()).await;
        let (first, second) = ("s-2025-12-31T23:58:00Z", "s-2025-12-31T23:59:00Z");
        assert_eq!((one.running.as_str(), one.backfill.len()), (first, 1));
        for (before, next) in [(first, id(1)), (&id(1), second.to_owned())] {
            host.raise(before, "go", 1).await.unwrap();
            assert!(host.until_ended(before).await.is_ok(), "{overlap:?}");
            until_shown(&host, "the next", |one| one.running == next).await;
        }
        let one = shown(&host);
        assert_eq!((one.started, one.skipped), (3, 0), "{overlap:?}");
        assert!(one.backfill.is_empty() && one.queued.is_empty());
    }
}

#[tokio::test]
async fn a_schedule_has_a_beginning_and_an_end() {
    let (host, clock) = hosts().await;
    let mut schedule = every_minute("nap", Overlap::Allow);
    (schedule.input, schedule.from_ms) = (payload(0), START + 2 * MINUTE);
    schedule.until_ms = START + 3 * MINUTE;
    create(&host, schedule).await;
    assert_eq!(shown(&host).next_ms, START + 2 * MINUTE);
    clock.set(Timestamp(START + 9 * MINUTE));
    let one = until_shown(&host, "the last", |one| one.next_ms == 0).await;
    assert_eq!((one.started, one.last_ms), (2, START + 3 * MINUTE));
}

#[tokio::test]
async fn a_schedule_that_is_replaced_keeps_what_has_been() {
    let (host, clock) = hosts().await;
    let first = every_minute("await_event", Overlap::Queue);
    create(&host, first.clone()).await;
    clock.set(Timestamp(START + MINUTE));
    until_shown(&host, "the first", |one| one.started == 1).await;
    clock.set(Timestamp(START + 2 * MINUTE));
    let before = until_shown(&host, "the second", |one| one.queued.len() == 1).await;
    let mut next = Schedule {
        overlap: Overlap::Skip.into(),
        ..first
    };
    let replace = async |schedule: &Schedule| {
        let schedule = schedule.clone();
        let replaced = host.create_schedule(&tenant(), "s", schedule, true).await;
        replaced.unwrap();
        shown(&host)
    };
    let expected = Schedule {
        overlap: Overlap::Skip.into(),
        ..before
    };
    assert_eq!(replace(&next).await, expected);
    next.cron = "0 * * * *".to_owned();
    let one = replace(&next).await;
    assert_eq!(one.next_ms, START + 60 * MINUTE);
    assert_eq!((one.started, one.created_ms), (1, START));
    host.pause_schedule(&tenant(), "s").await.unwrap();
    next.cron = "30 * * * *".to_owned();
    assert!(replace(&next).await.paused);
}

#[tokio::test]
async fn there_is_room_for_so_many_schedules() {
    let host = Scratch::with(|limits| limits.schedules_max = 1).await;
    create(&host, calling("Counter", "Add")).await;
    let more = calling("Counter", "Add");
    let full = host.create_schedule(&tenant(), "t", more, false).await;
    let full = full.unwrap_err();
    assert_eq!(full.code, "limit");
    assert!(full.message.contains("`schedules_max`"), "{full}");
    host.delete_schedule(&tenant(), "s").await.unwrap();
    let more = calling("Counter", "Add");
    let created = host.create_schedule(&tenant(), "t", more, false).await;
    created.unwrap();
}

#[tokio::test]
async fn an_actor_with_too_much_to_do_is_called_when_it_has_room() {
    let host = Scratch::with(|limits| {
        limits.turn_cpu_max = Duration::from_secs(30);
        limits.inbox_messages_max = 2;
    })
    .await;
    create(&host, calling("Keeper", "Ring")).await;
    let (busy, gate) = (keeper("c"), counter("gate"));
    let ringing = host.call(&busy, "RingAtGate", json!({"gate": "gate"}));
    let others = async {
        host.until_count("gate-asked", 1).await;
        let waiting = [1, 1].map(|by| host.call(&busy, "Ring", by));
        let scheduled = async {
            let refused = host.trigger_schedule(&tenant(), "s").await;
            assert_eq!(refused.unwrap_err().code, "busy");
            host.call(&gate, "Add", 1).await.unwrap();
        };
        let [first, second] = waiting;
        tokio::join!(first, second, scheduled)
    };
    let (rung, (second, third, ())) = tokio::join!(ringing, others);
    assert_eq!(
        [rung, second, third],
        [1, 2, 3].map(|rings| Ok(json!(rings)))
    );
    let fired = host.trigger_schedule(&tenant(), "s").await;
    assert_eq!(fired.map(|fired| fired.started), Ok(1));
    let rings = async || (host.call(&busy, "Rings", ()).await == Ok(json!(4))).then_some(());
    until("the scheduled ring", rings).await;
}

//! Code that panics, spins or devours memory: its caller is told, its state is as before, others go on.

use std::time::Duration;

use super::*;

const DEEDS: [(&str, &str, &str); 3] = [
    ("panic", "trap", "it was told to panic"),
    ("spin", "timeout", "CPU time"),
    ("memory", "memory-limit", "memory"),
];

async fn strict_host() -> Scratch {
    Scratch::with(|limits| {
        limits.turn_cpu_max = Duration::from_millis(300);
        limits.memory_bytes_max = 16 << 20;
    })
    .await
}

#[tokio::test]
async fn a_misbehaving_method_is_told_to_its_caller_and_leaves_the_state() {
    let host = strict_host().await;
    host.call(&counter("c"), "Add", 7).await.unwrap();
    for (deed, expected, reason) in DEEDS {
        let (code, message) = failure(host.call(&counter("c"), "Misbehave", deed).await);
        assert_eq!(code, expected, "{message}");
        for part in ["sdk_probe", "Counter.Misbehave", reason] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(host.count("c").await, 7, "{deed}");
    }
    let host = host.reopen().await;
    assert_eq!(host.count("c").await, 7);
}

#[tokio::test]
async fn a_misbehaving_activity_is_told_to_its_workflow() {
    let host = strict_host().await;
    for (deed, expected, reason) in DEEDS {
        let run = json!({"name": "misbehave", "input": deed});
        let (code, message) = failure(host.run("run_activity", deed, run).await);
        assert_eq!(code, expected, "{message}");
        // Time is up for an activity as a whole, of which the message says how much it had.
        let reason = if deed == "spin" { "2s" } else { reason };
        for part in ["misbehave", reason] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[tokio::test]
async fn a_workflow_that_breaks_fails_with_the_reason() {
    let host = strict_host().await;
    for (deed, expected, reason) in [DEEDS[0], DEEDS[2]] {
        let (code, message) = failure(host.run("misbehave", deed, deed).await);
        assert_eq!(code, expected, "{message}");
        for part in ["sdk_probe", "workflow misbehave", reason] {
            assert!(message.contains(part), "{message}");
        }
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_panic_is_told_with_its_place() {
    let host = strict_host().await;
    let activity = json!({"name": "misbehave", "input": "panic"});
    let outcomes = [
        host.run("misbehave", "w", "panic").await,
        host.call(&counter("c"), "Misbehave", "panic").await,
        host.run("run_activity", "a", activity).await,
    ];
    for outcome in outcomes {
        let (_, message) = failure(outcome);
        assert!(message.contains("src/deeds.rs:"), "{message}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_its_field_and_leaves_no_trace() {
    let host = strict_host().await;
    let addition = json!({"other": "o", "by": "two"});
    let (code, message) = failure(host.call(&counter("c"), "AddVia", addition).await);
    assert_eq!(code, "bad-input");
    let field = "the input of `Counter.AddVia` does not fit: `by`: invalid type: string";
    assert!(message.contains(field), "{message}");
    let (code, message) = failure(host.run("call_counter", "w", json!({"actor": "c"})).await);
    assert_eq!(code, "bad-input");
    assert!(message.contains("workflow `call_counter`"), "{message}");
    assert!(message.contains("missing field `times`"), "{message}");
}

#[tokio::test]
async fn a_workflow_that_spins_stalls_and_its_time_is_no_recorded_result() {
    let host = strict_host().await;
    host.start("misbehave", "w", "spin").await.unwrap();
    let stall = host.until_stalled("w").await;
    assert!(stall.asked.contains("CPU time"), "{}", stall.asked);
    assert!(
        stall.asked.contains("workflow misbehave"),
        "{}",
        stall.asked
    );
    assert!(stall.backtrace.contains("deeds.rs"), "{}", stall.backtrace);
    assert_eq!(host.events("w").len(), 1);
}

#[tokio::test]
async fn what_a_spinning_turn_asked_for_is_not_done_and_leaves_no_gap() {
    let host = strict_host().await;
    host.start("work_and_spin", "w", ()).await.unwrap();
    host.until_stalled("w").await;
    host.raise("w", "anything", 1).await.unwrap();
    host.until_events("w", 2).await;
    let history = host.history(&workflow("w"), 1, 0, 10).unwrap();
    let numbers: Vec<_> = history.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1]);
}

#[tokio::test]
async fn others_go_on_while_some_misbehave() {
    let host = strict_host().await;
    for (deed, ..) in DEEDS {
        host.start("misbehave", deed, deed).await.unwrap();
        let run = json!({"name": "misbehave", "input": deed});
        let id = format!("activity-{deed}");
        host.start("run_activity", &id, run).await.unwrap();
    }
    let spinner = counter("spinner");
    let spin = host.call(&spinner, "Misbehave", "spin");
    let work = async {
        for round in 1..=20 {
            assert_eq!(host.call(&counter("c"), "Add", 1).await, Ok(json!(round)));
            let id = format!("w-{round}");
            assert_eq!(host.run("sequence", &id, 3).await, Ok(json!(3)));
        }
    };
    let (spun, ()) = tokio::join!(spin, work);
    assert_eq!(failure(spun).0, "timeout");
    host.until_stalled("spin").await;
}

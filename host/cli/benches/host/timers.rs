//! Timers of workflows: how late they fire, alone and in a crowd, and what other work feels of the crowd.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_base::{Clock, SystemClock, TenantId, Timestamp, WorkflowKey};
use host_runtime::Runtime;
use host_store::records::EventKind;

use crate::disk::Disk;
use crate::load::{Bench, call_counter, cpu_time, run_workflow, start, wait_for};
use crate::report::{Report, Row, median, millis, p99};

/// Workflows that are started at once.
const IN_FLIGHT: usize = 256;
/// How long is left to start so many of them before the first is due.
const START_PER_SECOND: u64 = 3_000;

/// How late a timer is that fires alone, and how late each of very many is.
pub(crate) fn timers(report: &mut Report, _: &Disk, scale: usize) {
    alone(report, 500 / scale);
    crowd(report, 100_000 / scale);
}

fn alone(report: &mut Report, count: usize) {
    let bench = Bench::new();
    bench.drive(count, 1, |runtime, number| async move {
        // Lengths that fall anywhere between two ticks of whatever counts the time.
        let length = (10 + number * 7 % 20).to_string();
        run_workflow(&runtime, "nap", format!("n-{number}"), length).await;
    });
    let mut late: Vec<_> = (0..count)
        .map(|number| lateness(&bench.runtime, &format!("n-{number}")))
        .collect();
    let (p50, p99) = (median(&mut late), p99(&late));
    let text = format!("p50 {} ms, p99 {} ms", p50.as_millis(), p99.as_millis());
    report.add(
        "lateness of a timer, one at a time",
        Row::new(text, "10 ms"),
    );
}

fn crowd(report: &mut Report, count: usize) {
    let bench = Bench::new();
    let (mut before, _) = bench.drive(1_000, 1, |runtime, _| call(runtime));
    let wait = Duration::from_secs(5 + count as u64 / START_PER_SECOND);
    let due = SystemClock.now().after(wait);
    bench.drive(count, IN_FLIGHT, move |runtime, number| async move {
        let at = due.after(Duration::from_millis(number as u64 % 1_000));
        let length = at.since(SystemClock.now()).as_millis().to_string();
        start(&runtime, "nap", format!("n-{number}"), length).await;
    });
    let in_time = SystemClock.now() < due;
    let cpu = cpu_time();
    let (mut meanwhile, all, live) = crowded(&bench, due);
    let each = (cpu_time() - cpu) / count as u32;
    let mut late: Vec<_> = (0..count)
        .map(|number| lateness(&bench.runtime, &format!("n-{number}")))
        .collect();
    let (p50, p99_late) = (median(&mut late), p99(&late));
    let text = format!(
        "all after {:.1} s; late by p50 {:.1} s, p99 {:.1} s; {} µs of CPU each; {live} in memory at most{}",
        all.as_secs_f64(),
        p50.as_secs_f64(),
        p99_late.as_secs_f64(),
        each.as_micros(),
        if in_time {
            ""
        } else {
            " (not all were started before)"
        },
    );
    report.add(
        format!("{count} timers due in one second"),
        Row::new(text, ""),
    );
    let text = format!(
        "p50 {:.2} ms, p99 {:.2} ms (alone: {:.2} and {:.2})",
        millis(median(&mut meanwhile)),
        millis(p99(&meanwhile)),
        millis(median(&mut before)),
        millis(p99(&before)),
    );
    report.add(
        "durable call of one actor while they fire",
        Row::new(text, ""),
    );
}

/// Calls an actor again and again from when they are due until all have ended; says how long each call took,
/// and all of it, and how many were in memory at most.
fn crowded(bench: &Bench, due: Timestamp) -> (Vec<Duration>, Duration, usize) {
    let ended = Arc::new(AtomicBool::new(false));
    let (seen, runtime) = (Arc::clone(&ended), Arc::clone(&bench.runtime));
    let caller = bench.runtime.handle().spawn(async move {
        tokio::time::sleep(due.since(SystemClock.now())).await;
        let (begun, mut samples) = (Instant::now(), Vec::new());
        while !seen.load(Ordering::Relaxed) {
            let start = Instant::now();
            call(Arc::clone(&runtime)).await;
            samples.push(start.elapsed());
        }
        (samples, begun.elapsed())
    });
    let mut live = 0;
    while bench.runtime.unfinished().unwrap().all() > 0 {
        std::thread::sleep(Duration::from_millis(100));
        live = live.max(bench.runtime.entities_live());
    }
    ended.store(true, Ordering::Relaxed);
    let (samples, all) = wait_for(caller).unwrap();
    (samples, all, live)
}

async fn call(runtime: Arc<Runtime>) {
    call_counter(&runtime, "other".to_owned(), "Add", "1").await;
}

/// From when the workflow's timer was due until that is recorded.
fn lateness(runtime: &Runtime, id: &str) -> Duration {
    let key = WorkflowKey::new(TenantId::default(), id).unwrap();
    let events = runtime.history(&key, 1, 0, 10).unwrap();
    let due = events.iter().find_map(|(_, event)| match &event.kind {
        Some(EventKind::TimerScheduled(timer)) => Some(timer.due_ms),
        _ => None,
    });
    let fired = events.iter().find_map(|(_, event)| match &event.kind {
        Some(EventKind::Resolved(_)) => Some(event.at_ms),
        _ => None,
    });
    let (due, fired) = (due.unwrap(), fired.unwrap());
    assert!(fired >= due, "a timer was early");
    Timestamp(fired).since(Timestamp(due))
}

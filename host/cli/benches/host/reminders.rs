//! Reminders of many actors that are due within one minute: how fast they are set, and how late they fire.

use std::thread;
use std::time::Duration;

use host_base::{ActorKey, Clock, SystemClock, TenantId, Timestamp};
use host_runtime::Runtime;

use crate::disk::Disk;
use crate::load::{Bench, wait_for};
use crate::report::{Report, Row, median, millis, p99};

const IN_FLIGHT: usize = 256;
/// Within this time all of them are due, evenly spread.
const SPAN: Duration = Duration::from_secs(60);
/// Setting one takes no longer than this, or it would be late before it is there.
const EACH_MAX: Duration = Duration::from_micros(400);
/// A reminder that has not fired so long after its time is lost.
const LATE_MAX: Duration = Duration::from_secs(60);

pub(crate) fn run(report: &mut Report, _: &Disk, scale: usize) {
    let bench = Bench::new();
    let count = 100_000 / scale;
    let span = SPAN / u32::try_from(scale).unwrap();
    let first = SystemClock.now().after(EACH_MAX * count as u32);
    let due = move |number: usize| first.after(span * number as u32 / count as u32);
    let (_, all) = bench.drive(count, IN_FLIGHT, move |runtime, number| async move {
        let due = due(number).0.to_string();
        ask(&runtime, number, "RemindOfLateness", &due).await;
    });
    let rate = count as f64 / all.as_secs_f64();
    let what = format!("reminders of {count} actors that are set, 256 in flight");
    report.add(what, Row::new(format!("{rate:.0}/s"), "988/s (Dapr 1.18)"));
    thread::sleep(first.after(span).since(SystemClock.now()));
    let (mut late, twice) = lateness(&bench, count);
    assert_eq!(twice, 0, "reminders that fired more than once");
    let text = format!(
        "all, none twice; late p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        millis(median(&mut late)),
        millis(p99(&late)),
        millis(late[late.len() - 1]),
    );
    let what = format!("of {count} due within {} s there fire", span.as_secs());
    report.add(what, Row::new(text, "all, none twice"));
}

/// How late each reminder was, and how many fired more than once; waits until all have fired.
fn lateness(bench: &Bench, count: usize) -> (Vec<Duration>, usize) {
    let end = SystemClock.now().after(LATE_MAX);
    let (mut late, mut twice) = (Vec::new(), 0);
    for number in 0..count {
        let (rings, lateness) = fired(&bench.runtime, number, end);
        twice += usize::from(rings > 1);
        late.push(Duration::from_millis(lateness));
    }
    (late, twice)
}

/// How often the reminder has fired, and how late it was the last time.
fn fired(runtime: &Runtime, number: usize, end: Timestamp) -> (u64, u64) {
    loop {
        let answer = wait_for(ask(runtime, number, "Lateness", ""));
        let text = String::from_utf8(answer).unwrap();
        let (rings, late) = text.trim_matches(['[', ']']).split_once(',').unwrap();
        let rings = rings.parse().unwrap();
        if rings > 0 {
            return (rings, late.parse().unwrap());
        }
        assert!(SystemClock.now() < end, "reminder {number} does not fire");
        thread::sleep(Duration::from_millis(1));
    }
}

async fn ask(runtime: &Runtime, number: usize, method: &str, input: &str) -> Vec<u8> {
    let actor = ActorKey::new(TenantId::default(), "Keeper", format!("k-{number}"));
    let input = input.as_bytes().to_vec();
    let answer = runtime
        .call_actor(&actor.unwrap(), method, input, None)
        .await;
    answer.unwrap()
}

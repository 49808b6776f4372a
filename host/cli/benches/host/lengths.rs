//! What long and wide histories cost: running to their length, and replaying it.

use std::time::Duration;

use host_base::{TenantId, WorkflowKey};

use crate::disk::Disk;
use crate::load::{Bench, run_workflow, start};
use crate::report::{Report, Row};

/// Events of a history: the last is what one may have.
const LENGTHS: [usize; 3] = [1_000, 10_000, 100_000];
/// Beside those of its activities: its start, the wait for an event, the event, the end.
const OTHER_EVENTS: usize = 4;

/// Runs one workflow after the other to each length, and replays it from the disk.
pub(crate) fn lengths(report: &mut Report, _: &Disk, scale: usize) {
    let mut bench = Bench::new();
    for length in LENGTHS {
        let events = length / scale;
        let activities = (events - OTHER_EVENTS) / 2;
        let (_, ran) = bench.drive(1, 1, move |runtime, _| async move {
            let input = activities.to_string();
            let key = start(&runtime, "long_history", format!("l-{length}"), input).await;
            let last = 2 * activities as u64 + 1;
            while runtime.history(&key, 1, last, 1).unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        report.add(
            format!("running to a history of {events} events"),
            Row::new(per(ran, events, "event"), "linear"),
        );
        bench = bench.reopen().0;
        let (_, replayed) = bench.drive(1, 1, move |runtime, _| async move {
            let key = WorkflowKey::new(TenantId::default(), format!("l-{length}")).unwrap();
            let raised = runtime.raise_event(&key, "go", b"1".to_vec());
            raised.await.unwrap();
            let view = runtime.wait_for_workflow(&key).await.unwrap().unwrap();
            assert!(matches!(view.outcome, Some(Ok(_))), "{view:?}");
        });
        report.add(
            format!("replaying it, from the disk to the end ({events} events)"),
            Row::new(per(replayed, events, "event"), "1 s for 100,000"),
        );
    }
}

/// Activities that one workflow waits for at once.
const WIDTHS: [usize; 3] = [100, 1_000, 10_000];

/// Has so many activities run at once by one workflow that waits for all of them, and replays that.
pub(crate) fn widths(report: &mut Report, _: &Disk, scale: usize) {
    let mut bench = Bench::new();
    for width in WIDTHS {
        let (width, id) = (width / scale, format!("w-{width}"));
        let key = WorkflowKey::new(TenantId::default(), &id).unwrap();
        let (_, ran) = bench.drive(1, 1, move |runtime, _| {
            let id = id.clone();
            async move { run_workflow(&runtime, "fan_out", id, width.to_string()).await }
        });
        report.add(
            format!("{width} activities at once, of one workflow"),
            Row::new(per(ran, width, "activity"), "linear"),
        );
        bench = bench.reopen().0;
        let (_, replayed) = bench.drive(1, 1, move |runtime, _| {
            let key = key.clone();
            // Nobody answers it, after a replay.
            async move { drop(runtime.query_workflow(&key, "none", Vec::new()).await) }
        });
        report.add(
            format!("replaying them, from the disk to the end ({width} activities)"),
            Row::new(per(replayed, width, "activity"), "linear"),
        );
    }
}

fn per(time: Duration, count: usize, what: &str) -> String {
    let each = time.as_secs_f64() * 1e6 / count as f64;
    format!(
        "{:.1} ms, {each:.2} µs each {what}",
        time.as_secs_f64() * 1e3
    )
}

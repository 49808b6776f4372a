//! What is measured, one function a scene.

use std::time::Duration;

use crate::disk::Disk;
use crate::isolation;
use crate::lengths::{lengths, widths};
use crate::load::{Bench, call_counter, cpu_time, resident, run_lesson, run_workflow, start};
use crate::neighbours;
use crate::reminders;
use crate::report::{Report, Row, median, millis, p99};
use crate::timers::timers;

/// One scene; `scale` divides its work.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Report, &Disk, usize),
}

/// All scenes, in the order of the table.
pub(crate) const ALL: [Scene; 13] = [
    Scene {
        name: "latency",
        run: latency,
    },
    Scene {
        name: "lesson",
        run: lesson,
    },
    Scene {
        name: "calls",
        run: calls,
    },
    Scene {
        name: "replay",
        run: replay,
    },
    Scene {
        name: "lengths",
        run: lengths,
    },
    Scene {
        name: "widths",
        run: widths,
    },
    Scene {
        name: "activation",
        run: activation,
    },
    Scene {
        name: "waiting",
        run: waiting,
    },
    Scene {
        name: "sleeping",
        run: sleeping,
    },
    Scene {
        name: "timers",
        run: timers,
    },
    Scene {
        name: "reminders",
        run: reminders::run,
    },
    Scene {
        name: "neighbours",
        run: neighbours::run,
    },
    Scene {
        name: "isolation",
        run: isolation::run,
    },
];

/// Commits of a workflow with four activities in a row: start, first turn, and one for each result.
const SEQUENTIAL_COMMITS: u32 = 6;
const IN_FLIGHT: usize = 256;

fn latency(report: &mut Report, disk: &Disk, scale: usize) {
    let bench = Bench::new();
    let (mut samples, _) = bench.drive(1_000 / scale, 1, |runtime, number| async move {
        run_workflow(&runtime, "sequence", format!("s-{number}"), "4".to_owned()).await;
    });
    let middle = median(&mut samples);
    let goal = disk.median * SEQUENTIAL_COMMITS * 2;
    let ratio = middle.as_secs_f64() / (disk.median * SEQUENTIAL_COMMITS).as_secs_f64();
    let text = format!(
        "p50 {:.2} ms, p99 {:.2} ms; {ratio:.2} times {SEQUENTIAL_COMMITS} fdatasyncs",
        millis(middle),
        millis(p99(&samples)),
    );
    report.add(
        "workflow of four activities in a row, one at a time",
        Row::new(text, format!("p50 {:.2} ms", millis(goal))),
    );
}

fn lesson(report: &mut Report, _: &Disk, scale: usize) {
    let bench = Bench::new();
    let what = "the lesson's workflow, 256 in flight";
    report.add(what, lesson_row(&bench, "a", 20_000 / scale));
    let before = 100_000 / scale;
    bench.drive(
        before - 20_000 / scale,
        IN_FLIGHT,
        |runtime, number| async move {
            run_lesson(&runtime, &format!("b-{number}")).await;
        },
    );
    let what = format!("the same with {before} finished workflows there");
    report.add(what, lesson_row(&bench, "c", 20_000 / scale));
}

fn lesson_row(bench: &Bench, name: &'static str, count: usize) -> Row {
    let cpu = cpu_time();
    let (mut samples, all) = bench.drive(count, IN_FLIGHT, move |runtime, number| async move {
        run_lesson(&runtime, &format!("{name}-{number}")).await;
    });
    let each = (cpu_time() - cpu) / count as u32;
    let text = format!(
        "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms; {} µs of CPU each",
        rate(count, all),
        millis(median(&mut samples)),
        millis(p99(&samples)),
        each.as_micros(),
    );
    Row::new(text, "5000/s")
}

fn calls(report: &mut Report, _: &Disk, scale: usize) {
    let bench = Bench::new();
    for (actors, goal) in [(1_000, "25000/s"), (1, "10000/s")] {
        let count = 200_000 / scale;
        let (mut samples, all) = bench.drive(count, IN_FLIGHT, move |runtime, number| async move {
            call_counter(&runtime, format!("c-{}", number % actors), "Add", "1").await;
        });
        let text = format!(
            "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            rate(count, all),
            millis(median(&mut samples)),
            millis(p99(&samples)),
        );
        let what = format!("durable calls of {actors} actors, 256 in flight");
        report.add(what, Row::new(text, goal));
    }
    let count = 2_000 / scale;
    let (mut samples, _) = bench.drive(count, 1, |runtime, _| async move {
        call_counter(&runtime, "alone".to_owned(), "Add", "1").await;
    });
    let text = format!("p50 {:.2} ms", millis(median(&mut samples)));
    report.add(
        "durable call of one actor, one at a time",
        Row::new(text, ""),
    );
}

fn replay(report: &mut Report, _: &Disk, scale: usize) {
    let bench = Bench::new();
    let (workflows, activities) = (10, 20_000 / scale);
    bench.drive(workflows, workflows, move |runtime, number| async move {
        let id = format!("r-{number}");
        let input = activities.to_string();
        let key = start(&runtime, "long_history", id, input).await;
        let events = 2 * activities as u64 + 2;
        while runtime.history(&key, 1, events - 1, 1).unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let (bench, _) = bench.reopen();
    let (samples, all) = bench.drive(workflows, 1, |runtime, number| async move {
        let tenant = host_base::TenantId::default();
        let key = host_base::WorkflowKey::new(tenant, format!("r-{number}")).unwrap();
        runtime
            .raise_event(&key, "go", b"1".to_vec())
            .await
            .unwrap();
        runtime.wait_for_workflow(&key).await.unwrap();
    });
    let events = workflows * (2 * activities + 2);
    let text = format!(
        "{:.2} million events/s ({:.1} ms each, from the disk to the end)",
        rate(events, all) / 1e6,
        millis(all / samples.len() as u32),
    );
    let what = format!(
        "replay of a history of {} events, one at a time",
        2 * activities + 2
    );
    report.add(what, Row::new(text, "1 million events/s"));
}

fn activation(report: &mut Report, _: &Disk, scale: usize) {
    let bench = Bench::new();
    let count = 50_000 / scale;
    bench.drive(count, IN_FLIGHT, |runtime, number| async move {
        call_counter(&runtime, format!("cold-{number}"), "Add", "1").await;
    });
    let (bench, _) = bench.reopen();
    let (_, all) = bench.drive(count, IN_FLIGHT, |runtime, number| async move {
        call_counter(&runtime, format!("cold-{number}"), "Get", "").await;
    });
    let text = format!("{:.0}/s", rate(count, all));
    report.add("activations of cold actors", Row::new(text, "20000/s"));
}

fn waiting(report: &mut Report, _: &Disk, scale: usize) {
    // Or what the store allocates ahead would be counted as the workflows'.
    let bench = Bench::with(|options| options.store.write_buffer_bytes = 1 << 20);
    let count = 5_000 / scale;
    // What is allocated once is there before the counting begins.
    start_waiting(&bench, 200, "first");
    let before = resident();
    start_waiting(&bench, count, "counted");
    let each = resident().saturating_sub(before) / count;
    let text = format!("{:.1} KiB", each as f64 / 1024.0);
    report.add(
        "memory of a live workflow that waits",
        Row::new(text, "64 KiB"),
    );
}

fn start_waiting(bench: &Bench, count: usize, name: &'static str) {
    bench.drive(count, IN_FLIGHT, move |runtime, number| async move {
        start(
            &runtime,
            "await_event",
            format!("{name}-{number}"),
            "null".to_owned(),
        )
        .await;
    });
    while bench.runtime.unfinished().unwrap().pending > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn sleeping(report: &mut Report, _: &Disk, scale: usize) {
    let count = 100_000 / scale;
    let bench = Bench::new();
    let (_, all) = bench.drive(count, IN_FLIGHT, |runtime, number| async move {
        let id = format!("n-{number}");
        start(&runtime, "nap", id, "3600000".to_owned()).await;
    });
    while bench.runtime.unfinished().unwrap().pending > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let text = format!("{:.0}/s", rate(count, all));
    report.add("starts of workflows that sleep", Row::new(text, ""));
    let (bench, opened) = bench.reopen();
    let what = format!("start-up with {count} sleeping workflows");
    let text = format!("{:.2} s", opened.as_secs_f64());
    report.add(what, Row::new(text, "2 s"));
    let live = bench.runtime.entities_live();
    let text = format!("{live} of {count} in memory");
    report.add("sleeping workflows that take memory", Row::new(text, "0"));
    let (mut samples, _) = bench.drive(200, 1, |runtime, number| async move {
        call_counter(&runtime, format!("w-{number}"), "Add", "1").await;
    });
    let text = format!("p50 {:.2} ms", millis(median(&mut samples)));
    report.add("durable call while they sleep", Row::new(text, ""));
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

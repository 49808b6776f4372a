//! The promise: killed at any moment and as often as one likes, everything happens once.

use std::collections::{BTreeMap, BTreeSet};

use host_base::{ActorKey, TenantId};
use host_runtime::{Runtime, RuntimeOptions};
use host_store::WorkflowFilter;
use serde_json::Value;

use crate::host::{Host, TASKS, plugin};
use crate::sigkill::{random, run_and_kill};

const TASKS_IN_ALL: usize = 1_000;
const KILLS: usize = 50;
/// A kill comes after at most so many lines of the trace, of which a task has eight.
const LINES_MAX: u64 = 120;

#[test]
fn a_thousand_tasks_are_done_once_though_the_host_is_killed_fifty_times() {
    let mut random = random();
    let host = Host::new();
    let file = host.file("tasks.jsonl", &tasks());
    let plugin = plugin(TASKS);
    let command = [
        "run",
        &plugin,
        "--each",
        file,
        "--verbose",
        "--concurrency",
        "16",
    ];
    let mut keys = Keys::new();
    let mut kills = 0;
    while kills < KILLS {
        let note = |line: &str| note_key(&mut keys, line);
        kills += usize::from(run_and_kill(&host, &command, &mut random, LINES_MAX, note));
    }
    let last = host.run(&command).expect(0);
    last.stderr
        .lines()
        .for_each(|line| note_key(&mut keys, line));
    check_keys(&keys);
    check_store(&host);
}

/// The idempotency keys that were seen of each task's notification.
type Keys = BTreeMap<String, BTreeSet<String>>;

fn tasks() -> String {
    let task = |number| {
        format!(
            "{{\"task_id\":\"task-{number}\",\"title\":\"Review PR\",\"assignee\":\"a@example.com\"}}\n"
        )
    };
    (0..TASKS_IN_ALL).map(task).collect()
}

fn note_key(keys: &mut Keys, line: &str) {
    let Some((_, rest)) = line.split_once("Key for ") else {
        return;
    };
    // The last line of a process that was killed may be cut off.
    if let Some((task, key)) = rest.split_once(": ")
        && key.len() == 32
    {
        keys.entry(task.to_owned())
            .or_default()
            .insert(key.to_owned());
    }
}

fn check_keys(keys: &Keys) {
    assert_eq!(keys.len(), TASKS_IN_ALL, "every task was notified of");
    let of_one: Vec<_> = keys.values().map(BTreeSet::len).collect();
    assert!(
        of_one.iter().all(|count| *count == 1),
        "always with the same key"
    );
    let different: BTreeSet<_> = keys.values().flatten().collect();
    assert_eq!(different.len(), TASKS_IN_ALL, "and no two with the same");
}

/// Every workflow completed in its only run, and every task went through each state once.
fn check_store(host: &Host) {
    let runtime = Runtime::open(RuntimeOptions::new(host.dir().join(".host"))).unwrap();
    let tenant = TenantId::default();
    let all = WorkflowFilter::default();
    let workflows = runtime.workflows(&tenant, &all, None, usize::MAX).unwrap();
    assert_eq!(workflows.len(), TASKS_IN_ALL);
    for workflow in workflows {
        assert_eq!((workflow.status_name(), workflow.run), ("completed", 1));
    }
    let threads = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    threads.block_on(async {
        for number in 0..TASKS_IN_ALL {
            check_task(&runtime, &format!("task-{number}")).await;
        }
        runtime.shutdown().await;
    });
}

async fn check_task(runtime: &Runtime, id: &str) {
    let actor = ActorKey::new(TenantId::default(), "TaskActor", id).unwrap();
    let task = runtime
        .call_actor(&actor, "GetTask", Vec::new(), None)
        .await;
    let task: Value = serde_json::from_slice(&task.unwrap()).unwrap();
    let steps: Vec<_> = task["history"].as_array().unwrap().iter().collect();
    let steps: Vec<_> = steps
        .iter()
        .map(|step| (&step["from"], &step["to"]))
        .collect();
    let expected = [("pending", "in_progress"), ("in_progress", "assigned")];
    assert_eq!(steps.len(), expected.len(), "{task}");
    for (step, expected) in steps.iter().zip(expected) {
        assert_eq!(
            (step.0.as_str(), step.1.as_str()),
            (Some(expected.0), Some(expected.1))
        );
    }
}

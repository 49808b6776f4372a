//! A plugin whose code changed under a running workflow.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::host::{Host, plugin};

const OLD: &str = "sdk_probe.wasm";
const CHANGED: &str = "sdk_probe_changed.wasm";

/// A host on which a workflow of the old component rests, and which was killed meanwhile.
fn killed_while_it_rests() -> Host {
    let host = Host::new();
    let old = plugin(OLD);
    let command = [
        "run",
        &old,
        "--workflow",
        "deterministic",
        "--id",
        "w",
        "--verbose",
    ];
    let mut child = host.command(&command).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    // Its last line before it waits for an event.
    stderr.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    host
}

#[test]
fn a_workflow_whose_code_changed_ends_on_the_component_that_it_was_started_on() {
    let host = killed_while_it_rests();
    let changed = plugin(CHANGED);
    let other = ["run", &changed, "--workflow", "nap", "--input", "1"];
    host.run(&other).expect(0).says("1 workflow is unfinished");
    host.run(&["workflow", "raise", "w", "go", "1"]).expect(0);
    let again = ["run", &changed, "--workflow", "deterministic", "--id", "w"];
    host.run(&again)
        .expect(0)
        .says("Resuming 1 unfinished workflow");
}

/// The same, and a workflow sleeps there of which both components do the same.
fn with_one_that_agrees() -> Host {
    let host = killed_while_it_rests();
    let nap = r#"{"id":"n","ms":3600000}"#;
    host.run(&["actor", "call", "Counter", "c", "StartNap", nap])
        .expect(0);
    host
}

fn lines(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The number of unfinished workflows on each component that is kept.
fn unfinished(host: &Host) -> Vec<u64> {
    let listed = host.run(&["plugin", "list", "--output=jsonl"]).expect(0);
    let of = |line: Value| line["unfinished"].as_u64().unwrap();
    lines(&listed.stdout).into_iter().map(of).collect()
}

#[test]
fn a_deployment_is_checked_before_anything_changes() {
    let host = with_one_that_agrees();
    let check = ["plugin", "deploy", &plugin(CHANGED), "--check"];
    let checked = host.run(&check).expect(1).stdout;
    for words in [
        "[Workflow w] differs and stays",
        "history  activity double(1)",
        "[Workflow n] agrees and stays",
        "2 unfinished workflows: 1 agree, 1 differ, 0 moved",
    ] {
        assert!(checked.contains(words), "no {words:?} in {checked}");
    }
    assert_eq!(unfinished(&host), [2]);
}

#[test]
fn a_deployment_moves_what_agrees_and_keeps_the_old_component_for_what_differs() {
    let host = with_one_that_agrees();
    let deploy = [
        "plugin",
        "deploy",
        &plugin(CHANGED),
        "--move",
        "--output=jsonl",
    ];
    let told = lines(&host.run(&deploy).expect(0).stdout);
    let of = |id: &str| told.iter().find(|line| line["id"] == id).unwrap();
    assert_eq!(
        (&of("n")["verdict"], &of("n")["moved"]),
        (&json!("agrees"), &json!(true))
    );
    assert_eq!(of("w")["verdict"], "differs");
    assert_eq!(of("w")["difference"]["history"], "activity double(1)");
    let done = told.last().unwrap();
    assert_eq!((&done["moved"], &done["differ"]), (&json!(1), &json!(1)));
    assert_eq!(unfinished(&host), [1, 1]);
    let shown = host.run(&["plugin", "show", "sdk_probe"]).expect(0);
    assert!(shown.stdout.contains("(replaced)"), "{shown:#?}");
    host.run(&["workflow", "raise", "w", "go", "1"]).expect(0);
    let again = [
        "run",
        &plugin(CHANGED),
        "--pin",
        "--workflow",
        "deterministic",
        "--id",
        "w",
    ];
    host.run(&again).expect(0);
}

#[test]
fn a_dry_run_says_what_a_workflow_waits_for_and_what_differs() {
    let host = killed_while_it_rests();
    let fork = host.run(&["workflow", "fork", "w"]).expect(0);
    assert!(
        fork.stdout.contains("waits for: wait for event go"),
        "{fork:#?}"
    );
    let other = [
        "workflow",
        "fork",
        "w",
        "--plugin",
        &plugin(CHANGED),
        "--output=jsonl",
    ];
    let other = &lines(&host.run(&other).expect(1).stdout)[0];
    assert_eq!(other["difference"]["event"], 1);
    // Nothing was deployed or recorded.
    assert_eq!(unfinished(&host), [1]);
}

#[test]
fn a_workflow_that_was_moved_by_force_stalls_until_a_component_agrees() {
    let host = killed_while_it_rests();
    let (old, changed) = (plugin(OLD), plugin(CHANGED));
    host.run(&["plugin", "deploy", &changed]).expect(0);
    let refused = host.run(&["workflow", "move", "w"]).expect(1);
    assert!(
        refused.stdout.contains("[Workflow w] differs and stays"),
        "{refused:#?}"
    );
    host.run(&["workflow", "move", "w", "--force"]).expect(0);
    host.run(&["workflow", "raise", "w", "go", "1"]).expect(0);
    let again = |plugin| ["run", plugin, "--workflow", "deterministic", "--id", "w"];
    let stalled = host.run(&again(&changed)).expect(1);
    for words in ["stalled", "event    ", "history  ", "code     "] {
        let told = &stalled.stderr;
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    host.run(&again(&old))
        .expect(0)
        .says("The new component goes on with 1 unfinished workflow");
}

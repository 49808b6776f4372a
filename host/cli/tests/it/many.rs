//! `host run --each`: every line once.

use serde_json::Value;

use crate::host::{Host, TASKS, plugin};

fn lines(numbers: std::ops::Range<usize>) -> String {
    let line = |number| {
        format!("{{\"task_id\":\"t-{number}\",\"title\":\"T\",\"assignee\":\"a@example.com\"}}\n")
    };
    numbers.map(line).collect()
}

#[test]
fn every_line_is_run_and_a_repeat_runs_none() {
    let host = Host::new();
    let file = host.file("tasks.jsonl", &lines(0..50));
    let command = ["run", &plugin(TASKS), "--each", file];
    let first = "50 workflows: 50 completed, 0 failed, 0 already done";
    let output = host.run(&command).expect(0).answers(first);
    assert!(!output.stderr.contains("[Activity"), "{output:#?}");
    let again = "50 workflows: 0 completed, 0 failed, 50 already done";
    host.run(&command).expect(0).answers(again);
}

#[test]
fn lines_that_were_added_are_run() {
    let host = Host::new();
    let command = ["run", &plugin(TASKS), "--each", "-", "--concurrency", "3"];
    host.run_with_input(&command, &lines(0..5)).expect(0);
    let more = "8 workflows: 3 completed, 0 failed, 5 already done";
    host.run_with_input(&command, &lines(0..8))
        .expect(0)
        .answers(more);
}

#[test]
fn programs_get_a_line_for_every_workflow() {
    let host = Host::new();
    let command = ["run", &plugin(TASKS), "--json", "--each", "-"];
    let output = host.run_with_input(&command, &lines(0..3)).expect(0);
    let reports = output.stdout.lines().map(serde_json::from_str::<Value>);
    let mut ids: Vec<_> = reports
        .map(|report| report.unwrap()["id"].clone())
        .collect();
    ids.sort_by_key(Value::to_string);
    let expected = [0, 1, 2].map(|number| format!("task-processing-t-{number}"));
    assert_eq!(ids, expected);
}

#[test]
fn one_bad_line_and_nothing_is_started() {
    let host = Host::new();
    let text = lines(0..2) + "{\"task_id\": }\n";
    let file = host.file("tasks.jsonl", &text);
    let output = host.run(&["run", &plugin(TASKS), "--each", file]);
    output
        .expect(2)
        .says("error: tasks.jsonl line 3: no JSON: expected value at column 13");
    host.run(&["workflow", "list"]).expect(0).answers("");
}

#[test]
fn two_lines_with_one_id_and_nothing_is_started() {
    let host = Host::new();
    let text = lines(0..2) + &lines(0..1);
    let output = host.run_with_input(&["run", &plugin(TASKS), "--each", "-"], &text);
    output
        .expect(2)
        .says("standard input line 3: its id task-processing-t-0 is that of line 1 already");
    host.run(&["workflow", "list"]).expect(0).answers("");
}

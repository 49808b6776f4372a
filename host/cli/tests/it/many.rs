//! `host run --each`: every line once.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command};

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

/// Lines of which a full pipe holds the most up, so that the binary is in the midst of it.
const MANY: usize = 1000;
/// Lines after which it is stopped.
const SOME: usize = 100;

fn many(plugin: &str) -> [&str; 5] {
    ["run", plugin, "--each", "tasks.jsonl", "--output=jsonl"]
}

/// A run of many lines of which some are done, and what it has written and nobody has read.
fn in_the_midst(host: &Host) -> (Child, Lines<BufReader<ChildStdout>>) {
    host.file("tasks.jsonl", &lines(0..MANY));
    let mut child = host.command(&many(&plugin(TASKS))).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    stdout.nth(SOME).unwrap().unwrap();
    (child, stdout)
}

#[test]
fn a_run_that_was_killed_is_gone_on_with() {
    let host = Host::new();
    let (mut child, _stdout) = in_the_midst(&host);
    child.kill().unwrap();
    child.wait().unwrap();
    let again = host.run(&many(&plugin(TASKS))).expect(0);
    let reports = again.stdout.lines().map(serde_json::from_str::<Value>);
    let reports: Vec<_> = reports.map(Result::unwrap).collect();
    let done = reports.iter().filter(|line| line["already_done"] == true);
    assert!((SOME..MANY).contains(&done.count()));
    let once = reports.iter().filter(|line| line["run"] == 1);
    assert_eq!((once.count(), reports.len()), (MANY, MANY));
}

#[test]
fn a_run_that_is_stopped_says_that_its_work_is_kept() {
    let host = Host::new();
    let (child, stdout) = in_the_midst(&host);
    signal(&child, "-TERM");
    let rest = stdout.count();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{output:#?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("Stopping; unfinished work is kept in .host"),
        "{stderr}"
    );
    assert!(SOME + rest < MANY);
}

#[test]
fn a_second_signal_ends_a_run_that_waits_for_its_reader() {
    let host = Host::new();
    let (mut child, _stdout) = in_the_midst(&host);
    // Two signals of a kind that come at once are one.
    signal(&child, "-INT");
    signal(&child, "-TERM");
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), Some(130 | 143)), "{status}");
}

fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

#[test]
fn programs_get_a_line_for_every_workflow() {
    let host = Host::new();
    let command = ["run", &plugin(TASKS), "--output=jsonl", "--each", "-"];
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

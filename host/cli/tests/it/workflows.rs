//! `host workflow` and `host plugin`: what the data directory holds.

use serde_json::Value;

use crate::host::{Host, TASKS, plugin};

const ID: &str = "task-processing-task-123";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_unknown_id_is_an_error_with_a_hint() {
    let host = Host::new();
    let commands: [&[&str]; 3] = [
        &["workflow", "show", "x"],
        &["workflow", "history", "x"],
        &["workflow", "raise", "x", "approved", "true"],
    ];
    for command in commands {
        let output = host.run(command).expect(1);
        output
            .says("error: no workflow has the id x in .host")
            .says("host workflow list");
    }
}

#[test]
fn an_empty_directory_lists_nothing() {
    let host = Host::new();
    host.run(&["workflow", "list"]).expect(0).answers("");
    host.run(&["plugin", "list", "--output=jsonl"])
        .expect(0)
        .answers("");
}

#[test]
fn a_list_has_a_line_for_every_workflow_that_fits() {
    let host = Host::with_tasks();
    let all = host.run(&["workflow", "list"]).expect(0);
    assert_eq!(all.stdout.lines().count(), 2);
    assert!(
        all.stdout.contains(ID) && all.stdout.contains("completed"),
        "{all:#?}"
    );
    host.run(&["workflow", "list", "--status", "failed"])
        .expect(0)
        .answers("");
    let line = host
        .run(&[
            "workflow",
            "list",
            "--output=jsonl",
            "--status",
            "completed",
        ])
        .expect(0);
    assert_eq!(json(&line.stdout)["id"], ID);
}

#[test]
fn a_workflow_is_shown_with_its_input_and_output() {
    let host = Host::with_tasks();
    let shown = host.run(&["workflow", "show", ID]).expect(0);
    assert!(shown.stdout.contains("status   completed"), "{shown:#?}");
    let shown = host
        .run(&["workflow", "show", ID, "--output=jsonl"])
        .expect(0);
    let report = json(&shown.stdout);
    assert_eq!(report["input"]["task_id"], "task-123");
    assert_eq!(report["output"]["final_status"], "assigned");
}

#[test]
fn a_history_is_told_event_by_event() {
    let host = Host::with_tasks();
    let told = host.run(&["workflow", "history", ID]).expect(0);
    assert!(
        told.stdout.contains("activity validate_task scheduled"),
        "{told:#?}"
    );
    assert!(
        told.stdout.lines().last().unwrap().ends_with("completed"),
        "{told:#?}"
    );
    let lines = host
        .run(&["workflow", "history", ID, "--output=jsonl"])
        .expect(0);
    let kinds: Vec<_> = lines
        .stdout
        .lines()
        .map(|line| json(line)["kind"].clone())
        .collect();
    assert_eq!(kinds.first().unwrap(), "started");
    assert_eq!(kinds.last().unwrap(), "completed");
    assert_eq!(kinds.len(), told.stdout.lines().count());
}

#[test]
fn a_run_that_never_was_has_no_history() {
    let host = Host::with_tasks();
    let output = host.run(&["workflow", "history", ID, "--run", "7"]);
    output
        .expect(1)
        .says("has no history of run 7; it has had 1 run");
}

#[test]
fn plugins_are_listed_with_what_they_bring() {
    let host = Host::with_tasks();
    let table = host.run(&["plugin", "list"]).expect(0);
    assert_eq!(table.stdout.lines().count(), 2);
    let line = host.run(&["plugin", "list", "--output=jsonl"]).expect(0);
    let plugin = json(&line.stdout);
    assert_eq!(plugin["component"].as_str().unwrap().len(), 64);
    let actors = plugin["actors"].as_array().unwrap();
    let task = actors.iter().find(|one| one["name"] == "TaskActor");
    assert_ne!(task.unwrap()["description"], "");
}

#[test]
fn a_workflow_is_started_and_not_waited_for_and_a_repeat_starts_no_second_one() {
    let host = Host::new();
    let deployed = host.run(&["plugin", "deploy", &plugin(TASKS)]).expect(0);
    let words = "Plugin task_workflow of version 0.1.0 is deployed";
    assert!(deployed.stdout.starts_with(words), "{deployed:#?}");
    let start = ["workflow", "start", "task_processing_workflow", "--input"];
    let input = r#"{"task_id":"t","title":"T","assignee":"a@example.com"}"#;
    let command = [&start[..], &[input, "--id", "w"]].concat();
    host.run(&command).expect(0).answers("w");
    host.run(&["resume"]).expect(0);
    host.run(&command)
        .expect(0)
        .answers("w")
        .says("Workflow w was started earlier and is completed");
    let made = host.run(&[&start[..], &[input]].concat()).expect(0);
    assert_eq!(made.stdout.trim_end().len(), 36, "{made:#?}");
}

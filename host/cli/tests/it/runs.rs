//! `host run` of one workflow: the lesson's outputs, word for word.

use serde_json::Value;

use crate::host::{Host, TASKS, plugin};

const TRACE: &str = "\
[Workflow task-processing-task-123] Starting...
[Activity validate_task] Task valid
[Activity update_actor_status] TaskActor/task-123 -> in_progress
[Activity send_notification] Notifying alice@example.com about task-123
[Activity update_actor_status] TaskActor/task-123 -> assigned
[Workflow task-processing-task-123] Completed: assigned
[Workflow task-processing-task-123] Steps: ['validated', 'started', 'notified', 'assigned']
";

const RESULT: &str = r#"{"task_id":"task-123","final_status":"assigned","steps_completed":["validated","started","notified","assigned"]}"#;

const REJECTED: &str = r#"{"task_id":"task-124","title":"","assignee":""}"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_example_shows_its_trace_and_its_result() {
    let output = Host::new()
        .run(&["run", &plugin(TASKS)])
        .expect(0)
        .answers(RESULT);
    assert_eq!(output.stderr, TRACE);
}

#[test]
fn a_task_without_a_title_is_rejected() {
    let host = Host::new();
    let output = host
        .run(&["run", &plugin(TASKS), "--input", REJECTED])
        .expect(0);
    let result = json(&output.stdout);
    assert_eq!(result["final_status"], "rejected");
    assert_eq!(result["steps_completed"], json(r#"["validation_failed"]"#));
    let output = output.says("[Workflow task-processing-task-124] Starting...");
    assert!(!output.stderr.contains("send_notification"), "{output:#?}");
}

#[test]
fn the_input_may_come_from_a_file_or_a_pipe() {
    let host = Host::new();
    let at_file = format!("@{}", host.file("task.json", REJECTED));
    let of_file = host
        .run(&["run", &plugin(TASKS), "--input", &at_file])
        .expect(0);
    let of_pipe = host.run_with_input(&["run", &plugin(TASKS), "--input", "-"], REJECTED);
    assert_eq!(of_file.stdout, of_pipe.expect(0).stdout);
}

#[test]
fn a_run_that_had_ended_is_run_anew() {
    let host = Host::with_tasks();
    let again = host
        .run(&["run", &plugin(TASKS), "--output=jsonl"])
        .expect(0);
    let report = json(&again.stdout);
    assert_eq!(
        (&report["run"], &report["status"]),
        (&json("2"), &json(r#""completed""#))
    );
}

#[test]
fn programs_get_one_object_and_a_trace_of_json_lines() {
    let output = Host::new()
        .run(&["run", &plugin(TASKS), "--output=jsonl"])
        .expect(0);
    let report = json(&output.stdout);
    assert_eq!(report["id"], "task-processing-task-123");
    assert_eq!(report["output"], json(RESULT));
    let lines: Vec<_> = output.stderr.lines().map(json).collect();
    assert_eq!(lines.len(), TRACE.lines().count());
    assert_eq!(lines[0]["line"], "Starting...");
    assert_eq!(lines[1]["activity"], "validate_task");
}

#[test]
fn an_id_may_be_given() {
    let host = Host::new();
    let id = "mine-{task_id}";
    let output = host
        .run(&["run", &plugin(TASKS), "--id", id, "--output=jsonl"])
        .expect(0);
    assert_eq!(json(&output.stdout)["id"], "mine-task-123");
}

#[test]
fn the_same_component_once_more_is_no_change() {
    let output = Host::with_tasks().run(&["run", &plugin(TASKS)]).expect(0);
    assert!(!output.stderr.contains("has changed"), "{output:#?}");
}

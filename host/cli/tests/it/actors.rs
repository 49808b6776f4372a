//! `host actor call`: an actor that starts a workflow and remembers it.

use serde_json::Value;

use crate::host::Host;

const SUBMIT: [&str; 6] = [
    "actor",
    "call",
    "TaskActor",
    "task-456",
    "SubmitForProcessing",
    r#"{"assignee":"bob@example.com"}"#,
];

const STATUS: [&str; 5] = [
    "actor",
    "call",
    "TaskActor",
    "task-456",
    "GetProcessingStatus",
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn submit(host: &Host, options: &[&str]) -> Value {
    let arguments = [&SUBMIT, options].concat();
    json(&host.run(&arguments).expect(0).stdout)
}

#[test]
fn a_submission_starts_a_workflow_and_a_second_one_does_not() {
    let host = Host::with_tasks();
    let expected =
        r#"{"success":true,"workflow_instance":"process-task-456","task_id":"task-456"}"#;
    assert_eq!(submit(&host, &["--wait"]), json(expected));
    let repeat =
        r#"{"success":false,"reason":"Already submitted","workflow_instance":"process-task-456"}"#;
    assert_eq!(submit(&host, &[]), json(repeat));
}

#[test]
fn the_actor_knows_how_its_workflow_ended() {
    let host = Host::with_tasks();
    submit(&host, &["--wait"]);
    let status = json(&host.run(&STATUS).expect(0).stdout);
    assert_eq!(status["task_id"], "task-456");
    assert_eq!(status["workflow_instance"], "process-task-456");
    assert_eq!(status["workflow_status"], "COMPLETED");
    assert!(status["actor_status"].is_string(), "{status}");
}

#[test]
fn what_a_call_started_is_gone_on_with_later() {
    let host = Host::with_tasks();
    submit(&host, &[]);
    host.run(&["resume"]).expect(0);
    let status = json(&host.run(&STATUS).expect(0).stdout);
    assert_eq!(status["workflow_status"], "COMPLETED");
}

#[test]
fn a_repeat_with_the_same_key_gets_the_same_answer() {
    let host = Host::with_tasks();
    let key = ["--idempotency-key", "k-1"];
    assert_eq!(submit(&host, &key), submit(&host, &key));
}

#[test]
fn an_unknown_method_or_type_is_an_error() {
    let host = Host::with_tasks();
    for (actor_type, method) in [("TaskActor", "Nothing"), ("NoActor", "GetTask")] {
        let output = host.run(&["actor", "call", actor_type, "task-1", method]);
        let output = output.expect(1).says("error: ").says("(not-found)");
        assert_eq!(output.stdout, "");
    }
}

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

fn remind<'a>(host: &Host, name: &'a str, options: &[&'a str]) -> crate::host::Output {
    let words = ["actor", "remind", "Keeper", "k", name, "Ring", "5"];
    host.run(&[&words, options].concat())
}

fn reminders(host: &Host) -> Vec<Value> {
    let output = host.run(&["actor", "reminders", "Keeper", "k", "--output=jsonl"]);
    output.expect(0).stdout.lines().map(json).collect()
}

#[test]
fn reminders_are_set_listed_and_cancelled() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &crate::host::plugin("sdk_probe.wasm")])
        .expect(0);
    remind(&host, "b", &["--due", "2999-01-01T00:00:00Z"])
        .expect(0)
        .says("Reminder b of actor Keeper/k is set");
    remind(&host, "a", &["--due", "2h", "--every", "R5/PT1H"]).expect(0);
    let listed = reminders(&host);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["period"]),
        (&"a".into(), &"PT3600S".into())
    );
    assert_eq!(
        (&listed[0]["left"], &listed[0]["input"]),
        (&5.into(), &5.into())
    );
    assert_eq!(
        (&listed[1]["name"], &listed[1]["method"]),
        (&"b".into(), &"Ring".into())
    );
    assert_eq!(listed[1]["due"], "2999-01-01T00:00:00.000Z");
    let cancel = ["actor", "cancel-reminder", "Keeper", "k", "a"];
    host.run(&cancel).expect(0);
    host.run(&cancel).expect(1).says("no reminder a");
    let table = host.run(&["actor", "reminders", "Keeper", "k"]).expect(0);
    assert!(table.stdout.starts_with("NAME") && table.stdout.contains("2999-01-01"));
}

#[test]
fn a_reminder_that_cannot_be_is_refused() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &crate::host::plugin("sdk_probe.wasm")])
        .expect(0);
    remind(&host, "r", &["--due", "soon"])
        .expect(2)
        .says("`soon` is not");
    remind(&host, "r", &["--due", "1h"]).expect(0);
    remind(&host, "r", &["--keep-existing"])
        .expect(1)
        .says("(already-exists)");
    let hum = ["actor", "remind", "Keeper", "k", "r", "Hum"];
    host.run(&hum).expect(1).says("no method Hum");
    host.run(&["actor", "delete", "Keeper", "k"]).expect(0);
    assert!(reminders(&host).is_empty());
}

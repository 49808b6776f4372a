//! How results are written: tables for people, one JSON document, or JSON lines.

use serde_json::{Value, json};

use crate::host::{Host, TASKS, plugin};

const TASK: &str = "task-processing-task-123";
const THREE_LINES: &str = r#"{"task_id":"a","title":"T","assignee":"a@example.com"}
{"task_id":"b","title":"T","assignee":"a@example.com"}
{"no_task":1}
"#;

/// What standard output holds as one document, and what it holds as lines.
fn both(host: &Host, command: &[&str]) -> (Value, Vec<Value>) {
    let read = |text: &str| serde_json::from_str(text).unwrap();
    let [document, lines] = ["json", "jsonl"].map(|format| {
        let output = host.run(&[command, &["--output", format]].concat());
        output.expect(0).stdout
    });
    (read(&document), lines.lines().map(read).collect())
}

#[test]
fn a_list_is_a_table_or_one_document_or_a_line_for_each_entry() {
    let host = Host::with_tasks();
    let commands: [&[&str]; 4] = [
        &["workflow", "list"],
        &["workflow", "history", TASK],
        &["workflow", "history", TASK, "--follow"],
        &["plugin", "list"],
    ];
    for command in commands {
        let (document, lines) = both(&host, command);
        assert!(!lines.is_empty(), "{command:?}");
        assert_eq!(document, Value::Array(lines), "{command:?}");
        let table = host.run(command).expect(0).stdout;
        assert!(!table.starts_with(['[', '{']), "{table}");
    }
}

#[test]
fn a_list_of_nothing_is_an_array_of_nothing_or_no_line() {
    let host = Host::new();
    for list in [["schedule", "list"], ["topic", "list"], ["plugin", "list"]] {
        assert_eq!(both(&host, &list), (json!([]), Vec::new()), "{list:?}");
        host.run(&list).expect(0).answers("");
    }
}

#[test]
fn a_single_thing_is_an_object_either_way() {
    let host = Host::with_tasks();
    let (document, lines) = both(&host, &["workflow", "show", TASK]);
    assert_eq!(document["status"], "completed");
    assert_eq!(lines, [document]);
}

#[test]
fn a_run_of_many_lines_ends_its_document_although_one_failed() {
    let host = Host::new();
    let file = host.file("tasks.jsonl", THREE_LINES);
    let id = ["--id", "{task_id}", "--output", "json"];
    let run = ["run", &plugin(TASKS), "--each", file];
    host.run(&[&run[..], &id].concat()).expect(2);
    host.file("tasks.jsonl", &THREE_LINES.replace("no_task", "task_id"));
    let output = host.run(&[&run[..], &id].concat()).expect(1);
    let entries: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let failed = entries.iter().filter(|entry| entry["status"] == "failed");
    assert_eq!((entries.len(), failed.count()), (3, 1), "{output:#?}");
}

//! `plugins/deadline`: an actor is reminded before its task is due, and a failed assignment leaves nothing behind.

use host_base::{Clock, SystemClock};
use serde_json::json;

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PLUGIN: &str = "deadline.wasm";
const GET: [&str; 5] = ["actor", "call", "Task", "t", "Get"];

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn now_ms() -> u64 {
    SystemClock.now().0
}

/// A call that may be repeated.
fn call<'a>(method: &'a str, input: &'a str) -> [&'a str; 8] {
    let key = "--idempotency-key";
    ["actor", "call", "Task", "t", method, input, key, method]
}

fn task(status: &str, assignee: Option<&str>, refusal: Option<&str>, due: Option<u64>) -> String {
    let task = json!({
        "status": status,
        "due_ms": due,
        "reproaches": u32::from(due.is_some()),
        "assignee": assignee,
        "refusal": refusal,
        "workflow": null,
        "assignments": 1,
    });
    task.to_string()
}

#[test]
fn who_is_late_is_told_once_and_reproached_once_for_all_the_days_that_were_missed() {
    let due = now_ms() - 10 * DAY_MS - DAY_MS / 2;
    Scenario::new(&[PLUGIN])
        .repeat(&call("Assign", r#""alice""#))
        .repeat(&call("SetDue", &due.to_string()))
        .resume()
        .ends("t-1", "completed", r#""warned""#)
        .answers(&GET, &task("assigned", Some("alice"), None, Some(due)))
        .check();
}

#[test]
fn an_assignment_that_fails_returns_the_task_to_unassigned() {
    let why = "bob (on leave) cannot take t";
    Scenario::new(&[PLUGIN])
        .repeat(&call("Assign", r#""bob (on leave)""#))
        .resume()
        .ends("t-1", "failed", r#""refused""#)
        .answers(&GET, &task("unassigned", None, Some(why), None))
        .check();
}

#[test]
fn a_task_that_is_finished_needs_no_reminder() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PLUGIN)]).expect(0);
    host.run(&call("SetDue", "99999999999999")).expect(0);
    let reminders = ["actor", "reminders", "Task", "t", "--output=jsonl"];
    let set = host.run(&reminders).expect(0);
    assert!(set.stdout.contains(r#""method":"DueSoon""#), "{set:#?}");
    assert!(set.stdout.contains(r#""method":"Overdue""#), "{set:#?}");
    host.run(&call("Finish", "null")).expect(0);
    host.run(&reminders).expect(0).answers("");
}

//! More of something than there may be: memory, stacks, handles, values, logs, state.

use serde_json::{Value, json};

use super::attacked::{Attacked, problem, refused};

#[test]
fn memory_without_end_ends_at_the_limit_in_each_role() {
    let attacked = Attacked::start();
    let words = "33554432";
    for workflow in ["devours_itself", "runs_devours"] {
        let (code, message) = attacked.fails(workflow, Value::Null);
        assert_eq!(code, "memory-limit", "{message}");
        assert!(message.contains(words), "{message}");
    }
    let answer = attacked.calls("Devourer", "a", "Devour", &Value::Null);
    refused(&answer, "plugin-failed", words);
    attacked.still_serves();
}

#[test]
fn recursion_without_end_fills_the_guests_own_stack() {
    let attacked = Attacked::start();
    let (code, message) = attacked.fails("recurses", Value::Null);
    assert_eq!(code, "trap", "{message}");
    assert!(message.contains("endless recursion"), "{message}");
    attacked.still_serves();
}

#[test]
fn handles_without_number_end_at_the_limit() {
    let attacked = Attacked::within("history_events_max = 1000");
    let (code, message) = attacked.fails("takes_handles", json!(20_000));
    assert_eq!(code, "limit", "{message}");
    assert!(message.contains("history_events_max"), "{message}");
    attacked.still_serves();
}

#[test]
fn of_a_million_log_lines_a_few_are_told_and_the_rest_is_counted() {
    let attacked = Attacked::within("log_lines_max = 100\nlog_line_bytes_max = 100");
    attacked.starts("runs_talks", "a", json!(1_000_000));
    assert_eq!(attacked.ended("a")["output"], 1_000_000);
    let told = attacked.still_serves();
    let lines = told.lines().filter(|line| line.contains("chatter"));
    assert!(lines.count() <= 100, "{} bytes were told", told.len());
}

#[test]
fn a_value_that_is_too_large_names_its_limit_wherever_a_guest_hands_it_over() {
    let attacked = Attacked::within("payload_bytes_max = 65536\ntopic_subscribers_max = 10");
    let boast = |place: &str| json!({"place": place, "bytes": 2_000_000});
    for place in [
        "output",
        "status",
        "attribute",
        "publish",
        "side-effect",
        "failure",
        "panic",
        "activity-input",
        "child-id",
    ] {
        attacked.starts("boasts_itself", place, boast(place));
        let ended = attacked.ended(place);
        assert_eq!(ended["status"], "failed", "{place}: {ended}");
        assert!(ended.to_string().len() < 100_000, "{place}");
    }
    for place in ["output", "heartbeat", "failure"] {
        attacked.starts("runs_boasts", &format!("activity-{place}"), boast(place));
        let ended = attacked.ended(&format!("activity-{place}"));
        assert_eq!(ended["status"], "failed", "{place}: {ended}");
        assert!(ended.to_string().len() < 100_000, "{place}");
    }
    for place in [
        "output",
        "state",
        "value",
        "key",
        "topic",
        "publish",
        "callee-id",
        "addressee-id",
        "input",
        "failure",
        "panic",
    ] {
        let answer = attacked.calls("Boaster", place, "Boast", &boast(place));
        problem(&answer);
        assert!(answer.body.len() < 100_000, "{place}");
    }
    attacked.still_serves();
}

#[test]
fn a_history_that_grows_for_ever_ends_at_the_limit() {
    let attacked = Attacked::within("history_events_max = 100");
    let (code, message) = attacked.fails("works_for_ever", json!(1));
    assert_eq!(code, "limit", "{message}");
    assert!(message.contains("history_events_max"), "{message}");
    attacked.still_serves();
}

#[test]
fn a_turn_writes_no_more_than_it_may() {
    let attacked = Attacked::within("turn_writes_max = 1000");
    let hoard =
        |keys: u32, bytes: u32| attacked.calls("Hoarder", "a", "Hoard", &json!([keys, bytes]));
    refused(&hoard(1_000_000, 1), "limit", "turn_writes_max");
    refused(&hoard(1_000, 100_000), "limit", "turn_bytes_max");
    let state = attacked.get("/actors/Hoarder/a/state").expect(200);
    assert_eq!(state, json!({"entries": []}));
    attacked.still_serves();
}

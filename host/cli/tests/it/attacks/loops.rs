//! Code that never comes back, in each place where a guest's code runs.

use serde_json::{Value, json};

use super::attacked::{Attacked, refused};

const OVERRAN: &str = "it used up the CPU time of one turn";

#[test]
fn a_workflow_that_computes_for_ever_is_parked() {
    let attacked = Attacked::start();
    attacked.starts("spins_itself", "a", Value::Null);
    let stall = attacked.parked("a");
    assert!(stall.contains("CPU time"), "{stall}");
    attacked.still_serves();
}

#[test]
fn an_activity_that_computes_for_ever_is_dropped_when_its_time_is_over() {
    let attacked = Attacked::start();
    let (code, message) = attacked.fails("runs_spins", json!(500));
    assert_eq!(code, "timeout", "{message}");
    attacked.still_serves();
}

#[test]
fn an_activity_that_ignores_a_cancel_is_dropped_after_its_grace() {
    let attacked = Attacked::within("activity_cancel_grace = \"200ms\"");
    attacked.starts("runs_spins", "a", json!(60_000));
    let path = "/api/v1/workflows/a";
    let runs = |one: &Value| one["activities"][0]["attempt"] == 1;
    attacked.server.until(path, runs);
    let cancelled = attacked.posts("/workflows/a/cancel", &Value::Null);
    assert!(cancelled.status < 300, "{cancelled:?}");
    assert_eq!(attacked.ended("a")["status"], "cancelled");
    attacked.still_serves();
}

#[test]
fn an_actor_that_computes_for_ever_is_stopped_in_each_kind_of_turn() {
    let attacked = Attacked::start();
    for (id, method) in [("a", "Spin"), ("at-once", "Spin"), ("b", "Read")] {
        let answer = attacked.calls("Spinner", id, method, &Value::Null);
        refused(&answer, "timeout", OVERRAN);
    }
    attacked.still_serves();
}

#[test]
fn a_query_and_an_update_that_compute_for_ever_are_given_up() {
    let attacked = Attacked::within("query_time_max = \"2s\"");
    attacked.starts("spins_when_asked", "a", Value::Null);
    let asked = attacked.posts("/workflows/a/query/ask", &Value::Null);
    assert!(asked.status >= 400, "{asked:?}");
    attacked.starts("spins_when_asked", "b", Value::Null);
    let asked = attacked.posts("/workflows/b/update/change", &Value::Null);
    assert_ne!(asked.status, 200, "{asked:?}");
    attacked.still_serves();
}

#[test]
fn a_start_function_that_computes_for_ever_is_no_plugin() {
    let attacked = Attacked::start();
    refused(
        &attacked.deploys_text("loop_in_start"),
        "bad-input",
        OVERRAN,
    );
    attacked.still_serves();
}

#[test]
fn a_description_that_takes_for_ever_is_none() {
    let attacked = Attacked::start();
    refused(
        &attacked.deploys_text("loop_in_describe"),
        "bad-input",
        OVERRAN,
    );
    attacked.still_serves();
}

#[test]
fn a_start_function_that_bides_its_time_is_stopped_where_it_runs() {
    let attacked = Attacked::start();
    attacked.deploys_text("hidden_loop").expect(200);
    attacked.starts("attack", "a", Value::Null);
    let stall = attacked.parked("a");
    assert!(stall.contains("CPU time"), "{stall}");
    attacked.still_serves();
}

#[test]
fn asking_the_host_for_ever_is_computing_for_ever() {
    let attacked = Attacked::within("turn_time_max = \"3s\"");
    attacked.starts("asks_for_ever", "a", Value::Null);
    attacked.parked("a");
    for method in ["Reads", "Lists", "Overwrites"] {
        let answer = attacked.calls("Asker", method, method, &Value::Null);
        refused(&answer, "timeout", "");
    }
    // Each wait for the other actor is not its own time; all of them together are bounded as well.
    let answer = attacked.calls("Asker", "a", "Calls", &Value::Null);
    refused(&answer, "timeout", "");
    attacked.still_serves();
}

#[test]
fn heartbeats_without_end_hold_nothing_up() {
    let attacked = Attacked::start();
    let (code, message) = attacked.fails("runs_beats", Value::Null);
    assert_eq!(code, "timeout", "{message}");
    attacked.still_serves();
}

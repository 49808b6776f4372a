//! Ending, holding and purging workflows, through the binary: by hand, and killed at each of the commits.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PROBE: &str = "sdk_probe.wasm";

fn start<'a>(name: &'a str, id: &'a str, input: &'a str) -> [&'a str; 7] {
    ["workflow", "start", name, "--id", id, "--input", input]
}

/// A directory in which this workflow waits for an event.
fn waiting(id: &str) -> Host {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    host.run(&start("await_event", id, "null")).expect(0);
    host
}

fn show(host: &Host, id: &str) -> Value {
    let shown = host.run(&["workflow", "show", id, "--json"]).expect(0);
    serde_json::from_str(&shown.stdout).unwrap()
}

#[test]
fn a_terminated_workflow_is_shown_with_the_reason_and_terminated_once() {
    let host = waiting("w");
    let terminate = ["workflow", "terminate", "w", "--reason", "no longer wanted"];
    host.run(&terminate)
        .expect(0)
        .says("Terminated: workflow w (terminated)");
    let shown = show(&host, "w");
    assert_eq!(shown["status"], "terminated");
    let message = "workflow w was terminated: no longer wanted";
    assert_eq!(shown["failure"]["message"], message);
    host.run(&terminate)
        .expect(1)
        .says("error: workflow w is terminated already");
    let line = host.run(&["workflow", "list", "--status", "terminated", "--json"]);
    assert!(line.expect(0).stdout.contains(r#""id":"w""#));
}

#[test]
fn a_suspended_workflow_is_held_over_restarts_until_it_is_resumed() {
    let host = waiting("w");
    let suspended = host.run(&["workflow", "suspend", "w", "--reason", "night", "--json"]);
    let report: Value = serde_json::from_str(&suspended.expect(0).stdout).unwrap();
    assert_eq!(report["status"], "suspended");
    assert_eq!(report["suspension"]["reason"], "night");
    host.run(&["workflow", "raise", "w", "go", "1"]).expect(0);
    host.run(&["resume"]).expect(0).says("1 of them suspended");
    assert_eq!(show(&host, "w")["status"], "suspended");
    host.run(&["workflow", "resume", "w"]).expect(0);
    host.run(&["resume"]).expect(0);
    assert_eq!(show(&host, "w")["output"], 1);
    host.run(&["workflow", "resume", "w"])
        .expect(1)
        .says("workflow w is completed already");
}

#[test]
fn a_purge_leaves_nothing_of_what_has_ended_and_refuses_the_rest() {
    let host = waiting("w");
    host.run(&["workflow", "purge", "w"])
        .expect(1)
        .says("error: workflow w has not ended");
    host.run(&["workflow", "purge", "w", "--force"])
        .expect(0)
        .says("Deleted 1 workflow");
    host.run(&["workflow", "show", "w"]).expect(1);
    for id in ["a", "b"] {
        host.run(&start("nap", id, "1")).expect(0);
    }
    host.run(&["resume"]).expect(0);
    let purged = host.run(&["workflow", "purge", "--name", "nap", "--json"]);
    let report: Value = serde_json::from_str(&purged.expect(0).stdout).unwrap();
    assert_eq!(report, json!({"deleted": 2, "left": 0}));
    host.run(&["workflow", "list"]).expect(0).answers("");
}

#[test]
fn a_saga_is_undone_once_wherever_the_process_is_killed() {
    let journey = r#"{"actor":"c","bookings":2,"then":"fail"}"#;
    Scenario::new(&[PROBE])
        .repeat(&start("journey", "w", journey))
        .resume()
        .ends("w", "failed", r#""lost""#)
        .answers(&["actor", "call", "Counter", "c", "Get"], "0")
        .check();
}

#[test]
fn a_workflow_continues_as_new_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("countdown", "w", r#"{"left":2,"sum":0}"#))
        .once(&["workflow", "raise", "w", "add", "10"])
        .once(&["workflow", "raise", "w", "add", "20"])
        .resume()
        .ends("w", "completed", "36")
        .check();
}

#[test]
fn a_child_ends_with_its_parent_wherever_the_process_is_killed() {
    let household = r#"{"child":"c"}"#;
    Scenario::new(&[PROBE])
        .repeat(&start("household", "w", household))
        .once(&["workflow", "raise", "w", "go", "1"])
        .resume()
        .ends("w", "completed", "1")
        .ends("c", "terminated", r#""terminated""#)
        .check();
}

#[test]
fn a_workflow_is_terminated_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("await_event", "w", "null"))
        .once(&["workflow", "terminate", "w"])
        .resume()
        .ends("w", "terminated", r#""terminated""#)
        .check();
}

#[test]
fn what_arrives_for_a_suspended_workflow_is_kept_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("await_event", "w", "null"))
        .once(&["workflow", "suspend", "w"])
        .once(&["workflow", "raise", "w", "go", "1"])
        .once(&["workflow", "resume", "w"])
        .resume()
        .ends("w", "completed", "1")
        .check();
}

#[test]
fn a_cancelled_saga_is_undone_once_wherever_the_process_is_killed() {
    let journey = r#"{"actor":"c","bookings":2,"then":"wait"}"#;
    Scenario::new(&[PROBE])
        .repeat(&start("journey", "w", journey))
        .once(&["workflow", "cancel", "w", "--reason", "enough"])
        .resume()
        .ends("w", "cancelled", r#""cancelled""#)
        .answers(&["actor", "call", "Counter", "c", "Get"], "0")
        .check();
}

#[test]
fn a_tree_is_cancelled_and_undone_once_wherever_the_process_is_killed() {
    let journey = r#"{"actor":"c","bookings":1,"then":"wait"}"#;
    let child = format!(r#"{{"child":"w","name":"journey","input":{journey}}}"#);
    Scenario::new(&[PROBE])
        .repeat(&start("run_child", "top", &child))
        .once(&["workflow", "cancel", "top"])
        .resume()
        .ends("top", "cancelled", r#""cancelled""#)
        .answers(&["actor", "call", "Counter", "c", "Get"], "0")
        .check();
}

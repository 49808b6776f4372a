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
    let shown = host
        .run(&["workflow", "show", id, "--output=jsonl"])
        .expect(0);
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
    let line = host.run(&[
        "workflow",
        "list",
        "--status",
        "terminated",
        "--output=jsonl",
    ]);
    assert!(line.expect(0).stdout.contains(r#""id":"w""#));
}

#[test]
fn a_suspended_workflow_is_held_over_restarts_until_it_is_resumed() {
    let host = waiting("w");
    let suspended = host.run(&[
        "workflow",
        "suspend",
        "w",
        "--reason",
        "night",
        "--output=jsonl",
    ]);
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
    let purged = host.run(&["workflow", "purge", "--name", "nap", "--output=jsonl"]);
    let report: Value = serde_json::from_str(&purged.expect(0).stdout).unwrap();
    assert_eq!(
        (&report["deleted"], &report["left"]),
        (&json!(2), &json!(0))
    );
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

/// Parent, child and grandchild, which waits for an event.
fn three_generations() -> String {
    let grandchild = json!({"child": "grandchild", "name": "await_event", "input": null});
    json!({"child": "child", "name": "run_child", "input": grandchild}).to_string()
}

/// Nobody answers it, after the code has run to where it waits.
fn ask(id: &str) -> [&str; 4] {
    ["workflow", "query", id, "none"]
}

#[test]
fn a_tree_of_three_generations_is_terminated_with_the_reason_of_its_root() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    let family = three_generations();
    host.run(&start("run_child", "parent", &family)).expect(0);
    for id in ["parent", "child", "grandchild"] {
        host.run(&ask(id)).expect(1).says("has no query `none`");
    }
    host.run(&["workflow", "terminate", "parent", "--reason", "sold"])
        .expect(0);
    host.run(&["resume"]);
    for id in ["child", "grandchild"] {
        let shown = show(&host, id);
        assert_eq!(shown["status"], "terminated", "{shown}");
        let why = shown["failure"]["message"].as_str().unwrap();
        assert!(why.contains("terminated"), "{why}");
    }
}

#[test]
fn a_tree_of_three_generations_is_terminated_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("run_child", "parent", &three_generations()))
        .refused(&ask("parent"))
        .refused(&ask("child"))
        .once(&["workflow", "terminate", "parent"])
        .resume()
        .ends("parent", "terminated", r#""terminated""#)
        .ends("child", "terminated", r#""terminated""#)
        .ends("grandchild", "terminated", r#""terminated""#)
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
fn a_workflow_that_has_ended_is_run_again_with_another_input() {
    let host = Host::new();
    let run = ["run", &plugin(PROBE), "--workflow", "sequence", "--id", "w"];
    host.run(&[&run[..], &["--input", "2"]].concat()).expect(0);
    let rerun = ["workflow", "rerun", "w", "--from", "0", "--id", "again"];
    host.run(&[&rerun[..], &["--input", "3"]].concat())
        .expect(0);
    host.run(&["resume"]).expect(0);
    assert_eq!(show(&host, "again")["input"], 3);
    assert_eq!(show(&host, "again")["output"], 3);
    assert_eq!(show(&host, "w")["output"], 2);
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

#[test]
fn children_end_or_stay_as_they_were_started_wherever_the_process_is_killed() {
    let children = json!([
        {"child": "terminated"},
        {"child": "cancelled", "close": "cancel"},
        {"child": "abandoned", "close": "abandon"},
        {"child": "detached", "detached": true},
        {"child": "bound", "detached": true, "close": "terminate"},
    ]);
    let leave = ["workflow", "update", "w", "leave", "--id", "u"];
    let go = |id| ["workflow", "raise", id, "go", "1"];
    Scenario::new(&[PROBE])
        .repeat(&start("full_house", "w", &children.to_string()))
        .repeat(&leave)
        .once(&go("abandoned"))
        .once(&go("detached"))
        .resume()
        .ends("w", "completed", "null")
        .ends("terminated", "terminated", r#""terminated""#)
        .ends("cancelled", "cancelled", r#""cancelled""#)
        .ends("abandoned", "completed", "1")
        .ends("detached", "completed", "1")
        .ends("bound", "terminated", r#""terminated""#)
        .check();
}

#[test]
fn what_has_lost_a_race_is_stopped_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("stop_child", "w", r#""child""#))
        .resume()
        .ends("w", "completed", r#""cancelled""#)
        .ends("child", "cancelled", r#""cancelled""#)
        .check();
}

#[test]
fn a_fan_out_with_and_without_a_limit_is_whole_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("bounded_fan_out", "bounded", "[6,2]"))
        .repeat(&start("fan_out", "all", "6"))
        .resume()
        .ends("bounded", "completed", "30")
        .ends("all", "completed", "30")
        .stride(2)
        .check();
}

#[test]
fn a_taken_id_fails_a_childs_handle_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("child_with_id", "w", r#""w""#))
        .resume()
        .ends("w", "completed", r#""already-exists""#)
        .check();
}

#[test]
fn a_workflow_is_purged_with_its_children_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("parent", "w", r#"{"children":2,"input":1}"#))
        .repeat(&start("nap", "other", "1"))
        .resume()
        .insist(&["workflow", "purge", "w"])
        .gone("w")
        .gone("w:1")
        .gone("w:2")
        .ends("other", "completed", r#""rested""#)
        .check();
}

#[test]
fn many_workflows_are_ended_by_a_batch_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("await_event", "a", "null"))
        .repeat(&start("await_event", "b", "null"))
        .once(&["workflow", "terminate", "--name", "await_event"])
        .resume()
        .ends("a", "terminated", r#""terminated""#)
        .ends("b", "terminated", r#""terminated""#)
        .check();
}

#[test]
fn many_workflows_are_purged_by_a_batch_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .repeat(&start("nap", "a", "1"))
        .repeat(&start("nap", "b", "1"))
        .repeat(&start("fan_out", "other", "1"))
        .resume()
        .once(&["workflow", "purge", "--name", "nap"])
        .resume()
        .gone("a")
        .gone("b")
        .ends("other", "completed", "0")
        .check();
}

#[test]
fn a_dry_run_and_a_rerun_leave_the_first_one_as_it_was_wherever_the_process_is_killed() {
    let double = r#"{"name":"double","input":21}"#;
    let again = ["--from", "2", "--result", "7", "--id", "again"];
    Scenario::new(&[PROBE])
        .repeat(&start("await_event", "forked", "null"))
        .repeat(&["workflow", "fork", "forked"])
        .once(&["workflow", "raise", "forked", "go", "1"])
        .repeat(&start("run_activity", "w", double))
        .resume()
        .once(&[&["workflow", "rerun", "w"][..], &again].concat())
        .resume()
        .ends("forked", "completed", "1")
        .ends("w", "completed", "42")
        .ends("again", "completed", "7")
        .check();
}

#[test]
fn a_plugin_is_removed_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE, "approval.wasm"])
        .insist(&["plugin", "remove", "approval"])
        .refused(&["plugin", "show", "approval"])
        .repeat(&start("nap", "w", "1"))
        .resume()
        .ends("w", "completed", r#""rested""#)
        .check();
}

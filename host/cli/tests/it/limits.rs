//! `--config` and `host config`: limits that an operator sets, and what they do; by hand, and killed at each of the
//! commits.

use serde_json::Value;

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PROBE: &str = "sdk_probe.wasm";

fn start<'a>(name: &'a str, id: &'a str, input: &'a str) -> [&'a str; 7] {
    ["workflow", "start", name, "--id", id, "--input", input]
}

#[test]
fn all_limits_are_shown_with_what_they_bound_and_the_file_can_be_used_as_it_is() {
    let host = Host::new();
    let shown = host.run(&["config"]).expect(0).stdout;
    let expected =
        "# How long an answer is kept for a repeat. Default 24 h.\nreply_retention = \"24h\"\n";
    assert!(shown.contains(expected), "{shown}");
    host.file("all.toml", &shown);
    let again = host.run(&["config", "--config", "all.toml"]).expect(0);
    assert_eq!(again.stdout, shown);
    assert!(!host.dir().join(".host/db").exists());
}

#[test]
fn a_limit_that_a_file_sets_holds_and_is_shown() {
    let host = Host::new();
    host.limit("payload_bytes_max = 10\n[retention]\nfailed = \"30d\"\n");
    let shown = host.run(&["config", "--output=jsonl"]).expect(0).stdout;
    let limits: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(limits["payload_bytes_max"], 10);
    assert_eq!(limits["retention"]["failed"], "720h");
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    let refused = host.run(&start("await_event", "w", r#""eleven bytes""#));
    refused.expect(2).says("`payload_bytes_max`");
    let each = ["run", &plugin(PROBE), "--workflow", "nap", "--each", "-"];
    host.run_with_input(&each, "1\n\"eleven bytes\"\n")
        .expect(2)
        .says("standard input line 2: an input may have 10 bytes (`payload_bytes_max`)");
}

#[test]
fn a_file_of_limits_that_cannot_be_used_is_refused_before_anything_is_opened() {
    let host = Host::new();
    let run = |text: &str| {
        let file = host.file("limits", text);
        host.run(&["workflow", "list", "--config", file]).expect(2)
    };
    run("retention_days = 3").says(
        "error: read the limits in limits: line 1: unknown field `retention_days`; \"host config\" shows",
    );
    run("turn_cpu_max = 1").says("line 1: invalid type: integer `1`, expected a string");
    run("schedules_max = 0").says("`schedules_max` must be more than nought");
    host.run(&["workflow", "list", "--config", "nowhere"])
        .expect(2)
        .says("error: read the limits in nowhere: No such file");
    assert!(!host.dir().join(".host/db").exists());
}

#[test]
fn a_history_that_nears_its_limit_is_told_before_it_ends_the_workflow() {
    let host = Host::new();
    host.limit("history_events_max = 20");
    let run = [
        "run",
        &plugin(PROBE),
        "--workflow",
        "measure",
        "--input",
        "12",
    ];
    host.run(&run)
        .expect(1)
        .says("warning: its history has")
        .says("`history_events_max`");
}

#[test]
fn a_history_ends_at_its_limit_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .limits("history_events_max = 8")
        .repeat(&start("measure", "w", "12"))
        .resume()
        .ends("w", "failed", r#""limit""#)
        .check();
}

#[test]
fn what_has_ended_is_kept_as_long_as_its_ending_says_wherever_the_process_is_killed() {
    Scenario::new(&[PROBE])
        .limits("[retention]\ncompleted = \"0s\"\nfailed = \"1d\"\n")
        .repeat(&start("nap", "nap", "1"))
        .repeat(&start("parent", "family", r#"{"children":2}"#))
        .repeat(&start("run_activity", "kept", r#"{"name":"always_fails"}"#))
        .resume()
        .gone("nap")
        .gone("family")
        .ends("kept", "failed", r#""sold-out""#)
        .check();
}

#[test]
fn until_when_a_workflow_is_kept_is_shown() {
    let host = Host::new();
    host.limit("[retention]\ncompleted = \"1d\"");
    let run = [
        "run",
        &plugin(PROBE),
        "--workflow",
        "nap",
        "--input",
        "1",
        "--id",
        "w",
    ];
    host.run(&run).expect(0);
    let shown = host
        .run(&["workflow", "show", "w", "--output=jsonl"])
        .expect(0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    let day = |field: &str| report[field].as_str().unwrap().split_at(10).0.to_owned();
    assert!(day("updated") < day("kept_until"), "{report}");
    let block = host.run(&["workflow", "show", "w"]).expect(0).stdout;
    assert!(block.contains("kept     until "), "{block}");
}

//! `host schedule`: what is due again and again, as it is typed and shown.

use serde_json::{Value, json};

use crate::host::{Host, plugin};

/// Once a year, a nap.
const NAPS: [&str; 9] = [
    "schedule",
    "create",
    "s",
    "--cron",
    "0 0 1 1 *",
    "--workflow",
    "nap",
    "--input",
    "1",
];
const ADD: [&str; 8] = [
    "schedule", "create", "adds", "--every", "1h", "--actor", "Counter", "c",
];

/// Where the fixtures are deployed.
fn host() -> Host {
    let host = Host::new();
    let probe = plugin("sdk_probe.wasm");
    host.run(&["plugin", "deploy", &probe]).expect(0);
    host
}

fn run(host: &Host, command: &[&[&str]]) -> crate::host::Output {
    host.run(&command.concat())
}

fn of(host: &Host, verb: &str) -> crate::host::Output {
    host.run(&["schedule", verb, "s"])
}

fn shown(host: &Host, name: &str) -> Value {
    let shown = host
        .run(&["schedule", "show", name, "--output=jsonl"])
        .expect(0);
    serde_json::from_str(&shown.stdout).unwrap()
}

fn backfill(host: &Host, from: &str, to: &str) -> Value {
    let command = ["schedule", "backfill", "s", "--from", from, "--to", to];
    let fired = run(host, &[&command, &["--output=jsonl"]]).expect(0);
    serde_json::from_str(&fired.stdout).unwrap()
}

#[test]
fn a_schedule_is_created_listed_and_shown() {
    let host = host();
    host.run(&["schedule", "list"])
        .expect(0)
        .says("There are no schedules");
    let bounds = [
        "--from",
        "2100-06-01T00:00:00Z",
        "--until",
        "2101-12-31T00:00:00Z",
    ];
    run(&host, &[&NAPS, &bounds])
        .expect(0)
        .says("it is due next 2101-01-01T00:00:00.000Z");
    run(&host, &[&ADD, &["Add"]]).expect(0);
    let list = host.run(&["schedule", "list"]).expect(0).stdout;
    let lines: Vec<_> = list.lines().collect();
    assert!(lines[1].starts_with("adds") && lines[1].contains("calls Counter/c.Add"));
    assert!(lines[2].starts_with('s') && lines[2].contains("0 0 1 1 * (UTC)"));
    let lines = host
        .run(&["schedule", "list", "--output=jsonl"])
        .expect(0)
        .stdout;
    assert_eq!(lines.lines().count(), 2);
    let shown = shown(&host, "s");
    assert_eq!(shown["upcoming"], json!(["2101-01-01T00:00:00.000Z"]));
    assert_eq!(shown["until"], "2101-12-31T00:00:00.000Z");
    assert_eq!(
        (&shown["workflow"], &shown["overlap"]),
        (&json!("nap"), &json!("skip"))
    );
    let block = of(&host, "show").expect(0).stdout;
    for fact in ["starts nap", "from      2100-06-01", "until     2101-12-31"] {
        assert!(block.contains(fact), "{fact} in {block}");
    }
}

#[test]
fn one_of_the_same_definition_is_left_and_another_replaces_it_only_where_it_is_told() {
    let host = host();
    run(&host, &[&NAPS]).expect(0);
    of(&host, "trigger").expect(0);
    run(&host, &[&NAPS]).expect(0);
    let other = ["--overlap", "allow"];
    run(&host, &[&NAPS, &other])
        .expect(1)
        .says("there is a schedule of that name with another definition");
    run(&host, &[&NAPS, &other, &["--replace"]]).expect(0);
    let shown = shown(&host, "s");
    assert_eq!(
        (&shown["overlap"], &shown["started"]),
        (&json!("allow"), &json!(1))
    );
}

#[test]
fn a_schedule_is_paused_and_goes_on() {
    let host = host();
    run(&host, &[&NAPS]).expect(0);
    of(&host, "pause").expect(0).says("Schedule s is paused");
    let paused = shown(&host, "s");
    assert_eq!(
        (&paused["paused"], &paused["upcoming"]),
        (&json!(true), &json!([]))
    );
    assert!(of(&host, "show").stdout.contains("next      paused"));
    of(&host, "resume").expect(0).says("Schedule s goes on");
    assert_eq!(shown(&host, "s")["paused"], false);
}

#[test]
fn a_schedule_is_met_when_it_is_triggered_and_deleted_for_good() {
    let host = host();
    run(&host, &[&NAPS]).expect(0);
    of(&host, "trigger")
        .expect(0)
        .says("has met 1 of its times");
    host.run(&["resume"]).expect(0);
    let id = shown(&host, "s")["last_workflow"].clone();
    let workflow = ["workflow", "show", id.as_str().unwrap(), "--output=jsonl"];
    let workflow: Value = serde_json::from_str(&host.run(&workflow).expect(0).stdout).unwrap();
    assert_eq!(workflow["output"], "rested");
    of(&host, "delete").expect(0).says("Schedule s is deleted");
    for verb in ["show", "pause", "resume", "trigger", "delete"] {
        of(&host, verb).expect(1).says("no schedule has the name s");
    }
}

#[test]
fn an_actor_is_called_with_its_input() {
    let host = host();
    run(&host, &[&ADD, &["Add", "--input", "7"]]).expect(0);
    host.run(&["schedule", "trigger", "adds"]).expect(0);
    host.run(&["resume"]).expect(0);
    host.run(&["actor", "call", "Counter", "c", "Get"])
        .expect(0)
        .answers("7");
}

#[test]
fn a_range_is_made_up_for_by_its_policy_and_once() {
    let range = ("2023-01-01T00:00:00Z", "2025-12-31T00:00:00Z");
    for (policy, started, queued) in [("skip", 1, 2), ("queue", 1, 2), ("allow", 3, 0)] {
        let host = host();
        run(&host, &[&NAPS, &["--overlap", policy]]).expect(0);
        let first = backfill(&host, range.0, range.1);
        let expected = json!({"started": started, "queued": queued, "skipped": 0});
        assert_eq!(first, expected, "{policy}");
        host.run(&["resume"]).expect(0);
        let again = backfill(&host, range.0, range.1);
        assert_eq!(
            again,
            json!({"started": 0, "queued": 0, "skipped": 3}),
            "{policy}"
        );
        assert_eq!(shown(&host, "s")["started"], 3, "{policy}");
    }
}

#[test]
fn times_of_a_schedule_that_is_paused_hold_up_nobody() {
    let host = host();
    run(&host, &[&NAPS]).expect(0);
    of(&host, "pause").expect(0);
    let fired = backfill(&host, "2024-01-01T00:00:00Z", "2025-12-31T00:00:00Z");
    assert_eq!(fired, json!({"started": 0, "queued": 2, "skipped": 0}));
    let makes_up = "makes up  2024-01-01T00:00:00.000Z and 1 more";
    assert!(of(&host, "show").stdout.contains(makes_up));
    host.run(&["resume"]).expect(0);
    assert_eq!(shown(&host, "s")["started"], 0);
}

#[test]
fn what_a_trigger_finds_still_running_is_dealt_with_by_the_policy() {
    let cases = [
        ("skip", "0 of its times; 0 wait, 1 are left out"),
        ("queue", "0 of its times; 1 wait, 0 are left out"),
        ("allow", "1 of its times; 0 wait, 0 are left out"),
        ("cancel", "0 of its times; 1 wait, 0 are left out"),
        ("terminate", "0 of its times; 1 wait, 0 are left out"),
    ];
    let create = [
        "schedule",
        "create",
        "s",
        "--every",
        "1h",
        "--workflow",
        "await_event",
    ];
    for (policy, expected) in cases {
        let host = host();
        run(&host, &[&create, &["--overlap", policy]]).expect(0);
        of(&host, "trigger")
            .expect(0)
            .says("has met 1 of its times");
        of(&host, "trigger").expect(0).says(expected);
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let host = host();
    let nap = ["--workflow", "nap"];
    let create = ["schedule", "create", "s"];
    let cases: [(&[&str], &[&str], i32, &str); 9] = [
        (
            &["--cron", "61 * * * *"],
            &nap,
            2,
            "`61 * * * *` is no cron expression",
        ),
        (
            &["--cron", "* * * * *", "--zone", "Mars/Base"],
            &nap,
            2,
            "there is no time zone `Mars/Base`; one is named like Europe/Berlin or UTC",
        ),
        (
            &["--cron", "0 0 30 2 *"],
            &nap,
            2,
            "`0 0 30 2 *` names no time that is still to come",
        ),
        (
            &["--every", "10ms"],
            &nap,
            2,
            "an interval of a second or more",
        ),
        (
            &["--every", "often"],
            &nap,
            2,
            "`often` is not a duration such as 90s, 1h30m, 30d or PT1H30M",
        ),
        (
            &["--every", "1h", "--until", "2020-01-01T00:00:00Z"],
            &nap,
            2,
            "names no time that is still to come before the end at 2020-01-01T00:00:00Z",
        ),
        (
            &["--every", "1h", "--from", "soon"],
            &nap,
            2,
            "read the time `soon`",
        ),
        (
            &["--every", "1h"],
            &["--workflow", "no-such"],
            1,
            "no plugin brings a workflow of the name no-such",
        ),
        (
            &["--every", "1h"],
            &["--actor", "Counter", "c", "Hum"],
            1,
            "actor type Counter has no method Hum",
        ),
    ];
    for (when, what, code, says) in cases {
        run(&host, &[&create, when, what]).expect(code).says(says);
    }
    host.run(&["schedule", "list"])
        .expect(0)
        .says("There are no schedules");
}

#[test]
fn what_a_schedule_does_and_when_is_asked_for_with_all_choices() {
    Host::new()
        .run(&["schedule", "create", "s"])
        .expect(2)
        .says("<--cron <EXPRESSION>|--every <PERIOD>>")
        .says("<--workflow <NAME>|--actor <TYPE> <ID> <METHOD>>");
}

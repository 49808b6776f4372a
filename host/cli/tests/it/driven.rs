//! What else is driven on a server as in a directory: schedules, topics, plugins, activities; and histories that are
//! followed through whatever becomes of the connection.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout};

use serde_json::Value;

use crate::host::{Host, plugin};
use crate::remote::{check_alike, drive, words};
use crate::server::Server;

const PROBE: &str = "sdk_probe.wasm";
const CHANGED: &str = "sdk_probe_changed.wasm";

/// Where the fixtures are deployed.
fn directory() -> Host {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    host
}

#[test]
fn a_schedule_is_driven_on_a_server_as_in_a_directory() {
    let commands = [
        "schedule list",
        "schedule create s --cron @daily --from 2100-01-01T00:00:00Z --workflow nap --input 1",
        "schedule create s --cron @daily --from 2100-01-01T00:00:00Z --workflow nap --input 1",
        "schedule create s --cron @daily --from 2100-02-01T00:00:00Z --workflow nap --input 1",
        "schedule create s --cron @daily --from 2100-02-01T00:00:00Z --workflow nap --input 1 --replace",
        "schedule create adds --every 1h --from 2100-01-01T00:00:00Z --actor Counter c Add --input 7 --jitter 30s",
        "schedule create t --every soon --workflow nap",
        "schedule create t --every 1h --from soon --workflow nap",
        "schedule create t --every 1h --workflow no_such_workflow",
        "schedule create t --every 1h --workflow nap --input {a}",
        "schedule list",
        "schedule list --output jsonl",
        "schedule show s",
        "schedule show adds --output json",
        "schedule pause s",
        "schedule show s",
        "schedule resume s",
        "schedule trigger adds --output json",
        "actor call Counter c Get",
        "schedule backfill s --from 2100-02-01T00:00:00Z --to soon",
        "schedule backfill s --from 2000-02-01T00:00:00Z --to 2000-02-03T00:00:00Z",
        "schedule delete s",
        "schedule delete s",
        "schedule show s",
        "schedule pause s",
        "schedule trigger s",
        "schedule list",
    ];
    check_alike(&directory(), &commands);
}

#[test]
fn a_topic_is_driven_on_a_server_as_in_a_directory() {
    let commands = [
        "topic list",
        "actor call Listener l Listen \"news\"",
        "actor call Listener m Listen \"news\"",
        "actor call Listener l Listen \"olds\"",
        "topic list",
        "topic list news --output jsonl",
        "topic list nothing",
        "topic publish news {\"n\":1}",
        "topic publish news {n}",
        "topic publish $workflow/w 1",
        "actor call Listener l Heard",
    ];
    check_alike(&directory(), &commands);
}

#[test]
fn a_plugin_is_driven_on_a_server_as_in_a_directory() {
    let host = directory();
    let none = host.file("none.wasm", "no component").to_owned();
    let none = host.dir().join(none).display().to_string();
    let (probe, changed) = (plugin(PROBE), plugin(CHANGED));
    let commands = [
        "plugin list",
        "plugin list --output json",
        "plugin show sdk_probe",
        "plugin show sdk_probe --output jsonl",
        "plugin show nothing",
        "plugin activate nothing 00",
        "plugin activate sdk_probe nothing",
        &format!("plugin deploy {changed} --check"),
        &format!("plugin deploy {probe} {changed} --output jsonl"),
        &format!("plugin deploy {probe} --move --output json"),
        &format!("plugin deploy {none}"),
        "plugin deploy not-there.wasm",
        // Not listed here: a component that was replaced is deleted when nobody holds it any more, which takes a server
        // a moment.
        "plugin remove nothing",
        "plugin remove task_workflow",
        "plugin remove task_workflow --keep-state",
        "plugin remove task_workflow",
        "plugin show task_workflow",
    ];
    check_alike(&host, &commands);
}

#[test]
fn a_workflow_is_moved_and_forked_on_a_server_as_in_a_directory() {
    let host = directory();
    let none = host.file("none.wasm", "no component").to_owned();
    let none = host.dir().join(none).display().to_string();
    let changed = plugin(CHANGED);
    for command in [
        "workflow start await_event --id ended",
        "workflow raise ended go 1",
        "resume",
        "workflow start await_event --id held",
        "workflow suspend held",
    ] {
        host.run(&words(command)).expect(0);
    }
    let commands = [
        "workflow fork ended",
        "workflow fork ended --output json",
        &format!("workflow fork ended --plugin {changed}"),
        &format!("workflow fork ended --plugin {changed} --output jsonl"),
        &format!("workflow fork ended --plugin {none}"),
        "workflow fork ended --plugin not-there.wasm",
        "workflow fork nobody",
        "workflow fork held",
        "workflow move ended",
        "workflow move nobody",
        "workflow move held",
    ];
    check_alike(&host, &commands);
    // A directory tells of every workflow that is tried, and a server of those that differ.
    host.run(&["plugin", "deploy", &changed]).expect(0);
    let commands = [
        "workflow move held --output json",
        "workflow move held --force",
        "workflow fork held",
    ];
    check_alike(&host, &commands);
}

/// A directory where a workflow waits, and one of which both components do the same.
fn with_unfinished() -> Host {
    let host = directory();
    host.run(&words("workflow start deterministic --id w"))
        .expect(0);
    host.run(&words("workflow start nap --id n --input 3600000"))
        .expect(0);
    host
}

#[test]
fn who_deploys_to_a_server_is_told_which_workflow_differs_and_may_take_it_back() {
    let host = with_unfinished();
    let server = Server::start(&host, &[]);
    let from = Host::new();
    // Its code has come to where it waits.
    server.until("/api/v1/workflows/w/history", |history| {
        history["events"].as_array().unwrap().len() > 2
    });
    let changed = plugin(CHANGED);
    let checked = drive(&from, &server, &format!("plugin deploy {changed} --check")).expect(1);
    for words in [
        "[Workflow w] differs and stays",
        "history  activity double(1)",
        "2 unfinished workflows: 1 agree, 1 differ, 0 moved",
    ] {
        assert!(
            checked.stdout.contains(words),
            "no {words:?} in {checked:#?}"
        );
    }
    let deploy = format!("plugin deploy {changed} --output jsonl");
    let deployed = drive(&from, &server, &deploy).expect(0).stdout;
    let lines: Vec<Value> = deployed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["verdict"], "differs", "{deployed}");
    assert_eq!(lines[1]["deployed"], true, "{deployed}");
    let shown = drive(&from, &server, "plugin show sdk_probe").expect(0);
    let replaced = shown
        .stdout
        .lines()
        .find(|line| line.contains("(replaced)"));
    let digest = replaced.unwrap().split_whitespace().nth(2).unwrap();
    drive(
        &from,
        &server,
        &format!("plugin activate sdk_probe {digest}"),
    )
    .expect(0)
    .says(&format!("Component {digest} stands for plugin sdk_probe"));
    let shown = drive(&from, &server, "plugin list").expect(0).stdout;
    let stands = shown.lines().nth(1).unwrap();
    assert!(
        stands.contains(digest) && !stands.contains("(replaced)"),
        "{shown}"
    );
}

#[test]
fn a_component_is_activated_again_in_a_directory() {
    let host = with_unfinished();
    host.run(&["plugin", "deploy", &plugin(CHANGED)]).expect(0);
    let components = || -> Vec<Value> {
        let listed = host.run(&words("plugin list --output json")).expect(0);
        serde_json::from_str(&listed.stdout).unwrap()
    };
    let old = components()[1]["component"].as_str().unwrap().to_owned();
    host.run(&["plugin", "activate", "sdk_probe", &old[..12]])
        .expect(0);
    assert_eq!(components()[0]["component"], old);
}

#[test]
fn activities_that_have_not_ended_are_listed_wherever_they_are() {
    let host = directory();
    let commands = [
        "activity list",
        "activity list --output json",
        "activity list --limit 0",
    ];
    check_alike(&host, &commands);
    let server = Server::start(&host, &[]);
    let from = Host::new();
    let input = r#"{"activity":"fails","attempts":5,"interval_ms":3600000}"#;
    let start = format!("workflow start be_patient --id w --input {input}");
    drive(&from, &server, &start).expect(0);
    server.until("/api/v1/activities", |page| {
        page["activities"][0]["activity"]["attempt"] == 2
    });
    let there = drive(&from, &server, "activity list").expect(0).stdout;
    server.kill();
    let here = host.run(&["activity", "list"]).expect(0).stdout;
    assert_eq!(there, here);
    let row = here.lines().nth(1).unwrap();
    assert!(row.starts_with("w ") && row.contains(" 2 "), "{here}");
}

/// Follows a history, of which the first line has come.
fn following(from: &Host, server: &Server) -> (Child, Lines<BufReader<ChildStdout>>) {
    let follow = words("workflow history w --follow --output jsonl --server");
    let mut child = from
        .command(&[&follow[..], &[server.url()]].concat())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    (child, lines)
}

#[test]
fn who_follows_a_history_goes_on_where_the_server_was_lost() {
    let host = directory();
    let server = Server::start(&host, &[]);
    let from = Host::new();
    drive(&from, &server, "workflow start tally --id w --input 5").expect(0);
    let (mut child, lines) = following(&from, &server);
    let port = server.port();
    server.kill();
    let address = format!("127.0.0.1:{port}");
    let server = Server::start_with(&host, &["--http", &address]);
    drive(&from, &server, "workflow update w add 2").expect(0);
    drive(&from, &server, "workflow raise w CLOSE").expect(0);
    let numbers = lines.map(|line| {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        event["number"].as_u64().unwrap()
    });
    let numbers: Vec<_> = numbers.collect();
    let expected: Vec<_> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "each event once");
    assert!(child.wait().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("is lost; it is asked again"), "{told}");
}

#[test]
fn who_follows_a_history_is_told_when_its_workflow_is_held() {
    let host = directory();
    let server = Server::start(&host, &[]);
    let from = Host::new();
    drive(&from, &server, "workflow start tally --id w --input 5").expect(0);
    let (mut child, lines) = following(&from, &server);
    drive(&from, &server, "workflow suspend w").expect(0);
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.contains("suspended"), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_schedule_that_is_triggered_twice_with_one_key_does_once_what_it_does() {
    let host = directory();
    let server = Server::start(&host, &[]);
    let from = Host::new();
    let create = "schedule create adds --every 1h --from 2100-01-01T00:00:00Z --actor Counter c Add --input 7";
    drive(&from, &server, create).expect(0);
    let path = "/api/v1/schedules/adds/trigger";
    let key = [("Idempotency-Key", "k")];
    let first = server.post_with(path, &key, "").expect(200);
    assert_eq!(first["started"], 1);
    assert_eq!(server.post_with(path, &key, "").expect(200), first);
    server.post(path, "").expect(200);
    drive(&from, &server, "actor call Counter c Get")
        .expect(0)
        .answers("14");
}

#[test]
fn the_id_of_a_workflow_that_has_ended_is_used_again_only_where_that_is_not_ruled_out() {
    let host = directory();
    let server = Server::start(&host, &[]);
    let start = |reuse: &str| {
        let body = format!(r#"{{"workflow":"nap","id":"w","input":1{reuse}}}"#);
        let json = [("Content-Type", "application/json")];
        let path = "/api/v1/workflows?wait=30s";
        server.post_with(path, &json, body.as_str())
    };
    assert_eq!(start("").expect(201)["status"], "completed");
    let refused = start(r#","id_reuse":"deleted""#).expect(409);
    assert_eq!(refused["type"], "urn:host:problem:already-exists");
    start(r#","id_reuse":"never""#).expect(409);
    assert_eq!(
        start(r#","id_reuse":"ended""#).expect(201)["run"],
        2,
        "it takes its place"
    );
    server.delete("/api/v1/workflows/w").expect(200);
    start(r#","id_reuse":"deleted""#).expect(201);
}

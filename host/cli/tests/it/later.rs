//! Workflows that begin later, through the binary: there at once and after a kill, and nothing done before their time.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;
use crate::server::Server;

const PROBE: &str = "sdk_probe.wasm";
const JSON: (&str, &str) = ("Content-Type", "application/json");
const FAR: &str = "2100-01-01T00:00:00.000Z";

fn post(server: &Server, body: &Value) -> crate::server::Answer {
    server.post_with("/api/v1/workflows", &[JSON], &body.to_string())
}

fn shown(host: &Host, id: &str) -> Value {
    let show = host.run(&["workflow", "show", id, "--output", "json"]);
    serde_json::from_str(&show.expect(0).stdout).unwrap()
}

#[test]
fn a_workflow_that_begins_later_survives_a_kill_and_begins_not_before_its_time() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    let start = json!({"workflow": "sequence", "id": "w", "input": 2, "start_at": "1500ms"});
    let starts = post(&server, &start).expect(201)["starts"].take();
    let far = json!({"workflow": "sequence", "id": "far", "input": 2, "start_at": FAR});
    let begun = post(&server, &far).expect(201);
    assert_eq!(
        (&begun["status"], &begun["starts"]),
        (&json!("pending"), &json!(FAR))
    );
    server.kill();
    let server = Server::start(&host, &[]);
    server.until("/api/v1/workflows/w", |one| one["status"] == "completed");
    let history = server.get("/api/v1/workflows/w/history").expect(200);
    let first = history["events"][1]["at"].as_str().unwrap();
    assert!(
        first >= starts.as_str().unwrap(),
        "{first} is before {starts}"
    );
    assert_eq!(history["events"][0]["starts"], starts);
    let far = server.get("/api/v1/workflows/far").expect(200);
    assert_eq!(
        (&far["status"], &far["starts"]),
        (&json!("pending"), &json!(FAR))
    );
    let odd = json!({"workflow": "sequence", "start_at": "noon"});
    let problem = post(&server, &odd).expect(400);
    assert!(
        problem["detail"].as_str().unwrap().contains("`noon`"),
        "{problem}"
    );
    server.get("/api/v1/workflows?status=pending").expect(200);
}

#[test]
fn what_begins_later_begins_once_wherever_the_process_is_killed() {
    let start = ["workflow", "start", "await_event", "--id", "w"];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &["--in", "300ms"]].concat())
        .once(&["workflow", "raise", "w", "go", "1"])
        .resume()
        .shows("w", "/status", r#""completed""#)
        .shows("w", "/run", "1")
        .check();
}

#[test]
fn the_command_line_starts_at_a_time_or_after_a_while() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    let start = |id, option, time| {
        [
            "workflow", "start", "sequence", "--input", "1", "--id", id, option, time,
        ]
    };
    host.run(&start("a", "--at", FAR)).expect(0);
    host.run(&start("b", "--in", "1h30m")).expect(0);
    host.run(&start("c", "--at", "2001-01-01T00:00:00Z"))
        .expect(0);
    assert_eq!(shown(&host, "a")["starts"], FAR);
    assert!(shown(&host, "b")["starts"].is_string());
    assert!(shown(&host, "c").get("starts").is_none());
    let block = host.run(&["workflow", "show", "a"]).expect(0).stdout;
    assert!(
        block.contains("starts   2100-01-01T00:00:00.000Z"),
        "{block}"
    );
    host.run(&["workflow", "cancel", "a"]).expect(0);
    host.run(&start("d", "--at", "noon")).expect(2);
    host.run(&start("d", "--in", "soon")).expect(2).says("soon");
    let both = [&start("d", "--at", FAR)[..], &["--in", "1h"]].concat();
    host.run(&both).expect(2);
    let server = Server::start(&host, &[]);
    let over = |arguments: &[&str]| host.run(&[arguments, &["--server", server.url()]].concat());
    over(&start("e", "--in", "1h")).expect(0);
    let report = server.get("/api/v1/workflows/e").expect(200);
    assert!(report["starts"].is_string(), "{report}");
    over(&["workflow", "cancel", "e"]).expect(0);
    server.until("/api/v1/workflows/e", |one| one["status"] == "cancelled");
    server.until("/api/v1/workflows/a", |one| one["status"] == "cancelled");
}

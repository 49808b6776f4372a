//! Many workflows at once, over a server: ended, held, deleted, with how far it is, until it is done or given up.

use std::thread;

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::server::{Answer, Server};

const PROBE: &str = "sdk_probe.wasm";
const JSON: (&str, &str) = ("Content-Type", "application/json");
/// Workflows of a batch that takes several pages.
const MANY: u64 = 400;

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    let headers = [JSON, ("Idempotency-Key", "once")];
    server.post_with(&format!("/api/v1{path}"), &headers, &body.to_string())
}

fn get(server: &Server, path: &str) -> Value {
    server.get(&format!("/api/v1{path}")).expect(200)
}

/// Starts so many workflows.
fn start(server: &Server, workflow: &str, input: &Value, number: u64) {
    let one = |number| {
        let id = format!("{workflow}-{number:03}");
        json!({"workflow": workflow, "id": id, "input": input})
    };
    let all: Vec<_> = (0..number).map(one).collect();
    let path = "/api/v1/batches/start";
    let body = json!({"workflows": all}).to_string();
    let started = server.post_with(path, &[JSON], &body).expect(200);
    let results = started["results"].as_array().unwrap();
    assert!(
        results.iter().all(|one| one["workflow"].is_object()),
        "{started}"
    );
}

/// How many there are of this status, up to a thousand.
fn number(server: &Server, status: &str) -> u64 {
    let page = get(server, &format!("/workflows?limit=1000&status={status}"));
    page["workflows"].as_array().unwrap().len() as u64
}

/// Begins a batch; returns where it is.
fn begin(server: &Server, order: &Value) -> String {
    let begun = post(server, "/batches", order).expect(202);
    assert_eq!(begun["state"], "running");
    format!("/batches/{}", begun["id"].as_str().unwrap())
}

fn ended(server: &Server, batch: &str) -> Value {
    let path = format!("{batch}?wait=30s");
    server.until(&format!("/api/v1{path}"), |batch| {
        batch["state"] != "running"
    })
}

#[test]
fn workflows_are_ended_and_deleted_by_a_filter_and_it_is_told_how_many() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    start(&server, "tally", &json!(1), 3);
    start(&server, "nap", &json!(1), 2);
    let order = json!({"operation": "terminate", "filter": {"name": "tally"}, "reason": "enough"});
    let mut dry = order.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(
        post(&server, "/batches", &dry).expect(200),
        json!({"matched": 3})
    );
    assert_eq!(number(&server, "terminated"), 0);
    let batch = begin(&server, &order);
    let done = ended(&server, &batch);
    assert_eq!(
        (&done["operation"], &done["state"]),
        (&json!("terminate"), &json!("completed"))
    );
    assert_eq!(
        (&done["matched"], &done["done"], &done["skipped"]),
        (&json!(3), &json!(3), &json!(0))
    );
    assert_eq!(done["filter"], json!({"name": "tally"}));
    assert_eq!(number(&server, "terminated"), 3);
    // A repeat finds the first one.
    let again = post(&server, "/batches", &order).expect(202);
    assert_eq!(again["id"], done["id"]);
    let batch = begin(
        &server,
        &json!({"operation": "purge", "all": true, "force": true}),
    );
    let done = ended(&server, &batch);
    assert_eq!((&done["deleted"], &done["left"]), (&json!(5), &json!(0)));
    let listed = get(&server, "/batches");
    assert_eq!(listed["batches"][0]["id"], done["id"]);
    assert_eq!(listed["batches"].as_array().unwrap().len(), 2);
}

/// Workflows that wait, in a data directory.
fn directory(number: usize) -> Host {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    for number in 0..number {
        let id = format!("w-{number}");
        host.run(&["workflow", "start", "tally", "--id", &id, "--input", "1"])
            .expect(0);
    }
    host
}

fn report(output: &str) -> Value {
    serde_json::from_str(output).unwrap()
}

#[test]
fn a_command_about_many_workflows_does_the_same_to_a_directory_and_to_a_server() {
    let host = directory(3);
    let served = host.copy();
    let server = Server::start(&served, &[]);
    let from = Host::new();
    let both = |command: &str| {
        let words: Vec<_> = command.split(' ').collect();
        let here = host.run(&words);
        let there = from.run(&[&words[..], &["--server", server.url()]].concat());
        [here, there]
    };
    for output in both("workflow suspend --status failed --dry-run") {
        output.expect(0).answers("0 workflows fit");
    }
    for output in both("workflow terminate --name tally --dry-run") {
        output.expect(0).answers("3 workflows fit");
    }
    for output in both("workflow purge --all") {
        output
            .expect(0)
            .says("Deleted 0 workflows")
            .says("Kept 3 workflows");
    }
    for output in both("workflow terminate --name tally --reason enough") {
        output.expect(0).says("Terminated 3 workflows");
    }
    for output in both("workflow terminate --all") {
        output.expect(0).says("Terminated 0 workflows, skipped 3");
    }
    let purged = both("workflow purge --status terminated --output json");
    for (place, output) in purged.into_iter().enumerate() {
        let batch = report(&output.expect(0).stdout);
        assert_eq!(
            (&batch["state"], &batch["deleted"]),
            (&json!("completed"), &json!(3))
        );
        let id = batch["id"].as_str().unwrap();
        // What has ended is left as it is.
        for deed in ["show", "abort"] {
            let shown = both(&format!("batch {deed} {id} --output json"));
            assert_eq!(report(&shown[place].stdout), batch);
        }
    }
    for output in both("batch list --output json") {
        let batches = report(&output.expect(0).stdout);
        assert_eq!(batches.as_array().unwrap().len(), 4, "{batches}");
    }
    for output in both("workflow purge") {
        output.expect(2).says("<ID|--status <STATUS>|");
    }
    for output in both("workflow purge --created-from yesterday") {
        output.expect(2).says("created_from is `yesterday`");
    }
}

#[test]
fn an_order_that_does_not_say_enough_is_a_problem_that_says_what_is_missing() {
    let host = Host::new();
    let server = Server::start(&host, &[]);
    let refused = |order: Value, words: &str| {
        let problem = post(&server, "/batches", &order).expect(400);
        assert_eq!(problem["type"], "urn:host:problem:bad-input");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{problem}");
    };
    refused(json!({"operation": "purge"}), "`all`");
    refused(json!({"operation": "purge", "filter": {}}), "`all`");
    refused(
        json!({"operation": "purge", "all": true, "reason": "x"}),
        "`reason`",
    );
    refused(json!({"operation": "raise", "all": true}), "`event`");
    refused(json!({"operation": "explode", "all": true}), "explode");
    let filter = json!({"created_from": "yesterday"});
    refused(
        json!({"operation": "purge", "filter": filter}),
        "created_from",
    );
    assert_eq!(get(&server, "/batches"), json!({"batches": []}));
    let gone = server.get("/api/v1/batches/none").expect(404);
    assert_eq!(gone["type"], "urn:host:problem:not-found");
    post(&server, "/batches/none/abort", &json!({})).expect(404);
}

#[test]
fn a_batch_that_is_given_up_leaves_the_rest_as_it_was() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    start(&server, "tally", &json!(1), MANY);
    let batch = begin(&server, &json!({"operation": "terminate", "all": true}));
    let aborted = post(&server, &format!("{batch}/abort"), &json!({})).expect(200);
    // It may have been faster than we.
    if aborted["state"] == "completed" {
        return assert_eq!(number(&server, "terminated"), MANY);
    }
    assert_eq!(aborted["state"], "aborted");
    let done = server.until(&format!("/api/v1{batch}"), |batch| {
        batch["done"] == number(&server, "terminated")
    });
    assert_eq!(done["state"], "aborted");
    server.kill();
    let server = Server::start(&host, &[]);
    assert_eq!(get(&server, &batch), done);
    assert_eq!(done["done"], number(&server, "terminated"));
}

#[test]
fn a_purge_goes_on_wherever_the_server_is_killed() {
    let host = Host::new();
    let mut server = Server::start(&host, &[&plugin(PROBE)]);
    start(&server, "tally", &json!(1), MANY);
    let batch = begin(
        &server,
        &json!({"operation": "purge", "all": true, "force": true}),
    );
    let mut kills = 0;
    loop {
        let path = format!("/api/v1{batch}");
        let before = server.get(&path).expect(200);
        if before["state"] != "running" {
            break;
        }
        // A moment of another length each time, so that it is killed in the middle of a page, too.
        (0..kills).for_each(|_| thread::yield_now());
        server.kill();
        kills += 1;
        server = Server::start(&host, &[]);
        let after = server.get(&path).expect(200);
        assert!(
            after["done"].as_u64() >= before["done"].as_u64(),
            "{before} {after}"
        );
    }
    assert!(kills > 0, "it was never killed in the middle");
    let done = ended(&server, &batch);
    assert_eq!(
        (&done["state"], &done["failed"]),
        (&json!("completed"), &json!(0))
    );
    let left = get(&server, "/workflows");
    assert_eq!(left["workflows"], json!([]), "{done}");
}

//! Search attributes through the binary: by the command line, over HTTP and gRPC, and killed at any moment.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;
use crate::server::{Answer, Server};

const PROBE: &str = "sdk_probe.wasm";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.post_with(&format!("/api/v1{path}"), &[JSON], &body.to_string())
}

fn labelled(id: &str, attributes: &Value, input: &Value) -> Value {
    json!({"workflow": "labelled", "id": id, "attributes": attributes, "input": input})
}

/// The ids of all that fit, page by page.
fn found(server: &Server, search: &str) -> Vec<String> {
    let escaped = search.bytes().map(|byte| format!("%{byte:02x}"));
    let search: String = escaped.collect();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/workflows?limit=1&where={search}{cursor}");
        let page = server.get(&path).expect(200);
        let workflows = page["workflows"].as_array().unwrap().iter();
        found.extend(workflows.map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn workflows_are_found_by_their_attributes_page_by_page_and_after_a_kill() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    let due = json!({"time": "2030-01-31T13:00:00+01:00"});
    let ada = json!({"customer": "ada", "total": 10, "vip": true, "due": due});
    let one = post(
        &server,
        "/workflows",
        &labelled("a", &ada, &json!({"seen": 1})),
    );
    assert_eq!(
        one.expect(201)["attributes"]["due"],
        json!({"time": "2030-01-31T12:00:00.000Z"})
    );
    let batch = json!({"workflows": [
        labelled("b", &json!({"customer": "adele", "total": 9.5}), &json!(null)),
        labelled("c", &json!({"customer": "ada", "total": "10"}), &json!(null)),
        labelled("d", &json!({"customer": "x".repeat(1025)}), &json!(null)),
        json!({"workflow": "labelled", "id": "e"}),
    ]});
    let begun = post(&server, "/batches/start", &batch).expect(200);
    let problem = &begun["results"][2]["problem"];
    assert_eq!(problem["type"], "urn:host:problem:limit", "{begun}");
    assert!(begun["results"][3]["workflow"].get("attributes").is_none());
    server.until("/api/v1/workflows/a", |one| one["attributes"]["seen"] == 1);
    server.kill();
    let server = Server::start(&host, &[]);
    assert_eq!(found(&server, "customer = ada"), ["a", "c"]);
    assert_eq!(
        found(&server, "customer ^= ad and total >= 9.5"),
        ["a", "b"]
    );
    assert_eq!(
        found(&server, "due = 2030-01-31T12:00:00Z and vip = true"),
        ["a"]
    );
    assert_eq!(found(&server, "total = \"10\""), ["c"]);
    assert_eq!(found(&server, "seen != 2"), ["a"]);
    assert_eq!(found(&server, "customer = nobody"), [""; 0]);
    let order =
        json!({"operation": "terminate", "filter": {"where": "customer = ada"}, "dry_run": true});
    let counted = post(&server, "/batches", &order).expect(200);
    assert_eq!(counted, json!({"matched": 2}));
    let shown = server.get("/api/v1/workflows/a").expect(200);
    assert_eq!(shown["attributes"]["total"], json!(10));
}

#[test]
fn what_is_no_attribute_and_what_is_no_search_says_what_is_expected() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    for (attributes, words) in [
        (json!({"a": null}), "an attribute is a text, a number"),
        (
            json!({"a": {"time": "noon"}}),
            "attribute a: `noon` is no time",
        ),
        (json!({"a": 9_007_199_254_740_993_u64}), "make it a text"),
        (json!({"": 1}), "must not be empty"),
    ] {
        let refused = post(
            &server,
            "/workflows",
            &labelled("w", &attributes, &json!(null)),
        );
        let problem = refused.expect(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{problem}");
    }
    let refused = server.get("/api/v1/workflows?where=total").expect(400);
    assert!(
        refused["detail"].as_str().unwrap().contains("total >= 10"),
        "{refused}"
    );
    host.run(&["workflow", "list", "--where", "total"])
        .expect(2)
        .says("total >= 10");
    host.run(&["workflow", "start", "labelled", "--attribute", "total"])
        .expect(2)
        .says("write NAME=VALUE");
}

#[test]
fn a_repeat_with_other_attributes_is_another_request() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    let start = |total: u32| {
        let body = json!({"workflow": "labelled", "attributes": {"total": total}});
        let headers = [JSON, ("Idempotency-Key", "k")];
        server.post_with("/api/v1/workflows", &headers, &body.to_string())
    };
    let first = start(1).expect(201)["id"].take();
    assert_eq!(start(1).expect(200)["id"], first);
    assert_ne!(start(2).expect(201)["id"], first);
}

#[test]
fn the_command_line_sets_shows_and_looks_for_attributes() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    let attribute = |words: &'static str| ["--attribute", words];
    let start = ["workflow", "start", "labelled", "--id", "w"];
    let words = [attribute("customer=ada b"), attribute("total=10")].concat();
    host.run(&[&start[..], &words].concat()).expect(0);
    host.run(&["workflow", "start", "labelled", "--id", "v"])
        .expect(0);
    let listed = host.run(&[
        "workflow",
        "list",
        "--where",
        "customer = \"ada b\" and total > 9",
    ]);
    let listed = listed.expect(0).stdout;
    assert!(listed.lines().nth(1).unwrap().starts_with("w "), "{listed}");
    assert_eq!(listed.lines().count(), 2);
    let shown = host.run(&["workflow", "show", "w"]).expect(0).stdout;
    assert!(
        shown.contains("has      customer = \"ada b\"\nhas      total = 10"),
        "{shown}"
    );
    host.run(&[
        "run",
        &plugin(PROBE),
        "--workflow",
        "nap",
        "--input",
        "1",
        "--attribute",
        "x=y",
    ])
    .expect(0);
    let listed = host
        .run(&["workflow", "list", "--where", "x=y", "--output", "jsonl"])
        .expect(0);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(
        (&listed["name"], &listed["attributes"]),
        (&json!("nap"), &json!({"x": "y"}))
    );
}

#[test]
fn what_a_workflow_says_it_is_found_by_is_the_same_after_every_kill() {
    let start = ["workflow", "start", "labelled", "--id", "w"];
    let labels = ["--attribute", "customer=ada", "--input", r#"{"total":5}"#];
    let raise = |value| ["workflow", "raise", "w", "label", value];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &labels].concat())
        .once(&raise(r#"{"total":6,"late":true}"#))
        .once(&raise("true"))
        .once(&raise(r#"{"late":null}"#))
        .once(&raise("null"))
        .resume()
        .shows("w", "/status", r#""completed""#)
        .shows("w", "/attributes", r#"{"customer":"ada","total":6}"#)
        .check();
}

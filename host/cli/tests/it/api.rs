//! The host's own API over HTTP, `/api/v1`: what it does, what it refuses, and that its document says so.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::thread;

use serde_json::{Value, json};

use crate::host::{Host, TASKS, plugin};
use crate::server::{Answer, Server};

const PROBE: &str = "sdk_probe.wasm";
const APPROVAL: &str = "approval.wasm";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn at(path: &str) -> String {
    format!("/api/v1{path}")
}

fn get(server: &Server, path: &str) -> Answer {
    server.get(&at(path))
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.post_with(&at(path), &[JSON], &body.to_string())
}

fn post_once(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [JSON, ("Idempotency-Key", key)];
    server.post_with(&at(path), &headers, &body.to_string())
}

/// Checks that it is a problem of this status; returns what kind of problem and what it says.
#[track_caller]
fn problem(answer: &Answer, status: u16) -> (String, String) {
    assert_eq!(answer.media_type, "application/problem+json", "{answer:?}");
    let problem = answer.expect(status);
    assert_eq!(problem["status"], status, "{problem}");
    assert!(
        problem["title"].is_string() && problem["who_must_act"].is_string(),
        "{problem}"
    );
    let text = |name: &str| problem[name].as_str().unwrap().to_owned();
    let kind = text("type");
    (
        kind.strip_prefix("urn:host:problem:").unwrap().to_owned(),
        text("detail"),
    )
}

#[track_caller]
fn kind(answer: &Answer, status: u16) -> String {
    problem(answer, status).0
}

fn task(number: usize) -> Value {
    json!({"task_id": format!("task-{number}"), "title": "Review", "assignee": "alice@example.com"})
}

fn start_task(id: &str) -> Value {
    json!({"workflow": "task_processing_workflow", "id": id, "input": task(1)})
}

#[test]
fn a_start_waits_for_the_end_where_that_is_asked_for() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS), &plugin(APPROVAL)]);
    let ended = post(&server, "/workflows?wait=30s", &start_task("w")).expect(201);
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["output"]["final_status"], "assigned");
    let input = json!({"request_id": "r", "what": "rest", "approver": "carol"});
    let start = json!({"workflow": "approve", "id": "a", "input": input});
    let still = post(&server, "/workflows?wait=10ms", &start).expect(201);
    assert!(still["output"].is_null(), "{still}");
    let start = start_task("v");
    assert_eq!(
        kind(&post(&server, "/workflows?wait=2m", &start), 400),
        "bad-input"
    );
    assert_eq!(kind(&get(&server, "/workflows/v"), 404), "not-found");
}

/// A request for an approval, which waits for days.
fn approval(server: &Server, id: &str) {
    let input = json!({"request_id": "r", "what": "rest", "approver": "carol"});
    let start = json!({"workflow": "approve", "id": id, "input": input});
    post(server, "/workflows", &start).expect(201);
    server.until(&at(&format!("/workflows/{id}")), |one| {
        one["status"] == "running"
    });
}

fn status(server: &Server, id: &str) -> Value {
    get(server, &format!("/workflows/{id}")).expect(200)["status"].take()
}

#[test]
fn a_workflow_is_started_awaited_and_read() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let started = post(&server, "/workflows", &start_task("a/b")).expect(201);
    assert_eq!(
        (&started["id"], &started["run"]),
        (&json!("a/b"), &json!(1))
    );
    let ended = get(&server, "/workflows/a%2Fb/result?wait=30s").expect(200);
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["output"]["final_status"], "assigned");
    let shown = get(&server, "/workflows/a%2Fb").expect(200);
    assert_eq!(shown["input"], task(1));
    let history = get(&server, "/workflows/a%2Fb/history?limit=1000").expect(200);
    let events = history["events"].as_array().unwrap();
    assert_eq!(events[0]["kind"], "started");
    assert_eq!(events[events.len() - 1]["kind"], "completed");
    let mut paged = Vec::new();
    let mut from = json!(0);
    while !from.is_null() {
        let path = format!("/workflows/a%2Fb/history?limit=3&from={from}");
        let mut page = get(&server, &path).expect(200);
        paged.extend(page["events"].as_array().unwrap().clone());
        from = page["next_from"].take();
    }
    assert_eq!(&paged, events);
}

#[test]
fn a_workflow_is_moved_and_forked_and_what_is_sent_along_must_be_a_component() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    approval(&server, "w");
    let fork = at("/workflows/w/fork");
    let own = server.post(&fork, "").expect(200);
    assert_eq!(own["verdict"], "agrees", "{own}");
    assert!(!own["waits_for"].as_array().unwrap().is_empty(), "{own}");
    let untold = server.post(&fork, "junk");
    assert_eq!(kind(&untold, 415), "unsupported-media-type");
    let junk = server.post_with(&fork, &[("Content-Type", "application/wasm")], "junk");
    assert_eq!(kind(&junk, 400), "bad-input");
    let nobody = server.post(&at("/workflows/nobody/fork"), "");
    assert_eq!(kind(&nobody, 404), "not-found");
    let moved = server
        .post(&at("/workflows/w/move?force=true"), "")
        .expect(200);
    assert_eq!(
        (&moved["verdict"], &moved["moved"]),
        (&json!("agrees"), &json!(true))
    );
    server.post(&at("/workflows/w/terminate"), "");
    let ended = server.post(&at("/workflows/w/move"), "");
    assert_eq!(kind(&ended, 409), "already-ended");
}

#[test]
fn what_has_not_ended_is_waited_for_no_longer_than_was_asked() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    approval(&server, "w");
    for wait in ["", "?wait=50ms", "?wait=PT0.05S"] {
        let waits = get(&server, &format!("/workflows/w/result{wait}"));
        assert_eq!(waits.expect(202)["status"], "running");
    }
    assert_eq!(
        kind(&get(&server, "/workflows/w/result?wait=1h"), 400),
        "bad-input"
    );
    assert_eq!(
        kind(&get(&server, "/workflows/w/result?wait=soon"), 400),
        "bad-input"
    );
}

#[test]
fn a_start_that_is_repeated_with_its_key_begins_nothing_anew_also_after_a_kill() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let with_id = start_task("w");
    let without_id = json!({"workflow": "task_processing_workflow", "input": task(2)});
    post_once(&server, "/workflows", "k", &with_id).expect(201);
    let other = post_once(&server, "/workflows", "k", &without_id).expect(201);
    let result = format!(
        "/workflows/{}/result?wait=30s",
        other["id"].as_str().unwrap()
    );
    get(&server, &result).expect(200);
    get(&server, "/workflows/w/result?wait=30s").expect(200);
    server.kill();
    let server = Server::start(&host, &[]);
    let again = post_once(&server, "/workflows", "k", &with_id).expect(200);
    assert_eq!(
        (&again["run"], &again["already_done"]),
        (&json!(1), &json!(true))
    );
    let again = post_once(&server, "/workflows", "k", &without_id).expect(200);
    assert_eq!((&again["id"], &again["run"]), (&other["id"], &json!(1)));
    let another = post_once(&server, "/workflows", "l", &with_id).expect(201);
    assert_eq!(another["run"], 2);
}

#[test]
fn of_many_repeats_at_once_one_starts_and_one_raises() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    let start = json!({"workflow": "tally", "input": 0});
    let answers = thread::scope(|scope| {
        let post = || post_once(&server, "/workflows", "k", &start);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(post)).collect();
        let answers = threads.into_iter().map(|one| one.join().unwrap());
        answers.collect::<Vec<_>>()
    });
    let begun = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(begun.count(), 1, "{answers:?}");
    let ids = answers.iter().map(|answer| {
        let one: Value = serde_json::from_str(&answer.body).unwrap();
        one["id"].as_str().unwrap().to_owned()
    });
    let [id] = &ids.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()[..] else {
        panic!("{answers:?}");
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let raised = post_once(
                    &server,
                    &format!("/workflows/{id}/raise/ping"),
                    "e",
                    &json!(1),
                );
                assert_eq!(raised.status, 204, "{raised:?}");
            });
        }
    });
    let history = format!("/workflows/{id}/history?limit=1000");
    let history = server.until(&at(&history), |one| {
        one.to_string().contains("event-raised")
    });
    assert_eq!(
        history.to_string().matches("event-raised").count(),
        1,
        "{history}"
    );
}

#[test]
fn many_are_started_at_once_and_each_says_what_came_of_it() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let mut starts: Vec<_> = (0..100)
        .map(|number| start_task(&format!("w-{number:03}")))
        .collect();
    starts.push(json!({"workflow": "nothing"}));
    let batch = json!({"workflows": starts});
    let begun = post_once(&server, "/batches/start", "k", &batch).expect(200);
    let results = begun["results"].as_array().unwrap();
    assert_eq!(results.len(), 101);
    assert_eq!(results[99]["workflow"]["id"], "w-099");
    assert_eq!(
        results[100]["problem"]["type"],
        "urn:host:problem:not-found"
    );
    let again = post_once(&server, "/batches/start", "k", &batch).expect(200);
    let results = again["results"].as_array().unwrap();
    let done = results
        .iter()
        .filter(|one| one["workflow"]["already_done"] == true);
    assert_eq!(done.count(), 100, "{again}");
    let few = json!({"workflows": vec![start_task("w"); 1001]});
    assert_eq!(
        kind(&post(&server, "/batches/start", &few), 400),
        "bad-input"
    );
}

#[test]
fn pages_show_each_workflow_once_and_only_those_that_fit() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS), &plugin(APPROVAL)]);
    let ids: Vec<_> = (0..7).map(|number| format!("a {number}&b")).collect();
    let starts: Vec<_> = ids.iter().map(|id| start_task(id)).collect();
    post(&server, "/batches/start", &json!({"workflows": starts})).expect(200);
    approval(&server, "waits");
    let listed = |options: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&server, &format!("/workflows?limit=2{options}{cursor}")).expect(200);
            let workflows = page["workflows"].as_array().unwrap().iter();
            found.extend(workflows.map(|one| one["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else {
                return found;
            };
            cursor = format!("&cursor={}", next.replace(' ', "%20").replace('&', "%26"));
        }
    };
    let all: Vec<_> = ids.iter().cloned().chain(["waits".to_owned()]).collect();
    assert_eq!(listed(""), all);
    assert_eq!(listed("&name=task_processing_workflow"), ids);
    assert_eq!(listed("&status=running&name=approve"), ["waits"]);
    let waits = get(&server, "/workflows/waits").expect(200);
    let created = waits["created"].as_str().unwrap();
    assert!(listed(&format!("&created_from={created}")).contains(&"waits".to_owned()));
    assert!(!listed(&format!("&created_until={created}")).contains(&"waits".to_owned()));
    assert_eq!(listed("&created_until=2020-01-01T00:00:00Z"), [""; 0]);
    for wrong in [
        "limit=0",
        "limit=1001",
        "status=asleep",
        "created_from=now",
        "colour=red",
    ] {
        assert_eq!(
            kind(&get(&server, &format!("/workflows?{wrong}")), 400),
            "bad-input",
            "{wrong}"
        );
    }
}

#[test]
fn a_workflow_is_asked_updated_and_told() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    let start = json!({"workflow": "tally", "id": "w", "input": 5});
    post(&server, "/workflows", &start).expect(201);
    assert_eq!(
        post(&server, "/workflows/w/query/total", &Value::Null).expect(200),
        json!(5)
    );
    for _ in 0..2 {
        let added = post_once(&server, "/workflows/w/update/add", "u", &json!(2));
        assert_eq!(added.expect(200), json!(7));
    }
    let refused = post(&server, "/workflows/w/update/add", &json!(-2));
    assert_eq!(kind(&refused, 422), "plugin-failed");
    assert_eq!(refused.expect(422)["failure"]["code"], "negative");
    assert_eq!(
        kind(&post(&server, "/workflows/w/query/size", &Value::Null), 404),
        "not-found"
    );
    let closed = server.post(&at("/workflows/w/raise/CLOSE"), "");
    assert_eq!(closed.status, 204, "{closed:?}");
    get(&server, "/workflows/w/result?wait=30s").expect(200);
    let late = server.post(&at("/workflows/w/raise/CLOSE"), "");
    assert_eq!(kind(&late, 409), "already-ended");
}

#[test]
fn a_workflow_is_held_goes_on_is_ended_and_deleted() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    approval(&server, "w");
    let deed = |deed: &str| server.post(&at(&format!("/workflows/w/{deed}")), "");
    assert_eq!(kind(&deed("resume"), 409), "not-suspended");
    let held = deed("suspend?reason=to%20rest").expect(200);
    assert_eq!(
        (&held["status"], &held["suspension"]["reason"]),
        (&json!("suspended"), &json!("to rest"))
    );
    deed("resume").expect(200);
    assert_eq!(status(&server, "w"), "running");
    assert_eq!(kind(&server.delete(&at("/workflows/w")), 409), "not-ended");
    assert_eq!(deed("terminate").expect(200)["status"], "terminated");
    assert_eq!(kind(&deed("terminate"), 409), "already-ended");
    let purged = server.delete(&at("/workflows/w")).expect(200);
    assert_eq!(purged, json!({"deleted": 1, "left": 0}));
    assert_eq!(kind(&get(&server, "/workflows/w"), 404), "not-found");
    approval(&server, "v");
    server.post(&at("/workflows/v/cancel"), "").expect(202);
    assert_eq!(
        get(&server, "/workflows/v/result?wait=30s").expect(200)["status"],
        "cancelled"
    );
    approval(&server, "u");
    assert_eq!(
        server.delete(&at("/workflows/u?force=true")).expect(200)["deleted"],
        1
    );
}

#[test]
fn a_run_that_has_ended_is_begun_again_once_for_each_key() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    post(&server, "/workflows", &start_task("w")).expect(201);
    get(&server, "/workflows/w/result?wait=30s").expect(200);
    let again = json!({"from": 0, "input": task(2)});
    let new = post_once(&server, "/workflows/w/rerun", "k", &again).expect(201);
    let result = format!("/workflows/{}/result?wait=30s", new["id"].as_str().unwrap());
    assert_eq!(
        get(&server, &result).expect(200)["output"]["task_id"],
        "task-2"
    );
    let repeated = post_once(&server, "/workflows/w/rerun", "k", &again).expect(200);
    assert_eq!(repeated["id"], new["id"]);
    let wrong = post(&server, "/workflows/w/rerun", &json!({"from": 1}));
    assert_eq!(kind(&wrong, 400), "bad-input");
}

#[test]
fn what_is_wrong_is_named_with_who_must_act() {
    let host = Host::new();
    host.limit("payload_bytes_max = 1000\ntopic_value_bytes_max = 1000");
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    approval(&server, "w");
    let (kind_of, detail) = problem(&get(&server, "/workflows/x"), 404);
    assert_eq!(kind_of, "not-found");
    assert_eq!(
        detail,
        "no workflow has the id x; GET /api/v1/workflows shows those there are"
    );
    let taken = json!({"workflow": "approve", "id": "w"});
    assert_eq!(
        kind(&post(&server, "/workflows", &taken), 409),
        "already-exists"
    );
    let unknown = json!({"workflow": "nothing"});
    assert_eq!(
        kind(&post(&server, "/workflows", &unknown), 404),
        "not-found"
    );
    let extra = json!({"workflow": "approve", "colour": "red"});
    let (_, detail) = problem(&post(&server, "/workflows", &extra), 400);
    assert!(detail.contains("unknown field `colour`"), "{detail}");
    let not_json = server.post_with(&at("/workflows"), &[JSON], "{");
    assert_eq!(kind(&not_json, 400), "bad-input");
    assert_eq!(
        kind(&server.post(&at("/workflows"), "{}"), 415),
        "unsupported-media-type"
    );
    let large = json!({"workflow": "approve", "input": "x".repeat(2000)});
    let (kind_of, detail) = problem(&post(&server, "/workflows", &large), 422);
    assert!(
        kind_of == "limit" && detail.contains("payload_bytes_max"),
        "{detail}"
    );
    let larger = json!({"workflow": "approve", "input": "x".repeat(100_000)});
    assert_eq!(
        kind(&post(&server, "/workflows", &larger), 413),
        "too-large"
    );
    let key = post_once(&server, "/workflows", "a b", &taken);
    assert_eq!(kind(&key, 400), "bad-input");
    assert_eq!(kind(&get(&server, "/nothing"), 404), "no-such-route");
    assert_eq!(
        kind(&server.put(&at("/workflows"), "{}"), 405),
        "no-such-method"
    );
    assert_eq!(
        kind(&get(&server, "/workflows/w/history?run=7"), 404),
        "not-found"
    );
}

/// All references in the document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            found.extend(own.map(str::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_document_describes_every_route_and_all_that_it_names_is_there() {
    let host = Host::new();
    let server = Server::start(&host, &[]);
    let document = get(&server, "/openapi.json").expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let it = format!("{method} {path}");
            assert!(
                ids.insert(operation["operationId"].to_string()),
                "{it}: its id is another's"
            );
            assert!(
                operation["summary"].is_string() && operation["tags"].is_array(),
                "{it}"
            );
            for name in path
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap())
            {
                let parameters = operation["parameters"].as_array().unwrap();
                let named = parameters
                    .iter()
                    .find(|one| one["name"] == name && one["in"] == "path");
                assert!(
                    named.is_some_and(|one| one["description"].is_string()),
                    "{it}: {name}"
                );
            }
            let problem = &operation["responses"]["404"]["content"]["application/problem+json"];
            assert_eq!(
                problem["schema"]["$ref"], "#/components/schemas/Problem",
                "{it}"
            );
        }
    }
    assert!(ids.len() > 12, "{ids:?}");
}

#[test]
fn an_actor_is_called_read_reminded_and_deleted() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    let add = "/actors/Counter/a%2Fb/call/Add";
    for _ in 0..2 {
        assert_eq!(
            post_once(&server, add, "k", &json!(2)).expect(200),
            json!(2)
        );
    }
    assert_eq!(post(&server, add, &json!(1)).expect(200), json!(3));
    let failed = post(&server, "/actors/Counter/a%2Fb/call/AddThenFail", &json!(1));
    assert_eq!(kind(&failed, 422), "plugin-failed");
    assert_eq!(
        kind(
            &post(&server, "/actors/Counter/a/call/Nothing", &json!(1)),
            404
        ),
        "not-found"
    );
    assert_eq!(
        kind(&post(&server, "/actors/Nobody/a/call/Get", &json!(1)), 404),
        "not-found"
    );
    post(&server, "/actors/Counter/c/call/Add", &json!(1)).expect(200);
    let first = get(&server, "/actors?actor_type=Counter&limit=1").expect(200);
    assert_eq!(
        first["actors"],
        json!([{"actor_type": "Counter", "id": "a/b"}])
    );
    let cursor = first["next_cursor"].as_str().unwrap().replace('/', "%2F");
    let second = get(&server, &format!("/actors?cursor={cursor}")).expect(200);
    assert_eq!(
        second,
        json!({"actors": [{"actor_type": "Counter", "id": "c"}]})
    );
    assert_eq!(kind(&get(&server, "/actors?cursor=x"), 400), "bad-input");

    let state = get(&server, "/actors/Counter/a%2Fb/state").expect(200);
    let [entry] = &state["entries"].as_array().unwrap()[..] else {
        panic!("{state}");
    };
    let key = entry["key"].as_str().unwrap();
    let value = get(&server, &format!("/actors/Counter/a%2Fb/state/{key}")).expect(200);
    assert_eq!(value, entry["value"]);
    let none = get(
        &server,
        &format!("/actors/Counter/a%2Fb/state?prefix={key}x"),
    )
    .expect(200);
    assert_eq!(none, json!({"entries": []}));
    assert_eq!(
        kind(&get(&server, "/actors/Counter/a%2Fb/state/none"), 404),
        "not-found"
    );

    let left = post(&server, "/actors/Counter/a%2Fb/deactivate", &json!({})).expect(200);
    assert_eq!(left, json!({"was_active": true}));
    assert_eq!(server.delete(&at("/actors/Counter/a%2Fb")).status, 204);
    assert_eq!(post(&server, add, &json!(5)).expect(200), json!(5));
}

#[test]
fn a_reminder_is_set_listed_and_cancelled() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    let place = at("/actors/Counter/a/reminders/tick");
    let reminder = json!({"method": "Add", "input": 2, "due": "1h", "period": "PT1H"});
    let set = |reminder: &Value| server.put_with(&place, &[JSON], &reminder.to_string());
    assert_eq!(set(&reminder).status, 204);
    let listed = get(&server, "/actors/Counter/a/reminders").expect(200);
    let one = &listed["reminders"][0];
    assert_eq!(
        (&one["name"], &one["method"], &one["input"]),
        (&json!("tick"), &json!("Add"), &json!(2))
    );
    assert_eq!(
        kind(&set(&json!({"method": "Add", "due": "soon"})), 400),
        "bad-input"
    );
    assert_eq!(server.delete(&place).status, 204);
    assert_eq!(kind(&server.delete(&place), 404), "not-found");
    assert_eq!(
        get(&server, "/actors/Counter/a/reminders").expect(200),
        json!({"reminders": []})
    );
}

#[test]
fn a_schedule_is_created_changed_met_and_deleted() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let put = |options: &str, definition: &Value| {
        let path = at(&format!("/schedules/daily{options}"));
        server.put_with(&path, &[JSON], &definition.to_string())
    };
    let workflow = json!({"name": "task_processing_workflow"});
    let daily = json!({"cron": "0 6 * * *", "zone": "Europe/Berlin", "workflow": workflow, "input": task(1)});
    for _ in 0..2 {
        let created = put("", &daily).expect(200);
        assert_eq!(created["zone"], "Europe/Berlin");
        assert_eq!(created["upcoming"].as_array().unwrap().len(), 5);
    }
    let hourly = json!({"every": "PT1H", "workflow": workflow, "input": task(1)});
    assert_eq!(kind(&put("", &hourly), 409), "already-exists");
    assert_eq!(
        put("?replace=true", &hourly).expect(200)["interval_ms"],
        3_600_000
    );
    let both = json!({"every": "1h", "workflow": workflow, "actor": {"actor_type": "T", "actor_id": "i", "method": "m"}});
    assert_eq!(kind(&put("?replace=true", &both), 400), "bad-input");
    assert_eq!(
        post(&server, "/schedules/daily/pause", &json!({})).expect(200)["paused"],
        true
    );
    assert_eq!(
        post(&server, "/schedules/daily/resume", &json!({})).expect(200)["paused"],
        false
    );
    let fired = post(&server, "/schedules/daily/trigger", &json!({})).expect(200);
    assert_eq!(fired["started"], 1);
    let listed = get(&server, "/schedules").expect(200);
    assert_eq!(listed["schedules"].as_array().unwrap().len(), 1);
    assert_eq!(get(&server, "/schedules/daily").expect(200)["started"], 1);
    assert_eq!(server.delete(&at("/schedules/daily")).status, 204);
    assert_eq!(kind(&get(&server, "/schedules/daily"), 404), "not-found");
    assert_eq!(
        kind(&post(&server, "/schedules/daily/trigger", &json!({})), 404),
        "not-found"
    );
}

#[test]
fn a_component_is_uploaded_replaced_and_activated_again() {
    let host = Host::new();
    let server = Server::start(&host, &[]);
    let upload = |name: &str| {
        let component = std::fs::read(plugin(name)).unwrap();
        let kind = [("Content-Type", "application/wasm")];
        server.post_with(&at(&format!("/plugins?file={name}")), &kind, &component[..])
    };
    let first = upload(PROBE).expect(200);
    assert_eq!(
        (&first["name"], &first["changed"]),
        (&json!("sdk_probe"), &json!(false))
    );
    assert_eq!(upload(PROBE).expect(200)["changed"], false);
    post(
        &server,
        "/workflows",
        &json!({"workflow": "tally", "id": "w", "input": 1}),
    )
    .expect(201);
    let second = upload("sdk_probe_changed.wasm").expect(200);
    assert_eq!(second["changed"], true);
    let kept = get(&server, "/plugins/sdk_probe").expect(200);
    let stands = |kept: &Value| -> Vec<(Value, Value)> {
        let components = kept["components"].as_array().unwrap().iter();
        components
            .map(|one| (one["component"].clone(), one["stands"].clone()))
            .collect()
    };
    let expected = [
        (second["component"].clone(), json!(true)),
        (first["component"].clone(), json!(false)),
    ];
    assert_eq!(stands(&kept), expected);
    let again = json!({"component": first["component"]});
    post(&server, "/plugins/sdk_probe/activate", &again).expect(200);
    let kept = get(&server, "/plugins").expect(200);
    assert_eq!(stands(&kept)[0], (first["component"].clone(), json!(true)));
    let none = json!({"component": "0".repeat(64)});
    assert_eq!(
        kind(&post(&server, "/plugins/sdk_probe/activate", &none), 404),
        "not-found"
    );
    assert_eq!(kind(&get(&server, "/plugins/nothing"), 404), "not-found");
    let nothing = server.post_with(
        &at("/plugins"),
        &[("Content-Type", "application/wasm")],
        "nothing",
    );
    assert_eq!(kind(&nothing, 400), "bad-input");
    assert_eq!(
        kind(&server.post(&at("/plugins"), "nothing"), 415),
        "unsupported-media-type"
    );
}

#[test]
fn a_value_is_published_once_for_a_key_and_activities_under_way_are_listed() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(PROBE)]);
    assert_eq!(get(&server, "/topics").expect(200), json!({"topics": []}));
    let published = post_once(&server, "/topics/news/publish", "k", &json!(1)).expect(200);
    assert_eq!(published, json!({"subscribers": 0}));
    let subscriptions = get(&server, "/topics/news/subscriptions").expect(200);
    assert_eq!(subscriptions, json!({"subscriptions": []}));
    assert_eq!(
        kind(&post(&server, "/topics/$own/publish", &json!(1)), 422),
        "limit"
    );
    assert_eq!(
        get(&server, "/activities").expect(200),
        json!({"activities": []})
    );
    assert_eq!(
        kind(&get(&server, "/activities?cursor=x"), 400),
        "bad-input"
    );
}

#[test]
fn what_is_nested_too_deep_is_refused_before_anybody_parses_it() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let start = |levels| {
        let body = format!(r#"{{"workflow":"approve","input":{}}}"#, nested(levels));
        server.post_with(&at("/workflows"), &[JSON], &body)
    };
    start(127).expect(201);
    let (kind, detail) = problem(&start(128), 400);
    assert!(
        kind == "bad-input" && detail.contains("nested in more than 128 levels"),
        "{detail}"
    );
    problem(&start(100_000), 400);
    let operations = server.post("/v1.0/actors/TaskActor/t/state", &nested(100_000));
    assert_eq!(operations.status, 400);
}

/// The next event of a stream: its id and what it says; none where the stream has ended.
fn next_event(stream: &mut impl BufRead) -> Option<(String, Value)> {
    let (mut id, mut data) = (None, None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let line = line.trim_end();
        if let Some(text) = line.strip_prefix("id: ") {
            id = Some(text.to_owned());
        } else if let Some(text) = line.strip_prefix("data: ") {
            data = Some(serde_json::from_str(text).unwrap());
        } else if line.is_empty() && data.is_some() {
            return id.take().zip(data.take());
        }
    }
}

fn events(stream: &mut impl BufRead) -> Vec<(String, Value)> {
    std::iter::from_fn(|| next_event(stream)).collect()
}

#[test]
fn a_workflows_events_are_streamed_as_they_happen_and_gone_on_with_where_they_broke_off() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    approval(&server, "w");
    let path = at("/workflows/w/events");
    let mut stream = server.stream(&path, &[]);
    let mut seen = Vec::new();
    while seen
        .last()
        .is_none_or(|(_, one): &(String, Value)| one["kind"] != "event-awaited")
    {
        seen.push(next_event(&mut stream).unwrap());
    }
    let decision = json!({"approved": true, "by": "carol"});
    assert_eq!(
        post(&server, "/workflows/w/raise/decision", &decision).status,
        204
    );
    seen.extend(events(&mut stream));
    let history = get(&server, "/workflows/w/history?limit=1000").expect(200);
    let told: Vec<_> = seen.iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(json!(told), history["events"]);
    let (half, rest) = seen.split_at(seen.len() / 2);
    let behind = |id: &str| [("Last-Event-ID", id.to_owned())];
    let [(name, id)] = behind(&half.last().unwrap().0);
    assert_eq!(events(&mut server.stream(&path, &[(name, &id)])), rest);
    let [(name, id)] = behind(&rest.last().unwrap().0);
    assert_eq!(server.get_with(&path, &[(name, &id)]).status, 204);
    assert_eq!(
        kind(&server.get_with(&path, &[(name, "x")]), 400),
        "bad-input"
    );
    assert_eq!(kind(&get(&server, "/workflows/x/events"), 404), "not-found");
}

#[test]
fn what_changes_is_streamed_and_whoever_missed_too_much_is_told_to_begin_anew() {
    let host = Host::new();
    host.limit("changes_kept_max = 4");
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    let path = at("/changes");
    let mut stream = server.stream(&path, &[]);
    let (begin, _) = next_event(&mut stream).unwrap();
    approval(&server, "w");
    let (begun, workflow) = next_event(&mut stream).unwrap();
    assert_eq!(
        (&workflow["id"], &workflow["status"]),
        (&json!("w"), &json!("running"))
    );
    drop(stream);
    post(&server, "/workflows/w/terminate", &json!({}));
    let mut stream = server.stream(&path, &[("Last-Event-ID", &begun)]);
    let (_, workflow) = next_event(&mut stream).unwrap();
    assert_eq!(workflow["status"], "terminated");
    let mut last = String::new();
    for number in 0..4 {
        approval(&server, &format!("w-{number}"));
        last = next_event(&mut stream).unwrap().0;
    }
    let missed = server.get_with(&path, &[("Last-Event-ID", &begin)]);
    assert_eq!(kind(&missed, 410), "gone");
    drop(server);
    let server = Server::start(&host, &[]);
    let missed = server.get_with(&path, &[("Last-Event-ID", &last)]);
    assert_eq!(kind(&missed, 410), "gone");
}

#[test]
fn one_stream_too_many_is_told_to_come_back_and_a_server_that_stops_ends_those_that_are_open() {
    let host = Host::new();
    host.limit("event_streams_max = 1");
    let server = Server::start(&host, &[&plugin(APPROVAL)]);
    approval(&server, "w");
    let mut stream = server.stream(&at("/workflows/w/events"), &[]);
    next_event(&mut stream).unwrap();
    let (kind_of, detail) = problem(&get(&server, "/workflows/w/events"), 503);
    assert!(
        kind_of == "busy" && detail.contains("event_streams_max"),
        "{detail}"
    );
    server.signal("-TERM");
    events(&mut stream);
    assert_eq!(server.ended().0.code(), Some(0));
}

#[test]
fn a_plugin_is_removed_when_nothing_needs_it_any_more_and_stays_away() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS), &plugin(APPROVAL)]);
    approval(&server, "w");
    let remove = |path: &str| server.delete(&at(&format!("/plugins/{path}")));
    let (what, detail) = problem(&remove("approval"), 409);
    assert_eq!(what, "in-use");
    assert!(detail.contains("the unfinished workflows w"), "{detail}");
    let kept = get(&server, "/plugins/approval").expect(200);
    let component = kept["components"][0]["component"].as_str().unwrap();
    let version = format!("approval/versions/{component}");
    assert_eq!(kind(&remove(&version), 409), "in-use");
    post(&server, "/workflows/w/terminate", &json!({})).expect(200);
    assert_eq!(remove("approval?keep_state=true").status, 204);
    assert_eq!(kind(&remove("approval"), 404), "not-found");
    assert_eq!(kind(&remove(&version), 404), "not-found");
    // What its actors have written is deleted by nobody else.
    post(&server, "/workflows?wait=30s", &start_task("t")).expect(201);
    let (_, detail) = problem(&remove("task_workflow"), 409);
    assert!(
        detail.contains("TaskActor/task-1") && detail.contains("keep_state"),
        "{detail}"
    );
    assert_eq!(remove("task_workflow?keep_state=true").status, 204);
    server.kill();
    let server = Server::start(&host, &[]);
    assert_eq!(
        get(&server, "/plugins").expect(200),
        json!({"components": []})
    );
    assert_eq!(status(&server, "t"), "completed");
    drop(server);
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let state = get(&server, "/actors/TaskActor/task-1/state").expect(200);
    assert!(!state["entries"].as_array().unwrap().is_empty(), "{state}");
}

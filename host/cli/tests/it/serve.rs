//! `host serve` over HTTP, as Dapr's clients ask it.

use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host::{Host, TASKS, plugin};
use crate::server::{Answer, Server};

const WORKFLOWS: &str = "/v1.0/workflows/dapr";
const TASK: &str = r#"{"task_id":"task-1","title":"Review","assignee":"alice@example.com"}"#;

fn start(server: &Server, workflow: &str, id: &str, input: &str) -> Answer {
    let path = format!("{WORKFLOWS}/{workflow}/start?instanceID={id}");
    server.post(&path, input)
}

fn at(id: &str, action: &str) -> String {
    format!("{WORKFLOWS}/{id}/{action}")
}

fn status(server: &Server, id: &str) -> Value {
    let path = format!("{WORKFLOWS}/{id}");
    server.get(&path).expect(200)["runtimeStatus"].take()
}

fn until_status(server: &Server, id: &str, status: &str) -> Value {
    let path = format!("{WORKFLOWS}/{id}");
    server.until(&path, |one| one["runtimeStatus"] == status)
}

/// A request for an approval that waits for days.
fn approval(server: &Server, id: &str) {
    let request = r#"{"request_id":"r","what":"rest","approver":"carol"}"#;
    start(server, "approve", id, request).expect(202);
    until_status(server, id, "RUNNING");
}

fn error(answer: &Answer, status: u16) -> String {
    answer.expect(status)["errorCode"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_supervisor_learns_when_the_server_is_ready_and_when_it_stops() {
    let host = Host::new();
    let path = host.dir().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    let mut command = host.command(&["serve", "--http", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path);
    let server = Server::started(command);
    let heard = || {
        let mut message = [0; 64];
        let length = supervisor.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length])
            .trim()
            .to_owned()
    };
    assert_eq!(heard(), "READY=1");
    server.signal("-TERM");
    assert_eq!(heard(), "STOPPING=1");
    assert!(server.ended().0.success());
}

#[test]
fn a_workflow_is_started_read_and_purged() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let started = start(&server, "task_processing_workflow", "w", TASK);
    assert_eq!(started.expect(202), json!({"instanceID": "w"}));
    let ended = until_status(&server, "w", "COMPLETED");
    assert_eq!(ended["workflowName"], "task_processing_workflow");
    let property = |name: &str| -> Value {
        let text = ended["properties"][name].as_str().unwrap();
        serde_json::from_str(text).unwrap()
    };
    assert_eq!(
        property("dapr.workflow.input"),
        serde_json::from_str::<Value>(TASK).unwrap()
    );
    assert_eq!(property("dapr.workflow.output")["final_status"], "assigned");
    assert!(
        ended["createdAt"].as_str() <= ended["lastUpdatedAt"].as_str(),
        "{ended}"
    );
    assert_eq!(server.post(&at("w", "purge"), "").expect(202), json!({}));
    let gone = server.get(&format!("{WORKFLOWS}/w"));
    assert_eq!(error(&gone, 404), "ERR_INSTANCE_ID_NOT_FOUND");
}

#[test]
fn a_start_without_an_id_is_given_one() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let path = format!("{WORKFLOWS}/task_processing_workflow/start");
    let started = server.post(&path, TASK).expect(202);
    until_status(
        &server,
        started["instanceID"].as_str().unwrap(),
        "COMPLETED",
    );
}

#[test]
fn the_three_versions_of_the_workflow_api_are_one() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("approval.wasm")]);
    approval(&server, "w");
    for version in ["v1.0", "v1.0-beta1", "v1.0-alpha1"] {
        let one = server.get(&format!("/{version}/workflows/dapr/w"));
        assert_eq!(one.expect(200)["instanceID"], "w");
    }
}

#[test]
fn a_workflow_is_held_goes_on_and_gets_its_event() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("approval.wasm")]);
    approval(&server, "w");
    server.post(&at("w", "pause"), "").expect(202);
    assert_eq!(status(&server, "w"), "SUSPENDED");
    let decision = r#"{"approved":true,"by":"carol"}"#;
    server
        .post(&at("w", "raiseEvent/decision"), decision)
        .expect(202);
    assert_eq!(status(&server, "w"), "SUSPENDED");
    server.post(&at("w", "resume"), "").expect(202);
    let ended = until_status(&server, "w", "COMPLETED");
    let output = ended["properties"]["dapr.workflow.output"]
        .as_str()
        .unwrap();
    assert!(output.contains(r#""outcome":"approved""#), "{output}");
    // Nobody is left to be told, which is no error for Dapr's clients.
    server
        .post(&at("w", "raiseEvent/decision"), decision)
        .expect(202);
    server.post(&at("w", "terminate"), "").expect(202);
    assert_eq!(status(&server, "w"), "COMPLETED");
}

#[test]
fn a_terminated_workflow_has_ended_when_it_is_answered() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("approval.wasm")]);
    approval(&server, "w");
    assert_eq!(
        error(&server.post(&at("w", "purge"), ""), 500),
        "ERR_PURGE_WORKFLOW"
    );
    server.post(&at("w", "terminate"), "").expect(202);
    assert_eq!(status(&server, "w"), "TERMINATED");
}

#[test]
fn what_cannot_be_started_says_why() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("approval.wasm")]);
    approval(&server, "w");
    let again = start(&server, "approve", "w", "{}");
    assert_eq!(error(&again, 500), "ERR_START_WORKFLOW");
    assert!(
        again
            .body
            .contains("an active workflow with ID 'w' already exists"),
        "{again:?}"
    );
    let unknown = start(&server, "nothing", "x", "{}");
    assert!(
        unknown
            .body
            .contains("no plugin brings a workflow of the name nothing"),
        "{unknown:?}"
    );
    let id = "a".repeat(65);
    assert_eq!(
        error(&start(&server, "approve", &id, "{}"), 400),
        "ERR_INSTANCE_ID_TOO_LONG"
    );
    assert_eq!(
        error(&start(&server, "approve", "a%3Ab", "{}"), 400),
        "ERR_INSTANCE_ID_INVALID"
    );
}

#[test]
fn what_is_unknown_is_told_as_dapr_tells_it() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    for action in ["terminate", "purge", "pause", "resume"] {
        let code = error(&server.post(&at("w", action), ""), 404);
        assert_eq!(code, "ERR_INSTANCE_ID_NOT_FOUND", "{action}");
    }
    let raised = server.post(&at("w", "raiseEvent/e"), "1");
    assert_eq!(error(&raised, 500), "ERR_RAISE_EVENT_WORKFLOW");
    let no_type = server.post("/v1.0/actors/Nobody/1/method/GetTask", "");
    assert_eq!(error(&no_type, 404), "ERR_ACTOR_NO_ADDRESS");
    let no_method = server.post("/v1.0/actors/TaskActor/1/method/Nothing", "");
    assert_eq!(error(&no_method, 500), "ERR_ACTOR_INVOKE_METHOD");
    assert_eq!(error(&server.get("/v1.0/nothing"), 404), "ERR_NOT_FOUND");
    assert_eq!(
        error(&server.post("/v1.0/healthz", ""), 405),
        "ERR_METHOD_NOT_ALLOWED"
    );
}

#[test]
fn a_server_says_which_actors_it_hosts_and_what_it_is_labelled_with() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let hosted = |count: usize| json!([{"type": "TaskActor", "count": count}]);
    let metadata = || server.get("/v1.0/metadata").expect(200);
    assert_eq!(metadata()["actorRuntime"]["activeActors"], hosted(0));
    server
        .post("/v1.0/actors/TaskActor/1/method/GetTask", "")
        .expect(200);
    assert_eq!(metadata()["actorRuntime"]["activeActors"], hosted(1));
    assert_eq!(server.put("/v1.0/metadata/stage", "test").status, 204);
    assert_eq!(metadata()["extended"]["stage"], "test");
    let long = "a".repeat(5_000);
    let refused = server.put("/v1.0/metadata/stage", &long);
    assert_eq!(error(&refused, 400), "ERR_BAD_REQUEST");
}

#[test]
fn a_query_that_cannot_be_read_is_refused() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let twice = "/v1.0/workflows/dapr/task_processing_workflow/start?instanceID=a&instanceID=b";
    assert_eq!(error(&server.post(twice, TASK), 400), "ERR_BAD_REQUEST");
}

#[test]
fn a_plus_in_a_path_is_a_space_and_an_escaped_one_is_a_plus() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    for (path, id) in [("a+b", "a b"), ("a%2Bb", "a+b"), ("a%252B", "a%2B")] {
        let task = server.get(&format!("/v1.0/actors/TaskActor/{path}/method/GetTask"));
        assert_eq!(task.expect(200)["id"], id);
    }
}

#[test]
fn an_actor_answers_whatever_the_request_is_called() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("sdk_probe.wasm")]);
    let add = server.post("/v1.0/actors/Counter/a%3A1/method/Add", "2");
    assert_eq!(add.expect(200), json!(2));
    let get = server.get("/v1.0/actors/Counter/a%3A1/method/Get");
    assert_eq!(get.expect(200), json!(2));
    let failed = server.post("/v1.0/actors/Counter/a/method/AddThenFail", "1");
    assert_eq!(error(&failed, 500), "ERR_ACTOR_INVOKE_METHOD");
    let bad = server.post("/v1.0/actors/Counter/a%2Fb/method/Get", "");
    assert_eq!(error(&bad, 400), "ERR_BAD_REQUEST");
}

#[test]
fn a_start_that_is_repeated_with_its_key_starts_once_also_when_it_has_ended_and_behind_a_kill() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let path = format!("{WORKFLOWS}/task_processing_workflow/start");
    let start = |server: &Server, query: &str, key: &str| {
        let headers = [("Idempotency-Key", key)];
        let started = server.post_with(&format!("{path}{query}"), &headers, TASK);
        let id = &started.expect(202)["instanceID"];
        id.as_str().unwrap().to_owned()
    };
    let id = start(&server, "", "a");
    let ended = until_status(&server, &id, "COMPLETED");
    assert_eq!(start(&server, "", "a"), id);
    assert_ne!(start(&server, "", "b"), id);
    assert_eq!(start(&server, "?instanceID=w", "a"), "w");
    server.kill();
    let server = Server::start(&host, &[]);
    assert_eq!(start(&server, "", "a"), id);
    assert_eq!(start(&server, "?instanceID=w", "a"), "w");
    let read = server.get(&format!("{WORKFLOWS}/{id}")).expect(200);
    assert_eq!(read["createdAt"], ended["createdAt"]);
    // Whoever asks with another key means another start, for which the id is free once the first has ended.
    until_status(&server, "w", "COMPLETED");
    assert_eq!(start(&server, "?instanceID=w", "b"), "w");
}

#[test]
fn an_event_that_is_repeated_with_its_key_is_raised_once() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("sdk_probe.wasm")]);
    let path = format!("{WORKFLOWS}/receive/start?instanceID=w");
    server
        .post(&path, r#"{"topic":"item","count":3}"#)
        .expect(202);
    let raise = |server: &Server, key: &str, value: &str| {
        let path = at("w", "raiseEvent/item");
        let headers = [("Idempotency-Key", key)];
        server.post_with(&path, &headers, value).expect(202);
    };
    for key in ["a", "a", "b", "a"] {
        raise(&server, key, "1");
    }
    let refused = server.post_with(
        &at("w", "raiseEvent/item"),
        &[("Idempotency-Key", "a b")],
        "1",
    );
    assert_eq!(error(&refused, 400), "ERR_BAD_REQUEST");
    server.kill();
    let server = Server::start(&host, &[]);
    raise(&server, "b", "1");
    raise(&server, "c", "2");
    let ended = until_status(&server, "w", "COMPLETED");
    assert_eq!(ended["properties"]["dapr.workflow.output"], "[1,1,2]");
}

#[test]
fn a_call_that_is_repeated_with_its_key_has_one_effect_also_after_a_kill() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("sdk_probe.wasm")]);
    let path = "/v1.0/actors/Counter/a/method/Add";
    let key = [("Idempotency-Key", "k")];
    assert_eq!(server.post_with(path, &key, "2").expect(200), json!(2));
    server.kill();
    let server = Server::start(&host, &[]);
    assert_eq!(server.post_with(path, &key, "2").expect(200), json!(2));
    assert_eq!(server.post(path, "1").expect(200), json!(3));
}

#[test]
fn what_was_answered_with_success_is_there_after_a_kill() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    start(&server, "task_processing_workflow", "w", TASK).expect(202);
    server.kill();
    let server = Server::start(&host, &[]);
    until_status(&server, "w", "COMPLETED");
}

#[test]
fn a_server_is_healthy_once_it_listens_and_ends_well_when_it_is_stopped() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    for path in ["/v1.0/healthz", "/v1.0/healthz/outbound"] {
        assert_eq!(server.get(path).status, 204);
    }
    server.signal("-TERM");
    let (status, told) = server.ended();
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(
        told.contains("requests that were taken are answered first"),
        "{told}"
    );
}

#[test]
fn who_waits_for_a_result_does_not_hold_up_a_server_that_stops() {
    let host = Host::new();
    host.limit("[server]\nrequests_max = 1\n");
    let server = Server::start(&host, &[&plugin("approval.wasm")]);
    approval(&server, "w");
    // Whoever looks whether the place is taken has it for a moment.
    let busy = |path: &str| Some(server.get(path)).filter(|answer| answer.status == 503);
    let begun = thread::scope(|threads| {
        let waiting = threads.spawn(|| {
            let wait = "/api/v1/workflows/w/result?wait=60s";
            let mut answers = std::iter::repeat_with(|| server.get(wait));
            answers.find(|answer| answer.status != 503).unwrap()
        });
        while busy("/v1.0/metadata").is_none() {}
        let begun = Instant::now();
        server.signal("-TERM");
        assert_eq!(waiting.join().unwrap().status, 202);
        begun
    });
    assert_eq!(server.ended().0.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "{begun:?}");
}

#[test]
fn a_request_that_was_taken_is_answered_before_the_server_ends() {
    let host = Host::new();
    let server = Server::start(&host, &[&plugin("sdk_probe.wasm")]);
    let mut request = server.begin_post("/v1.0/actors/Counter/a/method/Add", 1);
    server.signal("-TERM");
    server.until_closed();
    request.write_all(b"1").unwrap();
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains("200 OK") && answer.ends_with("\r\n\r\n1"),
        "{answer}"
    );
    assert_eq!(server.ended().0.code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let host = Host::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    host.run(&["serve", "--http", &address])
        .expect(1)
        .says(&format!("listen on {address}: Address already in use"));
}

//! Who may do what: tokens, their roles, what they are limited to, and whose things they reach.

use std::io::{BufRead, Read};
use std::time::{Duration, Instant};

use host_api::client::dapr::dapr_client::DaprClient;
use host_api::client::dapr::{AlarmsOf, InvokeActorRequest, InvokeActorResponse, WorkflowRequest};
use host_api::client::task_hub::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use host_api::client::task_hub::{GetRequest, Purge, PurgeFilter, PurgeRequest, StartRequest};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tonic::metadata::AsciiMetadataKey;
use tonic::{Code, Request};

use crate::host::{Host, Output, plugin};
use crate::http2::Connection;
use crate::remote::check_alike;
use crate::server::{Answer, Server};

const PROBE: &str = "sdk_probe.wasm";
/// Whoever runs the host has this one.
const OPERATOR: &str = "0123456789abcdef0123456789abcdef";
/// Each may do what those before it may.
const ROLES: [&str; 5] = ["reader", "invoker", "operator", "deployer", "administrator"];
const PATIENCE: Duration = Duration::from_secs(60);
const V1: &str = "/api/v1";
const STATE: &str = "/v1.0/actors/Listener/l/state";

/// A token that was made.
struct Token {
    id: String,
    text: String,
}

impl Token {
    fn read(line: &Value) -> Token {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        Token {
            id: text("id"),
            text: text("token"),
        }
    }

    fn of(output: Output) -> Token {
        Token::read(&serde_json::from_str(&output.expect(0).stdout).unwrap())
    }

    /// Makes one in the directory, which no server uses yet.
    fn create(host: &Host, tenant: &str, options: &[&str]) -> Token {
        let create = [
            "--tenant", tenant, "--output", "json", "token", "create", "--role",
        ];
        Token::of(host.run(&[&create[..], options].concat()))
    }

    fn header(&self) -> (&str, &str) {
        ("dapr-api-token", &self.text)
    }
}

/// A directory in which these tenants have the plugin.
fn tenants(names: &[&str]) -> Host {
    let host = Host::new();
    for name in names {
        host.run(&["--tenant", name, "plugin", "deploy", &plugin(PROBE)])
            .expect(0);
    }
    host
}

/// A server of it, of which whoever runs the host has a token, too.
fn serve(host: &Host) -> Server {
    let file = host.file("tokens", OPERATOR);
    Server::start_with(host, &["--http", "127.0.0.1:0", "--token-file", file])
}

/// Asks for something as whoever has the token.
fn ask(server: &Server, (method, path): (&str, &str), token: &str, body: &str) -> Answer {
    let headers = [
        ("dapr-api-token", token),
        ("content-type", "application/json"),
    ];
    server.ask(method, path, &headers, body)
}

fn start(server: &Server, token: &Token, workflow: &str, id: &str) -> Answer {
    let input = (workflow == "tally").then_some(5);
    let body = json!({"workflow": workflow, "id": id, "input": input}).to_string();
    ask(server, ("POST", "/api/v1/workflows"), &token.text, &body)
}

fn get(server: &Server, token: &Token, path: &str) -> Answer {
    ask(server, ("GET", &format!("{V1}{path}")), &token.text, "")
}

fn post(server: &Server, token: &Token, path: &str, body: &str) -> Answer {
    ask(server, ("POST", &format!("{V1}{path}")), &token.text, body)
}

/// What is asked for, and the least role that may.
const ASKED: [(&str, &str, &str); 22] = [
    ("GET", "/api/v1/workflows", "reader"),
    ("GET", "/api/v1/changes", "reader"),
    ("GET", "/v1.0/metadata", "reader"),
    ("POST", "/api/v1/workflows/w/query/total", "reader"),
    ("POST", "/api/v1/workflows", "invoker"),
    ("POST", "/api/v1/batches/start", "invoker"),
    ("POST", "/api/v1/topics/news/publish", "invoker"),
    ("POST", "/api/v1/workflows/w/raise/e", "invoker"),
    ("POST", "/v1.0/workflows/dapr/tally/start", "invoker"),
    (
        "POST",
        "/v1.0-beta1/workflows/dapr/w/raiseEvent/e",
        "invoker",
    ),
    ("PUT", "/v1.0/actors/Listener/l/method/Heard", "invoker"),
    ("POST", "/api/v1/workflows/w/terminate", "operator"),
    ("POST", "/v1.0-alpha1/workflows/dapr/w/purge", "operator"),
    ("DELETE", "/api/v1/actors/Listener/l", "operator"),
    ("POST", "/api/v1/batches", "operator"),
    ("POST", "/api/v1/schedules/s/trigger", "operator"),
    ("PUT", "/v1.0/metadata/label", "operator"),
    ("POST", "/v1.0/actors/Listener/l/state", "operator"),
    ("POST", "/api/v1/plugins", "deployer"),
    ("POST", "/api/v1/workflows/w/fork", "deployer"),
    ("GET", "/api/v1/tokens", "administrator"),
    ("POST", "/api/v1/tokens", "administrator"),
];

#[test]
fn a_role_may_what_those_before_it_may_and_what_is_for_it_and_no_more() {
    let host = tenants(&["a"]);
    let tokens = ROLES.map(|role| Token::create(&host, "a", &[role]));
    let server = serve(&host);
    for (place, token) in tokens.iter().enumerate() {
        for (method, path, least) in ASKED {
            // Nothing that has an effect is asked for so that it could have one.
            let may = ROLES[..=place].contains(&least);
            if may && path.ends_with("/changes") {
                let headers = [token.header()];
                drop(server.stream(path, &headers));
                continue;
            }
            let answer = ask(&server, (method, path), &token.text, "?");
            let what = format!("{} {method} {path}: {answer:?}", ROLES[place]);
            assert_eq!(answer.status == 403, !may, "{what}");
            assert_ne!(answer.status, 401, "{what}");
            if !may {
                let role = ROLES[place];
                let told = format!(
                    "needs the role {least} or one that may more, and the token's role is {role}"
                );
                let problem = answer.expect(403);
                assert!(
                    problem["detail"].as_str().unwrap().contains(&told),
                    "{what}"
                );
                assert_eq!(problem["type"], "urn:host:problem:forbidden");
                assert_eq!(problem["errorCode"], "ERR_FORBIDDEN");
            }
        }
    }
}

/// Calls over gRPC with a header.
struct Caller {
    threads: Runtime,
    connection: Connection,
    origin: hyper::Uri,
    header: (String, String),
}

impl Caller {
    fn new(server: &Server, (name, value): (&str, &str)) -> Caller {
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connection = threads.block_on(Connection::new(server.grpc_port(), PATIENCE));
        let (connection, origin) = connection;
        Caller {
            threads,
            connection,
            origin,
            header: (name.to_owned(), value.to_owned()),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let (name, value) = &self.header;
        let name: AsciiMetadataKey = name.parse().unwrap();
        request.metadata_mut().insert(name, value.parse().unwrap());
        request
    }

    fn hub(&self) -> TaskHubSidecarServiceClient<Connection> {
        let connection = self.connection.clone();
        TaskHubSidecarServiceClient::with_origin(connection, self.origin.clone())
    }

    fn dapr(&self) -> DaprClient<Connection> {
        DaprClient::with_origin(self.connection.clone(), self.origin.clone())
    }

    fn exists(&self, id: &str) -> Result<bool, Code> {
        let request = self.request(GetRequest {
            instance_id: id.to_owned(),
            with_payloads: false,
        });
        let got = self.threads.block_on(self.hub().get_instance(request));
        got.map(|got| got.into_inner().exists)
            .map_err(|refusal| refusal.code())
    }

    fn start(&self, name: &str, id: &str) -> Result<(), Code> {
        let request = self.request(StartRequest {
            name: name.to_owned(),
            instance_id: id.to_owned(),
            input: Some("5".to_owned()),
            ..StartRequest::default()
        });
        let started = self.threads.block_on(self.hub().start_instance(request));
        started.map(drop).map_err(|refusal| refusal.code())
    }

    fn purge_all(&self) -> Result<(), Code> {
        let request = self.request(PurgeRequest {
            which: Some(Purge::Filter(PurgeFilter::default())),
            force: None,
        });
        let purged = self.threads.block_on(self.hub().purge_instances(request));
        purged.map(drop).map_err(|refusal| refusal.code())
    }

    fn call(&self, actor_type: &str) -> Result<InvokeActorResponse, Code> {
        let request = self.request(InvokeActorRequest {
            actor_type: actor_type.to_owned(),
            actor_id: "l".to_owned(),
            method: "Heard".to_owned(),
            ..InvokeActorRequest::default()
        });
        let called = self.threads.block_on(self.dapr().invoke_actor(request));
        called
            .map(tonic::Response::into_inner)
            .map_err(|refusal| refusal.code())
    }

    fn terminate(&self, id: &str) -> Result<(), tonic::Status> {
        let request = self.request(WorkflowRequest {
            instance_id: id.to_owned(),
        });
        let call = async { self.dapr().terminate_workflow_beta1(request).await };
        self.threads.block_on(call).map(drop)
    }

    fn reminders(&self, actor_type: &str) -> Result<usize, Code> {
        let request = self.request(AlarmsOf {
            actor_type: actor_type.to_owned(),
            actor_id: None,
        });
        let listed = self
            .threads
            .block_on(self.dapr().list_actor_reminders(request));
        listed
            .map(|listed| listed.into_inner().reminders.len())
            .map_err(|refusal| refusal.code())
    }
}

#[test]
fn a_token_is_taken_in_both_headers_over_http_and_grpc() {
    let host = tenants(&["a"]);
    let token = Token::create(&host, "a", &["invoker"]);
    let server = serve(&host);
    start(&server, &token, "tally", "w").expect(201);
    let bearer = format!("Bearer {}", token.text);
    for header in [("authorization", bearer.as_str()), token.header()] {
        let one = server.get_with("/api/v1/workflows/w", &[header]);
        assert_eq!(one.expect(200)["id"], "w");
        let caller = Caller::new(&server, header);
        assert_eq!(caller.exists("w"), Ok(true));
        let refusal = caller.terminate("w").unwrap_err();
        assert_eq!(refusal.code(), Code::PermissionDenied);
        assert!(
            refusal.message().contains("needs the role operator"),
            "{refusal}"
        );
    }
    for wrong in [
        ("authorization", "Bearer host_a_b"),
        ("dapr-api-token", "host_a_b"),
    ] {
        assert_eq!(server.get_with("/api/v1/workflows", &[wrong]).status, 401);
        let caller = Caller::new(&server, wrong);
        assert_eq!(caller.exists("w"), Err(Code::Unauthenticated));
    }
    assert_eq!(server.get("/api/v1/workflows").status, 401);
}

/// A server on which tenant `a` has one of everything, and tenant `b` its plugin alone; a token of each.
fn two_tenants(host: &Host) -> (Server, Token, Token) {
    let [a, b] = ["a", "b"].map(|name| Token::create(host, name, &["administrator"]));
    let server = serve(host);
    start(&server, &a, "tally", "w").expect(201);
    post(&server, &a, "/actors/Listener/l/call/Listen", "\"news\"").expect(200);
    let reminder = r#"{"method":"Hear","due":"1h","input":"later"}"#;
    let path = "/api/v1/actors/Listener/l/reminders/r";
    let set = ask(&server, ("PUT", path), &a.text, reminder);
    assert_eq!(set.status, 204, "{set:?}");
    let schedule = r#"{"workflow":{"name":"tally"},"cron":"@daily","input":1}"#;
    let set = ask(&server, ("PUT", "/api/v1/schedules/s"), &a.text, schedule);
    assert!(set.status < 300, "{set:?}");
    let batch = r#"{"operation":"suspend","filter":{"name":"nothing"}}"#;
    let begun = post(&server, &a, "/batches", batch);
    assert!(begun.status < 300, "{begun:?}");
    let state = r#"[{"operation":"upsert","request":{"key":"k","value":7}}]"#;
    let written = ask(&server, ("POST", STATE), &a.text, state);
    assert_eq!(written.status, 204, "{written:?}");
    let label = ask(&server, ("PUT", "/v1.0/metadata/of"), &a.text, "a");
    assert_eq!(label.status, 204, "{label:?}");
    (server, a, b)
}

#[test]
fn a_token_of_one_tenant_reaches_nothing_of_another() {
    let host = tenants(&["a", "b"]);
    let (server, a, b) = two_tenants(&host);
    for (list, name) in [
        ("/workflows", "workflows"),
        ("/actors", "actors"),
        ("/actors/Listener/l/reminders", "reminders"),
        ("/schedules", "schedules"),
        ("/topics", "topics"),
        ("/batches", "batches"),
    ] {
        let of = |token| get(&server, token, list).expect(200)[name].clone();
        assert_ne!(of(&a), json!([]), "{list}");
        assert_eq!(of(&b), json!([]), "{list}");
    }
    let batch = get(&server, &a, "/batches").expect(200)["batches"][0]["id"].clone();
    let batch = format!("/batches/{}", batch.as_str().unwrap());
    let one = [
        "/workflows/w",
        "/workflows/w/history",
        "/workflows/w/events",
        "/workflows/w/result",
        "/schedules/s",
    ];
    for path in one.into_iter().chain([batch.as_str()]) {
        assert_eq!(get(&server, &b, path).status, 404, "{path}");
    }
    for deed in [
        "/workflows/w/raise/e",
        "/workflows/w/terminate",
        "/workflows/w/query/total",
        "/workflows/w/rerun",
        "/schedules/s/trigger",
    ] {
        let answer = post(&server, &b, deed, r#"{"from":0}"#);
        assert_eq!(answer.status, 404, "{deed}: {answer:?}");
    }
}

#[test]
fn what_one_tenant_has_publishes_and_calls_as_another_does_is_another() {
    let host = tenants(&["a", "b"]);
    let (server, a, b) = two_tenants(&host);
    let value = format!("{STATE}/k");
    let value = |token: &Token| ask(&server, ("GET", &value), &token.text, "").status;
    assert_eq!((value(&a), value(&b)), (200, 204));
    let heard = post(&server, &b, "/topics/news/publish", "1").expect(200);
    assert_eq!(heard["subscribers"], 0);
    assert_eq!(
        get(&server, &b, "/topics/news/subscriptions").expect(200),
        json!({"subscriptions": []})
    );
    let metadata =
        |token: &Token| ask(&server, ("GET", "/v1.0/metadata"), &token.text, "").expect(200);
    assert_eq!(metadata(&a)["extended"]["of"], "a");
    assert_eq!(metadata(&b)["extended"]["of"], Value::Null);
    let id = format!("/tokens/{}", a.id);
    assert_eq!(
        ask(&server, ("DELETE", &format!("{V1}{id}")), &b.text, "").status,
        404
    );
    assert_eq!(
        get(&server, &b, "/tokens").expect(200)["tokens"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let [of_a, of_b] = [&a, &b].map(|token| Caller::new(&server, token.header()));
    assert_eq!((of_a.exists("w"), of_b.exists("w")), (Ok(true), Ok(false)));
    assert_eq!(
        (of_a.reminders("Listener"), of_b.reminders("Listener")),
        (Ok(1), Ok(0))
    );
    // Of each, the same id is another workflow's.
    start(&server, &b, "tally", "w").expect(201);
    post(&server, &b, "/workflows/w/terminate", "").expect(200);
    assert_ne!(
        get(&server, &a, "/workflows/w").expect(200)["status"],
        "terminated"
    );
}

#[test]
fn the_same_key_of_two_tenants_is_two_keys() {
    let host = tenants(&["a", "b"]);
    let [a, b] = ["a", "b"].map(|name| Token::create(&host, name, &["invoker"]));
    let server = serve(&host);
    let publish = |token: &Token| {
        let headers = [
            token.header(),
            ("idempotency-key", "k"),
            ("content-type", "application/json"),
        ];
        server
            .post_with("/api/v1/topics/news/publish", &headers, "1")
            .expect(200)["subscribers"]
            .clone()
    };
    post(&server, &a, "/actors/Listener/l/call/Listen", "\"news\"").expect(200);
    assert_eq!((publish(&a), publish(&b)), (json!(1), json!(0)));
    let begin = |token: &Token| {
        let headers = [
            token.header(),
            ("idempotency-key", "k"),
            ("content-type", "application/json"),
        ];
        let body = r#"{"workflow":"tally","input":5}"#;
        server
            .post_with("/api/v1/workflows", &headers, body)
            .expect(201);
    };
    begin(&a);
    begin(&b);
    let call = |token: &Token, id: &str| {
        let headers = [
            token.header(),
            ("idempotency-key", "k"),
            ("content-type", "application/json"),
        ];
        let path = format!("/api/v1/actors/Listener/{id}/call/Heard");
        server.post_with(&path, &headers, "").expect(200)
    };
    assert_eq!(call(&a, "l"), json!([1]));
    assert_eq!(call(&b, "l"), json!([]));
}

#[test]
fn a_tenant_neither_sees_nor_runs_the_code_that_another_has_under_the_name_of_its_plugin() {
    let host = tenants(&["b"]);
    let changed = plugin("sdk_probe_changed.wasm");
    host.run(&["--tenant", "a", "plugin", "deploy", &changed])
        .expect(0);
    let [a, b] = ["a", "b"].map(|name| Token::create(&host, name, &["deployer"]));
    let server = serve(&host);
    let components = |token: &Token| {
        let shown = get(&server, token, "/plugins/sdk_probe").expect(200);
        let components = shown["components"].as_array().unwrap().iter();
        let digests = components.map(|one| one["component"].as_str().unwrap().to_owned());
        digests.collect::<Vec<_>>()
    };
    let (of_a, of_b) = (components(&a), components(&b));
    assert_eq!((of_a.len(), of_b.len()), (1, 1));
    assert_ne!(of_a, of_b);
    let body = json!({"component": of_a[0]}).to_string();
    let foreign = post(&server, &b, "/plugins/sdk_probe/activate", &body);
    assert_eq!(foreign.status, 404, "{foreign:?}");
    let path = format!("{V1}/plugins/sdk_probe/versions/{}", of_a[0]);
    assert_eq!(ask(&server, ("DELETE", &path), &b.text, "").status, 404);
    assert_eq!(components(&a), of_a);
}

#[test]
fn changes_are_told_to_their_own_tenant_alone() {
    let host = tenants(&["a", "b"]);
    let [a, b] = ["a", "b"].map(|name| Token::create(&host, name, &["invoker"]));
    let server = serve(&host);
    let mut told = server.stream("/api/v1/changes", &[b.header()]).lines();
    let mut until = |words: &str| {
        let found = told.find(|line| {
            let line = line.as_ref().unwrap();
            assert!(!line.contains("of-a"), "{line}");
            line.contains(words)
        });
        found.unwrap().unwrap()
    };
    until("begin");
    start(&server, &a, "tally", "of-a").expect(201);
    start(&server, &b, "tally", "of-b").expect(201);
    until("of-b");
}

#[test]
fn who_runs_the_host_names_the_tenant_and_nobody_else_does() {
    let host = tenants(&["a", "b"]);
    let (server, a, _) = two_tenants(&host);
    let of = |tenant: &str| {
        let headers = [("dapr-api-token", OPERATOR), ("host-tenant", tenant)];
        let listed = server.get_with("/api/v1/workflows", &headers).expect(200);
        listed["workflows"].as_array().unwrap().len()
    };
    assert_eq!((of("a"), of("b"), of("default")), (1, 0, 0));
    let drive = [
        "--server",
        server.url(),
        "--token",
        OPERATOR,
        "--tenant",
        "a",
        "workflow",
        "show",
        "w",
    ];
    host.run(&drive).expect(0);
    let foreign = [a.header(), ("host-tenant", "b")];
    let refused = server.get_with("/api/v1/workflows", &foreign).expect(403);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("another tenant"),
        "{refused}"
    );
    let own = [a.header(), ("host-tenant", "a")];
    assert_eq!(server.get_with("/api/v1/workflows", &own).status, 200);
    let none = [("dapr-api-token", OPERATOR), ("host-tenant", "")];
    assert_eq!(server.get_with("/api/v1/workflows", &none).status, 400);
}

#[test]
fn a_token_that_is_limited_reaches_what_it_names_and_nothing_else() {
    let host = tenants(&["a"]);
    let all = Token::create(&host, "a", &["administrator"]);
    let limits = [
        "administrator",
        "--workflow",
        "tally",
        "--actor-type",
        "Listener",
    ];
    let limited = Token::create(&host, "a", &limits);
    let server = serve(&host);
    start(&server, &all, "labelled", "hidden").expect(201);
    start(&server, &limited, "tally", "own").expect(201);
    get(&server, &limited, "/workflows/own").expect(200);
    post(&server, &limited, "/actors/Listener/l/call/Heard", "").expect(200);
    let started = start(&server, &limited, "labelled", "x").expect(403);
    let told = started["detail"].as_str().unwrap();
    assert!(
        told.contains("limited to workflow tally, actor type Listener"),
        "{told}"
    );
    let many = r#"{"workflows":[{"workflow":"labelled"},{"workflow":"tally","input":1}]}"#;
    let many = post(&server, &limited, "/batches/start", many).expect(200);
    assert_eq!(many["results"][0]["problem"]["status"], 403);
    assert_eq!(many["results"][1]["workflow"]["name"], "tally");
    let dapr = |method, path| ask(&server, (method, path), &limited.text, "").status;
    assert_eq!(dapr("POST", "/v1.0/workflows/dapr/labelled/start"), 403);
    assert_eq!(dapr("GET", "/v1.0/workflows/dapr/hidden"), 404);
    assert_eq!(dapr("GET", "/v1.0/workflows/dapr/own"), 200);
    assert_eq!(dapr("POST", "/v1.0/actors/Counter/c/method/Get"), 403);
    let caller = Caller::new(&server, limited.header());
    assert_eq!(caller.exists("own"), Ok(true));
    assert_ne!(caller.exists("hidden"), Ok(true));
    assert_eq!(caller.start("labelled", "y"), Err(Code::PermissionDenied));
    assert_eq!(caller.call("Counter"), Err(Code::PermissionDenied));
    assert!(caller.call("Listener").is_ok());
    assert_eq!(caller.reminders("Counter"), Err(Code::PermissionDenied));
    assert_eq!(caller.purge_all(), Err(Code::PermissionDenied));
    assert_eq!(
        caller.terminate("hidden").unwrap_err().code(),
        Code::NotFound
    );
}

/// Each path of the document with what is out of a limited token's reach in the place of its names, and a body that it
/// takes.
fn out_of_reach(document: &Value) -> Vec<(String, String, &'static str)> {
    let mut asked = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let id = if path.starts_with("/workflows/") {
            "hidden"
        } else {
            "c"
        };
        let named = path.replace("{actor_type}", "Counter").replace("{id}", id);
        let named = named.replace(['{', '}'], "");
        let body = match path.rsplit('/').next().unwrap() {
            "rerun" => r#"{"from":0}"#,
            "fork" => "",
            _ => r#"{"method":"M","due":"1h"}"#,
        };
        let methods = item.as_object().unwrap().keys();
        let methods =
            methods.filter(|key| ["get", "post", "put", "delete"].contains(&key.as_str()));
        asked.extend(methods.map(|method| (method.to_uppercase(), named.clone(), body)));
    }
    assert!(asked.len() > 40, "{asked:?}");
    asked
}

#[test]
fn no_route_of_the_document_reaches_beyond_what_a_token_is_limited_to() {
    let host = tenants(&["a"]);
    let all = Token::create(&host, "a", &["administrator"]);
    let limited = Token::create(&host, "a", &["administrator", "--workflow", "tally"]);
    let server = serve(&host);
    start(&server, &all, "labelled", "hidden").expect(201);
    let document = get(&server, &limited, "/openapi.json").expect(200);
    // What is started is named in the body, and looked at elsewhere.
    let elsewhere = [
        ("GET", "/openapi.json"),
        ("POST", "/workflows"),
        ("POST", "/batches/start"),
    ];
    for (method, path, body) in out_of_reach(&document) {
        if elsewhere.contains(&(method.as_str(), path.as_str())) {
            continue;
        }
        let answer = ask(
            &server,
            (&method, &format!("{V1}{path}")),
            &limited.text,
            body,
        );
        assert!(
            [403, 404].contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
    }
    let hidden = get(&server, &all, "/workflows/hidden").expect(200);
    assert_ne!(hidden["status"], "terminated");
}

#[test]
fn a_token_that_is_revoked_counts_no_longer_and_its_streams_end() {
    let host = tenants(&["a"]);
    let admin = Token::create(&host, "a", &["administrator"]);
    let reader = Token::create(&host, "a", &["reader"]);
    let server = serve(&host);
    start(&server, &admin, "tally", "w").expect(201);
    let mut events = server.stream("/api/v1/workflows/w/events", &[reader.header()]);
    let mut changes = server.stream("/api/v1/changes", &[reader.header()]);
    let mut line = String::new();
    events.read_line(&mut line).unwrap();
    changes.read_line(&mut line).unwrap();
    let path = format!("{V1}/tokens/{}", reader.id);
    let revoked = ask(&server, ("DELETE", &path), &admin.text, "").expect(200);
    assert_eq!(
        (&revoked["state"], &revoked["token"]),
        (&json!("revoked"), &Value::Null)
    );
    let refused = get(&server, &reader, "/workflows").expect(401);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("it was revoked"),
        "{refused}"
    );
    // They end, or these would not.
    events.read_to_string(&mut line).unwrap();
    changes.read_to_string(&mut line).unwrap();
    get(&server, &admin, "/workflows/w").expect(200);
}

#[test]
fn a_token_that_was_rotated_counts_as_it_was_rotated_and_not_as_before() {
    let host = tenants(&["a"]);
    let admin = Token::create(&host, "a", &["administrator"]);
    let before = Token::create(&host, "a", &["reader", "--description", "of the shop"]);
    let server = serve(&host);
    let mut changes = server.stream("/api/v1/changes", &[before.header()]);
    let rotated = post(
        &server,
        &admin,
        &format!("/tokens/{}/rotate", before.id),
        "",
    )
    .expect(200);
    let after = Token::read(&rotated);
    assert_eq!(
        (&after.id, &rotated["description"]),
        (&before.id, &json!("of the shop"))
    );
    assert_eq!(get(&server, &before, "/workflows").status, 401);
    get(&server, &after, "/workflows").expect(200);
    changes.read_to_string(&mut String::new()).unwrap();
    let listed = get(&server, &admin, "/tokens").expect(200);
    assert!(!listed.to_string().contains(&after.text), "{listed}");
}

#[test]
fn a_token_counts_until_its_time_is_over() {
    let host = tenants(&["a"]);
    let token = Token::create(&host, "a", &["reader", "--lifetime", "3s"]);
    let server = serve(&host);
    let begun = Instant::now();
    loop {
        let answer = get(&server, &token, "/workflows");
        if answer.status == 401 {
            assert!(answer.body.contains("it has expired"), "{answer:?}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let last = ["token", "create", "--role", "reader", "--lifetime", "400d"];
    Host::new().run(&last).expect(2).says("token_lifetime_max");
}

#[test]
fn a_directory_with_tokens_asks_for_them_and_may_be_reached_from_outside() {
    let host = tenants(&["a"]);
    let token = Token::create(&host, "a", &["administrator"]);
    let server = Server::start_with(&host, &["--http", "0.0.0.0:0"]);
    assert_eq!(server.get("/api/v1/workflows").status, 401);
    get(&server, &token, "/workflows").expect(200);
    // Whoever comes after the last token was revoked is not let in without one.
    let path = format!("{V1}/tokens/{}", token.id);
    ask(&server, ("DELETE", &path), &token.text, "").expect(200);
    assert_eq!(server.get("/api/v1/workflows").status, 401);
    server.kill();
    let server = Server::start(&host, &[]);
    assert_eq!(server.get("/api/v1/workflows").status, 401);
    let refused = get(&server, &token, "/workflows").expect(401);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("it was revoked"),
        "{refused}"
    );
}

#[test]
fn a_tenant_has_so_many_tokens_and_no_more() {
    let host = Host::new();
    host.limit("tokens_max = 2");
    let first = Token::create(&host, "a", &["reader"]);
    Token::create(&host, "a", &["reader"]);
    let create = ["--tenant", "a", "token", "create", "--role", "reader"];
    host.run(&create).expect(2).says("`tokens_max`");
    host.run(&["--tenant", "b", "token", "create", "--role", "reader"])
        .expect(0);
    host.run(&["--tenant", "b", "token", "revoke", &first.id])
        .expect(1)
        .says("no token has the id");
    host.run(&["--tenant", "a", "token", "revoke", &first.id])
        .expect(0);
    host.run(&create).expect(0);
    let listed = host
        .run(&["--tenant", "a", "token", "list"])
        .expect(0)
        .stdout;
    assert!(
        !listed.contains(&first.id) && listed.lines().count() == 3,
        "{listed}"
    );
}

#[test]
fn what_is_refused_of_tokens_is_refused_alike_in_a_directory_and_on_a_server() {
    let commands = [
        "audit",
        "token list",
        "token revoke x",
        "token rotate x",
        "token create --role root",
        "token create --role reader --lifetime 400d",
        "token create --role reader --lifetime 0s",
        "--tenant a token list",
    ];
    let host = Host::new();
    host.run(&["token", "list"]).expect(0);
    check_alike(&host, &commands);
}

#[test]
fn tokens_are_driven_on_a_server_as_in_a_directory() {
    let host = Host::new();
    let admin = Token::create(&host, "default", &["administrator"]);
    let server = serve(&host);
    let from = Host::new();
    let drive = |token: &str, command: &str| {
        let place = ["--server", server.url(), "--token", token];
        from.run(&[&place[..], &command.split(' ').collect::<Vec<_>>()].concat())
    };
    let made = Token::of(drive(
        &admin.text,
        "token create --role reader --output json",
    ));
    drive(&made.text, "workflow list").expect(0);
    drive(&made.text, "workflow start x")
        .expect(1)
        .says("needs the role invoker or one that may more, and the token's role is reader");
    let text = drive(&admin.text, &format!("token rotate {}", made.id)).expect(0);
    let again = text.stdout.trim().to_owned();
    drive(&made.text, "workflow list")
        .expect(3)
        .says("does not know the token");
    drive(&again, "workflow list").expect(0);
    drive(&admin.text, &format!("token revoke {}", made.id)).expect(0);
    let listed = drive(&admin.text, "token list").expect(0).stdout;
    assert!(
        listed.contains("revoked") && !listed.contains(&again),
        "{listed}"
    );
}

#[test]
fn whoever_guesses_is_slowed_and_learns_nothing() {
    let host = Host::new();
    host.limit("[server]\nwrong_tokens_max = 3\nwrong_tokens_kept = \"10m\"");
    let [used, unused] = ["reader", "reader"].map(|role| Token::create(&host, "a", &[role]));
    let server = serve(&host);
    get(&server, &used, "/workflows").expect(200);
    let wrong = Token {
        id: used.id.clone(),
        text: format!("host_{}_{}", used.id, "0".repeat(64)),
    };
    for _ in 0..3 {
        get(&server, &wrong, "/workflows").expect(401);
    }
    let refused = get(&server, &wrong, "/workflows").expect(429);
    assert_eq!(refused["type"], "urn:host:problem:too-many-wrong-tokens");
    let head = format!(
        "GET /api/v1/workflows HTTP/1.1\r\nHost: h\r\ndapr-api-token: {}\r\nConnection: close\r\n",
        wrong.text
    );
    let told = server.say(&format!("{head}\r\n"));
    assert!(told.contains("\r\nretry-after: "), "{told}");
    let told = server.say(&format!("{head}Content-Type: application/grpc\r\n\r\n"));
    assert!(told.contains("\r\ngrpc-status: 8\r\n"), "{told}");
    // Whether a guess is right is not told any more, and who has proved to be no guesser goes on.
    assert_eq!(get(&server, &unused, "/workflows").status, 429);
    get(&server, &used, "/workflows").expect(200);
    assert_eq!(server.get("/api/v1/workflows").status, 401);
}

#[test]
fn a_web_page_of_elsewhere_drives_no_host_that_asks_for_no_token() {
    let host = Host::new();
    let server = Server::start(&host, &[]);
    let status = |headers: &str| {
        let told = server.say(&format!(
            "GET /api/v1/workflows HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"
        ));
        told.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("Host: localhost:3500\r\n"), "200");
    assert_eq!(status("Host: rebound.example.org\r\n"), "403");
    assert_eq!(
        status("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"),
        "403"
    );
    assert_eq!(
        status("Host: localhost\r\nOrigin: https://example.org\r\n"),
        "403"
    );
    assert_eq!(
        status("Host: localhost\r\nOrigin: http://localhost:5173\r\n"),
        "200"
    );
}

/// The audit log of the token's tenant: what was asked for, of what, and how it was answered.
fn audit(server: &Server, token: &Token) -> Vec<[String; 3]> {
    let log = get(server, token, "/audit").expect(200);
    let entries = log["entries"].as_array().unwrap().iter();
    let parts = |entry: &Value| {
        assert_eq!(
            (&entry["token"], &entry["role"], &entry["address"]),
            (
                &json!(token.id),
                &json!("administrator"),
                &json!("127.0.0.1")
            )
        );
        ["deed", "object", "outcome"].map(|name| entry[name].as_str().unwrap_or("").to_owned())
    };
    entries.map(parts).collect()
}

#[test]
fn what_changes_how_things_are_run_is_noted_before_and_behind_it_and_nothing_else_is() {
    let host = tenants(&["a", "b"]);
    let [a, b] = ["a", "b"].map(|name| Token::create(&host, name, &["administrator"]));
    let server = serve(&host);
    start(&server, &a, "tally", "w").expect(201);
    get(&server, &a, "/workflows/w").expect(200);
    post(&server, &a, "/workflows/w/terminate", "").expect(200);
    post(&server, &a, "/workflows/none/terminate", "").expect(404);
    let made = Token::read(&post(&server, &a, "/tokens", r#"{"role":"reader"}"#).expect(201));
    let caller = Caller::new(&server, a.header());
    caller.terminate("w").unwrap();
    caller.terminate("none").unwrap_err();
    assert_eq!(get(&server, &made, "/audit").status, 403);
    let terminate = "POST /api/v1/workflows/{id}/terminate";
    let call = "/dapr.proto.runtime.v1.Dapr/TerminateWorkflowBeta1";
    let token = format!("token {} (reader)", made.id);
    let noted = [
        [call, "workflow none", "grpc 5"],
        [call, "workflow w", "grpc 0"],
        ["POST /api/v1/tokens", token.as_str(), "201"],
        [terminate, "workflow none", "404"],
        [terminate, "workflow w", "200"],
    ];
    assert_eq!(audit(&server, &a), noted);
    assert_eq!(audit(&server, &b), [[""; 3]; 0]);
    server.kill();
    let told = host.run(&["--tenant", "a", "audit"]).expect(0).stdout;
    assert!(
        told.contains(&made.id) && told.lines().count() == 6,
        "{told}"
    );
}

#[test]
fn the_latest_entries_are_kept_and_read_page_by_page() {
    let host = tenants(&["a"]);
    host.limit("audit_entries_max = 3");
    let token = Token::create(&host, "a", &["administrator"]);
    let server = serve(&host);
    let terminate = |number: u32| {
        let path = format!("/workflows/{number}/terminate");
        post(&server, &token, &path, "").expect(404);
    };
    (1..=5).for_each(terminate);
    let numbers = |path: &str| {
        let page = get(&server, &token, path).expect(200);
        let entries = page["entries"].as_array().unwrap().iter();
        let numbers: Vec<_> = entries
            .map(|entry| entry["number"].as_u64().unwrap())
            .collect();
        (numbers, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(numbers("/audit"), (vec![5, 4, 3], None));
    assert_eq!(
        numbers("/audit?limit=2"),
        (vec![5, 4], Some("4".to_owned()))
    );
    assert_eq!(numbers("/audit?limit=2&cursor=4"), (vec![3], None));
    server.kill();
    host.limit("audit_entries_max = 2");
    let server = serve(&host);
    post(&server, &token, "/workflows/6/terminate", "").expect(404);
    let log = get(&server, &token, "/audit").expect(200);
    let entries = log["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["number"]), (2, &json!(6)));
}

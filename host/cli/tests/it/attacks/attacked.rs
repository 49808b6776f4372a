//! A server under attack, and a neighbour who is well behaved: the one door of these tests.
//!
//! Knows how attacks get in, and what the neighbour must still have afterwards; knows no attack.

use std::fs;

use serde_json::{Value, json};

use crate::host::{Host, TASKS, plugin};
use crate::server::{Answer, Server};

const APPROVAL: &str = "approval.wasm";
/// The attacks that are written with the SDK.
const ATTACKS: &str = "attacks.wasm";
/// Small, so that what runs against a limit does so at once.
const LIMITS: &str = "turn_cpu_max = \"500ms\"\nmemory_bytes_max = 33554432\n";
/// What the process may have needed at most, in bytes: no attack is to make the host large.
const MEMORY_BYTES_MAX: u64 = 1 << 30;
const JSON: (&str, &str) = ("Content-Type", "application/json");
const WASM: (&str, &str) = ("Content-Type", "application/wasm");
/// As long as an answer is waited for in one request.
const WAIT: &str = "60s";

/// The server, with what the neighbour has done and has in hand.
pub(crate) struct Attacked {
    host: Host,
    pub(crate) server: Server,
    before: Value,
}

impl Attacked {
    /// One to which attacks are deployed, and whose neighbour has begun to work.
    pub(crate) fn start() -> Attacked {
        Attacked::within("")
    }

    /// The same with further limits.
    pub(crate) fn within(limits: &str) -> Attacked {
        let host = Host::new();
        host.limit(&format!("{LIMITS}{limits}\n"));
        let plugins = [TASKS, APPROVAL, ATTACKS].map(plugin);
        let server = Server::start(&host, &plugins.each_ref().map(String::as_str));
        let before = task(&server, "before");
        let input = json!({"request_id": "r", "what": "rest", "approver": "carol"});
        let start = json!({"workflow": "approve", "id": "neighbour", "input": input});
        post(&server, "/workflows", &start).expect(201);
        Attacked {
            host,
            server,
            before,
        }
    }

    /// Starts a workflow.
    pub(crate) fn starts(&self, workflow: &str, id: &str, input: Value) {
        let start = json!({"workflow": workflow, "id": id, "input": input});
        self.posts("/workflows", &start).expect(201);
    }

    /// Waits for a workflow's end.
    pub(crate) fn ended(&self, id: &str) -> Value {
        self.get(&format!("/workflows/{id}/result?wait={WAIT}"))
            .expect(200)
    }

    /// Starts a workflow, and waits until it has ended with a failure; returns the failure's code and message.
    #[track_caller]
    pub(crate) fn fails(&self, workflow: &str, input: Value) -> (String, String) {
        let id = format!("{workflow}-{input}").replace(['/', '%', '?', '#'], "-");
        self.starts(workflow, &id, input);
        let ended = self.ended(&id);
        assert_eq!(ended["status"], "failed", "{ended}");
        let text = |name: &str| ended["failure"][name].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }

    /// Waits until a workflow is parked; returns why.
    pub(crate) fn parked(&self, id: &str) -> String {
        let path = format!("/api/v1/workflows/{id}");
        let parked = self.server.until(&path, |one| one["status"] == "stalled");
        parked["stall"].to_string()
    }

    /// Waits until there are many workflows of that name.
    pub(crate) fn until_many(&self, name: &str) {
        let path = format!("/api/v1/workflows?name={name}&limit=100");
        let many = |list: &Value| {
            list["workflows"]
                .as_array()
                .is_some_and(|all| all.len() == 100)
        };
        self.server.until(&path, many);
    }

    /// Calls an actor of the attacks.
    pub(crate) fn calls(&self, actor_type: &str, id: &str, method: &str, input: &Value) -> Answer {
        self.posts(&format!("/actors/{actor_type}/{id}/call/{method}"), input)
    }

    /// Uploads a component.
    pub(crate) fn deploys(&self, component: &[u8]) -> Answer {
        self.server.post_with("/api/v1/plugins", &[WASM], component)
    }

    /// Uploads an attack that is a text, around which the shell of a plugin is put.
    pub(crate) fn deploys_text(&self, attack: &str) -> Answer {
        let component = in_shell(&read(&format!("{attack}/attack.wat")));
        self.deploys(&component)
    }

    /// Sends JSON to a path of the API.
    pub(crate) fn posts(&self, path: &str, body: &Value) -> Answer {
        post(&self.server, path, body)
    }

    /// Reads a path of the API.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.server.get(&format!("/api/v1{path}"))
    }

    /// Checks that the process is the same and has stayed small, and that the neighbour has all that he had, can go
    /// on with what he had in hand, and can begin something new; and that all of it is there after a crash.
    /// Returns what the server has told.
    #[track_caller]
    pub(crate) fn still_serves(self) -> String {
        let memory = self.server.memory_bytes_max();
        assert!(memory < MEMORY_BYTES_MAX, "{memory} bytes were in use");
        let decision = json!({"approved": true, "by": "carol"});
        let raised = self.posts("/workflows/neighbour/raise/decision", &decision);
        assert!(raised.status < 300, "{raised:?}");
        let after = task(&self.server, "after");
        let neighbours = |server: &Server| {
            let id = |what| format!("/workflows/{what}/result?wait={WAIT}");
            ["neighbour", "before", "after"].map(|one| get(server, &id(one)).expect(200))
        };
        let there = neighbours(&self.server);
        assert_eq!(there[0]["output"]["outcome"], "approved");
        assert_eq!(
            (&there[1]["output"], &there[2]["output"]),
            (&self.before, &after)
        );
        self.server.signal("-KILL");
        let (_, told) = self.server.ended();
        assert!(!told.contains("panicked at host/"), "{told}");
        let again = Server::start(&self.host, &[]);
        assert_eq!(neighbours(&again), there);
        told
    }
}

/// The component that an attack's text makes.
pub(crate) fn in_shell(attack: &str) -> Vec<u8> {
    let text = read("shell.wat").replace(";; ATTACK", attack);
    wat::parse_str(text).unwrap()
}

fn read(name: &str) -> String {
    fs::read_to_string(super::folder().join(name)).unwrap()
}

fn get(server: &Server, path: &str) -> Answer {
    server.get(&format!("/api/v1{path}"))
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    let path = format!("/api/v1{path}");
    server.post_with(&path, &[JSON], &body.to_string())
}

/// Has a task processed, by a workflow, activities and an actor; returns what came of it, which the actor agrees with.
fn task(server: &Server, id: &str) -> Value {
    let input = json!({"task_id": id, "title": "Review", "assignee": "alice@example.com"});
    let start = json!({"workflow": "task_processing_workflow", "id": id, "input": input});
    post(server, "/workflows", &start).expect(201);
    let ended = get(server, &format!("/workflows/{id}/result?wait={WAIT}")).expect(200);
    let output = &ended["output"];
    assert_eq!(output["final_status"], "assigned", "{ended}");
    let path = format!("/actors/TaskActor/{id}/call/GetTask");
    let task = post(server, &path, &Value::Null).expect(200);
    assert_eq!(task["status"], "assigned", "{task}");
    output.clone()
}

/// What kind of problem an answer tells of, and what it says.
#[track_caller]
pub(crate) fn problem(answer: &Answer) -> (String, String) {
    assert!(answer.status >= 400, "{answer:?}");
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    (
        text("type").replace("urn:host:problem:", ""),
        text("detail"),
    )
}

/// Checks that an answer tells of a problem of this kind, and says these words.
#[track_caller]
pub(crate) fn refused(answer: &Answer, kind: &str, words: &str) {
    let (found, detail) = problem(answer);
    assert_eq!(found, kind, "{detail}");
    assert!(detail.contains(words), "no {words:?} in {detail:?}");
}

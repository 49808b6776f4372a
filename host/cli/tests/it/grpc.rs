//! `host serve` over gRPC, as Dapr's workflow clients ask it.
//!
//! Knows the calls and their messages; how the published clients use them is tested with those clients.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use host_api::client::task_hub::task_hub_sidecar_service_client::TaskHubSidecarServiceClient;
use host_api::client::task_hub::*;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tonic::{Code, Request, Response, Status as Refusal};

use crate::host::{Host, TASKS, plugin};
use crate::http2::Connection;
use crate::server::Server;

const TASK: &str = r#"{"task_id":"task-1","title":"Review","assignee":"alice@example.com"}"#;
/// What waits for days.
const APPROVAL: &str = r#"{"request_id":"r","what":"rest","approver":"carol"}"#;
/// After so long, what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(60);

type Client = TaskHubSidecarServiceClient<Connection>;

/// A server, and a client of it.
struct Hub {
    server: Server,
    client: Client,
    threads: Runtime,
}

impl Hub {
    fn new(host: &Host, plugins: &[&str]) -> Hub {
        let plugins: Vec<_> = plugins.iter().map(|name| plugin(name)).collect();
        let plugins: Vec<_> = plugins.iter().map(String::as_str).collect();
        let server = Server::start(host, &plugins);
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = threads.block_on(connect(server.grpc_port()));
        Hub {
            server,
            client,
            threads,
        }
    }

    /// Makes a call and waits for what comes of it.
    fn ask<T, F>(&self, call: impl FnOnce(Client) -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<Response<T>, Refusal>>,
    {
        let answer = call(self.client.clone());
        let answer = async { tokio::time::timeout(PATIENCE, answer).await };
        let answer = self.threads.block_on(answer).unwrap();
        answer.map(Response::into_inner)
    }

    fn start(&self, name: &str, id: &str, input: Option<&str>) -> Result<String, Refusal> {
        let request = StartRequest {
            instance_id: id.to_owned(),
            name: name.to_owned(),
            input: input.map(str::to_owned),
            ..StartRequest::default()
        };
        let started = self.ask(async |mut hub| hub.start_instance(request).await)?;
        Ok(started.instance_id)
    }

    /// An approval that has begun to wait.
    fn approval(&self, id: &str) {
        self.start("approve", id, Some(APPROVAL)).unwrap();
        let begun = self.ask(async |mut hub| hub.wait_for_instance_start(get(id)).await);
        assert_eq!(begun.unwrap().state.unwrap().status(), Status::Running);
    }

    fn state(&self, id: &str) -> Option<WorkflowState> {
        let got = self.ask(async |mut hub| hub.get_instance(get(id)).await);
        let got = got.unwrap();
        assert_eq!(got.exists, got.state.is_some());
        got.state
    }

    fn status(&self, id: &str) -> Option<Status> {
        self.state(id).map(|state| state.status())
    }

    fn ended(&self, id: &str) -> WorkflowState {
        let ended = self.ask(async |mut hub| hub.wait_for_instance_completion(get(id)).await);
        ended.unwrap().state.unwrap()
    }

    fn raise(&self, id: &str, name: &str, input: Option<&str>) -> Result<(), Refusal> {
        let request = RaiseRequest {
            instance_id: id.to_owned(),
            name: name.to_owned(),
            input: input.map(str::to_owned),
        };
        self.ask(async |mut hub| hub.raise_event(request).await)
    }

    fn terminate(&self, id: &str, output: Option<&str>) -> Result<(), Refusal> {
        let request = TerminateRequest {
            instance_id: id.to_owned(),
            output: output.map(str::to_owned),
        };
        self.ask(async |mut hub| hub.terminate_instance(request).await)
    }

    fn suspend(&self, id: &str) -> Result<(), Refusal> {
        let request = SuspendRequest {
            instance_id: id.to_owned(),
            reason: None,
        };
        self.ask(async |mut hub| hub.suspend_instance(request).await)
    }

    fn resume(&self, id: &str) -> Result<(), Refusal> {
        let instance_id = id.to_owned();
        self.ask(async |mut hub| hub.resume_instance(ResumeRequest { instance_id }).await)
    }

    fn purge(&self, which: Purge) -> Result<(i32, Option<bool>), Refusal> {
        let request = PurgeRequest {
            which: Some(which),
            force: None,
        };
        let purged = self.ask(async |mut hub| hub.purge_instances(request).await)?;
        Ok((purged.deleted, purged.is_complete))
    }

    fn rerun(&self, request: RerunRequest) -> Result<String, Refusal> {
        let rerun = self.ask(async |mut hub| hub.rerun_workflow_from_event(request).await)?;
        Ok(rerun.new_id)
    }

    fn history(&self, id: &str) -> Result<Vec<HistoryEvent>, Refusal> {
        let instance_id = id.to_owned();
        let request = HistoryRequest { instance_id };
        let history = self.ask(async |mut hub| hub.get_instance_history(request).await)?;
        Ok(history.events)
    }

    fn page(&self, size: u32, after: Option<String>) -> (Vec<String>, Option<String>) {
        let request = ListRequest {
            continuation_token: after,
            page_size: Some(size),
        };
        let page = self.ask(async |mut hub| hub.list_instance_ids(request).await);
        let page = page.unwrap();
        (page.instance_ids, page.continuation_token)
    }
}

async fn connect(port: u16) -> Client {
    connect_with(port, PATIENCE).await
}

/// A client that looks every so often whether the server is there still.
async fn connect_with(port: u16, interval: Duration) -> Client {
    let (connection, origin) = Connection::new(port, interval).await;
    TaskHubSidecarServiceClient::with_origin(connection, origin)
}

fn get(id: &str) -> GetRequest {
    GetRequest {
        instance_id: id.to_owned(),
        with_payloads: true,
    }
}

fn json_of(text: Option<&String>) -> Value {
    serde_json::from_str(text.unwrap()).unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Refusal>, code: Code, words: &str) {
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.code(), code, "{refusal:?}");
    assert!(refusal.message().contains(words), "{refusal:?}");
}

#[test]
fn a_workflow_is_started_awaited_read_and_purged() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    hub.ask(async |mut hub| hub.hello(()).await).unwrap();
    let id = hub.start("task_processing_workflow", "a:b", Some(TASK));
    assert_eq!(id.unwrap(), "a:b");
    let ended = hub.ended("a:b");
    assert_eq!(ended.status(), Status::Completed);
    assert_eq!(ended.name, "task_processing_workflow");
    assert_eq!(ended.input.as_deref(), Some(TASK));
    assert_eq!(json_of(ended.output.as_ref())["final_status"], "assigned");
    assert_eq!((ended.failure, ended.custom_status), (None, None));
    assert_eq!(ended.completed, ended.updated);
    assert!(ended.created.unwrap().seconds <= ended.updated.unwrap().seconds);
    assert_eq!(
        hub.purge(Purge::InstanceId("a:b".to_owned())).unwrap(),
        (1, Some(true))
    );
    assert_eq!(hub.state("a:b"), None);
}

#[test]
fn payloads_are_read_only_where_they_are_wanted() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    hub.start("task_processing_workflow", "w", Some(TASK))
        .unwrap();
    hub.ended("w");
    let bare = GetRequest {
        with_payloads: false,
        ..get("w")
    };
    let bare = hub.ask(async |mut hub| hub.get_instance(bare).await);
    let bare = bare.unwrap().state.unwrap();
    assert_eq!(bare.status(), Status::Completed);
    assert_eq!(
        (bare.input, bare.output, bare.custom_status),
        (None, None, None)
    );
}

#[test]
fn what_was_never_given_is_absent_and_not_empty() {
    let host = Host::new();
    let hub = Hub::new(&host, &["sdk_probe.wasm"]);
    hub.start("await_event", "w", None).unwrap();
    hub.raise("w", "nothing", None).unwrap();
    hub.terminate("w", None).unwrap();
    let ended = hub.state("w").unwrap();
    assert_eq!(
        (ended.input, ended.output, ended.failure),
        (None, None, None)
    );
}

#[test]
fn a_start_without_an_id_is_given_one() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    let id = hub
        .start("task_processing_workflow", "", Some(TASK))
        .unwrap();
    assert_eq!(hub.ended(&id).status(), Status::Completed);
}

#[test]
fn an_id_that_is_taken_is_refused_and_one_whose_workflow_has_ended_is_not() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    hub.approval("w");
    let words = "an active workflow with ID 'w' already exists";
    refused(
        hub.start("approve", "w", Some(APPROVAL)),
        Code::AlreadyExists,
        words,
    );
    hub.terminate("w", None).unwrap();
    let unique = StartRequest {
        instance_id: "w".to_owned(),
        name: "approve".to_owned(),
        input: Some(APPROVAL.to_owned()),
        enforce_unique_id: true,
        ..StartRequest::default()
    };
    let unique = hub.ask(async |mut hub| hub.start_instance(unique).await);
    refused(unique, Code::AlreadyExists, "the id w was used before");
    hub.approval("w");
    assert_eq!(hub.state("w").unwrap().execution_id.as_deref(), Some("2"));
}

#[test]
fn a_workflow_is_there_and_waits_for_the_time_at_which_it_starts() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    let start = StartRequest {
        instance_id: "w".to_owned(),
        name: "approve".to_owned(),
        input: Some(APPROVAL.to_owned()),
        start_at: Some(at(4_102_444_800)),
        ..StartRequest::default()
    };
    hub.ask(async |mut hub| hub.start_instance(start).await)
        .unwrap();
    let state = hub.state("w").unwrap();
    assert_eq!(state.status(), Status::Pending);
    assert_eq!(state.starts, Some(at(4_102_444_800)));
    hub.terminate("w", None).unwrap();
    assert_eq!(hub.status("w"), Some(Status::Terminated));
}

#[test]
fn tags_are_texts_by_which_a_workflow_is_found() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    let tags = BTreeMap::from([("team".to_owned(), "10".to_owned())]);
    let start = StartRequest {
        instance_id: "w".to_owned(),
        name: "approve".to_owned(),
        input: Some(APPROVAL.to_owned()),
        tags: tags.clone(),
        ..StartRequest::default()
    };
    hub.ask(async |mut hub| hub.start_instance(start).await)
        .unwrap();
    assert_eq!(hub.state("w").unwrap().tags, tags);
    let tags = BTreeMap::from([("x".repeat(65), String::new())]);
    let start = StartRequest {
        name: "approve".to_owned(),
        tags,
        ..StartRequest::default()
    };
    let long = hub.ask(async |mut hub| hub.start_instance(start).await);
    refused(long, Code::InvalidArgument, "64 bytes");
}

#[test]
fn what_cannot_be_started_says_why() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    refused(hub.start("nothing", "w", None), Code::NotFound, "nothing");
    refused(
        hub.start("approve", "a\nb", None),
        Code::InvalidArgument,
        "id",
    );
    let earlier = StartRequest {
        instance_id: "w".to_owned(),
        name: "approve".to_owned(),
        input: Some(APPROVAL.to_owned()),
        start_at: Some(at(0)),
        ..StartRequest::default()
    };
    hub.ask(async |mut hub| hub.start_instance(earlier).await)
        .unwrap();
    assert!(hub.state("w").is_some());
}

#[test]
fn what_is_unknown_does_not_exist_where_it_is_read_and_is_an_error_elsewhere() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    assert_eq!(hub.state("w"), None);
    let start = hub.ask(async |mut hub| hub.wait_for_instance_start(get("w")).await);
    let end = hub.ask(async |mut hub| hub.wait_for_instance_completion(get("w")).await);
    assert!(!start.unwrap().exists && !end.unwrap().exists);
    let words = "no such instance exists";
    refused(hub.raise("w", "e", None), Code::NotFound, words);
    refused(hub.terminate("w", None), Code::NotFound, words);
    refused(hub.suspend("w"), Code::NotFound, words);
    refused(hub.resume("w"), Code::NotFound, words);
    refused(hub.history("w"), Code::NotFound, words);
    refused(
        hub.purge(Purge::InstanceId("w".to_owned())),
        Code::NotFound,
        words,
    );
    let rerun = RerunRequest {
        source_id: "w".to_owned(),
        ..RerunRequest::default()
    };
    refused(hub.rerun(rerun), Code::NotFound, words);
    let none = hub.ask(async |mut hub| hub.purge_instances(PurgeRequest::default()).await);
    refused(none, Code::InvalidArgument, "what to purge");
}

#[test]
fn a_workflow_is_held_goes_on_and_gets_its_event_whatever_its_case() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    hub.approval("w");
    hub.suspend("w").unwrap();
    assert_eq!(hub.status("w"), Some(Status::Suspended));
    let decision = r#"{"approved":true,"by":"carol"}"#;
    hub.raise("w", "DECISION", Some(decision)).unwrap();
    assert_eq!(hub.status("w"), Some(Status::Suspended));
    hub.resume("w").unwrap();
    let ended = hub.ended("w");
    assert_eq!(json_of(ended.output.as_ref())["outcome"], "approved");
    // As the code wrote it.
    assert_eq!(ended.custom_status.as_deref(), Some(r#""approved""#));
    // There is nothing left to be done, which is no error for Dapr's clients.
    hub.raise("w", "decision", Some(decision)).unwrap();
    hub.suspend("w").unwrap();
    hub.resume("w").unwrap();
    hub.terminate("w", Some("1")).unwrap();
    assert_eq!(hub.status("w"), Some(Status::Completed));
}

#[test]
fn a_terminated_workflow_has_ended_with_the_output_that_it_was_given() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    hub.approval("w");
    let purged = hub.purge(Purge::InstanceId("w".to_owned()));
    refused(purged, Code::FailedPrecondition, "has not ended");
    // What the code has not seen lies before the end.
    hub.suspend("w").unwrap();
    hub.raise("w", "noise", Some("1")).unwrap();
    hub.terminate("w", Some(r#"{"by":"me"}"#)).unwrap();
    let ended = hub.state("w").unwrap();
    assert_eq!(ended.status(), Status::Terminated);
    assert_eq!(json_of(ended.output.as_ref()), json!({"by": "me"}));
    assert_eq!(ended.failure, None);
}

#[test]
fn a_workflow_that_failed_says_why() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    hub.start("task_processing_workflow", "w", Some("1"))
        .unwrap();
    let ended = hub.ended("w");
    assert_eq!((ended.status(), ended.output), (Status::Failed, None));
    let failure = ended.failure.unwrap();
    assert!(
        !failure.error_type.is_empty() && !failure.message.is_empty(),
        "{failure:?}"
    );
}

#[test]
fn ids_are_listed_page_by_page_and_purged_by_when_and_how_they_ended() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm", TASKS]);
    hub.approval("a");
    for id in ["b", "c", "d"] {
        hub.start("task_processing_workflow", id, Some(TASK))
            .unwrap();
        hub.ended(id);
    }
    let (first, token) = hub.page(3, None);
    assert_eq!((first, token.as_deref()), (ids("a b c"), Some("c")));
    assert_eq!(hub.page(3, token), (ids("d"), None));
    let none = PurgeFilter {
        created_to: Some(at(0)),
        ..PurgeFilter::default()
    };
    assert_eq!(hub.purge(Purge::Filter(none)).unwrap(), (0, Some(true)));
    let failed = PurgeFilter {
        statuses: vec![Status::Failed.into()],
        ..PurgeFilter::default()
    };
    assert_eq!(hub.purge(Purge::Filter(failed)).unwrap(), (0, Some(true)));
    let all = PurgeFilter {
        created_from: Some(at(0)),
        ..PurgeFilter::default()
    };
    assert_eq!(hub.purge(Purge::Filter(all)).unwrap(), (3, Some(false)));
    assert_eq!(hub.page(3, None), (ids("a"), None));
}

fn ids(names: &str) -> Vec<String> {
    names.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_history_says_what_was_scheduled_and_what_came_of_it() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    hub.start("task_processing_workflow", "w", Some(TASK))
        .unwrap();
    hub.ended("w");
    let events = hub.history("w").unwrap();
    let kinds = || events.iter().map(|event| event.kind.as_ref().unwrap());
    assert!(
        matches!(kinds().next(), Some(Kind::Started(_))),
        "{events:?}"
    );
    assert!(
        matches!(kinds().next_back(), Some(Kind::Completed(_))),
        "{events:?}"
    );
    let scheduled = events.iter().filter_map(|event| match &event.kind {
        Some(Kind::TaskScheduled(task)) => Some((event.event_id, task.name.as_str())),
        _ => None,
    });
    let scheduled: Vec<_> = scheduled.collect();
    assert_eq!(scheduled[0].1, "validate_task");
    let completed: Vec<_> = kinds()
        .filter_map(|kind| match kind {
            Kind::TaskCompleted(result) => Some(result.scheduled_id),
            _ => None,
        })
        .collect();
    let numbers: Vec<_> = scheduled.iter().map(|(number, _)| *number).collect();
    assert_eq!(completed, numbers);
}

#[test]
fn a_workflow_is_begun_again_from_what_it_scheduled() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    hub.start("task_processing_workflow", "w", Some(TASK))
        .unwrap();
    hub.ended("w");
    let events = hub.history("w").unwrap();
    let last = events.iter().rev();
    let last = last.filter(|event| matches!(event.kind, Some(Kind::TaskScheduled(_))));
    let event_id = u32::try_from(last.map(|event| event.event_id).next().unwrap()).unwrap();
    let rerun = RerunRequest {
        source_id: "w".to_owned(),
        event_id,
        new_id: Some("x".to_owned()),
        ..RerunRequest::default()
    };
    assert_eq!(hub.rerun(rerun.clone()).unwrap(), "x");
    assert_eq!(hub.ended("x").output, hub.state("w").unwrap().output);
    let other = RerunRequest {
        overwrite_input: true,
        ..rerun.clone()
    };
    refused(hub.rerun(other), Code::InvalidArgument, "event 0");
    let nowhere = RerunRequest {
        event_id: 1_000_000,
        ..rerun.clone()
    };
    refused(hub.rerun(nowhere), Code::NotFound, "1000000");
    let from_the_start = RerunRequest {
        event_id: 0,
        new_id: None,
        input: Some(TASK.replace("task-1", "task-2")),
        overwrite_input: true,
        ..rerun
    };
    let id = hub.rerun(from_the_start).unwrap();
    let again = hub.ended(&id);
    assert_eq!(json_of(again.input.as_ref())["task_id"], "task-2");
    assert_eq!(again.status(), Status::Completed);
}

#[test]
fn a_call_is_given_up_in_time_and_what_it_waited_for_goes_on() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    hub.approval("w");
    let mut request = Request::new(get("w"));
    request.set_timeout(Duration::from_millis(50));
    let late = hub.ask(async |mut hub| hub.wait_for_instance_completion(request).await);
    refused(late, Code::DeadlineExceeded, "50ms");
    hub.raise("w", "decision", Some(r#"{"approved":true,"by":"carol"}"#))
        .unwrap();
    assert_eq!(hub.ended("w").status(), Status::Completed);
    let mut odd = Request::new(get("w"));
    odd.metadata_mut()
        .insert("grpc-timeout", "soon".parse().unwrap());
    let odd = hub.ask(async |mut hub| hub.get_instance(odd).await);
    refused(odd, Code::InvalidArgument, "grpc-timeout");
}

#[test]
fn a_wait_ends_when_its_client_goes_away() {
    let host = Host::new();
    host.limit("[server]\nrequests_max = 2\n");
    let hub = Hub::new(&host, &["approval.wasm"]);
    hub.approval("w");
    let waits = [(); 2].map(|()| {
        let mut client = hub.client.clone();
        let waiting = async move {
            // Whoever asks below may have the place for a moment.
            while client.wait_for_instance_completion(get("w")).await.is_err() {}
        };
        hub.threads.spawn(waiting)
    });
    // Both have their place, and there is none for a third.
    until(|| hub.ask(async |mut hub| hub.hello(()).await).is_err());
    for wait in waits {
        wait.abort();
    }
    until(|| hub.ask(async |mut hub| hub.hello(()).await).is_ok());
}

fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it does not come");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_connection_outlives_however_many_pings() {
    let host = Host::new();
    let hub = Hub::new(&host, &["approval.wasm"]);
    hub.approval("w");
    let interval = Duration::from_millis(2);
    let mut client = hub
        .threads
        .block_on(connect_with(hub.server.grpc_port(), interval));
    let mut request = Request::new(get("w"));
    request.set_timeout(interval * 100);
    let late = hub
        .threads
        .block_on(client.wait_for_instance_completion(request));
    refused(late, Code::DeadlineExceeded, "200ms");
    hub.threads.block_on(client.hello(())).unwrap();
}

#[test]
fn what_is_too_large_is_refused_and_names_the_limit() {
    let host = Host::new();
    host.limit("payload_bytes_max = 1000\n");
    let hub = Hub::new(&host, &["approval.wasm"]);
    for bytes in [1_001, 1_000_000] {
        let start = hub.start("approve", "w", Some(&"1".repeat(bytes)));
        refused(start, Code::ResourceExhausted, "payload_bytes_max");
    }
    assert_eq!(hub.state("w"), None);
}

#[test]
fn workers_are_told_where_plugins_run() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    let words = "plugins";
    let work = hub.ask(async |mut hub| hub.get_work_items(()).await);
    refused(work.map(drop), Code::Unimplemented, words);
    let done = hub.ask(async |mut hub| hub.complete_orchestrator_task(()).await);
    refused(done, Code::Unimplemented, words);
}

#[test]
fn one_port_serves_http_1_http_2_and_grpc() {
    let host = Host::new();
    let hub = Hub::new(&host, &[TASKS]);
    let mut other = hub.threads.block_on(connect(hub.server.port()));
    hub.threads.block_on(other.hello(())).unwrap();
    assert_eq!(hub.server.get("/v1.0/healthz").status, 204);
}

#[test]
fn a_server_that_stops_tells_those_who_wait_and_stays_for_nobody() {
    let host = Host::new();
    let Hub {
        server,
        mut client,
        threads,
    } = Hub::new(&host, &["approval.wasm"]);
    let start = StartRequest {
        instance_id: "w".to_owned(),
        name: "approve".to_owned(),
        input: Some(APPROVAL.to_owned()),
        ..StartRequest::default()
    };
    threads.block_on(client.start_instance(start)).unwrap();
    threads
        .block_on(client.wait_for_instance_start(get("w")))
        .unwrap();
    let begun = Instant::now();
    let waited = threads.block_on(async {
        let mut other = client.clone();
        let mut waiting = pin!(client.wait_for_instance_completion(get("w")));
        // What is asked later over a connection is answered when what was asked before is under way.
        tokio::select! {
            biased;
            early = &mut waiting => panic!("{early:?}"),
            answered = other.hello(()) => answered.unwrap(),
        };
        server.signal("-TERM");
        waiting.await
    });
    let refusal = waited.unwrap_err();
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
    assert_eq!(server.ended().0.code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_port_that_is_taken_is_named_with_its_option() {
    let host = Host::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    host.run(&["serve", "--http", "127.0.0.1:0", "--grpc", &address])
        .expect(1)
        .says(&format!("--grpc {address}"));
    host.run(&["serve", "--http", "127.0.0.1:0", "--grpc", "0.0.0.0:0"])
        .expect(2)
        .says("0.0.0.0:0 can be reached from other machines");
}

/// A time of so many seconds since 1970; the last one that there is, at most.
fn at(seconds: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(seconds).unwrap_or(253_402_300_799),
        nanos: 0,
    }
}

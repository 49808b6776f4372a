//! `host serve` over gRPC, as Dapr's clients ask for actors, workflows and metadata.
//!
//! Knows the calls and their messages; how the published clients use them is tested with those clients.

use std::collections::BTreeMap;
use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use host_api::client::dapr::dapr_client::DaprClient;
use host_api::client::dapr::*;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tonic::{Code, Response, Status as Refusal};

use crate::host::{Host, TASKS, plugin};
use crate::http2::Connection;
use crate::server::Server;

const TASK: &str = r#"{"task_id":"task-1","title":"Review","assignee":"alice@example.com"}"#;
/// What waits for days.
const APPROVAL: &str = r#"{"request_id":"r","what":"rest","approver":"carol"}"#;
/// After so long, what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, and a client of it.
struct Sidecar {
    server: Server,
    client: DaprClient<Connection>,
    threads: Runtime,
}

impl Sidecar {
    fn new(host: &Host, plugins: &[&str]) -> Sidecar {
        let plugins: Vec<_> = plugins.iter().map(|name| plugin(name)).collect();
        let plugins: Vec<_> = plugins.iter().map(String::as_str).collect();
        let server = Server::start(host, &plugins);
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connection = Connection::new(server.grpc_port(), PATIENCE);
        let (connection, origin) = threads.block_on(connection);
        Sidecar {
            server,
            client: DaprClient::with_origin(connection, origin),
            threads,
        }
    }

    /// Makes a call and waits for what comes of it.
    fn ask<T, F>(&self, call: impl FnOnce(DaprClient<Connection>) -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<Response<T>, Refusal>>,
    {
        let answer = call(self.client.clone());
        let answer = async { tokio::time::timeout(PATIENCE, answer).await };
        let answer = self.threads.block_on(answer).unwrap();
        answer.map(Response::into_inner)
    }

    fn call(&self, actor_type: &str, method: &str, input: Value) -> Result<Value, Refusal> {
        let request = InvokeActorRequest {
            actor_type: actor_type.to_owned(),
            actor_id: "a:1".to_owned(),
            method: method.to_owned(),
            data: input.to_string().into_bytes(),
            metadata: BTreeMap::new(),
        };
        let answer = self.ask(async |mut dapr| dapr.invoke_actor(request).await)?;
        Ok(serde_json::from_slice(&answer.data).unwrap())
    }

    fn transact(&self, actor_type: &str, operations: Vec<StateOperation>) -> Result<(), Refusal> {
        let request = ActorStateTransactionRequest {
            actor_type: actor_type.to_owned(),
            actor_id: "a:1".to_owned(),
            operations,
        };
        self.ask(async |mut dapr| dapr.execute_actor_state_transaction(request).await)
    }

    fn state(&self, key: &str) -> GetActorStateResponse {
        let request = GetActorStateRequest {
            actor_type: "Keeper".to_owned(),
            actor_id: "a:1".to_owned(),
            key: key.to_owned(),
        };
        let state = self.ask(async |mut dapr| dapr.get_actor_state(request).await);
        state.unwrap()
    }

    fn start(&self, name: &str, id: &str, input: &str) -> Result<String, Refusal> {
        let request = StartWorkflowRequest {
            instance_id: id.to_owned(),
            workflow_name: name.to_owned(),
            options: BTreeMap::new(),
            input: input.as_bytes().to_vec(),
        };
        let started = self.ask(async |mut dapr| dapr.start_workflow_beta1(request).await)?;
        Ok(started.instance_id)
    }

    fn workflow(&self, id: &str) -> GetWorkflowResponse {
        let got = self.ask(async |mut dapr| dapr.get_workflow_beta1(workflow(id)).await);
        got.unwrap()
    }

    fn until_status(&self, id: &str, status: &str) -> GetWorkflowResponse {
        until(|| Some(self.workflow(id)).filter(|one| one.runtime_status == status))
    }
}

/// Tries until something comes of it.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not come");
        thread::sleep(Duration::from_millis(10));
    }
}

fn workflow(id: &str) -> WorkflowRequest {
    WorkflowRequest {
        instance_id: id.to_owned(),
    }
}

fn alarm(name: &str) -> NamedAlarm {
    NamedAlarm {
        actor_type: "Keeper".to_owned(),
        actor_id: "a:1".to_owned(),
        name: name.to_owned(),
    }
}

fn hourly() -> RegisterReminderRequest {
    RegisterReminderRequest {
        actor_type: "Keeper".to_owned(),
        actor_id: "a:1".to_owned(),
        name: "Ring".to_owned(),
        due_time: "1h".to_owned(),
        period: "R3/PT1H".to_owned(),
        data: b"2".to_vec(),
        ttl: "2100-01-01T00:00:00Z".to_owned(),
        overwrite: None,
        failure_policy: None,
    }
}

fn upsert(key: &str, value: &str, ttl: Option<&str>) -> StateOperation {
    let ttl = ttl.map(|ttl| ("ttlInSeconds".to_owned(), ttl.to_owned()));
    let mut operation = StateOperation {
        operation: "upsert".to_owned(),
        key: key.to_owned(),
        metadata: ttl.into_iter().collect(),
        value: Some(Default::default()),
    };
    operation.value.as_mut().unwrap().value = value.as_bytes().to_vec();
    operation
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Refusal>, code: Code, words: &str) {
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.code(), code, "{refusal:?}");
    assert!(refusal.message().contains(words), "{refusal:?}");
}

#[test]
fn an_actor_answers_and_a_repeat_of_a_call_has_no_second_effect() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    assert_eq!(dapr.call("Counter", "Add", json!(2)).unwrap(), json!(2));
    let repeated = InvokeActorRequest {
        actor_type: "Counter".to_owned(),
        actor_id: "a:1".to_owned(),
        method: "Add".to_owned(),
        data: b"3".to_vec(),
        metadata: BTreeMap::from([("Idempotency-Key".to_owned(), "k".to_owned())]),
    };
    for _ in 0..2 {
        let request = repeated.clone();
        let answer = dapr.ask(async |mut dapr| dapr.invoke_actor(request).await);
        assert_eq!(answer.unwrap().data, b"5");
    }
    let over_http = dapr.server.get("/v1.0/actors/Counter/a%3A1/method/Get");
    assert_eq!(over_http.expect(200), json!(5));
}

#[test]
fn what_cannot_be_called_says_why() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    refused(
        dapr.call("Nobody", "Get", json!(null)),
        Code::NotFound,
        "Nobody",
    );
    let missing = dapr.call("Counter", "Missing", json!(null));
    refused(missing, Code::Internal, "error from actor service: (404)");
    let failed = dapr.call("Counter", "AddThenFail", json!(1));
    refused(failed, Code::Internal, "error from actor service: (500)");
    let odd = dapr.call("a\nb", "Get", json!(null));
    refused(odd, Code::InvalidArgument, "type");
}

#[test]
fn a_transaction_is_whole_and_its_values_are_read() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    let both = vec![
        upsert("a", r#"{"b":[1]}"#, None),
        upsert("c", "2", Some("3600")),
    ];
    dapr.transact("Keeper", both).unwrap();
    assert_eq!(
        dapr.call("Keeper", "Look", json!("a")).unwrap(),
        json!({"b": [1]})
    );
    assert_eq!(
        (dapr.state("a").data, dapr.state("a").metadata.len()),
        (br#"{"b":[1]}"#.to_vec(), 0)
    );
    let expires = &dapr.state("c").metadata["ttlExpireTime"];
    assert!(expires.ends_with('Z'), "{expires}");
    let delete = StateOperation {
        operation: "delete".to_owned(),
        key: "a".to_owned(),
        ..StateOperation::default()
    };
    let odd = StateOperation {
        operation: "add".to_owned(),
        ..delete.clone()
    };
    let refusal = dapr.transact("Keeper", vec![delete.clone(), odd]);
    refused(refusal, Code::InvalidArgument, "upsert or delete");
    let refusal = dapr.transact(
        "Keeper",
        vec![delete.clone(), upsert("c", "3", Some("soon"))],
    );
    refused(refusal, Code::InvalidArgument, "ttlInSeconds");
    assert!(!dapr.state("a").data.is_empty());
    dapr.transact("Keeper", vec![delete]).unwrap();
    assert_eq!(dapr.state("a"), GetActorStateResponse::default());
    let refusal = dapr.transact("Nobody", Vec::new());
    refused(refusal, Code::FailedPrecondition, "Nobody");
    let refusal = dapr.transact("dapr.internal.x", Vec::new());
    refused(refusal, Code::PermissionDenied, "reserved");
}

#[test]
fn a_reminder_is_set_read_and_taken_back() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    let set = |request| dapr.ask(async |mut dapr| dapr.register_actor_reminder(request).await);
    let read = || dapr.ask(async |mut dapr| dapr.get_actor_reminder(alarm("Ring")).await);
    refused(read(), Code::NotFound, "Ring");
    set(hourly()).unwrap();
    let reminder = read().unwrap();
    assert_eq!(
        (&*reminder.actor_type, &*reminder.actor_id),
        ("Keeper", "a:1")
    );
    assert!(reminder.period.unwrap().starts_with("R3/"));
    assert_eq!(reminder.data.unwrap().value, b"2");
    assert_eq!(reminder.ttl.as_deref(), Some("2100-01-01T00:00:00Z"));
    let again = RegisterReminderRequest {
        overwrite: Some(false),
        ..hourly()
    };
    refused(set(again), Code::AlreadyExists, "Ring");
    let odd = RegisterReminderRequest {
        due_time: "soon".to_owned(),
        ..hourly()
    };
    refused(set(odd), Code::InvalidArgument, "soon");
    let back = dapr.ask(async |mut dapr| dapr.unregister_actor_reminder(alarm("Ring")).await);
    back.unwrap();
    refused(read(), Code::NotFound, "Ring");
}

fn alarms_of(actor_type: &str, id: Option<&str>) -> AlarmsOf {
    AlarmsOf {
        actor_type: actor_type.to_owned(),
        actor_id: id.map(str::to_owned),
    }
}

#[test]
fn reminders_are_listed_and_taken_back_by_type_and_by_actor() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    for (id, name) in [("a", "Ring"), ("b", "Ring"), ("b", "Rings")] {
        let reminder = RegisterReminderRequest {
            actor_id: id.to_owned(),
            name: name.to_owned(),
            ..hourly()
        };
        dapr.ask(async |mut dapr| dapr.register_actor_reminder(reminder).await)
            .unwrap();
    }
    let list = |of: AlarmsOf| {
        let listed = dapr.ask(async |mut dapr| dapr.list_actor_reminders(of).await);
        let names = listed?.reminders.into_iter().map(|one| {
            let reminder = one.reminder.unwrap();
            assert_eq!(reminder.data.unwrap().value, b"2");
            format!("{} {}", reminder.actor_id, one.name)
        });
        Ok::<_, Refusal>(names.collect::<Vec<_>>())
    };
    let all = || list(alarms_of("Keeper", None)).unwrap();
    assert_eq!(all(), ["a Ring", "b Ring", "b Rings"]);
    let of_one = list(alarms_of("Keeper", Some("b"))).unwrap();
    assert_eq!(of_one, ["b Ring", "b Rings"]);
    assert!(list(alarms_of("Counter", None)).unwrap().is_empty());
    refused(
        list(alarms_of("Nobody", None)),
        Code::FailedPrecondition,
        "Nobody",
    );
    let forget = |of: AlarmsOf| {
        dapr.ask(async |mut dapr| dapr.unregister_actor_reminders_by_type(of).await)
            .unwrap();
    };
    forget(alarms_of("Keeper", Some("b")));
    assert_eq!(all(), ["a Ring"]);
    forget(alarms_of("Keeper", None));
    assert!(all().is_empty());
}

#[test]
fn timers_are_listed_and_read_as_long_as_they_are_there() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    let timer = RegisterTimerRequest {
        actor_type: "Keeper".to_owned(),
        actor_id: "a:1".to_owned(),
        name: "t".to_owned(),
        due_time: "1h".to_owned(),
        period: "PT10S".to_owned(),
        callback: "Ring".to_owned(),
        data: b"1".to_vec(),
        ttl: String::new(),
    };
    let list = || {
        let of = alarms_of("Keeper", Some("a:1"));
        let listed = dapr.ask(async |mut dapr| dapr.list_actor_timers(of).await);
        listed.unwrap().timers
    };
    assert!(list().is_empty());
    dapr.ask(async |mut dapr| dapr.register_actor_timer(timer).await)
        .unwrap();
    let listed = list().remove(0);
    assert_eq!(listed.name, "t");
    let read = || dapr.ask(async |mut dapr| dapr.get_actor_timer(alarm("t")).await);
    let timer = read().unwrap();
    assert_eq!(listed.timer.as_ref(), Some(&timer));
    assert_eq!(
        (timer.callback.as_deref(), timer.period.as_deref()),
        (Some("Ring"), Some("PT10S"))
    );
    assert_eq!(timer.data.unwrap().value, b"1");
    dapr.ask(async |mut dapr| dapr.unregister_actor_timer(alarm("t")).await)
        .unwrap();
    assert!(list().is_empty());
    refused(read(), Code::NotFound, "actor timer t");
}

#[test]
fn a_reminder_that_is_due_runs_the_method_of_its_name_as_its_policy_says() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    let policy = Policy::Constant(ConstantPolicy {
        interval: None,
        max_retries: Some(1),
    });
    let now = RegisterReminderRequest {
        due_time: String::new(),
        period: String::new(),
        ttl: String::new(),
        failure_policy: Some(FailurePolicy {
            policy: Some(policy),
        }),
        ..hourly()
    };
    dapr.ask(async |mut dapr| dapr.register_actor_reminder(now).await)
        .unwrap();
    until(|| (dapr.call("Keeper", "Rings", json!(null)).unwrap() == json!(2)).then_some(()));
}

#[test]
fn a_timer_runs_its_callback_until_it_is_taken_back() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    let timer = RegisterTimerRequest {
        actor_type: "Keeper".to_owned(),
        actor_id: "a:1".to_owned(),
        name: "t".to_owned(),
        due_time: "0s".to_owned(),
        period: "5ms".to_owned(),
        callback: "Ring".to_owned(),
        data: b"1".to_vec(),
        ttl: String::new(),
    };
    dapr.ask(async |mut dapr| dapr.register_actor_timer(timer).await)
        .unwrap();
    let rings = || dapr.call("Keeper", "Rings", json!(null)).unwrap();
    until(|| (rings().as_i64() >= Some(3)).then_some(()));
    dapr.ask(async |mut dapr| dapr.unregister_actor_timer(alarm("t")).await)
        .unwrap();
    assert_eq!(rings(), rings());
}

#[test]
fn a_workflow_is_started_driven_and_purged_under_both_names_of_each_call() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["approval.wasm"]);
    assert_eq!(dapr.start("approve", "w", APPROVAL).unwrap(), "w");
    dapr.until_status("w", "RUNNING");
    dapr.ask(async |mut dapr| dapr.pause_workflow_alpha1(workflow("w")).await)
        .unwrap();
    assert_eq!(dapr.workflow("w").runtime_status, "SUSPENDED");
    let decision = RaiseWorkflowEventRequest {
        instance_id: "w".to_owned(),
        event_name: "decision".to_owned(),
        event_data: br#"{"approved":true,"by":"carol"}"#.to_vec(),
    };
    dapr.ask(async |mut dapr| dapr.raise_event_workflow_alpha1(decision).await)
        .unwrap();
    dapr.ask(async |mut dapr| dapr.resume_workflow_beta1(workflow("w")).await)
        .unwrap();
    let ended = dapr.until_status("w", "COMPLETED");
    assert_eq!(ended.workflow_name, "approve");
    assert_eq!(ended.properties["dapr.workflow.input"], APPROVAL);
    assert!(ended.properties["dapr.workflow.output"].contains("approved"));
    assert!(ended.created_at.unwrap().seconds <= ended.last_updated_at.unwrap().seconds);
    dapr.ask(async |mut dapr| dapr.terminate_workflow_beta1(workflow("w")).await)
        .unwrap();
    assert_eq!(dapr.workflow("w").runtime_status, "COMPLETED");
    dapr.ask(async |mut dapr| dapr.purge_workflow_alpha1(workflow("w")).await)
        .unwrap();
    assert_eq!(dapr.workflow("w"), GetWorkflowResponse::default());
}

#[test]
fn workflows_that_cannot_be_started_or_are_unknown_say_so() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["approval.wasm", TASKS]);
    dapr.start("approve", "w", APPROVAL).unwrap();
    let again = dapr.start("approve", "w", APPROVAL);
    refused(
        again,
        Code::Internal,
        "an active workflow with ID 'w' already exists",
    );
    refused(dapr.start("nothing", "x", ""), Code::Internal, "nothing");
    refused(
        dapr.start("approve", "a:b", ""),
        Code::InvalidArgument,
        "a:b",
    );
    refused(
        dapr.start("approve", &"a".repeat(65), ""),
        Code::InvalidArgument,
        "64",
    );
    let made = dapr.start("task_processing_workflow", "", TASK).unwrap();
    dapr.until_status(&made, "COMPLETED");
    let later = |time: &str| StartWorkflowRequest {
        instance_id: "later".to_owned(),
        workflow_name: "approve".to_owned(),
        options: BTreeMap::from([("dapr.workflow.start_time".to_owned(), time.to_owned())]),
        ..StartWorkflowRequest::default()
    };
    let far = dapr.ask(async |mut dapr| {
        dapr.start_workflow_beta1(later("2100-01-01T00:00:00Z"))
            .await
    });
    far.unwrap();
    dapr.until_status("later", "PENDING");
    let odd = dapr.ask(async |mut dapr| dapr.start_workflow_beta1(later("soon")).await);
    refused(odd, Code::InvalidArgument, "soon");
    let words = "unable to find workflow with the provided instance ID: nowhere";
    let purged = dapr.ask(async |mut dapr| dapr.purge_workflow_beta1(workflow("nowhere")).await);
    refused(purged, Code::NotFound, words);
    let ended =
        dapr.ask(async |mut dapr| dapr.terminate_workflow_alpha1(workflow("nowhere")).await);
    refused(ended, Code::NotFound, words);
    let event = RaiseWorkflowEventRequest {
        instance_id: "nowhere".to_owned(),
        event_name: "e".to_owned(),
        event_data: Vec::new(),
    };
    let raised = dapr.ask(async |mut dapr| dapr.raise_event_workflow_beta1(event).await);
    refused(raised, Code::NotFound, words);
}

#[test]
fn metadata_says_which_actors_there_are_and_keeps_labels() {
    let host = Host::new();
    let dapr = Sidecar::new(&host, &["sdk_probe.wasm"]);
    dapr.call("Counter", "Add", json!(1)).unwrap();
    let label = SetMetadataRequest {
        key: "team".to_owned(),
        value: "tasks".to_owned(),
    };
    dapr.ask(async |mut dapr| dapr.set_metadata(label).await)
        .unwrap();
    let told = dapr
        .ask(async |mut dapr| dapr.get_metadata(()).await)
        .unwrap();
    assert_eq!((&*told.id, &*told.extended["team"]), ("host", "tasks"));
    let actors = told.actor_runtime.unwrap().active_actors;
    let counters = actors.iter().find(|active| active.actor_type == "Counter");
    assert_eq!(counters.unwrap().count, 1);
    let over_http = dapr.server.get("/v1.0/metadata").expect(200);
    assert_eq!(over_http["extended"]["team"], "tasks");
    let long = SetMetadataRequest {
        key: "k".repeat(5_000),
        value: String::new(),
    };
    let long = dapr.ask(async |mut dapr| dapr.set_metadata(long).await);
    refused(long, Code::InvalidArgument, "4096");
}

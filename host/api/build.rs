//! Makes code of the lists of calls that gRPC serves: servers, and clients for the tests.
//!
//! Knows which message each call takes and answers with; what is in them is in `src/grpc/messages.rs`.

use std::path::PathBuf;
use std::{env, fs, io};

use tonic_build::manual::{Builder, Method, MethodBuilder, Service, ServiceBuilder};

/// What stands for nothing at all.
const EMPTY: &str = "Empty";

/// A call: its name, what it takes, and what it answers with.
type Call = (&'static str, &'static str, &'static str);

/// By which workflow clients drive workflows. It has no package.
const TASK_HUB: [Call; 16] = [
    ("Hello", EMPTY, EMPTY),
    ("StartInstance", "StartRequest", "StartResponse"),
    ("GetInstance", "GetRequest", "GetResponse"),
    ("WaitForInstanceStart", "GetRequest", "GetResponse"),
    ("WaitForInstanceCompletion", "GetRequest", "GetResponse"),
    ("RaiseEvent", "RaiseRequest", EMPTY),
    ("TerminateInstance", "TerminateRequest", EMPTY),
    ("SuspendInstance", "SuspendRequest", EMPTY),
    ("ResumeInstance", "ResumeRequest", EMPTY),
    ("PurgeInstances", "PurgeRequest", "PurgeResponse"),
    ("RerunWorkflowFromEvent", "RerunRequest", "RerunResponse"),
    ("ListInstanceIDs", "ListRequest", "ListResponse"),
    ("GetInstanceHistory", "HistoryRequest", "HistoryResponse"),
    // What workers send. It is refused whatever is in it.
    ("CompleteOrchestratorTask", EMPTY, EMPTY),
    ("CompleteWorkflowTask", EMPTY, EMPTY),
    ("CompleteActivityTask", EMPTY, EMPTY),
];

/// Of all that Dapr's clients ask for: what is asked of actors and of the server itself.
const DAPR: [Call; 14] = [
    ("InvokeActor", "InvokeActorRequest", "InvokeActorResponse"),
    (
        "GetActorState",
        "GetActorStateRequest",
        "GetActorStateResponse",
    ),
    (
        "ExecuteActorStateTransaction",
        "ActorStateTransactionRequest",
        EMPTY,
    ),
    ("RegisterActorReminder", "RegisterReminderRequest", EMPTY),
    ("UnregisterActorReminder", "NamedAlarm", EMPTY),
    ("GetActorReminder", "NamedAlarm", "Reminder"),
    ("ListActorReminders", "AlarmsOf", "ListRemindersResponse"),
    ("UnregisterActorRemindersByType", "AlarmsOf", EMPTY),
    ("RegisterActorTimer", "RegisterTimerRequest", EMPTY),
    ("UnregisterActorTimer", "NamedAlarm", EMPTY),
    ("GetActorTimer", "NamedAlarm", "Timer"),
    ("ListActorTimers", "AlarmsOf", "ListTimersResponse"),
    ("GetMetadata", EMPTY, "GetMetadataResponse"),
    ("SetMetadata", "SetMetadataRequest", EMPTY),
];

/// What is asked of workflows, under the name of each version that the calls have had.
const WORKFLOWS: [Call; 7] = [
    (
        "StartWorkflow",
        "StartWorkflowRequest",
        "StartWorkflowResponse",
    ),
    ("GetWorkflow", "WorkflowRequest", "GetWorkflowResponse"),
    ("PurgeWorkflow", "WorkflowRequest", EMPTY),
    ("TerminateWorkflow", "WorkflowRequest", EMPTY),
    ("PauseWorkflow", "WorkflowRequest", EMPTY),
    ("ResumeWorkflow", "WorkflowRequest", EMPTY),
    ("RaiseEventWorkflow", "RaiseWorkflowEventRequest", EMPTY),
];
const VERSIONS: [&str; 2] = ["Alpha1", "Beta1"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let services = [task_hub(), dapr()];
    let servers = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let clients = servers.join("clients");
    fs::create_dir_all(&clients)?;
    Builder::new()
        .build_client(false)
        .out_dir(servers)
        .compile(&services);
    Builder::new()
        .build_server(false)
        // How a client connects is up to it.
        .build_transport(false)
        .out_dir(clients)
        .compile(&services);
    Ok(())
}

fn task_hub() -> Service {
    let service = Service::builder().name("TaskHubSidecarService").package("");
    let work = method("GetWorkItems", EMPTY, EMPTY).server_streaming();
    let calls = TASK_HUB.into_iter();
    let calls = calls.map(|(name, takes, answers)| method(name, takes, answers).build());
    let service = calls.fold(service, ServiceBuilder::method);
    service.method(work.build()).build()
}

fn dapr() -> Service {
    let service = Service::builder()
        .name("Dapr")
        .package("dapr.proto.runtime.v1");
    let calls = DAPR.into_iter();
    let calls = calls.map(|(name, takes, answers)| method(name, takes, answers).build());
    let versions = VERSIONS.into_iter().flat_map(|version| {
        let of_version = move |(name, takes, answers)| {
            method(&format!("{name}{version}"), takes, answers).build()
        };
        WORKFLOWS.into_iter().map(of_version)
    });
    let all = calls.chain(versions);
    all.fold(service, ServiceBuilder::method).build()
}

fn method(name: &str, takes: &str, answers: &str) -> MethodBuilder {
    let message = |name| format!("super::{name}");
    Method::builder()
        .name(snake_case(name))
        .route_name(name)
        .input_type(message(takes))
        .output_type(message(answers))
        .codec_path("tonic_prost::ProstCodec")
}

/// A name as Rust's functions have it: several capitals in a row are one word.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut after_capital = true;
    for one in name.chars() {
        if one.is_ascii_uppercase() && !after_capital {
            snake.push('_');
        }
        after_capital = one.is_ascii_uppercase();
        snake.push(one.to_ascii_lowercase());
    }
    snake
}

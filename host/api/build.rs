//! Makes code of the lists of calls that gRPC serves: servers, and clients for the tests.
//!
//! Knows which message each call takes and answers with; what is in them is in `src/grpc/messages.rs`.

use std::path::PathBuf;
use std::{env, fs, io};

use tonic_build::manual::{Builder, Method, Service};

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

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let work = method(("GetWorkItems", EMPTY, EMPTY)).server_streaming();
    let task_hub = TASK_HUB.into_iter().map(|call| method(call).build());
    let task_hub = task_hub.fold(
        Service::builder().name("TaskHubSidecarService").package(""),
        |service, method| service.method(method),
    );
    let services = [task_hub.method(work.build()).build()];
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

fn method((name, takes, answers): Call) -> tonic_build::manual::MethodBuilder {
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

//! Clients that others publish, against a real server: each test runs one script of facts.
//!
//! `cargo xtask test` installs the clients beside the build's products and runs these tests; where it cannot, it
//! says what is missing. Knows where they are installed and how they learn where the server is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::{Host, TASKS, plugin};
use crate::server::Server;

/// Where the clients are.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients")
}

/// Runs a script against a server with these plugins; what it says is shown where it fails.
fn pass(mut client: Command, script: &str, plugins: &[&str]) {
    let host = Host::new();
    let plugins: Vec<_> = plugins.iter().map(|name| plugin(name)).collect();
    let plugins: Vec<_> = plugins.iter().map(String::as_str).collect();
    let server = Server::start(&host, &plugins);
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    client
        .arg(scripts.join(script))
        .env("DAPR_HTTP_PORT", server.port().to_string())
        .env("DAPR_GRPC_PORT", server.grpc_port().to_string())
        .env_remove("DAPR_HTTP_ENDPOINT")
        .env_remove("DAPR_GRPC_ENDPOINT")
        .env_remove("DAPR_API_TOKEN");
    let output = client.output();
    let output = output.unwrap_or_else(|error| {
        panic!("{error}: {client:?}: \"cargo xtask test clients\" installs it")
    });
    assert!(
        output.status.success(),
        "{script}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

mod python {
    use super::*;

    fn check(script: &str, plugins: &[&str]) {
        let mut python = Command::new(installed().join("python/bin/python"));
        // Its byte code would lie among the sources.
        python.arg("-B");
        pass(python, script, plugins);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn the_lessons_code_runs_without_a_changed_line() {
        check("lesson.py", &[TASKS]);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn state_reminders_and_timers_are_as_it_expects() {
        check("alarms.py", &["sdk_probe.wasm"]);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn the_hosts_own_api_is_what_its_document_says_whatever_it_is_sent() {
        check("fuzz.py", &["sdk_probe.wasm", "approval.wasm"]);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn actors_answer_and_say_what_is_wrong() {
        check("actors.py", &["sdk_probe.wasm"]);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn workflows_are_scheduled_awaited_and_driven() {
        check("workflows.py", &[TASKS, "approval.wasm"]);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn actors_workflows_and_metadata_are_asked_for_over_grpc() {
        check("dapr_grpc.py", &["sdk_probe.wasm", "approval.wasm"]);
    }
}

mod javascript {
    use super::*;

    fn check(script: &str, plugins: &[&str]) {
        let mut node = Command::new("node");
        node.env("NODE_PATH", installed().join("javascript/node_modules"));
        pass(node, script, plugins);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn actors_health_and_metadata_are_as_it_expects() {
        check("actors.js", &[TASKS]);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn state_reminders_and_timers_are_as_it_expects() {
        check("alarms.js", &["sdk_probe.wasm"]);
    }

    #[test]
    #[ignore = "cargo xtask test installs the client and runs it"]
    fn workflows_are_as_it_expects() {
        check("workflows.js", &[TASKS, "approval.wasm"]);
    }
}

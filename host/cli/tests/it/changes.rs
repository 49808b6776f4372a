//! A plugin whose code changed under a running workflow.

use std::io::{BufRead, BufReader};

use crate::host::{Host, plugin};

const OLD: &str = "sdk_probe.wasm";
const CHANGED: &str = "sdk_probe_changed.wasm";

/// A host on which a workflow of the old component rests, and which was killed meanwhile.
fn killed_while_it_rests() -> Host {
    let host = Host::new();
    let old = plugin(OLD);
    let command = [
        "run",
        &old,
        "--workflow",
        "deterministic",
        "--id",
        "w",
        "--verbose",
    ];
    let mut child = host.command(&command).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    // Its last line before it waits for an event.
    stderr.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    host
}

#[test]
fn a_workflow_whose_code_changed_ends_on_the_component_that_it_was_started_on() {
    let host = killed_while_it_rests();
    let changed = plugin(CHANGED);
    let other = ["run", &changed, "--workflow", "nap", "--input", "1"];
    host.run(&other).expect(0).says("1 workflow is unfinished");
    host.run(&["workflow", "raise", "w", "go", "1"]).expect(0);
    let again = ["run", &changed, "--workflow", "deterministic", "--id", "w"];
    host.run(&again)
        .expect(0)
        .says("Resuming 1 unfinished workflow");
}

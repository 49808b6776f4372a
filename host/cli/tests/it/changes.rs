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
fn a_workflow_whose_code_changed_stalls_and_the_old_component_finishes_it() {
    let host = killed_while_it_rests();
    let (old, changed) = (plugin(OLD), plugin(CHANGED));
    let other = ["run", &changed, "--workflow", "nap", "--input", "1"];
    host.run(&other).expect(0).says("1 workflow is unfinished");
    host.run(&["workflow", "raise", "w", "go", "1"]).expect(0);
    let again = |plugin| ["run", plugin, "--workflow", "deterministic", "--id", "w"];
    let stalled = host.run(&again(&changed)).expect(1);
    for words in ["stalled", "event    ", "history  ", "code     "] {
        let told = &stalled.stderr;
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    host.run(&again(&old))
        .expect(0)
        .says("Resuming 1 unfinished workflow");
}

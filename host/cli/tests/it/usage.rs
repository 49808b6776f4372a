//! Wrong usage and bad input: exit code 2, and words that name the thing.

use std::fs;

use crate::host::{Host, TASKS, plugin};

#[test]
fn a_run_without_a_plugin_is_wrong_usage() {
    Host::new().run(&["run"]).expect(2).says("<PLUGIN>");
}

#[test]
fn a_missing_plugin_is_named() {
    let output = Host::new().run(&["run", "no.wasm"]);
    output
        .expect(2)
        .says("error: read plugin no.wasm: No such file");
}

#[test]
fn an_input_that_is_no_json_is_named_before_anything_is_opened() {
    let host = Host::new();
    let plugin = host.file("p.wasm", "");
    let output = host.run(&["run", plugin, "--input", "{task}"]);
    output
        .expect(2)
        .says("error: parse \"{task}\" as JSON: key must be a string");
    assert!(!host.dir().join(".host/db").exists());
}

#[test]
fn a_missing_file_of_lines_is_named() {
    let host = Host::new();
    let plugin = host.file("p.wasm", "");
    let output = host.run(&["run", plugin, "--each", "no.jsonl"]);
    output.expect(2).says("error: read no.jsonl: No such file");
}

#[test]
fn a_file_that_is_no_component_is_refused() {
    let host = Host::new();
    let plugin = host.file("p.wasm", "no component");
    host.run(&["run", plugin])
        .expect(2)
        .says("error: load p.wasm: ");
}

#[test]
fn an_unknown_workflow_is_answered_with_those_there_are() {
    let output = Host::new().run(&["run", &plugin(TASKS), "--workflow", "no"]);
    output
        .expect(2)
        .says("error: no plugin given has the workflow no; there ");
}

#[test]
fn programs_get_errors_as_json() {
    let output = Host::new()
        .run(&["run", "no.wasm", "--output=jsonl"])
        .expect(2);
    let error: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!(error["type"], "error");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("read plugin no.wasm")
    );
}

#[test]
fn the_exit_codes_are_documented() {
    let help = Host::new().run(&["--help"]).expect(0);
    assert!(help.stdout.contains("Exit codes:"), "{help:#?}");
}

#[test]
fn a_stop_for_tests_that_cannot_be_read_is_refused() {
    let host = Host::new();
    let mut command = host.command(&["workflow", "list"]);
    let output = command.env("HOST_TEST_STOP", "after:0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(r#"read HOST_TEST_STOP: "after:0" is neither"#));
}

#[test]
fn shells_complete_the_commands_and_there_is_a_manual_page_for_each() {
    let host = Host::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = host.run(&["completions", shell]).expect(0).stdout;
        assert!(
            script.contains("workflow") && script.contains("serve"),
            "{script}"
        );
    }
    host.run(&["man", "pages"]).expect(0).says("pages/host.1");
    let page = |name: &str| fs::read_to_string(host.dir().join("pages").join(name)).unwrap();
    assert!(page("host-workflow-start.1").contains("host workflow start"));
    assert!(
        page("host-serve.1").contains("token"),
        "{}",
        page("host-serve.1")
    );
    assert!(page("host.1").contains("Exit codes"));
}

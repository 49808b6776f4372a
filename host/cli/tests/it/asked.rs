//! Asking workflows through the binary: queries, updates, events, and what they say of themselves; by hand, and
//! killed at each of the commits.

use serde_json::Value;

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PROBE: &str = "sdk_probe.wasm";
const TOTAL: [&str; 4] = ["workflow", "query", "w", "total"];

fn start<'a>(name: &'a str, input: &'a str) -> [&'a str; 7] {
    ["workflow", "start", name, "--id", "w", "--input", input]
}

fn update<'a>(name: &'a str, input: &'a str, id: &'a str) -> [&'a str; 7] {
    ["workflow", "update", "w", name, input, "--id", id]
}

fn started(name: &str, input: &str) -> Host {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    host.run(&start(name, input)).expect(0);
    host
}

#[test]
fn a_workflow_is_asked_and_updated_until_it_ends_and_asked_behind_that() {
    let host = started("tally", "5");
    host.run(&TOTAL).expect(0).answers("5");
    host.run(&update("add", "2", "a")).expect(0).answers("7");
    host.run(&update("add", "-2", "b"))
        .expect(1)
        .says("error: -2 is negative (negative)");
    host.run(&["workflow", "query", "w", "size"])
        .expect(1)
        .says("this workflow has no query `size`; it has `misbehave`");
    host.run(&["workflow", "query", "w", "misbehave", r#""panic""#])
        .expect(1)
        .says("it was told to panic");
    host.run(&["workflow", "raise", "w", "CLOSE"]).expect(0);
    host.run(&["resume"]).expect(0);
    host.run(&TOTAL).expect(0).answers("7");
    host.run(&update("add", "2", "a")).expect(0).answers("7");
    host.run(&update("add", "2", "c"))
        .expect(1)
        .says("error: workflow w is completed already (already-ended)");
    let history = host.run(&["workflow", "history", "w"]).expect(0).stdout;
    assert_eq!(history.matches("update ").count(), 2, "{history}");
}

#[test]
fn an_event_for_a_workflow_that_has_ended_is_refused_and_events_keep_their_order() {
    let host = started("shuffled", "null");
    for _ in 0..3 {
        host.run(&["workflow", "raise", "w", "NEXT"]).expect(0);
    }
    host.run(&["resume"]).expect(0);
    host.run(&["workflow", "raise", "w", "next"])
        .expect(1)
        .says("error: workflow w is completed already");
    host.run(&["workflow", "raise", "nobody", "next"])
        .expect(1)
        .says("error: no workflow has the id nobody");
}

#[test]
fn what_a_workflow_says_of_itself_is_shown_and_listed() {
    let host = started("fan_out", "1");
    let show = ["workflow", "show", "w", "--output=jsonl"];
    let shown: Value = serde_json::from_str(&host.run(&show).expect(0).stdout).unwrap();
    assert_eq!(shown.get("custom_status"), None);
    let host = started("boasts", "3");
    host.run(&["resume"]).expect(0);
    let shown: Value = serde_json::from_str(&host.run(&show).expect(0).stdout).unwrap();
    assert_eq!(shown["custom_status"], "xxx");
    let block = host.run(&["workflow", "show", "w"]).expect(0).stdout;
    assert!(block.contains(r#""xxx""#), "{block}");
}

#[test]
fn an_update_is_applied_once_while_the_workflow_runs() {
    Scenario::new(&[PROBE])
        .repeat(&start("tally", "1"))
        .repeat(&update("add-double", "4", "u"))
        .answers(&TOTAL, "9")
        .answers(&update("add-double", "4", "u"), "9")
        .answers(&TOTAL, "9")
        .check();
}

#[test]
fn a_new_way_a_recorded_value_and_random_numbers_are_the_same_after_every_kill() {
    Scenario::new(&["sdk_probe_changed.wasm"])
        .repeat(&start("improved", "null"))
        .once(&["workflow", "raise", "w", "go"])
        .resume()
        .ends(
            "w",
            "completed",
            r#""early true true, late true, recorded 2""#,
        )
        .check();
}

#[test]
fn what_a_workflow_has_drawn_and_said_of_itself_is_the_same_after_every_kill() {
    Scenario::new(&[PROBE])
        .repeat(&start("draws", "null"))
        .once(&["workflow", "raise", "w", "go"])
        .resume()
        .shows("w", "/status", r#""completed""#)
        .agrees("w", ["/custom_status", "/output"])
        .check();
}

#[test]
fn events_of_a_name_come_in_their_order_whatever_its_case() {
    let raise = |name, value| ["workflow", "raise", "w", name, value];
    Scenario::new(&[PROBE])
        .repeat(&start("receive", r#"{"topic":"news","count":3}"#))
        .once(&raise("news", "1"))
        .once(&raise("NEWS", "2"))
        .once(&raise("News", "3"))
        .resume()
        .ends("w", "completed", "[1,2,3]")
        .check();
}

//! `plugins/monitor`: it goes on for ever in short histories, and tells what changes.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PLUGIN: &str = "monitor.wasm";
const SHOW: [&str; 5] = ["actor", "call", "Board", "b", "Show"];

/// A board that follows a site `s`, and a monitor `w` of it that is started.
fn watched(up: bool, watch: &Value) -> Scenario {
    let key = ["--idempotency-key", "k"];
    let up = up.to_string();
    let turn = ["actor", "call", "Site", "s", "SetUp", &up];
    let follow = ["actor", "call", "Board", "b", "Follow", r#""s""#];
    let watch = watch.to_string();
    let start = ["workflow", "start", "monitor", "--id", "w", "--input"];
    Scenario::new(&[PLUGIN])
        .repeat(&[&turn[..], &key].concat())
        .repeat(&[&follow[..], &key].concat())
        .repeat(&[&start[..], &[&watch]].concat())
}

#[test]
fn what_is_known_goes_from_run_to_run_wherever_the_host_is_killed() {
    let watch = json!({"site": "s", "every_ms": 1, "checks_max": 5, "checks_per_run": 2});
    watched(true, &watch)
        .resume()
        .ends("w", "completed", r#"{"checks":5,"failed":0,"up":true}"#)
        .answers(&SHOW, r#"[{"site":"s","up":true,"check":1}]"#)
        .answers(&["actor", "call", "Board", "b", "Ended"], r#"["w"]"#)
        .stride(3)
        .check();
}

#[test]
fn it_is_told_to_stop_and_has_told_once_that_the_site_is_down() {
    let watch = json!({"site": "s", "every_ms": 60_000});
    watched(false, &watch)
        .once(&["workflow", "raise", "w", "stop"])
        .resume()
        .ends("w", "completed", r#"{"checks":1,"failed":1,"up":false}"#)
        .answers(&SHOW, r#"[{"site":"s","up":false,"check":1}]"#)
        .check();
}

#[test]
fn each_run_has_a_short_history_of_its_own() {
    let host = Host::new();
    let output = host
        .run(&["run", &plugin(PLUGIN), "--output=jsonl"])
        .expect(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["output"]["checks"], 25);
    assert_eq!(report["run"], 3);
    for run in ["1", "2", "3"] {
        let id = report["id"].as_str().unwrap();
        let history = host.run(&["workflow", "history", id, "--run", run]);
        assert!(history.expect(0).stdout.lines().count() < 50);
    }
}

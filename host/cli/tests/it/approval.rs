//! `plugins/approval`: a person is waited for, reminded, and in the end done without.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PLUGIN: &str = "approval.wasm";

/// A request that is not reminded of, and lapses after so many seconds.
fn request(lapse_after_seconds: u64) -> String {
    let request = json!({
        "request_id": "r",
        "what": "buy a laptop",
        "approver": "carol",
        "lapse_after_seconds": lapse_after_seconds,
    });
    request.to_string()
}

fn raise(by: &str, approved: bool) -> [String; 5] {
    let decision = json!({"approved": approved, "by": by}).to_string();
    ["workflow", "raise", "w", "Decision", &decision].map(str::to_owned)
}

#[test]
fn a_request_waits_as_long_as_the_code_said_when_it_began() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PLUGIN)]).expect(0);
    let request = json!({"request_id": "r", "what": "go home", "approver": "carol"}).to_string();
    let start = ["workflow", "start", "approve", "--id", "w", "--input"];
    host.run(&[&start[..], &[&request]].concat()).expect(0);
    let decision = raise("carol", true);
    host.run(&decision.each_ref().map(String::as_str)).expect(0);
    host.run(&["resume"]).expect(0);
    let history = host
        .run(&["workflow", "history", "w", "--output=jsonl"])
        .expect(0);
    let (day, week) = (24 * 60 * 60, 7 * 24 * 60 * 60);
    for seconds in [day, week] {
        let recorded = format!(r#""value":{seconds}"#);
        assert!(history.stdout.contains(&recorded), "{}", history.stdout);
    }
}

/// Asks, has people decide in this order, and says what must come of it.
fn decided(decisions: &[(&str, bool)], outcome: &str) -> Scenario {
    let request = request(60);
    let start = ["workflow", "start", "approve", "--id", "w", "--input"];
    let mut scenario = Scenario::new(&[PLUGIN]).repeat(&[&start[..], &[&request]].concat());
    for (by, approved) in decisions {
        let raise = raise(by, *approved);
        scenario = scenario.once(&raise.each_ref().map(String::as_str));
    }
    let (by, approved) = decisions.last().unwrap();
    let answer = json!({
        "request_id": "r",
        "outcome": outcome,
        "reminders": 0,
        "decision": {"approved": approved, "by": by},
    });
    scenario
        .resume()
        .ends("w", "completed", &answer.to_string())
}

#[test]
fn what_the_approver_says_counts_and_nobody_elses_word() {
    decided(&[("mallory", true), ("carol", false)], "rejected").check();
}

#[test]
fn an_approval_is_received_once_wherever_the_host_was_killed() {
    decided(&[("carol", true)], "approved").check();
}

#[test]
fn a_request_lapses_and_its_approver_was_reminded_before() {
    let host = Host::new();
    let output = host.run(&["run", &plugin(PLUGIN)]).expect(0);
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(answer["outcome"], "lapsed");
    assert!(answer["reminders"].as_u64().unwrap() >= 1, "{answer}");
    output.says("[Activity remind] carol@example.com: still waiting to buy a laptop");
}

#[test]
fn a_request_that_has_lapsed_takes_no_decision() {
    let host = Host::new();
    let request = request(0);
    let run = ["run", &plugin(PLUGIN), "--id", "w", "--input", &request];
    host.run(&run).expect(0);
    let raise = raise("carol", true);
    let late = host.run(&raise.each_ref().map(String::as_str)).expect(1);
    late.says("workflow w is completed already");
}

#[test]
fn a_request_is_handed_on_and_only_the_new_approver_decides() {
    let delegate = [
        "workflow",
        "update",
        "w",
        "delegate",
        r#""dave""#,
        "--id",
        "d",
    ];
    let start = ["workflow", "start", "approve", "--id", "w", "--input"];
    let (carol, dave) = (raise("carol", false), raise("dave", true));
    Scenario::new(&[PLUGIN])
        .repeat(&[&start[..], &[&request(60)]].concat())
        .repeat(&delegate)
        .once(&carol.each_ref().map(String::as_str))
        .once(&dave.each_ref().map(String::as_str))
        .resume()
        .answers(&delegate, r#""carol""#)
        .answers(&["workflow", "query", "w", "reminders"], "0")
        .ends(
            "w",
            "completed",
            r#"{"request_id":"r","outcome":"approved","reminders":0,"decision":{"approved":true,"by":"dave"}}"#,
        )
        .stride(2)
        .check();
}

#[test]
fn a_request_that_is_cancelled_is_withdrawn() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PLUGIN)]).expect(0);
    let start = ["workflow", "start", "approve", "--id", "w", "--input"];
    host.run(&[&start[..], &[&request(60)]].concat()).expect(0);
    let show = || {
        let shown = host.run(&["workflow", "show", "w", "--output=jsonl"]);
        serde_json::from_str::<Value>(&shown.expect(0).stdout).unwrap()
    };
    let nobody = ["workflow", "update", "w", "delegate", r#""""#];
    let status = |_| {
        // Its first turn may not have been durable when this was refused.
        host.run(&nobody)
            .expect(1)
            .says("say who is to decide (nobody)");
        show()["custom_status"].as_str().map(str::to_owned)
    };
    let status = (0..500).find_map(status);
    assert_eq!(status.as_deref(), Some("waiting for carol"));
    host.run(&["workflow", "cancel", "w"]).expect(0);
    // It may have come to its end by the time it is asked for.
    host.run(&["resume"]);
    assert_eq!(show()["status"], "cancelled");
    let history = host.run(&["workflow", "history", "w"]).expect(0);
    assert!(history.stdout.contains("withdraw"), "{history:#?}");
}

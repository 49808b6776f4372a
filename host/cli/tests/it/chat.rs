//! `plugins/chat`: what is said is heard by all who are there, once and in order.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PLUGIN: &str = "chat.wasm";

fn history(user: &str) -> [&str; 5] {
    ["actor", "call", "User", user, "History"]
}

fn heard_by(host: &Host, user: &str) -> Value {
    let output = host.run(&history(user)).expect(0);
    serde_json::from_str(&output.stdout).unwrap()
}

fn said(from: &str, text: &str) -> Value {
    json!({"room": "r", "from": from, "text": text})
}

#[test]
fn everybody_in_the_room_hears_each_line_once_wherever_the_host_is_killed() {
    let lines = [("ann", "one"), ("bob", "two"), ("ann", "three")];
    let speeches = lines.map(|(user, text)| json!({"user": user, "text": text}));
    let meeting = json!({"room": "r", "lines": speeches}).to_string();
    let heard = json!(lines.map(|(user, text)| said(user, text))).to_string();
    let start = ["workflow", "start", "minutes", "--id", "w", "--input"];
    Scenario::new(&[PLUGIN])
        .repeat(&[&start[..], &[&meeting]].concat())
        .resume()
        .ends("w", "completed", &heard)
        .answers(&history("ann"), &heard)
        .answers(&history("bob"), &heard)
        .stride(3)
        .check();
}

#[test]
fn who_is_invited_asks_back_what_was_said_before_wherever_the_host_is_killed() {
    let call = |user, method, input: &'static str| {
        let key = "--idempotency-key";
        ["actor", "call", "User", user, method, input, key, method]
    };
    let heard = json!([said("ann", "one"), said("bob", "two")]).to_string();
    Scenario::new(&[PLUGIN])
        .repeat(&call("ann", "Join", r#""r""#))
        .repeat(&call("ann", "Say", r#"{"room":"r","text":"one"}"#))
        .repeat(&history("ann"))
        .repeat(&call("ann", "Invite", r#"{"room":"r","user":"bob"}"#))
        .repeat(&call("bob", "Say", r#"{"room":"r","text":"two"}"#))
        .answers(&history("ann"), &heard)
        .answers(&history("bob"), &heard)
        .check();
}

#[test]
fn who_closes_the_account_is_forgotten_and_who_logs_out_is_not() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PLUGIN)]).expect(0);
    let call =
        |user, method, input: &str| host.run(&["actor", "call", "User", user, method, input]);
    for user in ["ann", "bob"] {
        call(user, "Join", r#""r""#).expect(0);
    }
    call("ann", "Say", r#"{"room":"r","text":"one"}"#).expect(0);
    let away = call("ann", "LogOut", "null").expect(0);
    assert!(away.stderr.contains("ann is away"), "{away:#?}");
    call("bob", "CloseAccount", "null").expect(0);
    assert_eq!(heard_by(&host, "ann"), json!([said("ann", "one")]));
    assert_eq!(heard_by(&host, "bob"), json!([]));
}

#[test]
fn who_has_left_hears_no_more_and_may_not_speak() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PLUGIN)]).expect(0);
    let call =
        |user, method, input: &str| host.run(&["actor", "call", "User", user, method, input]);
    for user in ["ann", "bob"] {
        call(user, "Join", r#""r""#).expect(0);
    }
    call("ann", "Say", r#"{"room":"r","text":"one"}"#).expect(0);
    call("bob", "Leave", r#""r""#).expect(0);
    call("ann", "Say", r#"{"room":"r","text":"two"}"#).expect(0);
    let late = call("bob", "Say", r#"{"room":"r","text":"three"}"#);
    late.expect(1).says("bob is not in room r (not-there)");
    let both = json!([said("ann", "one"), said("ann", "two")]);
    assert_eq!(heard_by(&host, "ann"), both);
    assert_eq!(heard_by(&host, "bob"), json!([said("ann", "one")]));
}

#[test]
fn the_example_leaves_an_empty_room() {
    let host = Host::new();
    let output = host.run(&["run", &plugin(PLUGIN)]).expect(0);
    let minutes: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(minutes[1]["from"], "bob");
    let is_empty = |_: &usize| {
        // Nobody waits for who leaves: it may be delivered while the next host goes on.
        host.run(&["resume"]).expect(0);
        let listed = host.run(&["topic", "list"]).expect(0);
        listed.stderr.contains("Nobody has subscribed")
    };
    assert!((0..500).find(is_empty).is_some());
}

#[test]
fn what_is_to_be_said_later_is_said_once_unless_it_is_taken_back() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PLUGIN)]).expect(0);
    let call = |method, input: &str| {
        host.run(&["actor", "call", "User", "ann", method, input])
            .expect(0)
    };
    call("Join", r#""r""#);
    let later = |text: &str| json!({"when": "50ms", "line": {"room": "r", "text": text}});
    call("SayLater", &later("one").to_string());
    let second = call("SayLater", &later("two").to_string());
    call("TakeBack", &second.stdout);
    call("StartTyping", "null");
    let heard = |_| {
        // What is due is delivered while a host goes on.
        host.run(&["resume"]).expect(0);
        host.run(&history("ann")).expect(0).stdout
    };
    let heard = (0..500).map(heard).find(|heard| heard.trim() != "[]");
    let heard: Value = serde_json::from_str(&heard.unwrap()).unwrap();
    assert_eq!(heard, json!([said("ann", "one")]));
}

//! `host topic`: who has subscribed, and a value for all of them.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PROBE: &str = "sdk_probe.wasm";
const LISTEN: [&str; 6] = ["actor", "call", "Listener", "l", "Listen", r#""news""#];
const HEARD: [&str; 5] = ["actor", "call", "Listener", "l", "Heard"];

#[test]
fn subscribers_are_listed_and_reached() {
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    host.run(&["topic", "list"])
        .expect(0)
        .answers("")
        .says("Nobody has subscribed");
    host.run(&LISTEN).expect(0);
    let table = host.run(&["topic", "list"]).expect(0).stdout;
    for word in ["news", "actor Listener/l", "Hear"] {
        assert!(table.contains(word), "no {word} in {table}");
    }
    let line = host
        .run(&["topic", "list", "news", "--output=jsonl"])
        .expect(0);
    let line: Value = serde_json::from_str(&line.stdout).unwrap();
    let expected = json!({
        "topic": "news", "actor_type": "Listener", "actor_id": "l", "method": "Hear",
        "since": line["since"],
    });
    assert_eq!(line, expected);
    host.run(&["topic", "publish", "news", r#"{"n":1}"#])
        .expect(0)
        .says("Published to topic news: 1 subscriber");
    host.run(&HEARD).expect(0).answers(r#"[{"n":1}]"#);
}

#[test]
fn what_only_the_host_may_publish_is_refused() {
    let output = Host::new().run(&["topic", "publish", "$workflow/w", "1"]);
    output.expect(2).says("only the host's own do");
}

#[test]
fn a_value_reaches_actors_and_workflows_once_wherever_the_host_is_killed() {
    let key = ["--idempotency-key", "k"];
    let listen = [&LISTEN[..], &key].concat();
    let other = ["actor", "call", "Listener", "m", "Listen", r#""olds""#];
    let start = |name, id, input| ["workflow", "start", name, "--id", id, "--input", input];
    let said = r#"{"topic":"news","values":[1,2,3]}"#;
    let activity_said = r#"{"topic":"olds","values":[4,5,6]}"#;
    Scenario::new(&[PROBE])
        .repeat(&listen)
        .repeat(&[&other[..], &key].concat())
        .repeat(&start("listen_to_child", "w", said))
        .repeat(&start("have_said", "a", activity_said))
        .resume()
        .ends("w", "completed", "[1,2,3]")
        .answers(&HEARD, "[1,2,3]")
        .answers(&["actor", "call", "Listener", "m", "Heard"], "[4,5,6]")
        .check();
}

#[test]
fn an_end_is_told_once_to_whoever_started_and_watched_it_in_one_turn() {
    let watch = ["actor", "call", "Listener", "l", "WatchNap", r#""nap""#];
    let stage =
        |stage| json!({"id": "nap", "workflow": "nap", "run": 1, "stage": stage, "failure": null});
    let told = json!([stage("STARTED"), stage("COMPLETED")]).to_string();
    Scenario::new(&[PROBE])
        .repeat(&[&watch[..], &["--idempotency-key", "k"]].concat())
        .resume()
        .answers(&HEARD, &told)
        .check();
}

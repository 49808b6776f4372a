//! An actor's state, reminders and timers over HTTP, as Dapr's clients ask for them.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::server::{Answer, Server};

const KEEPER: &str = "/v1.0/actors/Keeper/k";

fn serve(host: &Host) -> Server {
    Server::start(host, &[&plugin("sdk_probe.wasm")])
}

fn call(server: &Server, method: &str, input: Value) -> Value {
    let path = format!("{KEEPER}/method/{method}");
    server.post(&path, &input.to_string()).expect(200)
}

fn transact(server: &Server, operations: Value) -> Answer {
    server.post(&format!("{KEEPER}/state"), &operations.to_string())
}

fn upsert(key: &str, value: Value) -> Value {
    json!({"operation": "upsert", "request": {"key": key, "value": value}})
}

fn delete(key: &str) -> Value {
    json!({"operation": "delete", "request": {"key": key}})
}

fn state(server: &Server, key: &str) -> Answer {
    server.get(&format!("{KEEPER}/state/{key}"))
}

fn until_rings(server: &Server, least: i64) {
    let path = format!("{KEEPER}/method/Rings");
    server.until(&path, |rings| rings.as_i64() >= Some(least));
}

/// The error's code, and that its message says that.
#[track_caller]
fn error(answer: &Answer, status: u16, words: &str) -> String {
    let body = answer.expect(status);
    assert!(answer.body.contains(words), "no {words:?} in {answer:?}");
    body["errorCode"].as_str().unwrap().to_owned()
}

#[test]
fn a_transaction_is_seen_by_the_actors_code_and_outlives_a_kill() {
    let host = Host::new();
    let server = serve(&host);
    let written = transact(
        &server,
        json!([upsert("a", json!({"b": [1]})), upsert("c", json!(null))]),
    );
    assert_eq!((written.status, &*written.body), (204, ""));
    assert_eq!(call(&server, "Look", json!("a")), json!({"b": [1]}));
    server.kill();
    let server = Server::start(&host, &[]);
    assert_eq!(state(&server, "a").expect(200), json!({"b": [1]}));
    assert_eq!(state(&server, "c").expect(200), json!(null));
    let changed = json!([delete("a"), upsert("c", json!(2)), delete("never")]);
    assert_eq!(transact(&server, changed).status, 204);
    assert_eq!(state(&server, "a").status, 204);
    assert_eq!(call(&server, "Look", json!("c")), json!(2));
}

#[test]
fn a_transaction_that_cannot_be_whole_changes_nothing() {
    let host = Host::new();
    let server = serve(&host);
    assert_eq!(
        transact(&server, json!([upsert("a", json!(1))])).status,
        204
    );
    let long = upsert(&"k".repeat(2_000), json!(1));
    let refused = transact(&server, json!([delete("a"), long]));
    assert_eq!(
        error(&refused, 500, "2000"),
        "ERR_ACTOR_STATE_TRANSACTION_SAVE"
    );
    for malformed in [
        json!({}),
        json!([{"operation": "add", "request": {"key": "a"}}]),
        json!([{"operation": "delete"}]),
        json!([{"operation": "upsert", "request": {"key": "a", "value": 2, "etag": "1"}}]),
        json!([{"operation": "upsert", "request": {"key": "a", "metadata": {"ttlInSeconds": "x"}}}]),
    ] {
        let refused = transact(&server, malformed);
        assert_eq!(error(&refused, 400, ""), "ERR_MALFORMED_REQUEST");
    }
    assert_eq!(state(&server, "a").expect(200), json!(1));
}

#[test]
fn the_typed_state_of_an_actor_can_be_read_and_put_right() {
    let host = Host::new();
    let server = serve(&host);
    call(&server, "Ring", json!(5));
    let mut typed = state(&server, "$state").expect(200);
    assert_eq!(typed["rings"], 5);
    typed["rings"] = json!(7);
    assert_eq!(
        transact(&server, json!([upsert("$state", typed)])).status,
        204
    );
    assert_eq!(call(&server, "Rings", Value::Null), json!(7));
}

#[test]
fn a_reminder_runs_the_method_of_its_name_is_read_and_outlives_a_kill() {
    let host = Host::new();
    let server = serve(&host);
    let path = format!("{KEEPER}/reminders/Ring");
    let hourly = r#"{"data":2,"dueTime":"1h","period":"R3/PT1H","ttl":"2100-01-01T00:00:00Z"}"#;
    assert_eq!(server.post(&path, hourly).status, 204);
    let read = server.get(&path).expect(200);
    assert_eq!(
        (&read["actorID"], &read["actorType"], &read["data"]),
        (&json!("k"), &json!("Keeper"), &json!(2))
    );
    assert_eq!(read["period"], "R3/PT3600S");
    assert_eq!(read["ttl"], "2100-01-01T00:00:00Z");
    server.kill();
    let server = Server::start(&host, &[]);
    let kept = r#"{"dueTime":"0s","overwrite":false}"#;
    let exists = server.post(&path, kept);
    assert_eq!(
        error(&exists, 409, "Ring"),
        "ERR_ACTOR_REMINDER_ALREADY_EXISTS"
    );
    // As the Python client writes durations.
    let soon = r#"{"data":2,"dueTime":"0h0m0s1ms0μs","period":null}"#;
    assert_eq!(server.put(&path, soon).status, 204);
    until_rings(&server, 2);
    let gone = server.get(&path);
    assert_eq!(error(&gone, 404, "Ring"), "ERR_ACTOR_REMINDER_NOT_FOUND");
}

#[test]
fn a_reminder_that_is_cancelled_is_gone_and_one_that_was_never_there_is_too() {
    let host = Host::new();
    let server = serve(&host);
    let path = format!("{KEEPER}/reminders/Ring");
    assert_eq!(server.post(&path, r#"{"dueTime":"1h"}"#).status, 204);
    for _ in 0..2 {
        assert_eq!(server.delete(&path).status, 204);
        assert_eq!(server.get(&path).status, 404);
    }
}

#[test]
fn a_timer_runs_the_method_that_it_says_until_it_is_cancelled() {
    let host = Host::new();
    let server = serve(&host);
    let path = format!("{KEEPER}/timers/t");
    let often = r#"{"callback":"Ring","data":1,"dueTime":"0s","period":"5ms"}"#;
    assert_eq!(server.post(&path, often).status, 204);
    until_rings(&server, 3);
    assert_eq!(server.delete(&path).status, 204);
    let rings = call(&server, "Rings", Value::Null);
    assert_eq!(server.delete(&path).status, 204);
    assert_eq!(call(&server, "Rings", Value::Null), rings);
}

#[test]
fn what_cannot_be_set_says_why() {
    let host = Host::new();
    let server = serve(&host);
    let reminder =
        |name: &str, body: &str| server.post(&format!("{KEEPER}/reminders/{name}"), body);
    for (name, body, words) in [
        ("Nothing", "{}", "has no method Nothing"),
        ("Ring", r#"{"dueTime":"soon"}"#, "the due time `soon`"),
        ("Ring", r#"{"period":"R0/PT1S"}"#, "the period `R0/PT1S`"),
    ] {
        let refused = reminder(name, body);
        assert_eq!(error(&refused, 500, words), "ERR_ACTOR_REMINDER_CREATE");
    }
    for malformed in [
        "",
        "[",
        r#"{"failurePolicy":{"constant":{"interval":"soon"}}}"#,
    ] {
        let refused = reminder("Ring", malformed);
        assert_eq!(error(&refused, 400, ""), "ERR_MALFORMED_REQUEST");
    }
    let timer = server.post(&format!("{KEEPER}/timers/t"), r#"{"callback":"Nothing"}"#);
    assert_eq!(
        error(&timer, 500, "has no method Nothing"),
        "ERR_ACTOR_TIMER_CREATE"
    );
}

#[test]
fn types_that_are_not_hosted_and_types_of_dapr_itself_are_refused() {
    let host = Host::new();
    let server = serve(&host);
    let post = |path: &str, body: &str| server.post(&format!("/v1.0/actors/{path}"), body);
    let codes = |actor_type: &str, status: [u16; 3]| {
        let state = post(&format!("{actor_type}/a/state"), "[]");
        let reminder = post(&format!("{actor_type}/a/reminders/r"), "{}");
        let timer = post(&format!("{actor_type}/a/timers/t"), "{}");
        let answers = [state, reminder, timer].into_iter().zip(status);
        answers
            .map(|(answer, status)| error(&answer, status, actor_type))
            .collect::<Vec<_>>()
    };
    let not_hosted = [
        "ERR_ACTOR_INSTANCE_MISSING",
        "ERR_ACTOR_REMINDER_NON_HOSTED",
        "ERR_ACTOR_TIMER_CREATE",
    ];
    assert_eq!(codes("Nobody", [400, 403, 500]), not_hosted);
    let reserved = ["ERR_ACTOR_TYPE_RESERVED"; 3];
    assert_eq!(codes("dapr.internal.a", [403; 3]), reserved);
    assert_eq!(server.get("/v1.0/actors/Nobody/a/state/k").status, 204);
}

#[test]
fn a_body_that_is_too_long_or_too_deep_is_refused_and_the_server_goes_on() {
    let host = Host::new();
    host.limit("payload_bytes_max = 10000");
    let server = serve(&host);
    let long = format!("\"{}\"", "a".repeat(10_000));
    for path in [
        "/v1.0/actors/Keeper/k/method/Look",
        "/v1.0/actors/Keeper/k/state",
        "/v1.0/actors/Keeper/k/reminders/Ring",
        "/v1.0/workflows/dapr/nap/start",
        "/v1.0/workflows/dapr/w/raiseEvent/e",
    ] {
        let refused = server.post(path, &long);
        let code = error(&refused, 413, "`payload_bytes_max` of 10000 bytes");
        assert_eq!(code, "ERR_BODY_READ", "{path}");
    }
    let deep = "[".repeat(5_000) + &"]".repeat(4_000);
    for path in ["state", "reminders/Ring", "timers/t"] {
        let refused = server.post(&format!("{KEEPER}/{path}"), &deep);
        assert_eq!(error(&refused, 400, ""), "ERR_MALFORMED_REQUEST", "{path}");
    }
    // What is deep and whole is data as any other; whether it can be read is the plugin's business.
    let deep = "[".repeat(4_000) + &"]".repeat(4_000);
    let body = format!(r#"[{{"operation":"upsert","request":{{"key":"deep","value":{deep}}}}}]"#);
    let stored = server.post(&format!("{KEEPER}/state"), &body);
    assert_eq!(stored.status, 204, "{stored:?}");
    assert_eq!(state(&server, "deep").body, deep);
    let read = server.post(&format!("{KEEPER}/method/Look"), r#""deep""#);
    assert_eq!(error(&read, 500, ""), "ERR_ACTOR_INVOKE_METHOD");
    assert_eq!(call(&server, "Rings", Value::Null), json!(0));
}

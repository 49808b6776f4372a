//! Requests whose parts are made to break whoever reads them.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::attacked::{Attacked, in_shell, problem, refused};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// Where somebody's bytes become JSON, a workflow's input or an actor's.
const DOORS: [&str; 8] = [
    "/api/v1/workflows",
    "/api/v1/batches/start",
    "/api/v1/actors/Echo/a/call/Echo",
    "/api/v1/workflows/neighbour/raise/decision",
    "/api/v1/topics/flood/publish",
    "/v1.0/workflows/dapr/floods/start?instanceID=a",
    "/v1.0/actors/Echo/a/method/Echo",
    "/v1.0/actors/Echo/a/state",
];

/// Sends a request as it is, and reads until the server closes the connection.
fn says(attacked: &Attacked, request: &[u8]) -> String {
    let mut stream = attacked.server.connect().unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    // It may have been answered, and closed, before all is sent.
    stream.write_all(request).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn no_room_is_made_for_a_gigabyte_that_is_only_announced() {
    let attacked = Attacked::within("[server]\nrequest_body_time_max = \"100ms\"");
    for door in DOORS {
        let head = format!(
            "POST {door} HTTP/1.1\r\nHost: host\r\nContent-Type: application/json\r\n\
             Content-Length: 1073741824\r\nConnection: close\r\n\r\n[1,"
        );
        let answer = says(&attacked, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{door}: {answer}");
    }
    attacked.still_serves();
}

#[test]
fn a_body_without_end_is_cut_off_at_the_limit() {
    let attacked = Attacked::within("payload_bytes_max = 65536");
    for door in DOORS {
        let mut stream = attacked.server.connect().unwrap();
        let head = format!(
            "POST {door} HTTP/1.1\r\nHost: host\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
        let sent = (0..16_384).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok());
        assert!(sent.count() < 16_384, "{door} took a gigabyte");
    }
    attacked.still_serves();
}

#[test]
fn an_actor_id_of_a_megabyte_is_refused_whoever_sends_it() {
    let attacked = Attacked::start();
    let id = "x".repeat(1 << 20);
    let head = format!("POST /api/v1/actors/Echo/{id}/call/Echo HTTP/1.1\r\nHost: host\r\n\r\n");
    let answer = says(&attacked, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let long = "x".repeat(513);
    let answer = attacked.calls("Echo", &long, "Echo", &json!(0));
    refused(&answer, "bad-input", "512 bytes");
    let boast = json!({"place": "callee-id", "bytes": 1 << 20});
    let answer = attacked.calls("Boaster", "a", "Boast", &boast);
    problem(&answer);
    attacked.still_serves();
}

#[test]
fn an_id_that_would_garble_or_is_no_text_is_refused() {
    let attacked = Attacked::start();
    for id in [
        "%00",
        "a%00b",
        "%0A",
        "%1B%5B31m",
        "%7F",
        "%C2%80",
        "%FF",
        "%C0%AF",
        "%ED%A0%80",
    ] {
        for (door, body) in [
            (format!("/api/v1/actors/Echo/{id}/call/Echo"), "0"),
            (format!("/api/v1/workflows/{id}/raise/x"), "0"),
            (format!("/v1.0/actors/Echo/{id}/method/Echo"), "0"),
            (
                format!("/v1.0/workflows/dapr/floods/start?instanceID={id}"),
                "0",
            ),
        ] {
            let answer = attacked.server.post_with(&door, &[JSON], body);
            assert!((400..500).contains(&answer.status), "{door}: {answer:?}");
        }
    }
    for id in ["a\u{0}b", "\n", "\u{1b}[31m", "\u{80}"] {
        let start = json!({"workflow": "floods", "id": id, "input": 0});
        refused(
            &attacked.posts("/workflows", &start),
            "bad-input",
            "control characters",
        );
    }
    assert!(!attacked.still_serves().contains('\u{1b}'));
}

/// Ids that mean something to some reader, and nothing to the host.
const ODD: [&str; 12] = [
    "..",
    "../../etc/passwd",
    "a/b",
    "a//b",
    "a\\b",
    "a%2Fb",
    "a\u{202e}b",
    "a||b",
    "a:0",
    "$x",
    "'; --",
    "\u{10ffff}",
];

#[test]
fn an_odd_id_names_one_thing_and_reaches_no_other() {
    let attacked = Attacked::start();
    let coded = |id: &str| -> String { id.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    for (n, id) in ODD.into_iter().enumerate() {
        let hoard = json!([n + 1, 1]);
        let answer = attacked.calls("Hoarder", &coded(id), "Hoard", &hoard);
        assert_eq!(answer.status, 200, "{id}: {answer:?}");
        attacked.starts("floods", id, json!(0));
    }
    for (n, id) in ODD.into_iter().enumerate() {
        let state = attacked.get(&format!("/actors/Hoarder/{}/state", coded(id)));
        let entries = state.expect(200)["entries"].as_array().unwrap().len();
        assert_eq!(entries, n + 1, "{id}");
        let shown = attacked
            .get(&format!("/workflows/{}", coded(id)))
            .expect(200);
        assert_eq!(shown["id"], id);
    }
    attacked.still_serves();
}

#[test]
fn an_id_that_begins_like_another_shares_nothing_with_it() {
    let attacked = Attacked::start();
    let ids = ["a", "a ", "a!", "a-", "aa", "b", "A", "\u{e4}", "a\u{308}"];
    let path = |id: &str| {
        let coded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("/api/v1/actors/Hoarder/{coded}")
    };
    let entries = |id: &str| {
        let state = attacked
            .server
            .get(&format!("{}/state", path(id)))
            .expect(200);
        state["entries"].as_array().unwrap().len()
    };
    for id in ids {
        let call = format!("{}/call/Hoard", path(id));
        let answer = attacked.server.post_with(&call, &[JSON], "[3,1]");
        assert_eq!(answer.status, 200, "{id}: {answer:?}");
    }
    assert_eq!(attacked.server.delete(&path("a")).status, 204);
    for id in ids {
        assert_eq!(entries(id), if id == "a" { 0 } else { 3 }, "{id:?}");
    }
    attacked.still_serves();
}

#[test]
fn json_that_is_nested_without_end_breaks_no_door() {
    let attacked = Attacked::start();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let inside = format!(r#"{{"workflow":"floods","id":"deep","input":{deep}}}"#);
    for door in DOORS {
        for body in [&deep, &objects, &inside] {
            let answer = attacked.server.post_with(door, &[JSON], body.as_str());
            // Where another kind of body is a text, that is one.
            let own = door.starts_with("/api/");
            // A method that fails is a 500 there.
            let expected = if own { 400..500 } else { 200..501 };
            assert!(expected.contains(&answer.status), "{door}: {answer:?}");
        }
    }
    attacked.still_serves();
}

#[test]
fn a_result_that_is_nested_without_end_harms_nobody_who_looks_at_it() {
    let attacked = Attacked::start();
    attacked.deploys_text("deep_result").expect(200);
    attacked.starts("attack", "a", Value::Null);
    for path in [
        "/workflows/a/result?wait=30s",
        "/workflows/a",
        "/workflows/a/history",
        "/workflows",
    ] {
        let answer = attacked.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let answer = attacked.server.get("/v1.0/workflows/dapr/a");
    assert_eq!(answer.status, 200, "{answer:?}");
    attacked.still_serves();
}

#[test]
fn a_key_that_somebody_else_has_used_answers_nothing_of_his() {
    let attacked = Attacked::start();
    let call = |id: &str, key: &str, times: &str| {
        let path = format!("/api/v1/actors/Echo/{id}/call/Echo");
        attacked
            .server
            .post_with(&path, &[JSON, ("Idempotency-Key", key)], times)
    };
    assert_eq!(call("victim", "k", "0").expect(200), 1);
    // The same once more is the same answer; anything else under the key is something else.
    assert_eq!(call("victim", "k", "0").expect(200), 1);
    assert_eq!(call("other", "k", "0").expect(200), 1);
    let other = call("victim", "k", "[]");
    assert_ne!(other.status, 200, "{other:?}");
    assert_eq!(call("victim", "k", "0").expect(200), 1);
    for key in [
        "k".repeat(256),
        "k".repeat(60_000),
        "k\u{e9}".to_owned(),
        "a b".to_owned(),
    ] {
        let answer = call("victim", &key, "0");
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    for n in 0..500 {
        call("victim", &format!("{n}"), "0").expect(200);
    }
    assert_eq!(call("victim", "k", "0").expect(200), 1);
    attacked.still_serves();
}

#[test]
fn numbers_at_their_ends_overflow_nowhere() {
    let attacked = Attacked::start();
    for path in [
        "/workflows?limit=18446744073709551615",
        "/workflows?limit=0",
        "/workflows?limit=-1",
        "/workflows?limit=1e9",
        "/workflows?cursor=%FF%FE",
        "/workflows?cursor=AAAAAAAA",
        "/workflows/neighbour/history?from=18446744073709551615",
        "/workflows/neighbour/history?from=9223372036854775807&limit=1000",
        "/workflows/neighbour/result?wait=18446744073709551615s",
        "/workflows/neighbour/result?wait=-1s",
        "/actors/Echo/a/state?prefix=%FF",
        "/actors?cursor=zzzz",
    ] {
        let answer = attacked.get(path);
        assert!(answer.status < 500, "{path}: {answer:?}");
    }
    for body in [
        json!({"from": u64::MAX}),
        json!({"from": -1}),
        json!({"from": 1e300}),
        json!({"from": 0, "run": u32::MAX}),
    ] {
        let answer = attacked.posts("/workflows/before/rerun", &body);
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
    }
    for input in [json!(u64::MAX), json!(-1), json!(1e308)] {
        let answer = attacked.calls("Echo", "a", "Echo", &input);
        assert!((400..500).contains(&answer.status), "{input}: {answer:?}");
    }
    attacked.still_serves();
}

#[test]
fn a_time_that_never_comes_or_takes_long_to_find_is_answered_soon() {
    let attacked = Attacked::start();
    let schedule = |what: &Value| {
        let mut schedule = json!({"workflow": {"name": "floods"}, "input": 0});
        for (name, value) in what.as_object().unwrap() {
            schedule[name] = value.clone();
        }
        let path = "/api/v1/schedules/odd?replace=true";
        let begun = Instant::now();
        let answer = attacked
            .server
            .put_with(path, &[JSON], &schedule.to_string());
        assert!(answer.status < 500, "{what}: {answer:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{what} took {:?}",
            begun.elapsed()
        );
        answer.status
    };
    let many = "0,".repeat(20_000) + "1";
    for cron in [
        "0 0 30 2 *",
        "0 0 31 2,4,6,9,11 *",
        "0 0 29 2 1#5",
        "0 0 29 2 MON",
        "*/1 */1 */1 */1 */1 */1",
        "99999999999999999999 * * * *",
        "0-59/0 * * * *",
        "59-0 * * * *",
        "* * L-400W * *",
        &format!("{many} * * * *"),
        &"* ".repeat(10_000),
        &"*/".repeat(10_000),
        "\u{0} * * * *",
    ] {
        schedule(&json!({"cron": cron, "zone": "UTC"}));
    }
    for zone in [
        "../../../etc/passwd",
        "/etc/passwd",
        "Europe/../../../../etc/passwd",
        "",
        "\u{0}",
    ] {
        let status = schedule(&json!({"cron": "0 0 * * *", "zone": zone}));
        assert_eq!(status, 400, "{zone}");
    }
    let digits = "9".repeat(50_000);
    for every in [
        "P99999999999999999999D",
        "PT0S",
        "1ns",
        "-1h",
        "1e309s",
        "999999999999999999999999h",
        &format!("{digits}s"),
        &"1h".repeat(20_000),
    ] {
        let status = schedule(&json!({"every": every}));
        assert!(
            (400..500).contains(&status),
            "{} gives {status}",
            &every[..every.len().min(40)]
        );
    }
    attacked.still_serves();
}

#[test]
fn a_request_that_two_readers_would_read_differently_is_refused() {
    let attacked = Attacked::start();
    let smuggled = "GET /api/v1/workflows/before HTTP/1.1\r\nHost: host\r\n\r\n";
    for head in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "X: a\r\n b\r\n",
        "X\u{0}: a\r\n",
    ] {
        let request = format!(
            "POST /v1.0/actors/Echo/a/method/Nothing HTTP/1.1\r\nHost: host\r\nConnection: close\r\n\
             {head}\r\n0\r\n\r\n{smuggled}"
        );
        let answer = says(&attacked, request.as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
        assert!(
            !answer.contains("instanceID") && !answer.contains("\"id\""),
            "{head}: {answer}"
        );
    }
    attacked.still_serves();
}

#[test]
fn a_grpc_message_that_is_none_is_refused() {
    let attacked = Attacked::start();
    let call = |path: &str, message: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: host\r\nContent-Type: application/grpc\r\nTE: trailers\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n",
            message.len()
        );
        says(&attacked, &[head.as_bytes(), message].concat())
    };
    let framed = |message: &[u8]| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], &length[..], message].concat()
    };
    let start = "/TaskHubSidecarService/StartInstance";
    let invoke = "/dapr.proto.runtime.v1.Dapr/InvokeActor";
    // A field that is longer than the message, text that is none, groups without end, a length of four gigabytes,
    // a frame that says that it is compressed, half a frame.
    let deep = [0x0b; 10_000];
    for path in [start, invoke] {
        for message in [
            framed(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            framed(&[0x0a, 0x02, 0xff, 0xfe]),
            framed(&[0x12, 0x02, 0xc0, 0x80]),
            framed(&deep),
            vec![0, 0xff, 0xff, 0xff, 0xff, 1],
            vec![1, 0, 0, 0, 1, 0],
            vec![0, 0, 0],
        ] {
            let answer = call(path, &message);
            let refused = answer.contains("grpc-status: ") && !answer.contains("grpc-status: 0\r");
            assert!(
                refused,
                "{path} {:?}: {answer}",
                &message[..message.len().min(12)]
            );
        }
    }
    attacked.still_serves();
}

#[test]
fn a_plugin_that_calls_itself_like_another_takes_nothing_from_it() {
    let attacked = Attacked::start();
    let spoofing =
        in_shell("(func $describe (i32.store8 (i32.const 8) (i32.const 10)))(func $run)");
    refused(
        &attacked.deploys(&spoofing),
        "bad-input",
        "control characters",
    );
    attacked.still_serves();
}

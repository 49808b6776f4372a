//! Many of something that is allowed once: timers, reminders, subscribers, publications, schedules, events.

use serde_json::{Value, json};

use super::attacked::{Attacked, refused};

#[test]
fn timers_that_are_due_in_one_millisecond_ring_and_more_than_may_be_do_not() {
    let attacked = Attacked::start();
    attacked.starts("sleeps_often", "a", json!(5_000));
    assert_eq!(attacked.ended("a")["output"], 5_000);
    let (code, message) = attacked.fails("sleeps_often", json!(100_000));
    assert_eq!(code, "limit", "{message}");
    assert!(message.contains("workflow_pending_max"), "{message}");
    let answer = attacked.calls("Alarmed", "a", "Set", &json!(100_000));
    refused(&answer, "limit", "actor_timers_max");
    attacked.still_serves();
}

#[test]
fn reminders_without_number_end_at_the_limit() {
    let attacked = Attacked::within("turn_writes_max = 100\nturn_effects_max = 100");
    let answer = attacked.calls("Rung", "a", "Set", &json!([0, 100_000]));
    refused(&answer, "limit", "turn_");
    attacked.still_serves();
}

#[test]
fn a_topic_has_no_more_subscribers_and_an_actor_no_more_topics_than_may_be() {
    let attacked = Attacked::within(
        "topic_subscribers_max = 10\nentity_topics_max = 10\nturn_effects_max = 100",
    );
    let join = |id: usize| attacked.calls("Crowd", &id.to_string(), "Join", &json!("flood"));
    (0..10).for_each(|id| drop(join(id).expect(200)));
    refused(&join(10), "limit", "topic_subscribers_max");
    let follow = |topic: usize| attacked.calls("Crowd", "a", "Join", &json!(topic.to_string()));
    (0..10).for_each(|topic| drop(follow(topic).expect(200)));
    refused(&follow(10), "limit", "entity_topics_max");
    // Values are bounded as everything that a turn sends is.
    let answer = attacked.calls("Crowd", "0", "Flood", &json!(1_000_000));
    refused(&answer, "limit", "turn_effects_max");
    attacked.still_serves();
}

#[test]
fn events_that_nobody_takes_end_at_the_limit() {
    let attacked = Attacked::within("history_events_max = 50");
    attacked.starts("takes_handles", "a", json!(1));
    let raise = |n: usize| attacked.posts("/workflows/a/raise/unknown", &json!(n));
    let refusal = (0..1_000).map(raise).find(|answer| answer.status >= 300);
    refused(&refusal.unwrap(), "already-ended", "");
    let ended = attacked.ended("a");
    assert_eq!(ended["failure"]["code"], "limit", "{ended}");
    attacked.still_serves();
}

#[test]
fn there_are_no_more_schedules_than_may_be() {
    let attacked = Attacked::within("schedules_max = 5");
    let put = |n: usize| {
        let workflow = json!({"name": "floods"});
        let schedule = json!({"every": "1s", "workflow": workflow, "input": 1});
        let json = ("Content-Type", "application/json");
        let path = format!("/api/v1/schedules/{n}");
        attacked
            .server
            .put_with(&path, &[json], &schedule.to_string())
    };
    (0..5).for_each(|n| drop(put(n).expect(200)));
    refused(&put(5), "limit", "schedules_max");
    attacked.still_serves();
}

#[test]
fn starts_without_number_in_one_request_are_bounded() {
    let attacked = Attacked::start();
    let one = json!({"workflow": "floods", "input": 0});
    let all = json!({"workflows": vec![one; 20_000]});
    let answer = attacked.posts("/batches/start", &all);
    assert!(answer.status >= 400, "{}", answer.status);
    attacked.get("/workflows/none").expect(404);
    attacked.still_serves();
}

#[test]
fn streams_that_are_kept_open_are_bounded() {
    let attacked = Attacked::within("event_streams_max = 3");
    attacked.starts("takes_handles", "a", json!(1));
    let path = "/api/v1/workflows/a/events";
    let _open: Vec<_> = (0..3).map(|_| attacked.server.stream(path, &[])).collect();
    refused(&attacked.server.get(path), "busy", "event_streams_max");
    refused(&attacked.get("/changes"), "busy", "event_streams_max");
    attacked.still_serves();
}

#[test]
fn long_waits_hold_nobody_else_up() {
    let attacked = Attacked::within("[server]\nrequests_max = 64");
    attacked.starts("takes_handles", "a", json!(1));
    let wait = "GET /api/v1/workflows/a/result?wait=30s HTTP/1.1\r\nHost: host\r\n\r\n";
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = attacked.server.connect().unwrap();
            std::io::Write::write_all(&mut stream, wait.as_bytes()).unwrap();
            stream
        })
        .collect();
    attacked.still_serves();
    drop(waiting);
}

#[test]
fn a_child_does_not_take_over_who_has_its_name() {
    let attacked = Attacked::start();
    // What a child is called is known: its parent's id and its place.
    for place in 0..3 {
        attacked.starts("takes_handles", &format!("victim:{place}"), json!(1));
    }
    attacked.starts("breeds", "victim", json!(0));
    let ended = attacked.ended("victim");
    assert_eq!(ended["failure"]["code"], "already-exists", "{ended}");
    let taken = attacked.get("/workflows/victim:0").expect(200);
    assert_eq!(taken["status"], Value::from("running"), "{taken}");
    attacked.still_serves();
}

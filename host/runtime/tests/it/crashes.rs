//! What the next process makes of what a killed one left.
//!
//! A child is this test binary again with one test picked and variables set; without them that test does
//! nothing. It plays a scene up to where it is worth killing, says so, and goes on until it is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;
use crate::host::prepared_dir;
use crate::topics::{listen, until_heard};

const CHILD_DIR: &str = "HOST_RUNTIME_TEST_CHILD_DIR";
const CHILD_SCENE: &str = "HOST_RUNTIME_TEST_CHILD_SCENE";
const REACHED: &str = "the scene is reached";

/// Plays a scene in a process of its own and kills it there; returns what it left.
async fn killed_in(scene: &str) -> TempDir {
    let dir = prepared_dir().await;
    play_and_kill(dir.path(), scene);
    dir
}

fn play_and_kill(dir: &Path, scene: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("crashes::child_plays_a_scene_until_it_is_killed")
        .env(CHILD_DIR, dir)
        .env(CHILD_SCENE, scene)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reached = lines.any(|line| line.unwrap().contains(REACHED));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reached, "the child did not reach scene {scene}");
}

/// A host that goes on where a scene was killed.
async fn resumed_after(scene: &str) -> Scratch {
    Scratch::resumed(killed_in(scene).await, Limits::default()).await
}

#[tokio::test]
async fn child_plays_a_scene_until_it_is_killed() {
    let (Some(dir), Ok(scene)) = (std::env::var_os(CHILD_DIR), std::env::var(CHILD_SCENE)) else {
        return;
    };
    let host = Host::open(dir.as_ref(), &Limits::default());
    host.deploy_fixture("sdk_probe").await;
    host.resume().await.unwrap();
    play(&host, &scene).await;
    writeln!(std::io::stdout(), "{REACHED}").unwrap();
    std::future::pending::<()>().await;
}

async fn play(host: &Host, scene: &str) {
    let start = async |name, input: Value| host.start(name, "w", input).await.map(drop).unwrap();
    let walk = json!({"actor": "c", "by": 1, "gate": "gate"});
    match scene {
        "sequence" => {
            start("sequence", json!(300)).await;
            host.until_events("w", 100).await;
        }
        "await event" => {
            start("await_event", Value::Null).await;
            host.until_events("w", 2).await;
        }
        "event raised" => {
            start("await_event", Value::Null).await;
            host.raise("w", "go", "news").await.unwrap();
        }
        "nap" => {
            start("nap", json!(1_500)).await;
            host.until_events("w", 2).await;
        }
        "parent" => {
            start("parent", json!({"children": 5, "input": 1_500})).await;
            host.until_events("w", 6).await;
        }
        "calls" => {
            start("call_counter", json!({"actor": "c", "times": 300})).await;
            host.until_events("w", 150).await;
        }
        "go on" => {
            let recorded = host.events("w").len();
            host.until_events("w", recorded + 20).await;
        }
        "messages" => {
            start("send_counter", json!({"actor": "c", "times": 2_000})).await;
            host.wait("w").await.unwrap();
        }
        "fan out" => {
            start("fan_out", json!(1_000)).await;
            host.until_events("w", 1_100).await;
        }
        "a call of an activity" => {
            start("walk", json!({"walk": walk})).await;
            host.until_count("c", 1).await;
        }
        "a call of a message's turn" => {
            start("walk", json!({"walker": "a", "walk": walk})).await;
            host.until_count("c", 1).await;
        }
        "a publisher" => {
            listen(host, "l", "news").await;
            let values: Vec<_> = (0..300).collect();
            start("say_slowly", json!({"topic": "news", "values": values})).await;
            host.until_events("w", 300).await;
        }
        "nothing yet" => start("call_counter", json!({"actor": "c", "times": 3})).await,
        other => panic!("there is no scene {other}"),
    }
}

#[tokio::test]
async fn a_sequence_goes_on_where_it_was_killed() {
    let host = resumed_after("sequence").await;
    assert_eq!(host.wait("w").await, Ok(json!(300)));
    // Start, end, and for each activity that it was scheduled and its result.
    assert_eq!(host.events("w").len(), 602);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_fan_out_goes_on_where_it_was_killed() {
    let host = resumed_after("fan out").await;
    assert_eq!(host.wait("w").await, Ok(json!(999_000)));
    assert_eq!(host.events("w").len(), 2_002);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_workflow_that_waits_for_an_event_gets_it_from_the_next_process() {
    let host = resumed_after("await event").await;
    host.raise("w", "GO", "news").await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!("news")));
}

#[tokio::test]
async fn an_event_that_was_acknowledged_is_not_lost() {
    let host = resumed_after("event raised").await;
    assert_eq!(host.wait("w").await, Ok(json!("news")));
}

#[tokio::test]
async fn a_start_that_was_acknowledged_is_not_lost() {
    let host = resumed_after("nothing yet").await;
    assert_eq!(host.wait("w").await, Ok(json!(3)));
    assert_eq!(host.count("c").await, 3);
}

#[tokio::test]
async fn a_sleeping_workflow_wakes_in_the_next_process() {
    let host = resumed_after("nap").await;
    assert_eq!(host.wait("w").await, Ok(json!("rested")));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_parent_and_its_children_go_on_in_the_next_process() {
    let host = resumed_after("parent").await;
    assert_eq!(host.wait("w").await, Ok(json!(vec!["rested"; 5])));
    for child in 1..=5 {
        assert_eq!(host.view(&format!("w:{child}")).unwrap().run, 1);
    }
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn each_call_of_a_workflow_takes_effect_once_however_often_the_host_is_killed() {
    let dir = killed_in("calls").await;
    for _ in 0..2 {
        play_and_kill(dir.path(), "go on");
    }
    let host = Scratch::resumed(dir, Limits::default()).await;
    assert_eq!(host.wait("w").await, Ok(json!(300)));
    assert_eq!(host.count("c").await, 300);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn each_message_of_a_workflow_takes_effect_once() {
    let host = resumed_after("messages").await;
    host.until_count("c", 2_000).await;
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn what_was_published_before_and_after_a_kill_is_heard_once_and_in_order() {
    let host = resumed_after("a publisher").await;
    host.wait("w").await.unwrap();
    let all: Vec<_> = (0..300).map(Value::from).collect();
    assert_eq!(until_heard(&host, "l", 300).await, all);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_call_of_an_activity_that_was_killed_has_no_second_effect() {
    let host = resumed_after("a call of an activity").await;
    host.call(&counter("gate"), "Add", 1).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(1)));
    assert_eq!(host.count("c").await, 1);
}

#[tokio::test]
async fn a_call_of_a_messages_turn_that_was_killed_has_no_second_effect() {
    let host = resumed_after("a call of a message's turn").await;
    host.call(&counter("gate"), "Add", 1).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(1)));
    assert_eq!(host.count("c").await, 1);
    host.close_and_find_nothing_left().await;
}

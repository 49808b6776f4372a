//! Histories that earlier versions recorded are replayed by this one.
//!
//! Each file under `tests/golden` holds one workflow as the store encodes it: its instance and then its
//! events, every message with its length before it. A folder is named by the version that recorded it, and
//! its files are never changed. New ones are recorded, where there is no file of their name yet, by
//!
//! ```text
//! cargo test -p host-runtime --test it golden::record -- --ignored
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use host_base::Outcome;
use host_runtime::{Rerun, Verdict};
use host_store::records::{Event, EventKind, Instance};
use host_store::{Batch, Store, StoreOptions};
use prost::Message;

use super::*;
use crate::host::prepared_dir;

/// What is recorded: the file's name, the workflow's, its input, and what is done to it while it runs.
const SCENES: &[(&str, &str, &str, &[Deed])] = &[
    ("fan_out", "fan_out", "20", &[]),
    ("sequence", "sequence", "10", &[]),
    ("long_history", "long_history", "50", &[GO]),
    ("race", "race", "null", &[]),
    ("timed_out", "timed_out", "null", &[]),
    ("await_event", "await_event", "null", &[GO]),
    ("nap", "nap", "10", &[]),
    ("parent", "parent", r#"{"children":3,"input":5}"#, &[]),
    ("child_with_id", "child_with_id", r#""golden child""#, &[]),
    (
        "call_counter",
        "call_counter",
        r#"{"actor":"c","times":5}"#,
        &[],
    ),
    (
        "send_counter",
        "send_counter",
        r#"{"actor":"c","times":5}"#,
        &[],
    ),
    ("retries", "retries", "3", &[]),
    ("gives_up", "gives_up", "null", &[]),
    ("deterministic", "deterministic", "null", &[GO]),
    ("heartbeats", "go_on_behind", "3", &[]),
    ("options", "be_patient", OPTIONS, &[]),
    ("fails", "run_activity", r#"{"name":"always_fails"}"#, &[]),
    ("custom_status", "draws", "null", &[GO]),
    (
        "attributes",
        "labelled",
        r#"{"customer":"ada","total":5,"vip":true,"due":[]}"#,
        &[
            Deed::Raise("label", r#"{"customer":null,"total":6}"#),
            Deed::Raise("label", "true"),
            Deed::Raise("label", r#"{"total":7}"#),
            Deed::Raise("label", "null"),
        ],
    ),
    ("recorded_value", "improved", "null", &[Deed::Until(4), GO]),
    ("patched", "renovated", "null", &[]),
    ("updates", "tally", "1", TALLY),
    (
        "until",
        "fill",
        "5",
        &[Deed::Update("add", "2"), Deed::Update("add", "3")],
    ),
    ("in_time", "in_time", "null", &[Deed::Until(3), GO]),
    ("bounded_fan_out", "bounded_fan_out", "[12,3]", &[]),
    ("measured", "measure", "3", &[]),
    (
        "detached_child",
        "household",
        r#"{"child":"d","close":null,"detached":true}"#,
        &[Deed::Until(3), GO],
    ),
    (
        "closed_child",
        "household",
        r#"{"child":"t","close":null}"#,
        &[Deed::Until(3), GO],
    ),
    (
        "cancelled_child",
        "household",
        r#"{"child":"c","close":"cancel"}"#,
        &[Deed::Until(3), GO],
    ),
    (
        "abandoned_child",
        "household",
        r#"{"child":"a","close":"abandon"}"#,
        &[Deed::Until(3), GO],
    ),
    ("stopped_child", "stop_child", r#""golden stopped""#, &[]),
    (
        "stopped_activity",
        "stop_activity",
        r#""s""#,
        &[Deed::Count("s"), Deed::Raise("stop", "1")],
    ),
    (
        "taken_id",
        "run_child",
        r#"{"child":"taken_id","name":"nap","input":1}"#,
        &[],
    ),
    (
        "saga",
        "journey",
        r#"{"actor":"j","bookings":2,"then":"arrive"}"#,
        &[],
    ),
    (
        "saga_undone",
        "journey",
        r#"{"actor":"j","bookings":3,"then":"fail"}"#,
        &[],
    ),
    (
        "saga_cancelled",
        "journey",
        r#"{"actor":"j","bookings":2,"then":"wait"}"#,
        &[Deed::Until(8), Deed::Cancel],
    ),
    (
        "request_taken",
        "journey",
        r#"{"actor":"j","bookings":1,"then":"wait-and-tell"}"#,
        &[Deed::Until(5), Deed::Cancel],
    ),
    (
        "cancelled",
        "await_event",
        "null",
        &[Deed::Until(2), Deed::Cancel],
    ),
    (
        "terminated",
        "await_event",
        "null",
        &[Deed::Until(2), Deed::Terminate],
    ),
    (
        "suspended",
        "await_event",
        "null",
        &[Deed::Until(2), Deed::Suspend, GO, Deed::Resume],
    ),
    (
        "continued_as_new",
        "countdown",
        r#"{"left":2,"sum":0}"#,
        &[Deed::Raise("add", "10"), Deed::Raise("add", "20")],
    ),
    (
        "published",
        "say",
        r#"{"topic":"golden","values":[1,"two"]}"#,
        &[],
    ),
    (
        "published_by_a_child",
        "listen_to_child",
        r#"{"topic":"child","values":[1,2]}"#,
        &[],
    ),
    (
        "unsubscribed",
        "hear_once",
        r#""heard""#,
        &[
            Deed::Until(3),
            Deed::Publish("heard", "5"),
            Deed::Until(7),
            Deed::Publish("heard", "6"),
            GO,
        ],
    ),
    (
        "letters",
        "write_letters",
        r#"{"actor":"c","due":"PT1H","by":[1,2],"back":1}"#,
        &[Deed::Until(4), GO],
    ),
    (
        "told_later",
        "await_event",
        "null",
        &[
            Deed::Until(2),
            Deed::Keeper("TellLater", r#"{"workflow":"told_later","at":1}"#),
        ],
    ),
];

const GO: Deed = Deed::Raise("go", r#""news""#);

const OPTIONS: &str = r#"{
    "activity": "fails_for_a_reason", "attempts": 4, "interval_ms": 1, "schedule_to_close_ms": 3600000,
    "heartbeat_timeout_ms": 60000, "non_retryable": true
}"#;

const TALLY: &[Deed] = &[
    Deed::Update("add", "2"),
    Deed::Update("add", "-2"),
    Deed::Query("total"),
    Deed::Update("add-double", "4"),
    Deed::Raise("close", "null"),
];

/// What is begun again, from which event, and with which result in its place: as a file of that name.
const RERUNS: [(&str, &str, u64, Option<&str>); 3] = [
    ("rerun", "call_counter", 4, None),
    ("rerun_with_a_result", "sequence", 2, Some("7")),
    ("rerun_from_the_start", "saga_undone", 0, None),
];

/// What is done to a workflow that runs.
enum Deed {
    /// An event, and its value.
    Raise(&'static str, &'static str),
    /// So many events are recorded before what comes next is done.
    Until(usize),
    /// A counter is above zero.
    Count(&'static str),
    /// An update, refused or not.
    Update(&'static str, &'static str),
    Query(&'static str),
    Publish(&'static str, &'static str),
    /// A call of the keeper of the workflow's name.
    Keeper(&'static str, &'static str),
    Suspend,
    Resume,
    Cancel,
    Terminate,
}

impl Deed {
    async fn run(&self, host: &Host, id: &str) {
        let key = workflow(id);
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        match *self {
            Deed::Raise(name, text) => host.raise(id, name, value(text)).await.unwrap(),
            Deed::Until(count) => host.until_events(id, count).await,
            Deed::Count(name) => host.until_count(name, 1).await,
            Deed::Update(name, text) => {
                let update = format!("{name} {text}");
                host.update(id, name, value(text), &update).await.ok();
            }
            Deed::Query(name) => drop(host.query(id, name, ()).await.unwrap()),
            Deed::Publish(topic, text) => {
                let tenant = tenant();
                let published = host.publish(&tenant, topic, text.into());
                published.await.unwrap();
            }
            Deed::Keeper(method, text) => {
                drop(host.call(&keeper(id), method, value(text)).await.unwrap());
            }
            Deed::Suspend => drop(host.suspend_workflow(&key, "maintenance").await.unwrap()),
            Deed::Resume => drop(host.resume_workflow(&key).await.unwrap()),
            Deed::Cancel => drop(host.cancel_workflow(&key, "enough").await.unwrap()),
            Deed::Terminate => drop(host.terminate_workflow(&key, "enough").await.unwrap()),
        }
    }
}

/// What an event is called here; a kind that is new is recorded by a scene of its own.
fn name_of(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Started(_) => "started",
        EventKind::ActivityScheduled(_) => "activity",
        EventKind::ActorCallScheduled(_) => "call",
        EventKind::ChildScheduled(_) => "child",
        EventKind::TimerScheduled(_) => "timer",
        EventKind::EventAwaited(_) => "wait for an event",
        EventKind::ActorMessageSent(_) => "message",
        EventKind::Cancelled(_) => "given up",
        EventKind::Resolved(_) => "result",
        EventKind::EventRaised(_) => "event",
        EventKind::Completed(_) => "completed",
        EventKind::Failed(_) => "failed",
        EventKind::UpdateAccepted(_) => "update",
        EventKind::UpdateCompleted(_) => "update applied",
        EventKind::Patched(_) => "patch",
        EventKind::ValueRecorded(_) => "recorded value",
        EventKind::CancelRequested(_) => "request to end",
        EventKind::Terminated(_) => "terminated",
        EventKind::ContinuedAsNew(_) => "continued as new",
        EventKind::CancelSent(_) => "asked to stop",
        EventKind::Suspended(_) => "suspended",
        EventKind::Resumed(_) => "resumed",
        EventKind::Shielded(_) => "shielded",
        EventKind::Published(_) => "published",
        EventKind::Subscribed(_) => "subscribed",
        EventKind::Unsubscribed(_) => "unsubscribed",
        EventKind::MessageDelayed(_) => "message that is due later",
        EventKind::MessageTakenBack(_) => "message taken back",
    }
}

/// All that [`name_of`] says.
const KINDS: [&str; 28] = [
    "activity",
    "asked to stop",
    "call",
    "child",
    "completed",
    "continued as new",
    "event",
    "failed",
    "given up",
    "message",
    "message taken back",
    "message that is due later",
    "patch",
    "published",
    "recorded value",
    "request to end",
    "result",
    "resumed",
    "shielded",
    "started",
    "subscribed",
    "suspended",
    "terminated",
    "timer",
    "unsubscribed",
    "update",
    "update applied",
    "wait for an event",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// An instance and its events, as a file holds them.
fn read(file: &Path) -> (Instance, Vec<Event>) {
    let bytes = fs::read(file).unwrap();
    let mut rest = &bytes[..];
    let instance = Instance::decode_length_delimited(&mut rest).unwrap();
    let mut events = Vec::new();
    while !rest.is_empty() {
        events.push(Event::decode_length_delimited(&mut rest).unwrap());
    }
    (instance, events)
}

fn write(file: &Path, instance: &Instance, events: &[Event]) {
    let mut bytes = instance.encode_length_delimited_to_vec();
    for event in events {
        bytes.extend(event.encode_length_delimited_to_vec());
    }
    fs::write(file, bytes).unwrap();
}

fn files() -> Vec<PathBuf> {
    let versions = fs::read_dir(folder()).unwrap().flatten();
    let files = versions.flat_map(|version| fs::read_dir(version.path()).unwrap().flatten());
    let mut files: Vec<_> = files.map(|file| file.path()).collect();
    files.sort();
    files
}

/// The id of the workflow that a file holds: its version and its name.
fn id_of(file: &Path) -> String {
    let file = file.strip_prefix(folder()).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn every_recorded_history_is_replayed_to_the_same_end() {
    let dir = prepared_dir().await;
    let files = files();
    let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
    for file in &files {
        let (instance, events) = read(file);
        let key = workflow(&id_of(file));
        let mut batch = Batch::new();
        batch.put_instance(&key, None, &instance);
        for (number, event) in (0..).zip(&events) {
            assert!(event.kind.is_some(), "{} has an unknown event", key.id);
            batch.put_event(&key, instance.run, number, event);
        }
        store.committer.commit(batch).await.unwrap();
    }
    store.committer.close();
    drop(store);
    let host = Scratch::resumed(dir, Limits::default()).await;
    host.deploy_fixture("sdk_probe").await;
    for file in &files {
        let rehearsal = host.rehearse(&workflow(&id_of(file)), None).await.unwrap();
        assert_eq!(rehearsal.verdict, Verdict::Agrees, "{}", file.display());
        let (instance, events) = read(file);
        if let Some(end) = end_of(instance, &events) {
            assert_eq!(rehearsal.outcome, Some(end), "{}", file.display());
        }
    }
}

/// What the code ended with; nothing where somebody else ended it or it went on as a new run.
fn end_of(instance: Instance, events: &[Event]) -> Option<Outcome> {
    match events.last().unwrap().kind.as_ref().unwrap() {
        EventKind::Completed(_) | EventKind::Failed(_) => {
            Some(Outcome::from(instance.outcome.unwrap()))
        }
        _ => None,
    }
}

#[test]
fn every_kind_of_event_is_in_a_recorded_history() {
    let all: Vec<_> = files().iter().map(|file| read(file).1).collect();
    let kinds = all
        .iter()
        .flatten()
        .map(|event| name_of(event.kind.as_ref().unwrap()));
    assert_eq!(kinds.collect::<BTreeSet<_>>(), BTreeSet::from(KINDS));
}

#[test]
fn every_scene_is_recorded() {
    let recorded: BTreeSet<_> = files()
        .iter()
        .map(|file| file.file_stem().unwrap().to_owned())
        .collect();
    let names = SCENES
        .iter()
        .map(|scene| scene.0)
        .chain(RERUNS.map(|rerun| rerun.0));
    for name in names {
        assert!(recorded.contains(std::ffi::OsStr::new(name)), "{name}");
    }
}

#[tokio::test]
#[ignore = "it writes the files that the other test reads"]
async fn record() {
    let host = Scratch::new().await;
    for (id, name, input, deeds) in SCENES {
        let input: Value = serde_json::from_str(input).unwrap();
        host.start(name, id, input).await.unwrap();
        for deed in *deeds {
            deed.run(&host, id).await;
        }
        host.wait(id).await.ok();
    }
    for (id, of, from, result) in RERUNS {
        let rerun = Rerun {
            from,
            result: result.map(|result| Ok(result.into())),
            id: Some(id.to_owned()),
            ..Rerun::default()
        };
        host.rerun(&workflow(of), rerun).await.unwrap();
        host.wait(id).await.ok();
    }
    let (store, _dir) = host.close().await;
    let names = SCENES
        .iter()
        .map(|scene| scene.0)
        .chain(RERUNS.map(|rerun| rerun.0));
    names.for_each(|name| keep(&store, name, name, None));
    keep(
        &store,
        "continued_as_new",
        "continued_as_new_first_run",
        Some(1),
    );
}

/// Writes a workflow's last run, or that one, where there is no such file.
fn keep(store: &Store, id: &str, name: &str, run: Option<u32>) {
    let file = folder()
        .join(env!("CARGO_PKG_VERSION"))
        .join(format!("{name}.history"));
    let key = workflow(id);
    let mut instance = store.reader.instance(&key).unwrap().unwrap();
    if let Some(run) = run {
        // How it ended is in its history alone: as the next one.
        (instance.run, instance.outcome) = (run, None);
    }
    let events = store.reader.history(&key, instance.run, 0, 10_000).unwrap();
    let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    if !file.exists() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        write(&file, &instance, &events);
    }
}

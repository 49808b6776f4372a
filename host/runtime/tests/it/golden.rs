//! Histories that earlier versions recorded are replayed by this one.
//!
//! Each file under `tests/golden` holds one workflow as the store encodes it: its instance and then its
//! events, every message with its length before it. A folder is named by the version that recorded it, and
//! its files are never changed. New ones are recorded, where there is no file of their name yet, by
//!
//! ```text
//! cargo test -p host-runtime --test it golden::record -- --ignored
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use host_runtime::Verdict;
use host_store::records::{Event, Instance};
use host_store::{Batch, Store, StoreOptions};
use prost::Message;

use super::*;
use crate::host::prepared_dir;

/// What is recorded: a workflow's name, its input, and whether an event `go` is raised for it.
const SCENES: [(&str, &str, bool); 14] = [
    ("fan_out", "20", false),
    ("sequence", "10", false),
    ("long_history", "50", true),
    ("race", "null", false),
    ("timed_out", "null", false),
    ("await_event", "null", true),
    ("nap", "10", false),
    ("parent", r#"{"children":3,"input":5}"#, false),
    ("child_with_id", r#""golden child""#, false),
    ("call_counter", r#"{"actor":"c","times":5}"#, false),
    ("send_counter", r#"{"actor":"c","times":5}"#, false),
    ("retries", "3", false),
    ("gives_up", "null", false),
    ("deterministic", "null", true),
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
    assert!(files.len() >= SCENES.len(), "too few: {files:?}");
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
    }
}

#[tokio::test]
#[ignore = "it writes the files that the other test reads"]
async fn record() {
    let host = Scratch::new().await;
    let folder = folder().join(env!("CARGO_PKG_VERSION"));
    fs::create_dir_all(&folder).unwrap();
    for (name, input, raises) in SCENES {
        let input: Value = serde_json::from_str(input).unwrap();
        host.start(name, name, input).await.unwrap();
        if raises {
            host.raise(name, "go", "news").await.unwrap();
        }
        host.wait(name).await.ok();
    }
    let host = host.close().await;
    let (store, _dir) = host;
    for (name, ..) in SCENES {
        let file = folder.join(format!("{name}.history"));
        let key = workflow(name);
        let instance = store.reader.instance(&key).unwrap().unwrap();
        let events = store.reader.history(&key, 1, 0, 10_000).unwrap();
        let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
        if !file.exists() {
            write(&file, &instance, &events);
        }
    }
}

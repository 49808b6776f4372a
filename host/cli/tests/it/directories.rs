//! The data directory: where it is, and what is said where it cannot be used.

use std::fs::{self, File};
use std::io::Write;

use crate::host::Host;

/// Holds a data directory as another host would.
fn occupy(host: &Host, name: &str) -> File {
    let dir = host.dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    let mut lock = File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    lock.write_all(b"4711").unwrap();
    lock
}

#[test]
fn a_directory_in_use_is_refused_with_its_user_named() {
    let host = Host::new();
    let _lock = occupy(&host, ".host");
    let plugin = host.file("p.wasm", "");
    let commands: [&[&str]; 4] = [
        &["run", plugin],
        &["resume"],
        &["workflow", "list"],
        &["actor", "call", "A", "1", "m"],
    ];
    for command in commands {
        let output = host.run(command).expect(3);
        output.says("error: .host is in use by process 4711; stop that one first");
    }
}

#[test]
fn the_directory_may_be_named_by_argument_or_environment() {
    let host = Host::new();
    let _lock = occupy(&host, "busy");
    host.run(&["workflow", "list", "--data", "busy"]).expect(3);
    let named = host
        .command(&["workflow", "list"])
        .env("HOST_DATA", "busy")
        .output();
    assert_eq!(named.unwrap().status.code(), Some(3));
    host.run(&["workflow", "list", "--data", "free"]).expect(0);
    assert!(host.dir().join("free").is_dir());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let host = Host::new();
    host.file("file", "");
    let output = host.run(&["workflow", "list", "--data", "file"]);
    output.expect(3).says("file");
}

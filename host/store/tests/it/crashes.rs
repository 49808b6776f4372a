//! What is left after the process is killed or the disk refuses a write.
//!
//! A child is this test binary again with one test picked and a variable set; without the variable that
//! test does nothing.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use host_store::{Commit, CommitError};

use super::*;

const CHILD_DIR: &str = "HOST_STORE_TEST_CHILD_DIR";
const ACKNOWLEDGED: &str = "acknowledged ";
const IN_FLIGHT: usize = 32;

/// Where this process is the child of a test and commits until it is ended.
fn child_dir() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIR).map(PathBuf::from)
}

/// The `n`th batch: rows in several keyspaces and one value that goes to a blob file.
fn nth(n: u64) -> Batch {
    let key = workflow(&format!("{n}"));
    batch(|batch| {
        batch.put_instance(&key, None, &instance("w", Status::Running));
        batch.put_event(&key, 1, 0, &event(n));
        batch.put_mail(&Entity::Workflow(key), 0, &mail("m"));
        batch.put_state(&actor("a", &format!("{n}")), "k", payload(n).into());
    })
}

fn payload(n: u64) -> Vec<u8> {
    n.to_be_bytes()
        .repeat(if n.is_multiple_of(16) { 1_000 } else { 10 })
}

/// Whether the `n`th batch is there; panics where only a part of it is.
fn has(store: &Store, n: u64) -> bool {
    let key = workflow(&format!("{n}"));
    let reader = &store.reader;
    let state = reader.state(&actor("a", &format!("{n}")), "k").unwrap();
    let mails = reader
        .inbox(&Entity::Workflow(key.clone()), None, 9)
        .unwrap();
    let parts = [
        reader.instance(&key).unwrap().is_some(),
        reader.event(&key, 1, 0).unwrap() == Some(event(n)),
        mails.len() == 1,
        state.is_some_and(|value| value == payload(n).into()),
    ];
    assert!(
        parts.iter().all(|part| *part == parts[0]),
        "batch {n}: {parts:?}"
    );
    parts[0]
}

/// Commits batch after batch with several on their way, and prints what is acknowledged, until it fails.
fn commit_until_refused(store: &Store) -> CommitError {
    let mut commits = VecDeque::new();
    let mut acknowledged = 0;
    loop {
        while commits.len() < IN_FLIGHT {
            let next = acknowledged + commits.len() as u64;
            commits.push_back(store.committer.commit(nth(next)));
        }
        if let Err(error) = commits.pop_front().map_or(Ok(()), Commit::wait) {
            let rest = commits.into_iter().map(Commit::wait);
            rest.for_each(|result| assert_eq!(result, Err(error.clone())));
            return error;
        }
        let mut line = std::io::stdout().lock();
        writeln!(line, "{ACKNOWLEDGED}{acknowledged}").unwrap();
        acknowledged += 1;
    }
}

fn this_test_binary(dir: &Path, test: &str) -> Vec<String> {
    let binary = std::env::current_exe().unwrap();
    let variable = format!("{CHILD_DIR}={}", dir.display());
    let binary = binary.to_str().unwrap().to_owned();
    let options = ["--exact", "--nocapture", "--test-threads=1"].map(str::to_owned);
    let name = format!("crashes::{test}");
    [
        vec!["env".to_owned(), variable, binary, name],
        options.to_vec(),
    ]
    .concat()
}

fn spawn(command: &mut Command) -> (Child, impl Iterator<Item = u64> + use<>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let numbers = lines.filter_map(|line| {
        let line = line.unwrap();
        // The test harness begins its line without ending it.
        let (_, number) = line.split_once(ACKNOWLEDGED)?;
        number.parse().ok()
    });
    (child, numbers)
}

/// Every acknowledged batch is there whole, none is there in part, and none without those before it.
fn check_batches(store: &Store, acknowledged: u64) {
    let mut n = 0;
    while has(store, n) {
        n += 1;
    }
    assert!(n >= acknowledged, "{n} of {acknowledged} batches");
    assert!((n..n + 4 * IN_FLIGHT as u64).all(|later| !has(store, later)));
}

#[test]
fn child_commits_until_it_is_killed() {
    if let Some(dir) = child_dir() {
        panic!("{}", commit_until_refused(&open(&dir)));
    }
}

#[test]
fn killing_the_process_loses_nothing_acknowledged_and_leaves_nothing_half() {
    let dir = tempfile::tempdir().unwrap();
    let mut least = 0;
    for round in 1..=3_u64 {
        let store_dir = dir.path().join(format!("{round}"));
        let command = this_test_binary(&store_dir, "child_commits_until_it_is_killed");
        let (mut child, mut numbers) = spawn(Command::new(&command[0]).args(&command[1..]));
        let reached = numbers.find(|n| *n >= 200 * round);
        child.kill().unwrap();
        let last = numbers.last().or(reached).unwrap();
        child.wait().unwrap();
        let store = open(&store_dir);
        assert_eq!(store.boot, 2);
        check_batches(&store, last + 1);
        least = least.max(last);
    }
    assert!(least >= 600);
}

#[test]
fn child_commits_until_the_disk_is_full() {
    let Some(dir) = child_dir() else { return };
    let store = open(&dir);
    let error = commit_until_refused(&store);
    let CommitError::Closed { reason } = &error;
    assert!(reason.starts_with("write failed: "), "{reason}");
    assert_eq!(store.committer.closed_reason().as_ref(), Some(reason));
    assert_eq!(store.committer.backlog_bytes(), 0);
    assert_eq!(store.committer.commit(Batch::new()).wait(), Err(error));
    // Reading goes on.
    assert!(has(&store, 0));
}

#[test]
fn a_write_that_fails_closes_the_committer_and_nothing_more_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    // A limit of the shell's on the size of a file, in units of 512 bytes or of 1 KiB; the signal that
    // would end the process is ignored, so that writes fail instead.
    let limited = r#"ulimit -f 512; trap "" XFSZ; exec "$@""#;
    let test = "child_commits_until_the_disk_is_full";
    let command = this_test_binary(dir.path(), test);
    let shell = ["-c", limited, "sh"].map(str::to_owned);
    let (mut child, numbers) = spawn(Command::new("sh").args(shell).args(command));
    let acknowledged = numbers.last().unwrap() + 1;
    assert!(child.wait().unwrap().success());
    check_batches(&open(dir.path()), acknowledged);
}

//! What the committer promises to those who hand it batches.

use std::sync::Barrier;
use std::thread;

use host_store::{CommitError, StateValue};

use super::*;

#[test]
fn an_acknowledged_batch_is_there_after_reopening() {
    let scratch = Scratch::new();
    scratch.commit(|batch| batch.put_event(&workflow("w"), 1, 0, &event(7)));
    let scratch = scratch.reopen();
    let found = scratch.reader.event(&workflow("w"), 1, 0).unwrap();
    assert_eq!(found, Some(event(7)));
}

#[test]
fn a_batch_is_a_plain_value() {
    let one = batch(|batch| batch.put_mail(&to_workflow("w"), 1, &mail("a")));
    let other = batch(|batch| batch.delete_mail(&to_workflow("w"), 1));
    let mut both = one.clone();
    both.append(other.clone());
    assert_eq!(both.ops(), [one.ops(), other.ops()].concat());
    assert_eq!(both.bytes(), one.bytes() + other.bytes());
    assert!(Batch::new().is_empty() && !both.is_empty());
}

#[test]
fn batches_are_applied_in_the_order_of_their_commits() {
    let scratch = Scratch::new();
    let counter = actor("counter", "c");
    let put = |number: u32| {
        let value = number.to_be_bytes().to_vec().into();
        batch(|batch| batch.put_state(&counter, "n", value))
    };
    let commits: Vec<_> = (0..5_000)
        .map(|n| scratch.committer.commit(put(n)))
        .collect();
    commits
        .into_iter()
        .for_each(|commit| commit.wait().unwrap());
    let last = scratch.reader.state(&counter, "n").unwrap().unwrap();
    assert_eq!(last.bytes, 4_999_u32.to_be_bytes());
    assert_eq!(scratch.committer.backlog_bytes(), 0);
}

#[test]
fn an_acknowledgement_covers_what_was_committed_before_by_the_same_caller() {
    let scratch = Scratch::new();
    let start = Barrier::new(8);
    let from_one_caller = |caller: u32| {
        start.wait();
        for number in 0..50 {
            let key = workflow(&format!("{caller}"));
            let put = batch(|batch| batch.put_event(&key, 1, number, &event(number)));
            drop(scratch.committer.commit(put));
            // An empty batch changes nothing, but it keeps its place.
            scratch.committer.commit(Batch::new()).wait().unwrap();
            let found = scratch.reader.event(&key, 1, number).unwrap();
            assert_eq!(found, Some(event(number)));
        }
    };
    thread::scope(|scope| {
        for caller in 0..8 {
            scope.spawn(move || from_one_caller(caller));
        }
    });
}

#[test]
fn a_batch_larger_than_a_group_is_written_whole() {
    let scratch = Scratch::new();
    let large: Vec<u8> = (0..3 << 20_u32).map(|byte| byte as u8).collect();
    let large = StateValue::from(large);
    let keeper = actor("keeper", "k");
    scratch.commit(|batch| {
        batch.put_state(&keeper, "a", large.clone());
        batch.put_state(&keeper, "b", large.clone());
    });
    let scratch = scratch.reopen();
    assert_eq!(scratch.reader.state(&keeper, "a").unwrap().unwrap(), large);
    assert_eq!(scratch.reader.state(&keeper, "b").unwrap().unwrap(), large);
}

#[test]
fn closing_makes_what_is_queued_durable_and_refuses_what_comes_later() {
    let scratch = Scratch::new();
    let put = |n: u64| batch(|batch| batch.put_event(&workflow("w"), 1, n, &event(n)));
    let commits: Vec<_> = (0..1_000)
        .map(|n| scratch.committer.commit(put(n)))
        .collect();
    assert_eq!(scratch.committer.closed_reason(), None);
    scratch.committer.close();
    scratch.committer.clone().close();
    commits
        .into_iter()
        .for_each(|commit| commit.wait().unwrap());
    let reason = "it was closed".to_owned();
    assert_eq!(scratch.committer.closed_reason(), Some(reason.clone()));
    let late = scratch.committer.commit(put(1_000)).wait();
    assert_eq!(late, Err(CommitError::Closed { reason }));
    let found = scratch.reader.history(&workflow("w"), 1, 0, 2_000).unwrap();
    assert_eq!(found.len(), 1_000);
}

#[test]
fn dropping_the_last_handle_makes_what_is_queued_durable() {
    let scratch = Scratch::new();
    for n in 0..1_000 {
        let put = batch(|batch| batch.put_event(&workflow("w"), 1, n, &event(n)));
        drop(scratch.committer.commit(put));
    }
    let scratch = scratch.reopen();
    let found = scratch.reader.history(&workflow("w"), 1, 0, 2_000).unwrap();
    assert_eq!(found.len(), 1_000);
}

#[tokio::test]
async fn a_task_can_wait_for_a_commit() {
    let scratch = Scratch::new();
    let put = batch(|batch| batch.put_event(&workflow("w"), 1, 0, &event(7)));
    scratch.committer.commit(put).await.unwrap();
    assert!(
        scratch
            .reader
            .event(&workflow("w"), 1, 0)
            .unwrap()
            .is_some()
    );
}

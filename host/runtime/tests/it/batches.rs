//! What is done to all workflows that fit: to each once, to no other, until it is done or given up.

use std::time::Duration;

use host_base::Timestamp;
use host_base::failure::code;
use host_base::time::ManualClock;
use host_engine::WorkflowStatus;
use host_runtime::records::{
    BatchDeed, BatchJob, BatchPurge, BatchStage, EventKind, EventRaised, Reason, Resumed, Status,
};
use host_runtime::{BatchView, Selection, WorkflowFilter};

use super::*;
use crate::host::in_time;

/// Workflows of a batch of several pages.
const MANY: usize = 150;

fn named(name: &str) -> Selection {
    Selection {
        filter: WorkflowFilter {
            name: Some(name.to_owned()),
            status: None,
        },
        ..Selection::default()
    }
}

fn terminate() -> BatchDeed {
    let reason = "enough".to_owned();
    BatchDeed::Terminate(Reason { reason })
}

fn purge(force: bool) -> BatchDeed {
    BatchDeed::Purge(BatchPurge { force })
}

async fn begin(host: &Host, deed: BatchDeed, selection: &Selection) -> BatchView {
    let begun = host.start_batch(&tenant(), deed, selection, None).await;
    begun.unwrap()
}

async fn ended(host: &Host, id: &str) -> BatchJob {
    let ended = in_time("the end of a batch", host.wait_for_batch(&tenant(), id)).await;
    let view = ended.unwrap().unwrap();
    assert!(view.has_ended(), "{view:?}");
    view.job
}

async fn carry_out(host: &Host, deed: BatchDeed, selection: &Selection) -> BatchJob {
    let begun = begin(host, deed, selection).await;
    assert!(!begun.has_ended());
    ended(host, &begun.id).await
}

/// How many it matched, to how many it was done, how many were skipped, and how many failed.
fn counts(job: &BatchJob) -> (u64, u64, u64, u64) {
    (job.matched.unwrap(), job.done, job.skipped, job.failed)
}

/// So many workflows that wait for the event `go`.
async fn waiting(host: &Host, number: usize) {
    for number in 0..number {
        let id = format!("w-{number:03}");
        host.start("await_event", &id, ()).await.unwrap();
    }
}

fn standing(host: &Host, status: Status) -> usize {
    let filter = WorkflowFilter {
        status: Some(status),
        ..WorkflowFilter::default()
    };
    let found = host.workflows(&tenant(), &filter, None, usize::MAX);
    found.unwrap().len()
}

#[tokio::test]
async fn a_batch_ends_all_workflows_that_fit_and_no_other() {
    let host = Scratch::new().await;
    waiting(&host, MANY).await;
    host.run("nap", "x", 1).await.unwrap();
    host.start("countdown", "y", json!({"left": 1, "sum": 0}))
        .await
        .unwrap();
    assert_eq!(
        host.count_workflows(&tenant(), &named("await_event"))
            .await
            .unwrap(),
        MANY as u64
    );
    let job = carry_out(&host, terminate(), &named("await_event")).await;
    assert_eq!(counts(&job), (MANY as u64, MANY as u64, 0, 0));
    assert_eq!((job.stage(), job.deleted), (BatchStage::Completed, 0));
    assert_eq!(standing(&host, Status::Terminated), MANY);
    let (_, last) = host.events("w-007").pop().unwrap();
    assert!(matches!(last, EventKind::Terminated(one) if one.reason == "enough"));
    assert!(!host.view("y").unwrap().has_ended());
    // What has ended is passed over, and all fit where nothing is said.
    let again = carry_out(&host, terminate(), &Selection::default()).await;
    let all = MANY as u64 + 2;
    assert_eq!(counts(&again), (all, 1, all - 1, 0));
}

#[tokio::test]
async fn workflows_are_held_let_go_and_told_by_batches() {
    let host = Scratch::new().await;
    waiting(&host, 3).await;
    let reason = "night".to_owned();
    let job = carry_out(
        &host,
        BatchDeed::Suspend(Reason { reason }),
        &named("await_event"),
    )
    .await;
    assert_eq!(counts(&job), (3, 3, 0, 0));
    assert_eq!(standing(&host, Status::Suspended), 3);
    host.resume_workflow(&workflow("w-001")).await.unwrap();
    let job = carry_out(&host, BatchDeed::Resume(Resumed {}), &named("await_event")).await;
    assert_eq!(counts(&job), (3, 2, 1, 0));
    let event = EventRaised {
        name: "go".to_owned(),
        value: b"7".to_vec(),
    };
    let job = carry_out(&host, BatchDeed::Raise(event), &named("await_event")).await;
    assert_eq!(counts(&job), (3, 3, 0, 0));
    for id in ["w-000", "w-001", "w-002"] {
        assert_eq!(host.wait(id).await, Ok(json!(7)));
    }
    waiting(&host, 1).await;
    let reason = "late".to_owned();
    let job = carry_out(
        &host,
        BatchDeed::Cancel(Reason { reason }),
        &named("await_event"),
    )
    .await;
    assert_eq!(counts(&job), (3, 1, 2, 0));
    assert_eq!(failure(host.wait("w-000").await).0, "cancelled");
}

#[tokio::test]
async fn a_purge_leaves_what_has_not_ended_unless_it_is_forced() {
    let host = Scratch::new().await;
    let family = json!({"children": 3, "input": 1});
    host.run("parent", "p", family).await.unwrap();
    waiting(&host, 2).await;
    let job = carry_out(&host, purge(false), &Selection::default()).await;
    // Children go with their parent, whoever of them is looked at first.
    assert_eq!((job.deleted, job.left, job.failed), (4, 2, 0));
    assert_eq!(host.view("p"), None);
    let job = carry_out(&host, purge(true), &Selection::default()).await;
    assert_eq!((counts(&job), job.deleted, job.left), ((2, 2, 0, 0), 2, 0));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn only_what_was_started_in_the_time_that_is_said_fits() {
    let clock = ManualClock::at(Timestamp(1_000));
    let host = Scratch::at(clock.clone()).await;
    host.start("await_event", "early", ()).await.unwrap();
    clock.set(Timestamp(1_010));
    host.start("await_event", "late", ()).await.unwrap();
    let between = |from: Option<u64>, until: Option<u64>| Selection {
        created_from: from.map(Timestamp),
        created_until: until.map(Timestamp),
        ..Selection::default()
    };
    let count = async |from, until| {
        let counted = host.count_workflows(&tenant(), &between(from, until)).await;
        counted.unwrap()
    };
    assert_eq!(count(None, Some(1_000)).await, 0);
    assert_eq!(count(Some(1_000), Some(1_010)).await, 1);
    assert_eq!(count(Some(1_001), None).await, 1);
    let job = carry_out(&host, terminate(), &between(None, Some(1_010))).await;
    assert_eq!(counts(&job), (1, 1, 0, 0));
    assert_eq!(host.view("late").unwrap().status_name(), "running");
}

#[tokio::test]
async fn a_batch_that_is_asked_for_again_under_its_key_is_the_first_one() {
    let host = Scratch::new().await;
    waiting(&host, 2).await;
    let ask = async |deed: BatchDeed, key: &str| {
        let begun = host
            .start_batch(&tenant(), deed, &named("await_event"), Some(key))
            .await;
        begun.unwrap().id
    };
    let first = ask(terminate(), "k").await;
    assert_eq!(ended(&host, &first).await.done, 2);
    assert_eq!(ask(terminate(), "k").await, first);
    assert_ne!(ask(terminate(), "l").await, first);
    assert_ne!(ask(purge(false), "k").await, first);
}

/// A workflow whose turn takes its time, so that whoever wants to end it waits.
async fn busy(host: &Host, id: &str) {
    host.start("misbehave", id, "spin").await.unwrap();
    crate::host::until("a turn that spins", async || {
        (host.view(id)?.status == WorkflowStatus::Pending).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_given_up_does_no_more_and_stays_so() {
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(3)).await;
    busy(&host, "a").await;
    waiting(&host, MANY).await;
    let begun = begin(&host, terminate(), &Selection::default()).await;
    let aborted = host
        .abort_batch(&tenant(), &begun.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(aborted.job.stage(), BatchStage::Aborted);
    let job = ended(&host, &begun.id).await;
    assert_eq!(job.stage(), BatchStage::Aborted);
    assert!(standing(&host, Status::Terminated) <= 64);
    assert_eq!(job.done, standing(&host, Status::Terminated) as u64);
    let host = host.reopen().await;
    let after = host.batch(&tenant(), &begun.id).unwrap().unwrap();
    assert_eq!(after.job, job);
    // What has ended is left as it is.
    let again = host.abort_batch(&tenant(), &begun.id).await.unwrap();
    assert_eq!(again, Some(after));
    assert_eq!(host.abort_batch(&tenant(), "none").await.unwrap(), None);
}

#[tokio::test]
async fn a_batch_goes_on_where_the_host_was_stopped() {
    let host = Scratch::with(|limits| limits.turn_cpu_max = Duration::from_secs(2)).await;
    busy(&host, "a").await;
    waiting(&host, MANY).await;
    let begun = begin(&host, terminate(), &Selection::default()).await;
    let host = host.reopen().await;
    let job = ended(&host, &begun.id).await;
    assert_eq!(job.stage(), BatchStage::Completed);
    assert_eq!(job.matched, Some(MANY as u64 + 1));
    assert_eq!(standing(&host, Status::Terminated), MANY + 1);
}

#[tokio::test]
async fn batches_at_work_and_batches_that_are_kept_are_bounded() {
    let host = Scratch::with(|limits| limits.batches_running_max = 0).await;
    let refused = host
        .start_batch(&tenant(), terminate(), &named("nap"), None)
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, code::LIMIT);
    assert!(
        refused.message.contains("`batches_running_max`"),
        "{refused}"
    );
    let host = Scratch::with(|limits| limits.batches_kept_max = 2).await;
    let first = begin(&host, terminate(), &named("nap")).await.id;
    ended(&host, &first).await;
    for _ in 0..2 {
        assert!(host.batch(&tenant(), &first).unwrap().is_some());
        carry_out(&host, terminate(), &named("nap")).await;
    }
    assert_eq!(host.batches(&tenant()).unwrap().len(), 2);
    assert_eq!(host.batch(&tenant(), &first).unwrap(), None);
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_before_anything_is_done() {
    let host = Scratch::with(|limits| limits.payload_bytes_max = 10).await;
    let event = EventRaised {
        name: "go".to_owned(),
        value: vec![b'1'; 11],
    };
    let (deed, all) = (BatchDeed::Raise(event), Selection::default());
    let refused = host.start_batch(&tenant(), deed, &all, None).await;
    assert_eq!(refused.unwrap_err().code, code::LIMIT);
    assert_eq!(host.batches(&tenant()).unwrap(), []);
}

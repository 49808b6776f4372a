//! How workflows end early, are held, and go on as new runs.

use std::time::Duration;

use host_engine::WorkflowStatus;
use host_runtime::ControlError;
use host_store::WorkflowFilter;
use host_store::records::EventKind;

use super::*;
use crate::host::in_time;

/// A workflow that waits for the event `go`, and has begun to.
async fn waiting(host: &Host, id: &str) {
    host.start("await_event", id, ()).await.unwrap();
    host.until_events(id, 2).await;
}

async fn terminate(host: &Host, id: &str) -> Result<WorkflowStatus, ControlError> {
    let key = workflow(id);
    let ended = host.terminate_workflow(&key, "enough");
    let view = in_time("the end of a workflow", ended).await?;
    Ok(view.status)
}

fn status(host: &Host, id: &str) -> WorkflowStatus {
    host.view(id).unwrap().status
}

#[tokio::test]
async fn a_terminated_workflow_has_ended_at_once_and_says_why() {
    let host = Scratch::new().await;
    waiting(&host, "w").await;
    assert_eq!(
        terminate(&host, "w").await.unwrap(),
        WorkflowStatus::Terminated
    );
    let (code, message) = failure(host.wait("w").await);
    assert_eq!(code, "terminated");
    assert_eq!(message, "workflow w was terminated: enough");
    let (_, last) = host.events("w").pop().unwrap();
    assert!(matches!(last, EventKind::Terminated(one) if one.reason == "enough"));
    // The id is free again.
    host.start("nap", "w", 1).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!("rested")));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn what_has_ended_or_never_was_cannot_be_ended_held_or_resumed() {
    let host = Scratch::new().await;
    let none = host.cancel_workflow(&workflow("w"), "").await;
    assert!(matches!(none, Err(ControlError::NotFound { .. })));
    host.run("nap", "w", 1).await.unwrap();
    let ended = terminate(&host, "w").await.unwrap_err();
    assert_eq!(ended.to_string(), "workflow w is completed already");
    let ended = host.suspend_workflow(&workflow("w"), "").await;
    assert!(matches!(ended, Err(ControlError::AlreadyEnded(_))));
    waiting(&host, "v").await;
    let runs = host.resume_workflow(&workflow("v")).await.unwrap_err();
    assert_eq!(
        runs.to_string(),
        "workflow v is not suspended: it is running"
    );
}

#[tokio::test]
async fn a_suspended_workflow_keeps_what_arrives_and_goes_on_when_it_is_resumed() {
    let host = Scratch::new().await;
    waiting(&host, "w").await;
    let key = workflow("w");
    let held = host.suspend_workflow(&key, "maintenance").await.unwrap();
    assert_eq!(held.status, WorkflowStatus::Suspended);
    assert_eq!(held.suspension.unwrap().reason, "maintenance");
    host.raise("w", "go", "news").await.unwrap();
    host.until_events("w", 4).await;
    assert_eq!(status(&host, "w"), WorkflowStatus::Suspended);
    let host = host.reopen().await;
    assert_eq!(status(&host, "w"), WorkflowStatus::Suspended);
    assert_eq!(host.unfinished().unwrap().suspended, 1);
    host.resume_workflow(&key).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!("news")));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_suspended_workflow_can_be_terminated() {
    let host = Scratch::new().await;
    waiting(&host, "w").await;
    host.suspend_workflow(&workflow("w"), "").await.unwrap();
    assert_eq!(
        terminate(&host, "w").await.unwrap(),
        WorkflowStatus::Terminated
    );
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_timer_that_is_over_while_its_workflow_is_held_is_seen_afterwards() {
    let host = Scratch::new().await;
    host.start("nap", "w", 30).await.unwrap();
    host.suspend_workflow(&workflow("w"), "").await.unwrap();
    // Its start, the timer, the suspension, the timer's end.
    host.until_events("w", 4).await;
    assert_eq!(status(&host, "w"), WorkflowStatus::Suspended);
    host.resume_workflow(&workflow("w")).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!("rested")));
}

/// A parent of one child, both waiting.
async fn household(host: &Host, close: Value, detached: bool) {
    let input = json!({"child": "child", "close": close, "detached": detached});
    host.start("household", "parent", input).await.unwrap();
    host.until_events("child", 2).await;
}

#[tokio::test]
async fn a_child_ends_with_its_parent_unless_it_is_abandoned() {
    for (close, ends) in [(Value::Null, true), (json!("abandon"), false)] {
        let host = Scratch::new().await;
        household(&host, close, false).await;
        terminate(&host, "parent").await.unwrap();
        if ends {
            let (code, message) = failure(host.wait("child").await);
            assert_eq!(code, "terminated");
            assert!(message.ends_with("its parent has ended"), "{message}");
        } else {
            host.raise("child", "go", 1).await.unwrap();
            assert_eq!(host.wait("child").await, Ok(json!(1)));
        }
        // Its end is told to a parent that is gone.
        host.until_all_left().await;
        host.close_and_find_nothing_left().await;
    }
}

#[tokio::test]
async fn a_detached_child_runs_on_unless_its_parent_said_otherwise() {
    for (close, ends) in [(Value::Null, false), (json!("terminate"), true)] {
        let host = Scratch::new().await;
        household(&host, close, true).await;
        host.raise("parent", "go", "done").await.unwrap();
        assert_eq!(host.wait("parent").await, Ok(json!("done")));
        if ends {
            let (code, _) = failure(host.wait("child").await);
            assert_eq!(code, "terminated");
        } else {
            host.raise("child", "go", 1).await.unwrap();
            assert_eq!(host.wait("child").await, Ok(json!(1)));
        }
        host.close_and_find_nothing_left().await;
    }
}

#[tokio::test]
async fn a_taken_id_fails_a_detached_child_and_leaves_its_owner_alone() {
    let host = Scratch::new().await;
    waiting(&host, "child").await;
    let input = json!({"child": "child", "close": "terminate", "detached": true});
    let (code, _) = failure(host.run("household", "parent", input).await);
    assert_eq!(code, "already-exists");
    assert_eq!(status(&host, "child"), WorkflowStatus::Running);
}

#[tokio::test]
async fn a_run_that_continues_as_new_hands_on_its_events_and_whoever_waits() {
    let host = Scratch::new().await;
    let input = json!({"left": 3, "sum": 0});
    host.start("countdown", "w", input).await.unwrap();
    for number in [10, 20, 30] {
        host.raise("w", "add", number).await.unwrap();
    }
    assert_eq!(host.wait("w").await, Ok(json!(68)));
    let view = host.view("w").unwrap();
    assert_eq!((view.run, view.status), (4, WorkflowStatus::Completed));
    let last = host.history(&workflow("w"), 1, 0, 100).unwrap().pop();
    let last = last.unwrap().1.kind.unwrap();
    assert!(matches!(last, EventKind::ContinuedAsNew(_)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_parent_gets_the_result_of_a_childs_last_run() {
    let host = Scratch::new().await;
    let input = json!({"child": "w", "name": "countdown", "input": {"left": 2, "sum": 0}});
    host.start("run_child", "parent", input).await.unwrap();
    for number in [1, 2] {
        crate::host::until("the child", async || host.view("w")).await;
        host.raise("w", "add", number).await.unwrap();
    }
    assert_eq!(host.wait("parent").await, Ok(json!(9)));
}

#[tokio::test]
async fn a_long_history_is_told_and_seen_by_the_code_before_the_limit_ends_it() {
    let host = Scratch::with(|limits| limits.history_events_max = 20).await;
    let sizes = host.run("measure", "w", 8).await.unwrap();
    let sizes: Vec<(u64, bool)> = serde_json::from_value(sizes).unwrap();
    // The start; then a timer's arming and its end for each sleep.
    let expected: Vec<_> = (0..8).map(|n| (1 + 2 * n, 1 + 2 * n >= 16)).collect();
    assert_eq!(sizes, expected);
    let told = host.all_told(|happening| match happening {
        Happening::HistoryLong { events_max, .. } => Some(*events_max),
        _ => None,
    });
    assert_eq!(told, [20]);
    let (code, message) = failure(host.run("measure", "v", 12).await);
    assert_eq!(code, "limit");
    assert!(message.contains("history_events_max"), "{message}");
}

fn journey(then: &str) -> Value {
    json!({"actor": "c", "bookings": 3, "then": then})
}

/// The inputs of the activities that a workflow had done, in their order.
fn activities(host: &Host, id: &str) -> Vec<i64> {
    let kinds = host.events(id).into_iter().map(|(_, kind)| kind);
    let inputs = kinds.filter_map(|kind| match kind {
        EventKind::ActivityScheduled(one) => {
            let input: Value = serde_json::from_slice(&one.input).unwrap();
            input["by"].as_i64()
        }
        _ => None,
    });
    inputs.collect()
}

#[tokio::test]
async fn a_saga_that_fails_is_undone_backwards_and_one_that_works_is_not() {
    let host = Scratch::new().await;
    let (code, _) = failure(host.run("journey", "w", journey("fail")).await);
    assert_eq!(code, "lost");
    assert_eq!(activities(&host, "w"), [1, 2, 3, -3, -2, -1]);
    assert_eq!(host.count("c").await, 0);
    let arrived = host.run("journey", "v", journey("arrive")).await;
    assert_eq!(arrived, Ok(json!("arrived")));
    assert_eq!(host.count("c").await, 6);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_fan_out_with_a_limit_has_no_more_outstanding() {
    let host = Scratch::with(|limits| limits.workflow_pending_max = 5).await;
    assert_eq!(
        host.run("bounded_fan_out", "w", (40, 5)).await,
        Ok(json!(1_560))
    );
}

#[tokio::test]
async fn only_what_has_ended_is_purged_unless_it_is_forced() {
    let host = Scratch::new().await;
    waiting(&host, "w").await;
    let refused = host.purge_workflow(&workflow("w"), false).await;
    let text = "workflow w has not ended: it is running";
    assert_eq!(refused.unwrap_err().to_string(), text);
    let purged = host.purge_workflow(&workflow("w"), true).await.unwrap();
    assert_eq!((purged.deleted, purged.left), (1, 0));
    assert_eq!(host.view("w"), None);
    assert_eq!(host.history(&workflow("w"), 1, 0, 10).unwrap(), []);
    // Its id begins anew, and what may still come for its old run is not taken for the new one's.
    let host = host.reopen().await;
    waiting(&host, "w").await;
    assert_eq!(host.view("w").unwrap().run, 2);
    host.raise("w", "go", 7).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!(7)));
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn children_are_purged_with_their_parent_where_they_have_ended() {
    let host = Scratch::new().await;
    let family = json!({"children": 3, "input": 1});
    host.run("parent", "w", family).await.unwrap();
    let purged = host.purge_workflow(&workflow("w"), false).await.unwrap();
    assert_eq!((purged.deleted, purged.left), (4, 0));
    household(&host, json!("abandon"), false).await;
    host.raise("parent", "go", 1).await.unwrap();
    host.wait("parent").await.unwrap();
    let purged = host
        .purge_workflow(&workflow("parent"), false)
        .await
        .unwrap();
    assert_eq!((purged.deleted, purged.left), (1, 1));
    assert_eq!(status(&host, "child"), WorkflowStatus::Running);
    let all = host.workflows(&tenant(), &Default::default(), None, 10);
    assert_eq!(all.unwrap().len(), 1);
}

#[tokio::test]
async fn what_has_ended_is_deleted_after_its_time_and_nothing_is_left_of_it() {
    let host = Scratch::with(|limits| {
        limits.retention.completed = Some(Duration::from_millis(20));
        limits.retention.terminated = Some(Duration::from_hours(1));
    })
    .await;
    for number in 0..300 {
        host.start("nap", &format!("nap-{number}"), 1)
            .await
            .unwrap();
    }
    waiting(&host, "w").await;
    terminate(&host, "w").await.unwrap();
    let filter = WorkflowFilter {
        name: Some("nap".to_owned()),
        ..WorkflowFilter::default()
    };
    crate::host::until("all naps to be deleted", async || {
        let left = host.workflows(&tenant(), &filter, None, 10).unwrap();
        left.is_empty().then_some(())
    })
    .await;
    assert_eq!(host.history(&workflow("nap-7"), 1, 0, 10).unwrap(), []);
    assert_eq!(status(&host, "w"), WorkflowStatus::Terminated);
    host.purge_workflow(&workflow("w"), false).await.unwrap();
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn the_runs_that_a_workflow_went_on_from_are_kept_in_a_bounded_number() {
    let host = Scratch::with(|limits| limits.continued_runs_kept = 2).await;
    let input = json!({"left": 5, "sum": 0});
    host.start("countdown", "w", input).await.unwrap();
    for number in 1..=5 {
        host.raise("w", "add", number).await.unwrap();
    }
    assert_eq!(host.wait("w").await, Ok(json!(27)));
    let events = |run| host.history(&workflow("w"), run, 0, 1).unwrap().len();
    let kept: Vec<_> = (1..=6).map(events).collect();
    assert_eq!(kept, [0, 0, 0, 1, 1, 1]);
}

async fn cancel(host: &Host, id: &str) {
    let key = workflow(id);
    let asked = host.cancel_workflow(&key, "enough");
    in_time("a request to be durable", asked).await.unwrap();
}

/// Starts a journey of three bookings and waits until all are made.
async fn journey_that_waits(host: &Host, id: &str, then: &str) {
    host.start("journey", id, journey(then)).await.unwrap();
    // Its start; an activity, its shield and its end for each booking; and the wait for an event.
    host.until_events(id, 11).await;
    assert_eq!(host.count("c").await, 6);
}

#[tokio::test]
async fn a_cancelled_workflow_undoes_its_saga_and_is_cancelled() {
    let host = Scratch::new().await;
    journey_that_waits(&host, "w", "wait").await;
    cancel(&host, "w").await;
    let (code, message) = failure(host.wait("w").await);
    assert_eq!(code, "cancelled");
    assert_eq!(message, "the workflow was asked to end: enough");
    let view = host.view("w").unwrap();
    assert_eq!(view.status, WorkflowStatus::Cancelled);
    assert_eq!(view.cancel_requested.as_deref(), Some("enough"));
    assert_eq!(activities(&host, "w"), [1, 2, 3, -3, -2, -1]);
    assert_eq!(host.count("c").await, 0);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_workflow_that_takes_the_request_cleans_up_and_ends_as_it_likes() {
    let host = Scratch::new().await;
    journey_that_waits(&host, "w", "wait-and-tell").await;
    cancel(&host, "w").await;
    assert_eq!(host.wait("w").await, Ok(json!("cancelled: enough")));
    assert_eq!(status(&host, "w"), WorkflowStatus::Completed);
    assert_eq!(host.count("c").await, 0);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_request_that_came_while_the_host_was_down_or_the_workflow_held_is_not_lost() {
    let host = Scratch::new().await;
    journey_that_waits(&host, "w", "wait").await;
    host.suspend_workflow(&workflow("w"), "").await.unwrap();
    cancel(&host, "w").await;
    let host = host.reopen().await;
    assert_eq!(status(&host, "w"), WorkflowStatus::Suspended);
    host.resume_workflow(&workflow("w")).await.unwrap();
    let (code, _) = failure(host.wait("w").await);
    assert_eq!(code, "cancelled");
    assert_eq!(host.count("c").await, 0);
}

#[tokio::test]
async fn a_request_to_end_goes_down_the_tree_and_children_clean_up() {
    let host = Scratch::new().await;
    let journey = json!({"child": "w", "name": "journey", "input": journey("wait")});
    let guarded = json!({"child": "guard", "name": "guardian", "input": journey});
    host.start("run_child", "top", guarded).await.unwrap();
    host.until_events("w", 8).await;
    cancel(&host, "top").await;
    for id in ["top", "guard", "w"] {
        let (code, _) = failure(host.wait(id).await);
        assert_eq!(code, "cancelled", "{id}");
        assert_eq!(status(&host, id), WorkflowStatus::Cancelled, "{id}");
    }
    assert_eq!(host.count("c").await, 0);
}

#[tokio::test]
async fn a_child_is_asked_to_stop_and_its_end_arrives() {
    let host = Scratch::new().await;
    assert_eq!(
        host.run("stop_child", "w", "child").await,
        Ok(json!("cancelled"))
    );
    assert_eq!(status(&host, "child"), WorkflowStatus::Cancelled);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_request_to_end_reaches_an_activity_that_runs() {
    let host = Scratch::new().await;
    let input = json!({"activity": "work_until_cancelled", "counter": "c"});
    host.start("be_patient", "w", input).await.unwrap();
    host.until_count("c", 1).await;
    cancel(&host, "w").await;
    let (code, _) = failure(host.wait("w").await);
    assert_eq!(code, "cancelled");
    // It has cleaned up, though nobody waits for it any more.
    host.until_count("c", 101).await;
}

#[tokio::test]
async fn an_activity_is_asked_to_stop_and_its_end_arrives() {
    let host = Scratch::new().await;
    host.start("stop_activity", "w", "c").await.unwrap();
    host.until_count("c", 1).await;
    host.raise("w", "stop", ()).await.unwrap();
    assert_eq!(host.wait("w").await, Ok(json!("cancelled")));
    assert_eq!(host.count("c").await, 101);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_request_to_end_does_not_disturb_a_saga_that_is_being_undone() {
    let host = Scratch::new().await;
    let input = json!({"actor": "c", "bookings": 20, "then": "fail"});
    host.start("journey", "w", input).await.unwrap();
    crate::host::until("the first compensation", async || {
        let undone = activities(&host, "w").contains(&-20);
        undone.then_some(())
    })
    .await;
    cancel(&host, "w").await;
    let (code, _) = failure(host.wait("w").await);
    assert_eq!(code, "lost");
    assert_eq!(status(&host, "w"), WorkflowStatus::Failed);
    assert_eq!(host.count("c").await, 0);
    host.close_and_find_nothing_left().await;
}

#[tokio::test]
async fn a_purge_ends_where_ids_that_were_used_again_are_each_others_parents() {
    let host = Scratch::new().await;
    let refused = json!({"child": "child", "name": "nap", "input": 1});
    let child = json!({"child": "w", "name": "run_child", "input": refused});
    let detached = json!({"child": "child", "name": "run_child", "input": child, "detached": true});
    host.start("run_child", "w", detached).await.unwrap();
    let failure = host.until_ended("child").await.unwrap_err();
    assert_eq!(failure.code, "already-exists");
    let key = workflow("w");
    let purged = in_time("the purge", host.purge_workflow(&key, false)).await;
    assert_eq!(purged.unwrap().deleted, 2);
}

//! Taking plugins away: only where nothing needs them, and then for good.

use host_base::failure::code;
use host_engine::Alarm;
use host_runtime::records::{Schedule, ScheduleTarget, ScheduledWorkflow};
use host_runtime::{Moment, NewReminder, RemoveError, StartError};

use super::*;

const PROBE: &str = "sdk_probe";

async fn remove(host: &Host) -> Result<(), RemoveError> {
    host.remove_plugin(&tenant(), PROBE, false).await
}

/// What the plugin is needed by.
#[track_caller]
fn needs(refused: Result<(), RemoveError>) -> Vec<String> {
    match refused {
        Err(RemoveError::Needed { by, .. }) => by,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plugin_that_nothing_needs_goes_with_its_component_and_does_not_come_back() {
    let host = Scratch::new().await;
    host.run("nap", "w", 1).await.unwrap();
    remove(&host).await.unwrap();
    assert_eq!(host.components(&tenant()).await.unwrap(), []);
    let refused = host.start("nap", "v", 1).await.unwrap_err();
    assert!(matches!(refused, StartError::Refused(failure) if failure.code == code::NOT_FOUND));
    let host = host.reopen().await;
    assert!(host.plugins(&tenant()).unwrap().is_empty());
    assert!(matches!(remove(&host).await, Err(RemoveError::Unknown(_))));
    // What has ended stays, and the plugin can be deployed anew.
    assert!(host.view("w").unwrap().has_ended());
    host.deploy_fixture(PROBE).await;
    assert_eq!(host.run("nap", "v", 1).await, Ok(json!("rested")));
}

#[tokio::test]
async fn a_plugin_is_kept_as_long_as_a_workflow_goes_on() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    assert_eq!(needs(remove(&host).await), ["the unfinished workflows w"]);
    let refused = remove(&host).await.unwrap_err().to_string();
    assert!(refused.starts_with("plugin sdk_probe is needed by the unfinished workflows w"));
    // It is as it was.
    host.run("nap", "v", 1).await.unwrap();
    host.raise("w", "go", 1).await.unwrap();
    host.wait("w").await.unwrap();
    remove(&host).await.unwrap();
}

#[tokio::test]
async fn state_is_deleted_by_nobody_but_whoever_deletes_the_actor() {
    let host = Scratch::new().await;
    host.call(&counter("c"), "Add", 3).await.unwrap();
    let refused = remove(&host).await.unwrap_err();
    assert!(
        matches!(
            &refused,
            RemoveError::Needed {
                only_state: true,
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(needs(Err(refused)), ["the state of Counter/c"]);
    host.remove_plugin(&tenant(), PROBE, true).await.unwrap();
    let host = host.reopen().await;
    host.deploy_fixture(PROBE).await;
    assert_eq!(host.count("c").await, 3);
    host.delete_actor(&counter("c")).await.unwrap();
    remove(&host).await.unwrap();
}

#[tokio::test]
async fn a_plugin_is_kept_as_long_as_a_reminder_or_a_schedule_will_come_for_it() {
    let host = Scratch::new().await;
    let reminder = NewReminder {
        alarm: Alarm {
            name: "later".to_owned(),
            method: "Get".to_owned(),
            input: Vec::new(),
            due: Moment::Text("1h".to_owned()),
            period: None,
            ttl: None,
        },
        catch_up: host_engine::CatchUp::Once,
        retry: None,
        overwrite: true,
    };
    host.set_reminder(&counter("c"), reminder).await.unwrap();
    let schedule = Schedule {
        interval_ms: 3_600_000,
        target: Some(ScheduleTarget::Workflow(ScheduledWorkflow {
            name: "nap".to_owned(),
            id: "nap-{time}".to_owned(),
        })),
        ..Schedule::default()
    };
    host.create_schedule(&tenant(), "hourly", schedule, false)
        .await
        .unwrap();
    let needs = needs(host.remove_plugin(&tenant(), PROBE, true).await);
    assert_eq!(
        needs,
        [
            "the schedules hourly",
            "reminders of or messages to Counter/c"
        ]
    );
    host.delete_schedule(&tenant(), "hourly").await.unwrap();
    host.cancel_reminder(&counter("c"), "later").await.unwrap();
    host.remove_plugin(&tenant(), PROBE, true).await.unwrap();
}

#[tokio::test]
async fn a_component_that_stands_or_that_a_workflow_runs_on_is_kept() {
    let host = Scratch::new().await;
    host.start("await_event", "w", ()).await.unwrap();
    host.until_events("w", 2).await;
    let before = host.components(&tenant()).await.unwrap().remove(0).digest;
    let remove = async |digest| host.remove_component(&tenant(), PROBE, &digest).await;
    assert_eq!(
        needs(remove(before).await),
        ["plugin sdk_probe, for which it stands"]
    );
    host.deploy_fixture("sdk_probe_changed").await;
    assert_eq!(needs(remove(before).await), ["1 unfinished workflows"]);
    host.terminate_workflow(&workflow("w"), "").await.unwrap();
    // It may have been faster than we: nobody needs it.
    let gone = remove(before).await;
    assert!(
        matches!(gone, Ok(()) | Err(RemoveError::Unknown(_))),
        "{gone:?}"
    );
    let left = host.components(&tenant()).await.unwrap();
    assert!(left.iter().all(|one| one.digest != before));
}

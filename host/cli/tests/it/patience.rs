//! What may be asked of activities, wherever the process was killed: time, retries, heartbeats, an early end.

use crate::scenario::Scenario;

const PROBE: &str = "sdk_probe.wasm";

fn start<'a>(name: &'a str, id: &'a str, input: &'a str) -> [&'a str; 7] {
    ["workflow", "start", name, "--id", id, "--input", input]
}

/// A workflow that runs this activity and returns the failure that it ends with.
fn patience(id: &str, activity: &str, options: &str) -> [String; 7] {
    let input = format!(r#"{{"activity":"{activity}"{options}}}"#);
    start("be_patient", id, &input).map(str::to_owned)
}

fn repeat(scenario: Scenario, command: &[String; 7]) -> Scenario {
    scenario.repeat(&command.each_ref().map(String::as_str))
}

#[test]
fn an_attempt_goes_on_from_the_heartbeat_of_the_one_before() {
    Scenario::new(&[PROBE])
        .repeat(&start("ascend", "w", "4"))
        .resume()
        .ends("w", "completed", "4")
        .check();
}

/// A retry would come after about a minute. Where the policy lists the failure, there is none; where all of it may
/// take less, that is why it ends.
#[test]
fn what_is_not_to_be_tried_again_or_would_come_too_late_is_not() {
    let minute = r#","attempts":9,"interval_ms":60000,"schedule_to_close_ms":40000"#;
    let listed = patience(
        "listed",
        "fails_for_a_reason",
        &format!(r#"{minute},"non_retryable":true"#),
    );
    let late = patience("late", "fails_for_a_reason", minute);
    let causes = r#"[{"code":"empty","message":"the shelf is empty"},{"code":"failed","message":"the van is late"}]"#;
    repeat(repeat(Scenario::new(&[PROBE]), &listed), &late)
        .resume()
        .shows("listed", "/output/code", r#""no-stock""#)
        .shows("listed", "/output/causes", causes)
        .shows("late", "/output/code", r#""timeout""#)
        .shows("late", "/output/causes/0/code", r#""no-stock""#)
        .check();
}

#[test]
fn an_attempt_that_takes_too_long_or_gives_no_heartbeat_is_given_up() {
    let twice = r#","attempts":2,"interval_ms":1"#;
    let slow = format!(r#"{twice},"timeout_ms":30"#);
    let silent = format!(r#"{twice},"heartbeat_timeout_ms":30"#);
    let scenario = Scenario::new(&[PROBE]);
    let scenario = repeat(scenario, &patience("slow", "wait_to_be_stopped", &slow));
    repeat(scenario, &patience("silent", "sleep_for_ever", &silent))
        .resume()
        .shows("slow", "/output/code", r#""timeout""#)
        .shows("silent", "/output/code", r#""timeout""#)
        .check();
}

#[test]
fn an_activity_is_stopped_by_its_workflow_and_with_it() {
    Scenario::new(&[PROBE])
        .repeat(&start("outrun", "w", "null"))
        .repeat(&start("outrun_child", "top", r#""child""#))
        .resume()
        .ends("w", "completed", r#""cancelled""#)
        .ends("top", "completed", r#""cancelled""#)
        .ends("child", "cancelled", r#""cancelled""#)
        .check();
}

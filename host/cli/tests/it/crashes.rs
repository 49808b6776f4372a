//! What every construct leaves behind, wherever the process was killed: see [`crate::scenario`].

use crate::host::{TASKS, plugin};
use crate::scenario::Scenario;

const PROBE: &str = "sdk_probe.wasm";

#[test]
fn a_task_is_processed_once() {
    let line = r#"{"task_id":"t","title":"T","assignee":"a@example.com"}"#;
    let result = r#"{"task_id":"t","final_status":"assigned","steps_completed":["validated","started","notified","assigned"]}"#;
    let id = "task-processing-t";
    Scenario::new(&[TASKS])
        .repeat(&[
            "workflow",
            "start",
            "task_processing_workflow",
            "--id",
            id,
            "--input",
            line,
        ])
        .resume()
        .ends(id, "completed", result)
        .check();
}

#[test]
fn a_call_with_a_key_counts_once_and_starts_one_workflow() {
    let submission = r#"{"assignee":"bob@example.com"}"#;
    let submit = [
        "actor",
        "call",
        "TaskActor",
        "t",
        "SubmitForProcessing",
        submission,
    ];
    let with_key = [&submit[..], &["--idempotency-key", "k"]].concat();
    let answer = r#"{"success":true,"workflow_instance":"process-t","task_id":"t"}"#;
    Scenario::new(&[TASKS])
        .repeat(&[&with_key[..], &["--wait"]].concat())
        .resume()
        .answers(&with_key, answer)
        .answers(
            &submit,
            r#"{"success":false,"reason":"Already submitted","workflow_instance":"process-t"}"#,
        )
        .check();
}

#[test]
fn a_counter_that_workflows_activities_and_messages_add_to_misses_nothing() {
    let start = |name, id, input| ["workflow", "start", name, "--id", id, "--input", input];
    let calls = r#"{"actor":"c","times":3}"#;
    let activity = r#"{"name":"slow_add_to_counter","input":{"actor":"c","by":10}}"#;
    Scenario::new(&[PROBE])
        .repeat(&start("call_counter", "calls", calls))
        .repeat(&start("send_counter", "sends", calls))
        .repeat(&start("run_activity", "activity", activity))
        .resume()
        .answers(&["actor", "call", "Counter", "c", "Get"], "16")
        .check();
}

#[test]
fn an_event_is_received_once() {
    Scenario::new(&[PROBE])
        .repeat(&["workflow", "start", "await_event", "--id", "w"])
        .once(&["workflow", "raise", "w", "go", "1"])
        .resume()
        .ends("w", "completed", "1")
        .check();
}

#[test]
fn children_are_started_once_and_their_ends_arrive() {
    Scenario::new(&[PROBE])
        .repeat(&[
            "workflow",
            "start",
            "parent",
            "--id",
            "w",
            "--input",
            r#"{"children":3}"#,
        ])
        .resume()
        .ends("w", "completed", r#"["rested","rested","rested"]"#)
        .check();
}

#[test]
fn a_timer_fires_and_one_that_lost_a_race_does_not_hold_the_workflow() {
    Scenario::new(&[PROBE])
        .repeat(&["workflow", "start", "nap", "--id", "nap", "--input", "30"])
        .repeat(&["workflow", "start", "timed_out", "--id", "limit"])
        .repeat(&["workflow", "start", "race", "--id", "race"])
        .resume()
        .ends("nap", "completed", r#""rested""#)
        .ends("limit", "completed", r#""timed out""#)
        .ends("race", "completed", r#""activity""#)
        .check();
}

#[test]
fn a_failure_is_the_same_and_attempts_are_counted_through() {
    let failing = ["--input", r#"{"name":"always_fails"}"#];
    let start = ["workflow", "start", "run_activity", "--id", "fails"];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &failing].concat())
        .repeat(&["workflow", "start", "retries", "--id", "w", "--input", "4"])
        .resume()
        .ends("fails", "failed", r#""sold-out""#)
        .ends("w", "completed", "4")
        .check();
}

#[test]
fn a_batch_is_done_whole() {
    let task = |id| format!(r#"{{"task_id":"{id}","title":"T","assignee":"a@example.com"}}"#);
    let batch = format!(r#"{{"tasks":[{},{},{}]}}"#, task("a"), task("b"), task("c"));
    let start = ["workflow", "start", "batch_workflow", "--id", "w"];
    let result = |id| {
        let steps = r#"["validated","started","notified","assigned"]"#;
        format!(r#"{{"task_id":"{id}","final_status":"assigned","steps_completed":{steps}}}"#)
    };
    let results = ["a", "b", "c"].map(result).join(",");
    let output =
        format!(r#"{{"total":3,"assigned":3,"rejected":0,"failed":0,"results":[{results}]}}"#);
    Scenario::new(&[TASKS])
        .repeat(&[&start[..], &["--input", &batch]].concat())
        .resume()
        .ends("w", "completed", &output)
        .stride(9)
        .check();
}

#[test]
fn an_update_is_applied_once_and_answers_the_same_also_after_the_end() {
    let update = |name, by, id| ["workflow", "update", "w", name, by, "--id", id];
    Scenario::new(&[PROBE])
        .repeat(&["workflow", "start", "tally", "--id", "w", "--input", "1"])
        .repeat(&update("add", "2", "a"))
        .repeat(&update("add-double", "4", "b"))
        .once(&["workflow", "raise", "w", "close"])
        .resume()
        .ends("w", "completed", "11")
        .answers(&update("add", "2", "a"), "3")
        .answers(&update("add-double", "4", "b"), "11")
        .answers(&["workflow", "query", "w", "total"], "11")
        .check();
}

#[test]
fn an_update_that_is_refused_changes_nothing_and_leaves_its_id_to_one_that_is_not() {
    let update = |by| ["workflow", "update", "w", "add", by, "--id", "u"];
    Scenario::new(&[PROBE])
        .repeat(&["workflow", "start", "tally", "--id", "w", "--input", "1"])
        .refused(&update("-5"))
        .repeat(&update("2"))
        .once(&["workflow", "raise", "w", "close"])
        .resume()
        .ends("w", "completed", "3")
        .answers(&update("2"), "3")
        .check();
}

fn keeper<'a>(method: &'a str, input: &'a str) -> [&'a str; 8] {
    let key = "--idempotency-key";
    ["actor", "call", "Keeper", "k", method, input, key, method]
}

const RINGS: [&str; 5] = ["actor", "call", "Keeper", "k", "Rings"];

#[test]
fn a_reminder_fires_as_often_as_it_was_told() {
    let tell = r#"{"workflow":"w","at":3}"#;
    Scenario::new(&[PROBE])
        .repeat(&["workflow", "start", "await_event", "--id", "w"])
        .repeat(&keeper("RemindToTell", tell))
        .resume()
        .ends("w", "completed", "3")
        .answers(&RINGS, "3")
        .check();
}

#[test]
fn a_delayed_message_is_delivered_once_and_one_that_was_taken_back_is_not() {
    let tell = r#"{"workflow":"w","at":1}"#;
    Scenario::new(&[PROBE])
        .repeat(&["workflow", "start", "await_event", "--id", "w"])
        .repeat(&keeper("TellLater", tell))
        .resume()
        .ends("w", "completed", "1")
        .answers(&RINGS, "1")
        .check();
}

#[test]
fn a_value_that_expires_is_there_until_then_and_never_afterwards() {
    let long = r#"{"key":"long","value":1,"ms":3600000}"#;
    let short = r#"{"key":"short","value":1,"ms":1}"#;
    let look = |key| ["actor", "call", "Keeper", "k", "Look", key];
    Scenario::new(&[PROBE])
        .repeat(&keeper("Keep", long))
        .repeat(&keeper("Keep", short))
        .answers(&look(r#""long""#), "1")
        .answers(&look(r#""short""#), "null")
        .check();
}

#[test]
fn a_timer_goes_with_its_host_and_what_it_was_set_with_stays() {
    let timer = r#"{"name":"t","due":"1h","by":1}"#;
    Scenario::new(&[PROBE])
        .repeat(&keeper("Ring", "2"))
        .repeat(&keeper("SetTimer", timer))
        .answers(&RINGS, "2")
        .answers(
            &["actor", "call", "Keeper", "k", "CancelTimer", r#""t""#],
            "false",
        )
        .check();
}

#[test]
fn a_method_that_only_reads_says_what_is_durable_and_leaves_nothing() {
    let reminders = ["actor", "call", "Keeper", "k", "Reminders", r#""r""#];
    Scenario::new(&[PROBE])
        .repeat(&keeper("Ring", "1"))
        .repeat(&RINGS)
        .repeat(&reminders)
        .answers(&RINGS, "1")
        .answers(&reminders, "[[],0]")
        .check();
}

#[test]
fn an_actor_that_leaves_when_it_is_told_has_what_it_had() {
    Scenario::new(&[PROBE])
        .repeat(&keeper("Ring", "2"))
        .repeat(&keeper("Leave", "null"))
        .answers(&RINGS, "2")
        .check();
}

#[test]
fn a_call_with_a_time_limit_that_is_met_counts_once() {
    let limit = |gate: &str, ms| format!(r#"{{"gate":"{gate}","keeper":"other","ms":{ms}}}"#);
    let open = ["actor", "call", "Counter", "open", "Add", "1"];
    Scenario::new(&[PROBE])
        .repeat(&[&open[..], &["--idempotency-key", "open"]].concat())
        .repeat(&keeper("HaveRung", &limit("open", 60_000)))
        .answers(&["actor", "call", "Keeper", "other", "Rings"], "1")
        .answers(&keeper("HaveRung", &limit("open", 60_000)), "1")
        .check();
}

/// The walker waits until the gate is opened, which the workflow does only when it has given the call up.
#[test]
fn a_call_that_exceeds_its_time_limit_is_given_up_and_counts_once_all_the_same() {
    let walk = r#"{"actor":"c","by":5,"gate":"gate"}"#;
    let start = ["workflow", "start", "walk_in_vain", "--id", "w", "--input"];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &[walk]].concat())
        .resume()
        .ends("w", "completed", r#""hello""#)
        .answers(&["actor", "call", "Counter", "c", "Get"], "5")
        .answers(&["actor", "call", "Keeper", "gate", "Rings"], "1")
        .check();
}

#[test]
fn a_workflows_delayed_message_comes_once_and_one_that_was_taken_back_does_not() {
    let start = ["workflow", "start", "be_rung", "--id", "w", "--input"];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &[r#""k""#]].concat())
        .resume()
        .ends("w", "completed", "1")
        .answers(&RINGS, "1")
        .check();
}

#[test]
fn an_activity_sends_each_message_once() {
    let start = ["workflow", "start", "have_written", "--id", "w", "--input"];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &[r#""k""#]].concat())
        .resume()
        .ends("w", "completed", "1")
        .answers(&RINGS, "1")
        .answers(&["actor", "call", "Counter", "k", "Get"], "1")
        .check();
}

#[test]
fn a_deployment_that_moves_leaves_each_instance_on_one_component() {
    let start = |name, id| ["workflow", "start", name, "--id", id];
    let changed = plugin("sdk_probe_changed.wasm");
    // Nobody answers it, after the code has run to where it waits.
    let ask = |id| ["workflow", "query", id, "none"];
    Scenario::new(&[PROBE])
        .repeat(&start("improved", "moves"))
        .refused(&ask("moves"))
        .repeat(&start("await_event", "stays"))
        .refused(&ask("stays"))
        .repeat(&["plugin", "deploy", &changed, "--move"])
        .once(&["workflow", "raise", "moves", "go", "1"])
        .once(&["workflow", "raise", "stays", "go", "2"])
        .resume()
        .ends(
            "moves",
            "completed",
            r#""early false false, late true, recorded 1""#,
        )
        .ends("stays", "completed", "2")
        .check();
}

#[test]
fn an_actor_is_deleted_whole() {
    let page = r#"{"prefix":"","after":null,"limit":9}"#;
    Scenario::new(&[PROBE])
        .repeat(&keeper("Fill", "20"))
        .once(&[
            "actor", "remind", "Keeper", "k", "r", "Ring", "1", "--due", "1h",
        ])
        .once(&["actor", "delete", "Keeper", "k"])
        .answers(&["actor", "call", "Keeper", "k", "Page", page], "[[],null]")
        .check();
}

#[test]
fn an_actor_that_was_entered_again_counts_each_call_once() {
    let reflection = r#"{"levels":1}"#;
    let key = ["--idempotency-key", "k"];
    let reflect = ["actor", "call", "Mirror", "m", "Reflect", reflection];
    Scenario::new(&[PROBE])
        .repeat(&[&reflect[..], &key].concat())
        .answers(&["actor", "call", "Mirror", "m", "Value"], "22")
        .answers(&["actor", "call", "Echo", "echo-1", "Count"], "1")
        .check();
}

#[test]
fn each_time_of_a_schedule_is_met_once_and_one_after_the_other() {
    let create = ["schedule", "create", "s", "--cron", "0 0 1 1 *"];
    let starts = ["--workflow", "nap", "--input", "1"];
    let backfill = ["schedule", "backfill", "s"];
    let range = [
        "--from",
        "2024-01-01T00:00:00Z",
        "--to",
        "2025-12-31T00:00:00Z",
    ];
    Scenario::new(&[PROBE])
        .repeat(&[&create[..], &starts].concat())
        .repeat(&[&backfill[..], &range].concat())
        .resume()
        .ends("s-2024-01-01T00:00:00Z", "completed", r#""rested""#)
        .ends("s-2025-01-01T00:00:00Z", "completed", r#""rested""#)
        .check();
}

#[test]
fn an_actor_is_called_once_for_each_time_of_a_schedule() {
    let create = ["schedule", "create", "s", "--cron", "0 0 1 1 *"];
    let calls = ["--actor", "Counter", "c", "Add", "--input", "1"];
    let backfill = ["schedule", "backfill", "s"];
    let range = [
        "--from",
        "2023-01-01T00:00:00Z",
        "--to",
        "2025-12-31T00:00:00Z",
    ];
    Scenario::new(&[PROBE])
        .repeat(&[&create[..], &calls].concat())
        .repeat(&[&backfill[..], &range].concat())
        .resume()
        .answers(&["actor", "call", "Counter", "c", "Get"], "3")
        .check();
}

#[test]
fn a_rerun_makes_the_calls_behind_its_event_once_more_and_no_others() {
    let calls = r#"{"actor":"c","times":3}"#;
    let start = ["workflow", "start", "call_counter", "--id", "w", "--input"];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &[calls]].concat())
        .resume()
        .once(&["workflow", "rerun", "w", "--from", "2", "--id", "again"])
        // Where it was stopped, the first turn is one that nothing but a question causes.
        .refused(&["workflow", "query", "again", "none"])
        .resume()
        .ends("again", "completed", "5")
        .answers(&["actor", "call", "Counter", "c", "Get"], "5")
        .check();
}

#[test]
fn a_rerun_with_another_input_does_all_of_it_once_more_with_that() {
    let start = ["workflow", "start", "call_counter", "--id", "w", "--input"];
    let rerun = ["workflow", "rerun", "w", "--from", "0", "--id", "again"];
    let count = |id| ["actor", "call", "Counter", id, "Get"];
    Scenario::new(&[PROBE])
        .repeat(&[&start[..], &[r#"{"actor":"c","times":2}"#]].concat())
        .resume()
        .once(&[&rerun[..], &["--input", r#"{"actor":"d","times":3}"#]].concat())
        .resume()
        .ends("w", "completed", "2")
        .ends("again", "completed", "3")
        .answers(&count("c"), "2")
        .answers(&count("d"), "3")
        .check();
}

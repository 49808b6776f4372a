//! `plugins/agent_loop`: what a model wants is done once, side by side, and only as far as a person allows it.

use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;

const PLUGIN: &str = "agent_loop.wasm";
const LETTERS: [&str; 5] = ["actor", "call", "Mailbox", "ann", "Read"];

fn task(goal: &str, approval_seconds: u64) -> String {
    json!({"user": "dora", "goal": goal, "approval_seconds": approval_seconds}).to_string()
}

/// An agent that wants to write to ann, whom a person lets it write to or does not.
fn asked(allowed: bool, answer: &str, letters: &str) -> Scenario {
    let task = task("compare Oslo and Rome and tell ann", 60);
    let start = ["workflow", "start", "agent", "--id", "w", "--input", &task];
    let allowed = allowed.to_string();
    Scenario::new(&[PLUGIN])
        .repeat(&start)
        .once(&["workflow", "raise", "w", "approve-ann", &allowed])
        .resume()
        .ends("w", "completed", answer)
        .answers(&LETTERS, letters)
}

#[test]
fn a_letter_that_is_allowed_is_sent_once_wherever_the_host_was_killed() {
    let answer = r#"{"answer":"Oslo: snow, Rome: sun; ann: written to","rounds":3}"#;
    asked(true, answer, r#"["Oslo: snow, Rome: sun"]"#).check();
}

#[test]
fn a_letter_that_is_refused_is_not_sent_and_the_model_reads_why() {
    let answer = r#"{"answer":"Oslo: snow, Rome: sun; ann: nobody allows it","rounds":3}"#;
    asked(false, answer, "[]").stride(5).check();
}

/// Runs an agent to its end; its output and its history.
fn run(host: &Host, id: &str, goal: &str) -> (Value, Vec<Value>) {
    let task = task(goal, 0);
    let run = [
        "run",
        &plugin(PLUGIN),
        "--output=jsonl",
        "--id",
        id,
        "--input",
        &task,
    ];
    let report = parse(&host.run(&run).expect(0).stdout);
    let history = host
        .run(&["workflow", "history", id, "--output=jsonl"])
        .expect(0);
    let events = history.stdout.lines().map(parse).collect();
    (report["output"].clone(), events)
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// The activities of this history that look something up.
fn looked_up(history: &[Value]) -> Vec<&Value> {
    let lookups = history.iter().filter(|event| event["name"] == "weather");
    lookups.collect()
}

#[test]
fn a_letter_that_nobody_has_allowed_in_time_is_not_sent() {
    let host = Host::new();
    let (output, _) = run(&host, "w", "look at Rome and tell ann");
    assert_eq!(
        output["answer"],
        "Rome: sun; ann: the time was up before the work was done"
    );
    let letters = host.run(&LETTERS).expect(0);
    assert_eq!(parse(&letters.stdout), json!([]));
}

#[test]
fn tools_that_only_look_are_used_side_by_side_and_one_that_fails_ends_nothing() {
    let (output, history) = run(&Host::new(), "w", "compare Oslo and Atlantis and Rome");
    let answer = "Oslo: snow, Atlantis: nobody knows, Rome: sun";
    assert_eq!(output["answer"], answer);
    let numbers = looked_up(&history).into_iter();
    let numbers: Vec<_> = numbers
        .map(|event| event["number"].as_u64().unwrap())
        .collect();
    let first = numbers[0];
    assert_eq!(numbers, [first, first + 1, first + 2], "{history:#?}");
}

#[test]
fn what_was_found_is_remembered_in_the_next_conversation() {
    let host = Host::new();
    run(&host, "first", "compare Oslo and Rome");
    let (output, history) = run(&host, "second", "compare Rome and Lima");
    assert_eq!(output["answer"], "Rome: sun, Lima: fog");
    let cities: Vec<_> = looked_up(&history)
        .iter()
        .map(|event| &event["input"])
        .collect();
    assert_eq!(cities, ["Lima"]);
}

//! How an instance's history and a component agree, in words.
//!
//! Pure. What programs are shown is [`host_api::json`]'s.

use host_api::json::{Agreement, ForkReport, TrialReport, VerdictReport, compact};

use super::{stall, text};

/// Why nothing is said of what comes behind a difference.
const ENDS_HERE: &str =
    "the dry run ends here: what the history holds from there on is not what this code asked for";

/// What became of an instance, for people; further lines are set in.
pub(crate) fn told(trial: &TrialReport<'_>) -> String {
    let (id, verdict) = (&trial.id, &trial.verdict);
    let what = if trial.moved { "is moved" } else { "stays" };
    match verdict.verdict {
        Agreement::Agrees => format!("[Workflow {id}] agrees and {what}"),
        Agreement::Unsure => {
            let reason = reason(verdict);
            format!("[Workflow {id}] could not be told and {what}: {reason}")
        }
        Agreement::Differs => {
            let facts = text::indented(&difference(verdict));
            format!("[Workflow {id}] differs and {what}\n{facts}")
        }
    }
}

/// What a dry run showed, for people.
pub(crate) fn fork(fork: &ForkReport<'_>) -> String {
    let (id, verdict) = (&fork.id, &fork.verdict);
    let events = text::count(
        usize::try_from(verdict.events).unwrap_or(usize::MAX),
        "event",
    );
    let component = stall::beginning(&verdict.component);
    let mut lines = vec![format!(
        "workflow {id}: {events} replayed on component {component}"
    )];
    match verdict.verdict {
        Agreement::Agrees => lines.push("its code does what its history says".to_owned()),
        Agreement::Differs => {
            lines.push("its code does not do what its history says".to_owned());
            let facts = difference(verdict).into_iter();
            lines.extend(facts.map(|line| format!("  {line}")));
            lines.push(ENDS_HERE.to_owned());
        }
        Agreement::Unsure => lines.push(format!("it could not be told: {}", reason(verdict))),
    }
    let mut say = |what: &str, said: &str| lines.push(text::printable(&format!("{what}: {said}")));
    fork.lines
        .iter()
        .for_each(|line| say("would log", &line.text));
    fork.next.iter().for_each(|it| say("would ask for", it));
    fork.waits_for.iter().for_each(|it| say("waits for", it));
    if let Some(output) = &fork.output {
        lines.push(format!("would end with {}", compact(output.bytes())));
    }
    if let Some(failure) = &fork.failure {
        let failure = failure.failure();
        lines.push(text::printable_lines(&format!("would fail: {failure}")));
    }
    lines.join("\n")
}

fn reason(verdict: &VerdictReport<'_>) -> String {
    text::printable(verdict.reason.as_deref().unwrap_or_default())
}

/// Where history and code differ, a fact a line.
fn difference(verdict: &VerdictReport<'_>) -> Vec<String> {
    let difference = verdict.difference.as_ref();
    difference.map(stall::lines).unwrap_or_default()
}

//! How an instance's history and a component agree: an object for programs, lines for people.
//!
//! Pure.

use host_api::json::{FailureReport, Raw, StallReport, compact};
use host_engine::LogLevel;
use host_runtime::{Rehearsal, Trial, Verdict};
use serde::Serialize;

use super::{stall, text, trace};

/// Why nothing is said of what comes behind a difference.
const ENDS_HERE: &str =
    "the dry run ends here: what the history holds from there on is not what this code asked for";

/// An instance that was tried on a component, for programs.
#[derive(Serialize)]
pub(crate) struct TrialReport<'a> {
    id: &'a str,
    name: &'a str,
    run: u32,
    status: &'static str,
    /// The component that it ran on.
    from: Option<String>,
    moved: bool,
    #[serde(flatten)]
    verdict: VerdictReport<'a>,
}

/// Whether history and component agree, for programs.
#[derive(Serialize)]
pub(crate) struct VerdictReport<'a> {
    /// The component that was tried.
    component: String,
    events: u64,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<StallReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// A dry run, for programs.
#[derive(Serialize)]
pub(crate) struct ForkReport<'a> {
    id: &'a str,
    name: &'a str,
    run: u32,
    #[serde(flatten)]
    verdict: VerdictReport<'a>,
    next: &'a [String],
    waits_for: &'a [String],
    lines: Vec<LineReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureReport<'a>>,
}

#[derive(Serialize)]
struct LineReport<'a> {
    level: &'static str,
    text: &'a str,
}

impl<'a> LineReport<'a> {
    fn new((level, text): &'a (LogLevel, String)) -> LineReport<'a> {
        let level = trace::level_name(*level);
        LineReport { level, text }
    }
}

impl<'a> TrialReport<'a> {
    pub(crate) fn new(trial: &'a Trial) -> TrialReport<'a> {
        let view = &trial.workflow;
        TrialReport {
            id: &view.key.id,
            name: &view.name,
            run: view.run,
            status: view.status_name(),
            from: view.component.map(|digest| digest.to_string()),
            moved: trial.moved,
            verdict: VerdictReport::new(&trial.rehearsal),
        }
    }
}

impl<'a> VerdictReport<'a> {
    pub(crate) fn new(rehearsal: &'a Rehearsal) -> VerdictReport<'a> {
        let (verdict, difference, reason) = match &rehearsal.verdict {
            Verdict::Agrees => ("agrees", None, None),
            Verdict::Differs(stall) => ("differs", Some(StallReport::new(stall)), None),
            Verdict::Unsure(reason) => ("unsure", None, Some(reason.as_str())),
        };
        VerdictReport {
            component: rehearsal.component.to_string(),
            events: rehearsal.events,
            verdict,
            difference,
            reason,
        }
    }
}

impl<'a> ForkReport<'a> {
    pub(crate) fn new(id: &'a str, name: &'a str, run: u32, rehearsal: &'a Rehearsal) -> Self {
        let outcome = rehearsal.outcome.as_ref();
        let lines = rehearsal.lines.iter();
        ForkReport {
            id,
            name,
            run,
            verdict: VerdictReport::new(rehearsal),
            next: &rehearsal.next,
            waits_for: &rehearsal.waits_for,
            lines: lines.map(LineReport::new).collect(),
            output: outcome
                .and_then(|it| it.as_ref().ok())
                .map(|it| Raw::new(it)),
            failure: outcome
                .and_then(|it| it.as_ref().err())
                .map(FailureReport::new),
        }
    }
}

/// What became of an instance, for people; further lines are set in.
pub(crate) fn told(trial: &Trial) -> String {
    let id = &trial.workflow.key.id;
    let what = if trial.moved { "is moved" } else { "stays" };
    match &trial.rehearsal.verdict {
        Verdict::Agrees => format!("[Workflow {id}] agrees and {what}"),
        Verdict::Unsure(reason) => {
            format!(
                "[Workflow {id}] could not be told and {what}: {}",
                text::printable(reason)
            )
        }
        Verdict::Differs(it) => {
            let facts = text::indented(&stall::lines(&StallReport::new(it)));
            format!("[Workflow {id}] differs and {what}\n{facts}")
        }
    }
}

/// What a dry run showed, for people.
pub(crate) fn fork(id: &str, rehearsal: &Rehearsal) -> String {
    let events = text::count(
        usize::try_from(rehearsal.events).unwrap_or(usize::MAX),
        "event",
    );
    let component = stall::short(&rehearsal.component);
    let mut lines = vec![format!(
        "workflow {id}: {events} replayed on component {component}"
    )];
    match &rehearsal.verdict {
        Verdict::Agrees => lines.push("its code does what its history says".to_owned()),
        Verdict::Differs(it) => {
            lines.push("its code does not do what its history says".to_owned());
            lines.extend(
                stall::lines(&StallReport::new(it))
                    .into_iter()
                    .map(|line| format!("  {line}")),
            );
            lines.push(ENDS_HERE.to_owned());
        }
        Verdict::Unsure(reason) => {
            lines.push(format!("it could not be told: {}", text::printable(reason)));
        }
    }
    let said = rehearsal
        .lines
        .iter()
        .map(|(_, line)| format!("would log: {line}"));
    lines.extend(said.map(|line| text::printable(&line)));
    let next = rehearsal
        .next
        .iter()
        .map(|it| format!("would ask for: {it}"));
    lines.extend(next.map(|line| text::printable(&line)));
    let waits = rehearsal
        .waits_for
        .iter()
        .map(|it| format!("waits for: {it}"));
    lines.extend(waits.map(|line| text::printable(&line)));
    lines.extend(rehearsal.outcome.as_ref().map(|outcome| match outcome {
        Ok(output) => format!("would end with {}", compact(output)),
        Err(failure) => text::printable_lines(&format!("would fail: {failure}")),
    }));
    lines.join("\n")
}

//! How an instance's history and a component agree.
//!
//! Pure.

use std::borrow::Cow;

use host_runtime::{LogLevel, Rehearsal, Trial, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::failure::FailureReport;
use super::workflow::{StallReport, Status};
use super::{Raw, present};

/// A workflow that was tried on a component.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Trial)]
pub struct TrialReport<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The name of what runs.
    pub name: Cow<'a, str>,
    /// How often the id has been used, this time included.
    pub run: u32,
    /// Where it stood before.
    pub status: Status,
    /// The digest of the component that it ran on; null: the one that stands for its plugin.
    pub from: Option<String>,
    /// Whether it goes on with the component.
    pub moved: bool,
    /// How it did.
    #[serde(flatten)]
    pub verdict: VerdictReport<'a>,
}

/// Whether history and component agree.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Verdict)]
pub struct VerdictReport<'a> {
    /// The digest of the component that was tried.
    pub component: String,
    /// How many events the history has.
    pub events: u64,
    /// Whether they agree.
    pub verdict: Agreement,
    /// Where they differ first, where they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<StallReport<'a>>,
    /// Why it could not be told, where it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

/// Whether a component's code does what a history says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// It does.
    Agrees,
    /// It does something else.
    Differs,
    /// It could not be told.
    Unsure,
}

/// What a workflow would do next, if it ran.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Fork)]
pub struct ForkReport<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The name of what runs.
    pub name: Cow<'a, str>,
    /// How often the id has been used, this time included.
    pub run: u32,
    /// How its history did with the component.
    #[serde(flatten)]
    pub verdict: VerdictReport<'a>,
    /// What its code would ask for next, in words and in its order.
    pub next: Cow<'a, [String]>,
    /// What it waits for at the end of its history, in words.
    pub waits_for: Cow<'a, [String]>,
    /// What it would log next.
    pub lines: Vec<LogLine<'a>>,
    /// What it would return, where it would end.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Raw, required = false)]
    pub output: Option<Raw>,
    /// With what it would fail, where it would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport<'a>>,
}

/// A line that a plugin's code logs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLine<'a> {
    /// How much it matters.
    pub level: Cow<'a, str>,
    /// What it says.
    pub text: Cow<'a, str>,
}

impl<'a> TrialReport<'a> {
    /// What came of it.
    pub fn new(trial: &'a Trial) -> TrialReport<'a> {
        let view = &trial.workflow;
        TrialReport {
            id: (&view.key.id).into(),
            name: (&view.name).into(),
            run: view.run,
            status: view.status.into(),
            from: view.component.map(|digest| digest.to_string()),
            moved: trial.moved,
            verdict: VerdictReport::new(&trial.rehearsal),
        }
    }
}

impl<'a> VerdictReport<'a> {
    fn new(rehearsal: &'a Rehearsal) -> VerdictReport<'a> {
        let (verdict, difference, reason) = match &rehearsal.verdict {
            Verdict::Agrees => (Agreement::Agrees, None, None),
            Verdict::Differs(stall) => (Agreement::Differs, Some(StallReport::new(stall)), None),
            Verdict::Unsure(reason) => (Agreement::Unsure, None, Some(reason.into())),
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
    /// What was seen of a workflow's run.
    pub fn new(id: &'a str, name: &'a str, run: u32, rehearsal: &'a Rehearsal) -> Self {
        let outcome = rehearsal.outcome.as_ref();
        let output = outcome.and_then(|outcome| outcome.as_ref().ok());
        let failure = outcome.and_then(|outcome| outcome.as_ref().err());
        ForkReport {
            id: id.into(),
            name: name.into(),
            run,
            verdict: VerdictReport::new(rehearsal),
            next: (&rehearsal.next[..]).into(),
            waits_for: (&rehearsal.waits_for[..]).into(),
            lines: rehearsal.lines.iter().map(LogLine::new).collect(),
            output: output.map(|output| Raw::new(output)),
            failure: failure.map(FailureReport::new),
        }
    }
}

impl<'a> LogLine<'a> {
    fn new((level, text): &'a (LogLevel, String)) -> LogLine<'a> {
        LogLine {
            level: level_name(*level).into(),
            text: text.into(),
        }
    }
}

/// A level as one word.
pub fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

//! `host run --each`: one workflow for every line of a file.
//!
//! Owns that the same command over the same file does every line once, however often it is killed.

use std::path::Path;

use futures_util::{StreamExt, stream};
use host_api::json::Report;
use host_runtime::{Start, StartError, WorkflowView};
use serde::Serialize;

use super::choice::Choice;
use super::deploy::{self, Component};
use crate::args::{Common, RunArgs};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input::lines::{self, Line};
use crate::session::{self, Ending, Session};
use crate::show::progress::Progress;
use crate::show::report;
use crate::show::text::{self, count};
use crate::show::trace::Detail;

/// Failures that are told one by one; the rest is counted.
const FAILURES_TOLD: usize = 10;

/// What became of a line.
enum LineEnd {
    /// It ran to its end, or stalled.
    Ran(Box<WorkflowView>),
    /// An earlier invocation had run it to its end.
    AlreadyDone(Box<WorkflowView>),
    /// The host did not start it.
    Refused { id: String, reason: String },
}

/// What became of a line, for programs.
#[derive(Serialize)]
#[serde(untagged)]
enum LineReport<'a> {
    Workflow(Box<Report<'a>>),
    Refused(Refusal<'a>),
}

/// A line that the host did not start, for programs.
#[derive(Serialize)]
struct Refusal<'a> {
    id: &'a str,
    status: &'static str,
    reason: &'a str,
}

/// How many lines ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    completed: usize,
    failed: usize,
    stalled: usize,
    already_done: usize,
    already_failed: usize,
}

/// Does it. The file is read before the data directory is opened and checked before anything is started.
pub(crate) fn run(
    common: &Common,
    args: &RunArgs,
    file: &Path,
    components: &[Component],
) -> Ending {
    let source = lines::read(file).or_exit(Exit::BadUsage)?;
    let detail = session::detail(common, Detail::Little);
    session::run(common, detail, async move |session| {
        let manifests = deploy::deploy(session, components, args.pin).await?;
        let (workflow, id) = (args.workflow.as_deref(), args.id.as_deref());
        let choice = Choice::new(&manifests, workflow, id).or_exit(Exit::BadUsage)?;
        let bytes_max = session.runtime.limits().payload_bytes_max;
        let lines = lines::check(&source, &choice.naming(), bytes_max).or_exit(Exit::BadUsage)?;
        session.resume().await?;
        let start = Start {
            name: choice.workflow.clone(),
            attributes: args.labels.attributes(),
            ..Start::default()
        };
        let tally = run_all(session, &start, lines, args.concurrency).await?;
        tell(session, &tally)?;
        session.tell_unfinished()?;
        Ok(tally.exit())
    })
}

async fn run_all(
    session: &Session,
    start: &Start,
    lines: Vec<Line>,
    concurrency: u32,
) -> Result<Tally, Problem> {
    let mut progress = Progress::new(&session.console, lines.len());
    let mut tally = Tally::default();
    let runs = stream::iter(lines).map(|line| run_one(session, start, line));
    let mut ends = runs.buffer_unordered(concurrency as usize);
    while let Some(end) = ends.next().await {
        let end = end?;
        tally.add(&end);
        tell_one(session, &end, &tally)?;
        progress.one_more();
    }
    Ok(tally)
}

/// Runs a line; `wanted` is what all have in common.
async fn run_one(session: &Session, wanted: &Start, line: Line) -> Result<LineEnd, Problem> {
    let key = session.key(&line.id)?;
    let before = session.runtime.workflow(&key)?;
    let refused = match before {
        Some(view) if view.name != wanted.name => Some(taken(&view)),
        Some(view) if view.has_ended() => return Ok(LineEnd::AlreadyDone(Box::new(view))),
        Some(_) => None,
        None => {
            let wanted = Start {
                id: Some(line.id.clone()),
                input: line.input,
                ..wanted.clone()
            };
            start(session, wanted).await
        }
    };
    if let Some(reason) = refused {
        return Ok(LineEnd::Refused {
            id: line.id,
            reason,
        });
    }
    let ended = session.runtime.wait_for_workflow(&key).await?;
    let ended = ended.ok_or_else(|| session.unknown(&line.id))?;
    Ok(LineEnd::Ran(Box::new(ended)))
}

/// Starts a workflow; says why, if it does not. One that somebody else started since is as good.
async fn start(session: &Session, wanted: Start) -> Option<String> {
    let name = wanted.name.clone();
    let started = session.runtime.start_workflow_with(&session.tenant, wanted);
    match started.await {
        Ok(_) => None,
        Err(StartError::AlreadyExists(view)) if view.name == name => None,
        Err(StartError::AlreadyExists(view)) => Some(taken(&view)),
        Err(StartError::Refused(failure)) => Some(failure.to_string()),
    }
}

fn taken(view: &WorkflowView) -> String {
    format!("its id is that of a workflow {}", view.name)
}

fn tell_one(session: &Session, end: &LineEnd, tally: &Tally) -> Result<(), Problem> {
    if session.console.is_for_programs() {
        session.console.entry(&end.report())?;
    } else if let Some(problem) = end.problem().filter(|_| tally.failures() <= FAILURES_TOLD) {
        session.console.say(&text::printable(&problem));
    }
    Ok(())
}

fn tell(session: &Session, tally: &Tally) -> Result<(), Problem> {
    if session.console.is_for_programs() {
        session.console.note(&tally.to_string());
        return Ok(session.console.end_of_list()?);
    }
    let untold = tally.failures().saturating_sub(FAILURES_TOLD);
    if untold > 0 {
        session.console.say(&format!(
            "... and {untold} more; \"host workflow list --status failed\" shows all"
        ));
    }
    Ok(session.console.last_result(&tally.to_string())?)
}

impl LineEnd {
    fn report(&self) -> LineReport<'_> {
        let workflow = |report| LineReport::Workflow(Box::new(report));
        match self {
            LineEnd::Ran(view) => workflow(Report::new(view)),
            LineEnd::AlreadyDone(view) => workflow(Report::new(view).already_done()),
            LineEnd::Refused { id, reason } => LineReport::Refused(Refusal {
                id,
                status: "refused",
                reason,
            }),
        }
    }

    fn problem(&self) -> Option<String> {
        match self {
            LineEnd::Ran(view) if exit::of(view.status) == Exit::Done => None,
            LineEnd::Ran(view) => {
                let (id, status) = (&view.key.id, view.status_name());
                Some(format!(
                    "[Workflow {id}] {status}: {}",
                    report::ending(&Report::new(view))
                ))
            }
            LineEnd::AlreadyDone(_) => None,
            LineEnd::Refused { id, reason } => {
                Some(format!("[Workflow {id}] not started: {reason}"))
            }
        }
    }
}

impl Tally {
    fn add(&mut self, end: &LineEnd) {
        match end {
            LineEnd::Ran(view) if view.stall.is_some() => self.stalled += 1,
            LineEnd::Ran(view) if exit::of(view.status) == Exit::Done => self.completed += 1,
            LineEnd::Ran(_) | LineEnd::Refused { .. } => self.failed += 1,
            LineEnd::AlreadyDone(view) => {
                self.already_done += 1;
                self.already_failed += usize::from(exit::of(view.status) != Exit::Done);
            }
        }
    }

    fn failures(&self) -> usize {
        self.failed + self.stalled
    }

    fn exit(&self) -> Exit {
        if self.failures() + self.already_failed > 0 {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.completed + self.failures() + self.already_done;
        let (total, completed, failed) = (count(total, "workflow"), self.completed, self.failed);
        write!(f, "{total}: {completed} completed, {failed} failed")?;
        if self.stalled > 0 {
            write!(f, ", {} stalled", self.stalled)?;
        }
        write!(f, ", {} already done", self.already_done)?;
        match self.already_failed {
            0 => Ok(()),
            failed => write!(f, " ({failed} of them failed)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use host_base::{Attributes, Failure, Outcome, TenantId, Timestamp, WorkflowKey};
    use host_engine::WorkflowStatus;

    use super::*;
    use crate::show::console;

    fn view(status: WorkflowStatus, outcome: Outcome) -> Box<WorkflowView> {
        Box::new(WorkflowView {
            key: WorkflowKey::new(TenantId::default(), "w-1").unwrap(),
            name: "w".to_owned(),
            plugin: "p".to_owned(),
            run: 1,
            status,
            created: Timestamp(0),
            updated: Timestamp(0),
            outcome: Some(outcome),
            suspension: None,
            cancel_requested: None,
            custom_status: None,
            attributes: Attributes::new(),
            starts: None,
            kept_until: None,
            stall: None,
            component: None,
        })
    }

    fn completed() -> Box<WorkflowView> {
        view(WorkflowStatus::Completed, Ok(Vec::new()))
    }

    fn failed() -> Box<WorkflowView> {
        view(WorkflowStatus::Failed, Err(Failure::new("x", "broken")))
    }

    fn tally(ends: impl IntoIterator<Item = LineEnd>) -> Tally {
        let mut tally = Tally::default();
        ends.into_iter().for_each(|end| tally.add(&end));
        tally
    }

    #[test]
    fn ends_are_counted_by_kind() {
        let refused = LineEnd::Refused {
            id: "w-2".to_owned(),
            reason: "no".to_owned(),
        };
        let all = tally([
            LineEnd::Ran(completed()),
            LineEnd::Ran(failed()),
            LineEnd::AlreadyDone(failed()),
            refused,
        ]);
        assert_eq!(
            all.to_string(),
            "4 workflows: 1 completed, 2 failed, 1 already done (1 of them failed)"
        );
    }

    #[test]
    fn what_failed_before_counts_as_much_as_what_fails_now() {
        assert_eq!(tally([LineEnd::Ran(completed())]).exit(), Exit::Done);
        assert_eq!(
            tally([LineEnd::AlreadyDone(completed())]).exit(),
            Exit::Done
        );
        assert_eq!(tally([LineEnd::Ran(failed())]).exit(), Exit::Failed);
        assert_eq!(tally([LineEnd::AlreadyDone(failed())]).exit(), Exit::Failed);
    }

    #[test]
    fn programs_see_which_lines_were_done_before() {
        let line = |end: LineEnd| console::encode(&end.report());
        let before = line(LineEnd::AlreadyDone(completed()));
        assert!(before.contains(r#""already_done":true"#), "{before}");
        assert!(!line(LineEnd::Ran(completed())).contains("already_done"));
    }

    #[test]
    fn people_see_why_a_line_failed() {
        let problem = LineEnd::Ran(failed()).problem();
        assert_eq!(problem.unwrap(), "[Workflow w-1] failed: broken (x)");
        assert_eq!(LineEnd::Ran(completed()).problem(), None);
    }
}

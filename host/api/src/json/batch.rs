//! What is asked for and told of a batch: something that is done to all workflows that fit.
//!
//! Pure. Owns what an order may say; who carries it out is elsewhere.

use std::borrow::Cow;

use host_base::{Search, Timestamp};
use host_runtime::records::{
    self, BatchDeed, BatchJob, BatchPurge, BatchStage, EventRaised, Reason, Resumed,
};
use host_runtime::{BatchView, Selection, WorkflowFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Raw, Status, moment, rfc3339};

/// What is done to each workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BatchOperation)]
pub enum BatchOperation {
    /// It is asked to end.
    Cancel,
    /// It is ended at once.
    Terminate,
    /// It is held.
    Suspend,
    /// It is held no longer.
    Resume,
    /// It is deleted, if it has ended.
    Purge,
    /// An event is raised for it.
    Raise,
}

/// Which workflows: those that fit every field that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchFilter<'a> {
    /// Only those that stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Only those of the workflow of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// Only those that were started then or later (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub created_from: Option<Cow<'a, str>>,
    /// Only those that were started earlier (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub created_until: Option<Cow<'a, str>>,
    /// Only those whose attributes fit all these conditions, as lists take them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#where: Option<Cow<'a, str>>,
}

/// What is to be done, and to which workflows: a filter that says something, or all.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartBatch)]
pub struct BatchOrder<'a> {
    /// What is done to each.
    pub operation: BatchOperation,
    /// Which workflows. Needed unless `all` is set.
    #[serde(default)]
    #[schema(required = false)]
    pub filter: BatchFilter<'a>,
    /// Whether all workflows are meant. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Of `cancel`, `terminate` and `suspend`: why, in your own words; recorded in each history. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// Of `purge`: whether what has not ended is terminated first, its children included. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Of `raise`: the event's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Cow<'a, str>>,
    /// Of `raise`: the event's value. Default: `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Raw, required = false)]
    pub value: Option<Raw>,
    /// Whether nothing is done and it is only told how many workflows fit. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// How many workflows fit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchMatched {
    /// How many there are.
    pub matched: u64,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// It goes on.
    Running,
    /// It has dealt with all that fit.
    Completed,
    /// It was given up before.
    Aborted,
}

/// A batch.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchLine<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// What is done to each workflow; absent where only a newer host knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<BatchOperation>,
    /// To which; nothing set: to all.
    pub filter: BatchFilter<'a>,
    /// Where it stands.
    pub state: BatchState,
    /// When it was asked for (RFC 3339, UTC); what is started later is left alone.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it ended (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended: Option<String>,
    /// How many workflows fit when it began; absent: they are not counted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// Workflows to which it was done.
    pub done: u64,
    /// Workflows to which it could not be done as they stood, or that were gone.
    pub skipped: u64,
    /// Workflows of which it is not known that it was done.
    pub failed: u64,
    /// Why, for the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<BatchFailureLine<'a>>,
    /// Of a purge: workflows that were deleted, children included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<u64>,
    /// Of a purge: workflows that have not ended and were left alone, children included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
}

/// A workflow of which it is not known that it was done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = BatchFailure)]
pub struct BatchFailureLine<'a> {
    /// The workflow's id.
    pub id: Cow<'a, str>,
    /// Why.
    pub reason: Cow<'a, str>,
}

impl BatchOperation {
    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            BatchOperation::Cancel => "cancel",
            BatchOperation::Terminate => "terminate",
            BatchOperation::Suspend => "suspend",
            BatchOperation::Resume => "resume",
            BatchOperation::Purge => "purge",
            BatchOperation::Raise => "raise",
        }
    }
}

impl BatchState {
    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            BatchState::Running => "running",
            BatchState::Completed => "completed",
            BatchState::Aborted => "aborted",
        }
    }
}

impl BatchFilter<'_> {
    /// The same for the runtime.
    ///
    /// # Errors
    /// A time in it or the search is none.
    pub fn selection(&self) -> Result<Selection, String> {
        let time = |name, text: &Option<Cow<'_, str>>| {
            let read = |text: &Cow<'_, str>| moment(text).ok_or_else(|| no_time(name, text));
            text.as_ref().map(read).transpose()
        };
        let search = self.r#where.as_deref().map(str::parse).transpose();
        let search: Option<Search> = search.map_err(|error| format!("where: {error}"))?;
        Ok(Selection {
            filter: WorkflowFilter {
                status: self.status.map(Into::into),
                name: self.name.as_deref().map(str::to_owned),
            },
            created_from: time("created_from", &self.created_from)?,
            created_until: time("created_until", &self.created_until)?,
            search: search.unwrap_or_default(),
        })
    }
}

fn no_time(name: &str, text: &str) -> String {
    format!("{name} is `{text}`, and must be a time such as 2030-01-31T12:00:00Z")
}

impl BatchOrder<'_> {
    /// An operation without more to say, on nothing yet.
    pub fn of(operation: BatchOperation) -> BatchOrder<'static> {
        BatchOrder {
            operation,
            filter: BatchFilter::default(),
            all: false,
            reason: None,
            force: false,
            event: None,
            value: None,
            dry_run: false,
        }
    }

    /// Which workflows.
    ///
    /// # Errors
    /// It does not say which, or says it twice.
    pub fn selection(&self) -> Result<Selection, String> {
        let selection = self.filter.selection()?;
        match (self.all, selection.is_everything()) {
            (true, true) | (false, false) => Ok(selection),
            (false, true) => Err(
                "it does not say which workflows: set a field of `filter`, or `all` to true"
                    .to_owned(),
            ),
            (true, false) => Err("it says `all` and a `filter`: leave one of them out".to_owned()),
        }
    }

    /// What is done to each.
    ///
    /// # Errors
    /// It says something that belongs to another operation, or not enough.
    pub fn deed(&self) -> Result<BatchDeed, String> {
        self.check_fields()?;
        let reason = || Reason {
            reason: self.reason.as_deref().unwrap_or_default().to_owned(),
        };
        Ok(match self.operation {
            BatchOperation::Cancel => BatchDeed::Cancel(reason()),
            BatchOperation::Terminate => BatchDeed::Terminate(reason()),
            BatchOperation::Suspend => BatchDeed::Suspend(reason()),
            BatchOperation::Resume => BatchDeed::Resume(Resumed {}),
            BatchOperation::Purge => BatchDeed::Purge(BatchPurge { force: self.force }),
            BatchOperation::Raise => BatchDeed::Raise(EventRaised {
                name: self.event.as_deref().unwrap_or_default().to_owned(),
                value: self.value.as_ref().map(Raw::payload).unwrap_or_default(),
            }),
        })
    }

    fn check_fields(&self) -> Result<(), String> {
        use BatchOperation::{Cancel, Purge, Raise, Suspend, Terminate};
        let given = [
            (
                "reason",
                self.reason.is_some(),
                &[Cancel, Terminate, Suspend][..],
            ),
            ("force", self.force, &[Purge]),
            ("event", self.event.is_some(), &[Raise]),
            ("value", self.value.is_some(), &[Raise]),
        ];
        let operation = self.operation;
        let mut wrong = given
            .into_iter()
            .filter(|(_, given, of)| *given && !of.contains(&operation));
        if let Some((name, ..)) = wrong.next() {
            return Err(format!(
                "`{name}` means nothing to the operation {}: leave it out",
                operation.name()
            ));
        }
        if operation == Raise && self.event.is_none() {
            return Err("it does not say which event is raised: set `event`".to_owned());
        }
        Ok(())
    }
}

impl<'a> BatchLine<'a> {
    /// What is known of it.
    pub fn new(view: &'a BatchView) -> BatchLine<'a> {
        let job = &view.job;
        let of_purge = |number| matches!(job.deed, Some(BatchDeed::Purge(_))).then_some(number);
        BatchLine {
            id: (&view.id).into(),
            operation: job.deed.as_ref().map(operation),
            filter: filter(job),
            state: state(job.stage()),
            created: rfc3339(Timestamp(job.created_ms)),
            ended: view.has_ended().then(|| rfc3339(Timestamp(job.ended_ms))),
            matched: job.matched,
            done: job.done,
            skipped: job.skipped,
            failed: job.failed,
            failures: job.failures.iter().map(failure).collect(),
            deleted: of_purge(job.deleted),
            left: of_purge(job.left),
        }
    }

    /// Workflows that it has looked at.
    pub fn looked_at(&self) -> u64 {
        self.done + self.skipped + self.failed
    }
}

fn operation(deed: &BatchDeed) -> BatchOperation {
    match deed {
        BatchDeed::Cancel(_) => BatchOperation::Cancel,
        BatchDeed::Terminate(_) => BatchOperation::Terminate,
        BatchDeed::Suspend(_) => BatchOperation::Suspend,
        BatchDeed::Resume(_) => BatchOperation::Resume,
        BatchDeed::Purge(_) => BatchOperation::Purge,
        BatchDeed::Raise(_) => BatchOperation::Raise,
    }
}

fn state(stage: BatchStage) -> BatchState {
    match stage {
        BatchStage::Running => BatchState::Running,
        BatchStage::Completed => BatchState::Completed,
        BatchStage::Aborted => BatchState::Aborted,
    }
}

fn filter(job: &BatchJob) -> BatchFilter<'_> {
    let Some(filter) = &job.filter else {
        return BatchFilter::default();
    };
    let time = |millis: u64| rfc3339(Timestamp(millis)).into();
    let status = filter
        .status
        .and_then(|status| records::Status::try_from(status).ok());
    BatchFilter {
        status: status.map(Into::into),
        name: filter.name.as_deref().map(Into::into),
        created_from: filter.created_from_ms.map(time),
        created_until: filter.created_until_ms.map(time),
        r#where: filter.search.as_deref().map(Into::into),
    }
}

fn failure(failure: &records::BatchFailure) -> BatchFailureLine<'_> {
    BatchFailureLine {
        id: (&failure.workflow_id).into(),
        reason: (&failure.reason).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Result<(Selection, BatchDeed), String> {
        let order: BatchOrder<'_> =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok((order.selection()?, order.deed()?))
    }

    #[test]
    fn nothing_is_done_to_all_workflows_unless_that_is_said() {
        let silent = order(r#"{"operation":"purge"}"#);
        assert!(silent.unwrap_err().contains("`all`"));
        let both = order(r#"{"operation":"purge","all":true,"filter":{"name":"a"}}"#);
        assert!(both.unwrap_err().contains("leave one of them out"));
        let (all, _) = order(r#"{"operation":"purge","all":true}"#).unwrap();
        assert!(all.is_everything());
        let misspelt = order(r#"{"operation":"purge","filter":{"nmae":"a"}}"#);
        assert!(misspelt.is_err());
    }

    #[test]
    fn what_belongs_to_another_operation_is_refused() {
        let wrong = |fields: &str| order(&format!("{{\"all\":true,{fields}}}")).unwrap_err();
        assert!(wrong(r#""operation":"resume","reason":"x""#).contains("`reason`"));
        assert!(wrong(r#""operation":"cancel","force":true"#).contains("`force`"));
        assert!(wrong(r#""operation":"purge","event":"go""#).contains("`event`"));
        assert!(wrong(r#""operation":"raise","value":1"#).contains("`event`"));
    }
}

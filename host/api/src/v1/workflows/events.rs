//! What is recorded of one workflow, as it happens: server-sent events that can be gone on with where they broke off.
//!
//! Owns where such a stream begins, how it goes on from run to run and when it ends. Holds a page of events at most:
//! who reads slowly is sent slowly.

use std::collections::VecDeque;

use axum::http::StatusCode;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, future, stream};
use host_base::WorkflowKey;
use host_runtime::StoreError;
use serde::Deserialize;
use utoipa::IntoParams;

use super::read::known;
use super::{One, key_of};
use crate::Api;
use crate::json::{EventLine, Raw, Report, Status};
use crate::v1::extract::{Path, Query};
use crate::v1::problem::{Kind, Problem};
use crate::v1::stream::{LastSeen, answer, place};

/// Events that are read at once.
const READ_AT_ONCE: usize = 64;
/// The type of the event that tells that the workflow does not go on by itself.
const REST: &str = "rest";

/// Where the stream begins.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamOptions {
    /// Which run of the id. Default: the latest.
    run: Option<u32>,
    /// The number of the first event. Default 0.
    from: Option<u64>,
}

/// Streams a workflow's history
///
/// Server-sent events: those that are recorded already, then each as soon as it is durable. Where the workflow
/// continues as new, the stream goes on with the next run; it ends when the workflow has. While the workflow stalls or
/// is suspended, an event of the type `rest` says so: it has no id, and its data is the Workflow as JSON.
/// Whoever goes on behind the last event of a workflow that has ended is answered with 204, as `EventSource` expects.
#[utoipa::path(
    get,
    path = "/workflows/{id}/events",
    operation_id = "stream_workflow_events",
    tag = "workflows",
    params(One, StreamOptions,
        ("Last-Event-ID" = Option<String>, Header, pattern = "^[0-9]+\\.[0-9]+$",
        description = "The id of the last event that was seen; the stream begins behind it, whatever the options say.")),
    responses(
        (status = 200, description = "Events as they are recorded; the data of each is an Event as JSON.",
            body = String, content_type = "text/event-stream"),
        (status = 204, description = "It has ended, and there is nothing behind the last event that was seen.")
    )
)]
pub(super) async fn events(
    api: Api,
    Path(One { id }): Path<One>,
    Query(options): Query<StreamOptions>,
    seen: LastSeen,
) -> Result<Response, Problem> {
    let key = key_of(&api, id)?;
    let view = known(&api, &key)?;
    let seen = seen.read(behind)?;
    let (run, next) = seen.unwrap_or((options.run.unwrap_or(view.run), options.from.unwrap_or(0)));
    if run > view.run || api.runtime.history(&key, run, 0, 1)?.is_empty() {
        let (id, latest) = (&key.id, view.run);
        let text = format!("workflow {id} has no history of run {run}; the latest run is {latest}");
        return Err(Problem::new(Kind::NotFound, text));
    }
    let place = place(&api)?;
    let mut tail = Tail {
        api,
        key,
        run,
        next,
        ready: VecDeque::new(),
        rest_is_told: false,
    };
    if seen.is_some() && tail.is_over()? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(answer(&tail.api.clone(), tail.stream(), place))
}

/// The run and the number behind the event of this id.
fn behind(id: &str) -> Option<(u32, u64)> {
    let (run, number) = id.split_once('.')?;
    let number: u64 = number.parse().ok()?;
    Some((run.parse().ok()?, number.checked_add(1)?))
}

/// A stream, as far as it is.
struct Tail {
    api: Api,
    key: WorkflowKey,
    run: u32,
    /// The number of the next event to read.
    next: u64,
    ready: VecDeque<Event>,
    /// Whether it was told, since the last event, that the workflow does not go on by itself.
    rest_is_told: bool,
}

/// What there is to do for a stream.
enum Step {
    /// There are events to send, or the next run has begun.
    Go,
    /// Everything was sent, and more may come.
    Wait,
    /// Nothing will come any more.
    End,
}

impl Tail {
    fn stream(self) -> impl Stream<Item = Event> {
        stream::unfold(self, |mut tail| async move {
            let event = tail.event().await?;
            Some((event, tail))
        })
    }

    /// The next event; none where the stream ends.
    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            // First the ear, then the look: what is recorded between the two is heard.
            let recorded = self.api.runtime.recorded(&self.key);
            // A client sees that the stream broke off, and asks again; then it is told why.
            match self.look().ok()? {
                Step::Go => {}
                Step::End => return None,
                Step::Wait => {
                    tokio::select! {
                        () = self.api.stopping() => return None,
                        there_is_more = recorded => there_is_more.then_some(())?,
                        rests = self.rests() => rests.ok()?,
                    }
                }
            }
        }
    }

    /// Ends when the workflow does not go on by itself; never where that was told.
    async fn rests(&self) -> Result<(), StoreError> {
        if self.rest_is_told {
            return future::pending().await;
        }
        self.api
            .runtime
            .wait_for_workflow(&self.key)
            .await
            .map(drop)
    }

    /// Whether there is nothing to send and never will be.
    fn is_over(&mut self) -> Result<bool, Problem> {
        Ok(matches!(self.look()?, Step::End))
    }

    /// Reads what is recorded.
    fn look(&mut self) -> Result<Step, StoreError> {
        // Before the history: what it says of a run that is over was recorded with the last event of that run.
        let Some(view) = self.api.runtime.workflow(&self.key)? else {
            return Ok(Step::End);
        };
        let events = self
            .api
            .runtime
            .history(&self.key, self.run, self.next, READ_AT_ONCE)?;
        if let Some((last, _)) = events.last() {
            self.next = last + 1;
            let run = self.run;
            let told = events
                .iter()
                .map(|(number, event)| told(run, *number, &EventLine::new(*number, event)));
            self.ready.extend(told);
            self.rest_is_told = false;
            return Ok(Step::Go);
        }
        if view.run > self.run {
            self.run += 1;
            self.next = 0;
            return Ok(Step::Go);
        }
        if view.has_ended() {
            return Ok(Step::End);
        }
        if Status::from(view.status).rests() && !self.rest_is_told {
            let report = Raw::of(&Report::new(&view));
            let rest = Event::default().event(REST).data(report.text());
            self.ready.push_back(rest);
            self.rest_is_told = true;
            return Ok(Step::Go);
        }
        Ok(Step::Wait)
    }
}

/// An event as it is sent.
fn told(run: u32, number: u64, line: &EventLine<'_>) -> Event {
    let event = Event::default().id(format!("{run}.{number}"));
    event.data(Raw::of(line).text())
}

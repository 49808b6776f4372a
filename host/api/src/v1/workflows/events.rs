//! What is recorded of one workflow, as it happens: server-sent events that can be gone on with where they broke off.
//!
//! Owns where such a stream begins, how it goes on from run to run and when it ends. Holds a page of events at most:
//! who reads slowly is sent slowly.

use std::collections::VecDeque;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use host_base::WorkflowKey;
use host_runtime::StoreError;
use serde::Deserialize;
use utoipa::IntoParams;

use super::read::known;
use super::{One, key_of};
use crate::Api;
use crate::json::{EventLine, Raw};
use crate::v1::extract::{Path, Query};
use crate::v1::problem::{Kind, Problem};
use crate::v1::stream::{LastSeen, answer, place};

/// Events that are read at once.
const READ_AT_ONCE: usize = 64;

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
/// Server-sent events: those that are recorded already, then each as soon as it is durable. Where the workflow continues as new, the stream goes on with the next run; it ends when the workflow has.
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
    State(api): State<Api>,
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
    };
    if seen.is_some() && tail.is_over()? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(answer(tail.stream(), place))
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
                    let stopping = self.api.stopping();
                    tokio::select! {
                        () = stopping => return None,
                        there_is_more = recorded => there_is_more.then_some(())?,
                    }
                }
            }
        }
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
            return Ok(Step::Go);
        }
        if view.run > self.run {
            self.run += 1;
            self.next = 0;
            return Ok(Step::Go);
        }
        Ok(if view.has_ended() {
            Step::End
        } else {
            Step::Wait
        })
    }
}

/// An event as it is sent.
fn told(run: u32, number: u64, line: &EventLine<'_>) -> Event {
    let event = Event::default().id(format!("{run}.{number}"));
    event.data(Raw::of(line).text())
}

//! What is recorded of one workflow, as it happens: server-sent events that can be gone on with where they broke off.
//!
//! Owns where such a stream begins, how it goes on from run to run and when it ends. Holds a page of events at most:
//! who reads slowly is sent slowly.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use host_base::WorkflowKey;
use host_runtime::StoreError;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::read::known;
use super::{One, key_of};
use crate::Api;
use crate::json::{EventLine, Raw};
use crate::v1::extract::{Path, Query};
use crate::v1::problem::{Kind, Problem};

/// Events that are read at once.
const READ_AT_ONCE: usize = 64;
/// After how long without an event something is sent all the same, so that nobody takes the silence for an end.
const SILENCE_MAX: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: &str = "last-event-id";

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

/// The last event that a client has seen.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct LastSeen {
    /// The id of the last event that was seen; the stream begins behind it, whatever the options say.
    #[param(rename = "Last-Event-ID", pattern = "^[0-9]+\\.[0-9]+$")]
    id: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for LastSeen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<LastSeen, Problem> {
        let id = parts.headers.get(LAST_EVENT_ID);
        let id = id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        Ok(LastSeen { id })
    }
}

impl LastSeen {
    /// The run and the number behind it.
    fn next(&self) -> Result<Option<(u32, u64)>, Problem> {
        let Some(id) = &self.id else { return Ok(None) };
        let next = id.split_once('.').and_then(|(run, number)| {
            let number: u64 = number.parse().ok()?;
            Some((run.parse().ok()?, number.checked_add(1)?))
        });
        let wrong = || {
            let text = "the header Last-Event-ID must be the id of an event of this stream";
            Problem::bad_input(text)
        };
        next.map(Some).ok_or_else(wrong)
    }
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
    params(One, StreamOptions, LastSeen),
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
    let seen = seen.next()?;
    let (run, next) = seen.unwrap_or((options.run.unwrap_or(view.run), options.from.unwrap_or(0)));
    if run > view.run || api.runtime.history(&key, run, 0, 1)?.is_empty() {
        let (id, latest) = (&key.id, view.run);
        let text = format!("workflow {id} has no history of run {run}; the latest run is {latest}");
        return Err(Problem::new(Kind::NotFound, text));
    }
    let place = Arc::clone(&api.event_streams).try_acquire_owned();
    let place = place.map_err(|_| {
        let max = api.runtime.limits().event_streams_max;
        let text =
            format!("{max} streams of events are open, which is `event_streams_max`; try again");
        Problem::new(Kind::Busy, text)
    })?;
    let mut tail = Tail {
        api,
        key,
        run,
        next,
        ready: VecDeque::new(),
        _place: place,
    };
    if seen.is_some() && tail.is_over()? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let alive = KeepAlive::new().interval(SILENCE_MAX);
    Ok(Sse::new(tail.stream()).keep_alive(alive).into_response())
}

/// A stream, as far as it is.
struct Tail {
    api: Api,
    key: WorkflowKey,
    run: u32,
    /// The number of the next event to read.
    next: u64,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
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
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut tail| async move {
            let event = tail.event().await?;
            Some((Ok(event), tail))
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

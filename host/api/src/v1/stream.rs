//! Server-sent events: how many streams may be open, where one goes on, and what keeps it alive.
//!
//! Knows nothing of what is sent.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;

use super::problem::{Kind, Problem};
use crate::Api;

/// After how long without an event something is sent all the same, so that nobody takes the silence for an end.
const SILENCE_MAX: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: &str = "last-event-id";

/// The id of the last event that a client has seen, if it has seen one.
pub(super) struct LastSeen(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for LastSeen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<LastSeen, Problem> {
        let id = parts.headers.get(LAST_EVENT_ID);
        let id = id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        Ok(LastSeen(id))
    }
}

impl LastSeen {
    /// What the id says, as `read` reads it.
    pub(super) fn read<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(id) = &self.0 else { return Ok(None) };
        let wrong = || {
            let text = "the header Last-Event-ID must be the id of an event of this stream";
            Problem::bad_input(text)
        };
        read(id).map(Some).ok_or_else(wrong)
    }
}

/// A place among the streams that are open.
pub(super) fn place(api: &Api) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(&api.event_streams).try_acquire_owned();
    place.map_err(|_| {
        let max = api.runtime.limits().event_streams_max;
        let text =
            format!("{max} streams of events are open, which is `event_streams_max`; try again");
        Problem::new(Kind::Busy, text)
    })
}

/// Sends events until there are none any more, the host is to stop or the caller's token counts no longer; the place
/// is held as long.
pub(super) fn answer(
    api: &Api,
    events: impl Stream<Item = Event> + Send + 'static,
    place: OwnedSemaphorePermit,
) -> Response {
    // However much there is to send, to whoever may not have it any more.
    let events = events.take_until(Box::pin(api.stopping()));
    let events = events.map(move |event| {
        let _held = &place;
        Ok::<_, Infallible>(event)
    });
    let alive = KeepAlive::new().interval(SILENCE_MAX);
    Sse::new(events).keep_alive(alive).into_response()
}

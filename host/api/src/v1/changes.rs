//! Which workflows change, as it happens: server-sent events that can be gone on with where they broke off.
//!
//! Owns what a change is told as. Holds a page of them at most: who reads slowly is sent slowly, until more has
//! changed than is kept.

use std::collections::VecDeque;

use axum::response::Response;
use axum::response::sse::Event;
use futures_util::{Stream, stream};
use host_base::WorkflowKey;
use host_runtime::Missed;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Kind, Problem};
use super::stream::{LastSeen, answer, place};
use crate::Api;
use crate::json::{Raw, Report};

/// Changes that are read at once.
const READ_AT_ONCE: usize = 64;

/// That a workflow is not there any more, though it has changed.
#[derive(Serialize, ToSchema)]
struct Gone<'a> {
    id: &'a str,
    gone: bool,
}

/// Streams the changes of all workflows
///
/// Server-sent events. The first one is called `begin` and says from which id on changes are told; each that follows
/// is called `workflow` and is a workflow that has begun, ended, stalled, been held or gone on: as it is when that is
/// sent, so that of two changes in a row both may show the second. Whoever wants to know of all workflows opens the
/// stream, waits for `begin`, and lists them then. A stream that breaks off is gone on with by Last-Event-ID, unless
/// more has changed than is kept (`changes_kept_max`) or the host was started again: then the answer is 410, and
/// whoever watches begins anew without it.
#[utoipa::path(
    get,
    path = "/changes",
    operation_id = "stream_changes",
    tag = "workflows",
    params(("Last-Event-ID" = Option<String>, Header, pattern = "^[0-9]{1,19}$",
        description = "The id of the last event that was seen; the stream begins behind it. Default: now.")),
    responses(
        (status = 200, description = "Changes as they become durable; the data of each is a Workflow as JSON, or \
            `{\"id\":…,\"gone\":true}` where that is deleted already.",
            body = String, content_type = "text/event-stream"),
        (status = 410, description = "Not all changes behind that event are kept: begin anew.",
            body = super::problem::Body<'static>, content_type = "application/problem+json")
    )
)]
pub(super) async fn changes(api: Api, seen: LastSeen) -> Result<Response, Problem> {
    let seen: Option<u64> = seen.read(|id| id.parse().ok())?;
    let last = seen.unwrap_or_else(|| api.runtime.watch_changes());
    let mut watch = Watch {
        api,
        last,
        ready: VecDeque::new(),
    };
    watch.look().map_err(|Missed| missed())?;
    if seen.is_none() {
        let begin = Event::default().event("begin").id(last.to_string());
        watch.ready.push_front(begin.data("{}"));
    }
    let place = place(&watch.api)?;
    Ok(answer(&watch.api.clone(), watch.stream(), place))
}

fn missed() -> Problem {
    let text = "more has changed since that event than is kept, or the host was started again: begin anew without \
                Last-Event-ID, and list the workflows";
    Problem::new(Kind::Gone, text)
}

/// A stream, as far as it is.
struct Watch {
    api: Api,
    last: u64,
    ready: VecDeque<Event>,
}

impl Watch {
    fn stream(self) -> impl Stream<Item = Event> {
        stream::unfold(self, |mut watch| async move {
            let event = watch.event().await?;
            Some((event, watch))
        })
    }

    /// The next event; none where the stream ends. Whoever was too slow asks again, and is told so then.
    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let changed = self.api.runtime.changed(self.last);
            tokio::select! {
                () = self.api.stopping() => return None,
                () = changed => self.look().ok()?,
            }
        }
    }

    fn look(&mut self) -> Result<(), Missed> {
        let runtime = &self.api.runtime;
        let found = runtime.changes(self.api.tenant(), self.last, READ_AT_ONCE)?;
        self.last = found.last;
        let told = found.changes.iter();
        let told = told.filter_map(|(number, key)| self.told(*number, key));
        let told: Vec<_> = told.collect();
        self.ready.extend(told);
        Ok(())
    }

    /// The workflow as it is now. None where the store cannot be read, of which the operator learns elsewhere.
    fn told(&self, number: u64, key: &WorkflowKey) -> Option<Event> {
        let data = match self.api.runtime.workflow(key).ok()? {
            Some(view) => Raw::of(&Report::new(&view)),
            None => Raw::of(&Gone {
                id: &key.id,
                gone: true,
            }),
        };
        let event = Event::default().event("workflow").id(number.to_string());
        Some(event.data(data.text()))
    }
}

//! A request's body that is given up where it does not come in time.
//!
//! Knows nothing of what it says.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::{BoxError, Error};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

/// A client is too slow.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come within {0:?}")]
struct TooSlow(Duration);

/// The rest of a body, which has so long to come from when it was first waited for.
pub(super) struct InTime {
    body: Body,
    limit: Duration,
    /// Most bodies are there with their heads, and need no clock.
    clock: Option<Pin<Box<Sleep>>>,
}

impl InTime {
    pub(super) fn new(body: Body, limit: Duration) -> InTime {
        InTime {
            body,
            limit,
            clock: None,
        }
    }
}

impl http_body::Body for InTime {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let limit = self.limit;
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(clock.as_mut().poll(context));
        let error: BoxError = TooSlow(limit).into();
        Poll::Ready(Some(Err(Error::new(error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

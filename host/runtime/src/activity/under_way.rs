//! One activity that is in memory: what its attempts share, and how it is asked to stop.
//!
//! Knows nothing of tasks in the store or of what an attempt runs.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use host_base::{Digest, Payload};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::locks::lock;

/// What everybody shares who has to do with one activity.
pub(crate) type Shared = Arc<UnderWay>;

/// One activity, over all its attempts in this process.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    /// The keys of the calls that it has made.
    replies: Mutex<HashSet<Digest>>,
    cancelled: AtomicBool,
    beat: Mutex<Beat>,
    /// Rung when it is asked to stop and when it has details to write.
    bell: Notify,
}

/// The last heartbeat.
#[derive(Debug, Default)]
struct Beat {
    at: Option<Instant>,
    details: Option<Payload>,
    /// Whether the details are not in the store yet.
    unwritten: bool,
}

impl UnderWay {
    /// It has made a call of that key.
    pub(crate) fn called(&self, key: Digest) {
        lock(&self.replies).insert(key);
    }

    /// The keys of its calls, which nobody repeats once it has ended.
    pub(crate) fn take_replies(&self) -> Vec<Digest> {
        lock(&self.replies).drain().collect()
    }

    /// Asks it to stop.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    /// Whether it was asked to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Waits until it is asked to stop.
    pub(crate) async fn cancelled(&self) {
        while !self.is_cancelled() {
            self.news(|| self.is_cancelled()).await;
        }
    }

    /// Waits until there is something to look at; `seen` says whether there is already.
    pub(crate) async fn news(&self, seen: impl FnOnce() -> bool) {
        let bell = self.bell.notified();
        tokio::pin!(bell);
        // First in line, then the look: whoever rings between the two is heard.
        bell.as_mut().enable();
        if !seen() {
            bell.await;
        }
    }

    /// The attempt is alive.
    pub(crate) fn beat(&self, details: Option<Payload>) {
        let mut beat = lock(&self.beat);
        beat.at = Some(Instant::now());
        if details.is_some() {
            beat.details = details;
            beat.unwritten = true;
            drop(beat);
            self.bell.notify_waiters();
        }
    }

    /// When the attempt last said that it is alive, if it has.
    pub(crate) fn last_beat(&self) -> Option<Instant> {
        lock(&self.beat).at
    }

    /// Whether there are details that are not in the store.
    pub(crate) fn has_unwritten(&self) -> bool {
        lock(&self.beat).unwritten
    }

    /// The details of the last heartbeat, to be written.
    pub(crate) fn write_details(&self) -> Option<Payload> {
        let mut beat = lock(&self.beat);
        beat.unwritten = false;
        beat.details.clone()
    }

    /// The attempt has ended: the details that it leaves to the next one, if it had any.
    pub(crate) fn take_details(&self) -> Option<Payload> {
        std::mem::take(&mut *lock(&self.beat)).details
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_hears_of_a_request_that_comes_or_has_come() {
        let shared = Arc::new(UnderWay::default());
        let waiting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.cancelled().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        shared.cancel();
        waiting.await.unwrap();
        shared.cancelled().await;
    }
}

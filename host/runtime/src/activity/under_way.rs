//! One activity that is in memory: what its attempts share, and how it is asked to stop.
//!
//! Knows nothing of tasks in the store or of what an attempt runs.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use host_base::Digest;
use tokio::sync::Notify;

use crate::locks::lock;

/// What everybody shares who has to do with one activity.
pub(crate) type Shared = Arc<UnderWay>;

/// One activity, over all its attempts in this process.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    /// The keys of the calls that it has made.
    replies: Mutex<HashSet<Digest>>,
    cancelled: AtomicBool,
    bell: Notify,
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
        let bell = self.bell.notified();
        tokio::pin!(bell);
        // First in line, then the look: whoever asks between the two is heard.
        bell.as_mut().enable();
        if !self.is_cancelled() {
            bell.await;
        }
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

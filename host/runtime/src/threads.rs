//! The threads of a runtime: those that serve everything, and those of low priority beside them.
//!
//! Owns how they are started and stopped. Which task runs where is the business of [`crate::shares`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::shares::{Shares, lower_priority};

/// A thread for each processor, twice.
pub(crate) struct Threads {
    all: Runtime,
    long: Runtime,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// The operating system gives none.
    pub(crate) fn start() -> io::Result<Threads> {
        let all = Builder::new_multi_thread()
            .thread_name("runtime")
            .enable_all()
            .build()?;
        let long = Builder::new_multi_thread()
            .thread_name("runtime-long")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        Ok(Threads { all, long })
    }

    /// The threads that serve everything.
    pub(crate) fn all(&self) -> &Runtime {
        &self.all
    }

    /// Who runs on which of them.
    pub(crate) fn shares(&self) -> Arc<Shares> {
        let handles = [&self.all, &self.long].map(Runtime::handle);
        let [all, long] = handles.map(Handle::clone);
        let processors = all.metrics().num_workers();
        Arc::new(Shares::new(all, long, processors))
    }

    /// Stops them. Blocks, at most so long for each kind.
    pub(crate) fn stop(self, grace: Duration) {
        self.long.shutdown_timeout(grace);
        self.all.shutdown_timeout(grace);
    }

    /// Stops them without waiting.
    pub(crate) fn abandon(self) {
        self.long.shutdown_background();
        self.all.shutdown_background();
    }
}

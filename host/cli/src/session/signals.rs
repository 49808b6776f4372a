//! Ctrl-C and SIGTERM, the two ways of a user and of a supervisor to stop us: the first asks, the second
//! does not.
//!
//! Knows nothing of what is stopped.

use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::exit::Exit;

/// Both signals. From its making on, the first one does not end the process by itself.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to listen; the first signal arrives at the receiver as how the process ends because of it.
    ///
    /// Listening is a task of its own: the work may be waiting for a terminal that takes nothing, and a
    /// second signal must end the process even then.
    pub(crate) fn listen() -> io::Result<oneshot::Receiver<Exit>> {
        let signals = Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        };
        let (first, stop) = oneshot::channel();
        tokio::spawn(signals.run(first));
        Ok(stop)
    }

    async fn run(mut self, first: oneshot::Sender<Exit>) {
        // Once the work is over nobody looks at the first one, and shutting down goes on.
        first.send(self.next().await).ok();
        process::exit(self.next().await.code().into());
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

//! The only thing that writes: one thread that makes batches durable in the order in which they came.
//!
//! It takes what has queued up while the disk was busy, writes it as one group with one fdatasync, and
//! only then tells those who wait; it lingers for more only while every processor has something else to do. A write error closes it for good: nothing is
//! acknowledged any more. Knows nothing of what a batch means.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::batch::Batch;
use crate::database::Database;
use crate::settings::{Stop, StoreOptions};

/// Why a batch did not become durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The committer takes no more batches. An operator must act and start the host again.
    #[error("the store takes no more changes: {reason}")]
    Closed {
        /// Why it was closed.
        reason: String,
    },
}

/// A batch on its way to the disk. Resolves once it is durable; dropping this does not withdraw it.
#[derive(Debug)]
#[must_use = "a batch is durable only when this has resolved"]
pub struct Commit(oneshot::Receiver<Result<(), CommitError>>);

impl Commit {
    /// Waits on a thread that runs no async tasks.
    ///
    /// # Errors
    /// The batch did not become durable.
    ///
    /// # Panics
    /// Called from an async task, which would hold up all others of its thread.
    pub fn wait(self) -> Result<(), CommitError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(died()))
    }
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let received = Pin::new(&mut self.0).poll(context);
        received.map(|result| result.unwrap_or_else(|_| Err(died())))
    }
}

/// A handle to the one committer of a store. Cheap to clone. When the last one is dropped, the committer
/// makes durable what is queued and ends, as with [`Committer::close`].
///
/// The queue has no bound of its own, because [`Committer::commit`] must keep the order of its calls and
/// never wait. It is bounded by those who use it: each waits for its batches before it does much more.
/// [`Committer::backlog_bytes`] tells a caller that wants to hold back.
#[derive(Clone, Debug)]
pub struct Committer(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Queued>,
    backlog_bytes: usize,
    /// Whether the thread waits to be told of a batch: telling costs a system call.
    idle: bool,
    closed: Option<String>,
}

#[derive(Debug)]
struct Queued {
    batch: Batch,
    done: oneshot::Sender<Result<(), CommitError>>,
}

/// How much may become durable with one fdatasync.
#[derive(Clone, Copy)]
struct GroupBounds {
    bytes: usize,
    commits: usize,
}

impl Committer {
    pub(crate) fn start(db: Arc<Database>, options: &StoreOptions) -> std::io::Result<Committer> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
        });
        let stops = Stops {
            stop: options.stop,
            commits: 0,
        };
        let bounds = GroupBounds {
            bytes: options.group_bytes_max,
            // One by one, so that the process can end between any two.
            commits: options.stop.map_or(options.group_commits_max, |_| 1),
        };
        let end = End(Arc::clone(&shared));
        let builder = thread::Builder::new().name("committer".to_owned());
        let thread = builder.spawn(move || run(&db, bounds, stops, end))?;
        let thread = Mutex::new(Some(thread));
        Ok(Committer(Arc::new(Handle { shared, thread })))
    }

    /// Queues a batch behind all that were queued before. Never waits.
    pub fn commit(&self, batch: Batch) -> Commit {
        let (done, waiter) = oneshot::channel();
        let shared = &self.0.shared;
        let mut state = shared.lock();
        if let Some(reason) = state.closed.clone() {
            drop(state);
            // The receiver is right here; it cannot be gone.
            let _ = done.send(Err(CommitError::Closed { reason }));
            return Commit(waiter);
        }
        state.backlog_bytes += batch.bytes();
        state.queue.push_back(Queued { batch, done });
        let wake = std::mem::take(&mut state.idle);
        drop(state);
        if wake {
            shared.filled.notify_one();
        }
        Commit(waiter)
    }

    /// Takes no more batches, and waits until those that are queued are durable and the thread has ended.
    /// Blocks the calling thread: for up to a second after much was written, else some milliseconds.
    pub fn close(&self) {
        self.0.close();
    }

    /// Takes no more batches, for this reason; those that are queued still become durable. Never waits.
    pub fn refuse(&self, reason: &str) {
        self.0.shared.refuse(reason);
    }

    /// Why it takes no more batches; none as long as it does.
    pub fn closed_reason(&self) -> Option<String> {
        self.0.shared.lock().closed.clone()
    }

    /// Bytes of keys and values that are queued or being written.
    pub fn backlog_bytes(&self) -> usize {
        self.0.shared.lock().backlog_bytes
    }
}

impl Handle {
    fn close(&self) {
        self.shared.refuse("it was closed");
        // Held while joining, so that a second caller waits for the same end.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(_)) = thread.take().map(JoinHandle::join) {
            tracing::error!("the committer's thread panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock; if one did, each field would still be right by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses later batches; the first reason stays. The thread goes on with those that are queued.
    fn refuse(&self, reason: &str) {
        let mut state = self.lock();
        state.closed.get_or_insert_with(|| reason.to_owned());
        state.idle = false;
        drop(state);
        self.filled.notify_all();
    }

    /// Refuses later batches and those that are queued.
    fn abandon(&self, reason: &str) {
        self.refuse(reason);
        let mut state = self.lock();
        let queue = std::mem::take(&mut state.queue);
        state.backlog_bytes = 0;
        drop(state);
        acknowledge(queue, &closed(reason));
    }

    /// Waits for batches and takes a group of them; none when closed and all is written.
    fn next_group(&self, bounds: GroupBounds) -> Option<Vec<Queued>> {
        let mut state = self.lock();
        while state.queue.is_empty() {
            if state.closed.is_some() {
                return None;
            }
            state.idle = true;
            let woken = self.filled.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        let count = group_length(&state.queue, bounds);
        Some(state.queue.drain(..count).collect())
    }
}

/// At least one batch, so that a large one is written by itself.
fn group_length(queue: &VecDeque<Queued>, bounds: GroupBounds) -> usize {
    let mut bytes = 0_usize;
    let fits = queue.iter().take(bounds.commits).take_while(|queued| {
        bytes = bytes.saturating_add(queued.batch.bytes());
        bytes <= bounds.bytes
    });
    fits.count().max(1)
}

/// Abandons what is left when the thread ends, however it ends: nobody waits for ever.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.abandon("its thread ended");
    }
}

/// Ends the process where a test has asked for it.
struct Stops {
    stop: Option<Stop>,
    /// That were written or are about to be; counted only where there is a stop.
    commits: u64,
}

impl Stops {
    fn before(&mut self, group: &[Queued]) {
        if let Some(stop) = self.stop {
            let commits = group.iter().filter(|queued| !queued.batch.is_empty());
            let first = self.commits + 1;
            self.commits += commits.count() as u64;
            if let Stop::Before(number) = stop
                && (first..=self.commits).contains(&number.get())
            {
                end_process(stop);
            }
        }
    }

    fn after(&self) {
        if let Some(stop @ Stop::After(number)) = self.stop
            && self.commits >= number.get()
        {
            end_process(stop);
        }
    }
}

/// Nothing is flushed and nobody is told, as if the power had failed.
fn end_process(stop: Stop) -> ! {
    tracing::warn!(?stop, "the process is stopped, as a test has asked for");
    process::abort()
}

fn run(db: &Database, bounds: GroupBounds, mut stops: Stops, end: End) {
    let shared = &end.0;
    while let Some(group) = shared.next_group(bounds) {
        stops.before(&group);
        if let Err(error) = write(db, &group) {
            let reason = format!("write failed: {error}");
            tracing::error!(%error, "write to the store; it takes no more changes");
            shared.refuse(&reason);
            acknowledge(group, &closed(&reason));
            shared.abandon(&reason);
            return;
        }
        stops.after();
        let bytes: usize = group.iter().map(|queued| queued.batch.bytes()).sum();
        acknowledge(group, &Ok(()));
        shared.lock().backlog_bytes -= bytes;
        // Where all processors are busy with turns, they are let go on first, and the next group is larger; where one
        // is free, this is over at once.
        thread::yield_now();
    }
    if let Err(error) = db.flush() {
        // The log has everything all the same; the next opening reads it.
        tracing::warn!(%error, "flush the store before closing");
    }
}

fn write(db: &Database, group: &[Queued]) -> Result<(), rocksdb::Error> {
    let batches = group.iter().map(|queued| &queued.batch);
    let bytes = batches.clone().map(Batch::bytes).sum();
    if batches.clone().all(Batch::is_empty) {
        // What was queued before is durable by now, and that is all that an empty batch promises.
        return Ok(());
    }
    db.write(bytes, batches.flat_map(Batch::ops))
}

fn acknowledge(group: impl IntoIterator<Item = Queued>, result: &Result<(), CommitError>) {
    for queued in group {
        // Whoever dropped its `Commit` does not want to know.
        let _ = queued.done.send(result.clone());
    }
}

fn closed(reason: &str) -> Result<(), CommitError> {
    let reason = reason.to_owned();
    Err(CommitError::Closed { reason })
}

fn died() -> CommitError {
    let reason = "its thread ended".to_owned();
    CommitError::Closed { reason }
}

//! Panics of the host's own code while a guest runs: caught, so that they end one call and not the process.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::stop::Stop;

/// Runs a guest's call. The store of a call that panicked must be dropped, as after a trap.
pub(crate) async fn caught<T>(
    call: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    poll_fn(|context| {
        let poll = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        poll.unwrap_or_else(|panic| Poll::Ready(Err(Stop::Defect(message(&*panic)).into())))
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it panicked without a message".to_owned())
}

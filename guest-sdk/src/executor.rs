//! Runs one workflow body: polls it, and asks the host for the next completion when it has nothing to do.
//!
//! Knows handles and outcomes only; what is scheduled, and how the host is asked, is its caller's
//! business, so that it can be tested without a host. Every future of the body registers a real waker:
//! combinators such as `join_all` poll only those of their futures that were woken.

use std::cell::RefCell;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::bindings::durable::plugin::types::Failure;

/// Stands for one scheduled thing.
pub(crate) type Handle = u32;

/// What came of it.
pub(crate) type Outcome = Result<Vec<u8>, Failure>;

/// The scheduled things whose outcome the body has not taken yet.
pub(crate) struct Slots {
    table: RefCell<Table>,
    cancel: fn(Handle),
}

/// Sorted by handle, because handles are given out in ascending order. Closed slots stay until they are
/// the last or the majority, so that closing one moves nothing.
#[derive(Default)]
struct Table {
    slots: Vec<(Handle, Slot)>,
    closed: usize,
    /// How many of them somebody waits for.
    awaited: usize,
    /// Handles that somebody has begun to wait for and the host was not told of.
    unsaid: Vec<Handle>,
}

enum Slot {
    /// Not complete; the waker of whoever waits for it.
    Open(Option<Waker>),
    /// Complete, and nobody has taken the outcome.
    Complete(Outcome),
    /// Taken or given up.
    Closed,
}

impl Slots {
    /// No slots yet. `cancel` tells the host that nobody is interested in a handle any more.
    pub(crate) fn new(cancel: fn(Handle)) -> Self {
        let table = RefCell::default();
        Self { table, cancel }
    }

    /// Makes room for the outcome of a handle, which is greater than all before.
    pub(crate) fn open(&self, handle: Handle) {
        let mut table = self.table.borrow_mut();
        debug_assert!(table.slots.last().is_none_or(|(last, _)| *last < handle));
        table.slots.push((handle, Slot::Open(None)));
    }

    /// Takes the outcome of an open handle, or leaves the task's waker with it.
    pub(crate) fn poll(&self, handle: Handle, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut table = self.table.borrow_mut();
        let index = table.index(handle);
        let first = match &mut table.slots[index].1 {
            Slot::Open(Some(waker)) if waker.will_wake(cx.waker()) => return Poll::Pending,
            Slot::Open(waker) => waker.replace(cx.waker().clone()).is_none(),
            Slot::Complete(_) | Slot::Closed => return Poll::Ready(table.take(index)),
        };
        if first {
            table.awaited += 1;
            table.unsaid.push(handle);
        }
        Poll::Pending
    }

    /// Loses interest in a handle whose outcome nobody has taken.
    pub(crate) fn give_up(&self, handle: Handle) {
        if let Slot::Open(_) = self.close(handle) {
            (self.cancel)(handle);
        }
    }

    /// Forgets a handle without telling the host.
    pub(crate) fn forget(&self, handle: Handle) {
        self.close(handle);
    }

    /// What was in the slot leaves the table before it is dropped: a waker may own anything.
    fn close(&self, handle: Handle) -> Slot {
        let mut table = self.table.borrow_mut();
        let index = table.index(handle);
        table.close(index)
    }

    /// Whether somebody waits for something.
    fn is_awaited(&self) -> bool {
        self.table.borrow().awaited > 0
    }

    /// Lists the handles that somebody waits for and that were not listed before.
    fn list_unsaid(&self, handles: &mut Vec<Handle>) {
        let mut table = self.table.borrow_mut();
        handles.clear();
        handles.append(&mut table.unsaid);
        handles.retain(|handle| table.is_awaited(*handle));
    }

    /// Files an outcome and wakes whoever waits for it. One that nobody is interested in any more is dropped.
    fn complete(&self, handle: Handle, outcome: Outcome) {
        let mut table = self.table.borrow_mut();
        let Some(index) = table.find(handle) else {
            return;
        };
        let slot = table.replace(index, Slot::Complete(outcome));
        drop(table);
        if let Slot::Open(Some(waker)) = slot {
            waker.wake();
        }
    }
}

impl Slot {
    fn is_awaited(&self) -> bool {
        matches!(self, Self::Open(Some(_)))
    }
}

impl Table {
    /// The place of a handle that is not closed.
    fn find(&self, handle: Handle) -> Option<usize> {
        let found = self
            .slots
            .binary_search_by_key(&handle, |(handle, _)| *handle);
        found
            .ok()
            .filter(|index| !matches!(self.slots[*index].1, Slot::Closed))
    }

    fn index(&self, handle: Handle) -> usize {
        self.find(handle)
            .expect("a future closes its slot once and does not look at it afterwards")
    }

    fn is_awaited(&self, handle: Handle) -> bool {
        let found = self.find(handle);
        found.is_some_and(|index| self.slots[index].1.is_awaited())
    }

    fn replace(&mut self, index: usize, slot: Slot) -> Slot {
        let before = mem::replace(&mut self.slots[index].1, slot);
        self.awaited -= usize::from(before.is_awaited());
        before
    }

    fn take(&mut self, index: usize) -> Outcome {
        match self.close(index) {
            Slot::Complete(outcome) => outcome,
            Slot::Open(_) | Slot::Closed => unreachable!("only a complete slot is taken"),
        }
    }

    fn close(&mut self, index: usize) -> Slot {
        let slot = self.replace(index, Slot::Closed);
        self.closed += 1;
        self.tidy();
        slot
    }

    fn tidy(&mut self) {
        while let Some((_, Slot::Closed)) = self.slots.last() {
            self.slots.pop();
            self.closed -= 1;
        }
        if self.closed * 2 > self.slots.len() {
            self.slots.retain(|(_, slot)| !matches!(slot, Slot::Closed));
            self.closed = 0;
        }
    }
}

/// Whether the body was woken since it was last polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs the body to its end. `wait` is given the handles that the body waits for since it was last called, and
/// returns the next one that is complete of all that it was given; none where something else has happened that
/// the body may go on with. It is called with nothing to wait for only where `others` says that something
/// else can happen.
pub(crate) fn drive<F: Future>(
    slots: &Slots,
    body: F,
    others: impl Fn() -> bool,
    mut wait: impl FnMut(&[Handle]) -> Option<(Handle, Outcome)>,
) -> F::Output {
    let mut body = pin!(body);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let mut handles = Vec::new();
    loop {
        if let Poll::Ready(output) = body.as_mut().poll(&mut cx) {
            return output;
        }
        while !woken.0.swap(false, Ordering::Relaxed) {
            slots.list_unsaid(&mut handles);
            assert!(
                slots.is_awaited() || others(),
                "the workflow waits for something that only a handle of its context can complete"
            );
            match wait(&handles) {
                Some((handle, outcome)) => slots.complete(handle, outcome),
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::future::poll_fn;

    use futures_util::future::{join_all, pending, select};

    use super::*;

    thread_local! {
        static CANCELLED: Cell<u32> = const { Cell::new(0) };
    }

    fn slots(handles: std::ops::RangeInclusive<Handle>) -> Slots {
        CANCELLED.set(0);
        let slots = Slots::new(|_| CANCELLED.set(CANCELLED.get() + 1));
        handles.for_each(|handle| slots.open(handle));
        slots
    }

    async fn take(slots: &Slots, handle: Handle) -> usize {
        let outcome = poll_fn(|cx| slots.poll(handle, cx)).await;
        outcome.map_or(0, |bytes| bytes.len())
    }

    /// A host that completes the greatest handle that is waited for.
    fn last() -> impl FnMut(&[Handle]) -> Option<(Handle, Outcome)> {
        let mut waiting = BTreeSet::new();
        move |more| {
            waiting.extend(more);
            let handle: Handle = waiting.pop_last().expect("somebody waits");
            Some((handle, Ok(vec![0; handle as usize])))
        }
    }

    fn nothing_else() -> bool {
        false
    }

    #[test]
    fn a_thousand_waits_complete_in_any_order() {
        let slots = slots(1..=1_000);
        let body = join_all((1..=1_000).map(|handle| take(&slots, handle)));
        let lengths = drive(&slots, body, nothing_else, last());
        assert_eq!(lengths, (1..=1_000).collect::<Vec<_>>());
        assert!(slots.table.borrow().slots.is_empty());
    }

    #[test]
    fn only_what_is_awaited_is_waited_for() {
        let slots = slots(1..=3);
        let body = async { (take(&slots, 2).await, take(&slots, 1).await) };
        let (mut asked, mut last) = (Vec::new(), last());
        let output = drive(&slots, body, nothing_else, |handles| {
            asked.push(handles.to_vec());
            last(handles)
        });
        assert_eq!((output, asked), ((2, 1), vec![vec![2], vec![1]]));
    }

    #[test]
    fn each_handle_is_said_once_however_many_are_waited_for() {
        let slots = slots(1..=1_000);
        let body = join_all((1..=1_000).map(|handle| take(&slots, handle)));
        let (mut said, mut last) = (0, last());
        drive(&slots, body, nothing_else, |handles| {
            said += handles.len();
            last(handles)
        });
        assert_eq!(said, 1_000);
    }

    #[test]
    fn what_is_forgotten_while_it_is_waited_for_is_dropped_when_it_comes() {
        let slots = slots(1..=2);
        let body = async {
            let polled = poll_fn(|cx| Poll::Ready(slots.poll(2, cx))).await;
            assert!(polled.is_pending());
            slots.forget(2);
            take(&slots, 1).await
        };
        let mut come = [2, 1].into_iter();
        let output = drive(&slots, body, nothing_else, |_| {
            let handle: Handle = come.next()?;
            Some((handle, Ok(vec![0; handle as usize])))
        });
        assert_eq!((output, come.next()), (1, None));
    }

    #[test]
    fn a_long_wait_does_not_make_the_table_grow() {
        let slots = slots(1..=1);
        let body = async {
            for handle in 2..1_000 {
                slots.open(handle);
                take(&slots, handle).await;
                assert_eq!(slots.table.borrow().slots.len(), 1);
            }
        };
        let long = Box::pin(take(&slots, 1));
        drive(&slots, select(Box::pin(body), long), nothing_else, last());
    }

    #[test]
    fn only_an_open_handle_is_cancelled() {
        let slots = slots(1..=2);
        slots.give_up(2);
        slots.complete(1, Ok(Vec::new()));
        slots.give_up(1);
        assert_eq!(CANCELLED.get(), 1);
    }

    #[test]
    fn whatever_else_happens_lets_the_body_go_on() {
        let happened = Cell::new(0);
        let body = poll_fn(|_| match happened.get() {
            2 => Poll::Ready(()),
            _ => Poll::Pending,
        });
        drive(
            &slots(1..=1),
            body,
            || true,
            |handles| {
                assert!(handles.is_empty());
                happened.set(happened.get() + 1);
                None
            },
        );
    }

    #[test]
    #[should_panic(expected = "only a handle of its context can complete")]
    fn a_wait_for_nothing_is_an_error() {
        drive(&slots(1..=1), pending::<()>(), nothing_else, last());
    }
}

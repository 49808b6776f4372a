//! Parts of a body that are given up and undone as a whole: what takes a request to end, and sagas.
//!
//! Owns the steps that undo what was done, and the request to end until somebody takes it. How the host is
//! asked is its caller's business, so that this can be tested without a host.
//!
//! A step belongs to a scope. Where a scope ends well, its steps pass to the scope around it, in case that
//! one fails. Where a scope is dropped before its end, its steps are marked as abandoned, and run when the
//! scope around it is undone, or at the latest when the body ends.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::Failure;
use crate::saga::Cancelled;

/// A step that undoes another one. Nothing happens before it is polled.
pub(crate) type Undo = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

thread_local! {
    /// Whether a step is being undone right now: what is scheduled then is shielded from a request to end.
    static UNDOING: Cell<bool> = const { Cell::new(false) };
}

/// Whether what is scheduled right now undoes a step.
pub(crate) fn is_undoing() -> bool {
    UNDOING.get()
}

/// The scope around all others: the body.
const BODY: u32 = 0;

/// The scopes of one body.
#[derive(Default)]
pub(crate) struct Scopes {
    last: Cell<u32>,
    /// The scope that is being polled.
    current: Cell<u32>,
    steps: RefCell<Vec<Step>>,
    takers: RefCell<Vec<Taker>>,
    /// Whether a request to end has come, and why.
    requested: RefCell<Option<String>>,
    /// Whether somebody is still to be told of it.
    pending: Cell<bool>,
    /// How many do or undo a step, which a request to end does not interrupt.
    shields: Cell<u32>,
}

struct Step {
    scope: u32,
    abandoned: bool,
    undo: Undo,
}

/// A scope that takes a request to end.
struct Taker {
    scope: u32,
    taken: bool,
    waker: Option<Waker>,
}

/// A scope that has not ended. Dropping it abandons it.
pub(crate) struct Scope {
    scopes: Rc<Scopes>,
    id: u32,
    parent: u32,
    open: bool,
}

impl Scopes {
    /// The host has asked the workflow to end.
    pub(crate) fn request_end(&self, reason: String) {
        self.requested.replace(Some(reason));
        self.pending.set(true);
    }

    /// Whether the host has asked the workflow to end.
    pub(crate) fn is_end_requested(&self) -> bool {
        self.requested.borrow().is_some()
    }

    /// Why, in the words of whoever asked; empty where nobody has asked.
    pub(crate) fn reason(&self) -> String {
        self.requested.borrow().clone().unwrap_or_default()
    }

    /// What a body ends with that is given up because the host asks for it.
    pub(crate) fn cancelled(&self) -> Failure {
        Cancelled::new(self.reason()).into()
    }

    /// Begins a scope within the one that is being polled.
    pub(crate) fn enter(self: &Rc<Self>) -> Scope {
        let id = self.last.get() + 1;
        self.last.set(id);
        Scope {
            scopes: self.clone(),
            id,
            parent: self.current.get(),
            open: true,
        }
    }

    /// Runs the body to its end, or to where it is given up because the host asks for it; then undoes what was
    /// abandoned.
    pub(crate) async fn watch<T>(
        self: &Rc<Self>,
        body: impl Future<Output = Result<T, Failure>>,
        may_undo: impl Fn(&Result<T, Failure>) -> bool,
    ) -> Result<T, Failure> {
        let mut body = Some(Box::pin(body));
        let ended = poll_fn(|cx| {
            loop {
                if self.deliver() {
                    return Poll::Ready(None);
                }
                let Some(body) = &mut body else {
                    return Poll::Pending;
                };
                if let Poll::Ready(output) = body.as_mut().poll(cx) {
                    return Poll::Ready(Some(output));
                }
                if !self.is_deliverable() {
                    return Poll::Pending;
                }
            }
        })
        .await;
        // What it still waits for is given up, and its scopes are abandoned.
        drop(body);
        let output = ended.unwrap_or_else(|| Err(self.cancelled()));
        if !may_undo(&output) {
            return output;
        }
        let failures = self.undo(BODY, true).await;
        output.map_err(|failure| with_failures(failure, &failures))
    }

    /// As long as what is returned lives, no request to end is handed out.
    pub(crate) fn shield(&self) -> Shield<'_> {
        Shield::raise(&self.shields)
    }

    fn is_deliverable(&self) -> bool {
        self.pending.get() && self.shields.get() == 0
    }

    /// Hands the request to whoever takes it. True where nobody does, so that the body is given up.
    fn deliver(&self) -> bool {
        if !self.is_deliverable() {
            return false;
        }
        self.pending.set(false);
        let mut takers = self.takers.borrow_mut();
        let wakers: Vec<_> = takers
            .iter_mut()
            .map(|taker| {
                taker.taken = true;
                taker.waker.take()
            })
            .collect();
        drop(takers);
        let nobody = wakers.is_empty();
        wakers.into_iter().flatten().for_each(Waker::wake);
        nobody
    }

    /// Runs the steps of a scope, the latest first; all of them, or those alone that were abandoned. Returns
    /// the failures of those that failed: the others run all the same.
    async fn undo(&self, scope: u32, all: bool) -> Vec<Failure> {
        let _shield = self.shield();
        let mut failures = Vec::new();
        while let Some(step) = self.take_last(scope, all) {
            let mut undoing = Undoing {
                scopes: self,
                step: Some(step),
            };
            if let Err(failure) = undoing.finish().await {
                failures.push(failure);
            }
        }
        failures
    }

    fn take_last(&self, scope: u32, all: bool) -> Option<Step> {
        let mut steps = self.steps.borrow_mut();
        let wanted = |step: &Step| step.scope == scope && (all || step.abandoned);
        let place = steps.iter().rposition(wanted)?;
        Some(steps.remove(place))
    }

    /// The steps of a scope pass to the one around it. Those that nothing can fail any more are dropped.
    fn pass_on(&self, scope: u32, parent: u32, abandon: bool) {
        let steps = self.steps.take();
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for mut step in steps {
            if step.scope == scope {
                step.scope = parent;
                step.abandoned |= abandon;
                if parent == BODY && !step.abandoned {
                    gone.push(step);
                    continue;
                }
            }
            kept.push(step);
        }
        self.steps.replace(kept);
        // Last, for dropping one may do anything.
        drop(gone);
    }
}

/// What a scope that fails ends with where some of its steps could not be undone.
fn with_failures(failure: Failure, failures: &[Failure]) -> Failure {
    let Some(first) = failures.first() else {
        return failure;
    };
    let message = match failures.len() {
        1 => format!("{}; a compensation failed: {first}", failure.message),
        count => format!(
            "{}; {count} compensations failed, the first one: {first}",
            failure.message
        ),
    };
    Failure { message, ..failure }
}

/// A step that is being run. Where it is dropped before its end, it goes on another time.
struct Undoing<'a> {
    scopes: &'a Scopes,
    step: Option<Step>,
}

impl Undoing<'_> {
    async fn finish(&mut self) -> Result<(), Failure> {
        let undone = poll_fn(|cx| match &mut self.step {
            Some(step) => {
                let around = UNDOING.replace(true);
                let polled = step.undo.as_mut().poll(cx);
                UNDOING.set(around);
                polled
            }
            None => Poll::Ready(Ok(())),
        })
        .await;
        self.step = None;
        undone
    }
}

impl Drop for Undoing<'_> {
    fn drop(&mut self) {
        self.scopes.steps.borrow_mut().extend(self.step.take());
    }
}

/// As long as it lives, no request to end is handed out.
pub(crate) struct Shield<'a>(&'a Cell<u32>);

impl<'a> Shield<'a> {
    fn raise(count: &'a Cell<u32>) -> Shield<'a> {
        count.set(count.get() + 1);
        Shield(count)
    }
}

impl Drop for Shield<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Scope {
    /// Which one it is.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Runs a future within the scope.
    fn poll<F: Future>(&self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let around = self.scopes.current.replace(self.id);
        let polled = future.poll(cx);
        self.scopes.current.set(around);
        polled
    }

    /// Runs a saga to its end: where it fails, its steps are undone. `failed` tells whether a failure is one.
    pub(crate) async fn saga<T>(
        mut self,
        body: impl Future<Output = Result<T, Failure>>,
        failed: impl Fn(&Failure) -> bool,
    ) -> Result<T, Failure> {
        let output = {
            let mut body = pin!(body);
            poll_fn(|cx| self.poll(body.as_mut(), cx)).await
        };
        match output {
            Err(failure) if failed(&failure) => {
                let failures = self.scopes.undo(self.id, true).await;
                self.close();
                Err(with_failures(failure, &failures))
            }
            other => {
                self.close();
                other
            }
        }
    }

    /// Runs a future that is given up where the host asks the workflow to end; none: it was.
    pub(crate) async fn take_request<F: Future>(mut self, future: F) -> Option<F::Output> {
        self.scopes.takers.borrow_mut().push(Taker {
            scope: self.id,
            taken: false,
            waker: None,
        });
        let mut future = Some(Box::pin(future));
        let output = poll_fn(|cx| {
            if self.has_taken(cx) {
                return Poll::Ready(None);
            }
            match &mut future {
                Some(future) => self.poll(future.as_mut(), cx).map(Some),
                None => Poll::Ready(None),
            }
        })
        .await;
        drop(future);
        if output.is_none() {
            // A failure of theirs is nobody's who could do something about it.
            self.scopes.undo(self.id, false).await;
        }
        self.close();
        output
    }

    fn has_taken(&self, cx: &Context<'_>) -> bool {
        let mut takers = self.scopes.takers.borrow_mut();
        let taker = takers.iter_mut().find(|taker| taker.scope == self.id);
        taker.is_some_and(|taker| {
            taker.waker = Some(cx.waker().clone());
            taker.taken
        })
    }

    /// The scope ends well, or all of it is undone.
    fn close(&mut self) {
        self.open = false;
        self.scopes.pass_on(self.id, self.parent, false);
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let mut takers = self.scopes.takers.borrow_mut();
        takers.retain(|taker| taker.scope != self.id);
        drop(takers);
        if self.open {
            self.scopes.pass_on(self.id, self.parent, true);
        }
    }
}

/// A step of a scope, by the scope's number.
pub(crate) fn register(scopes: &Scopes, scope: u32, undo: Undo) {
    scopes.steps.borrow_mut().push(Step {
        scope,
        abandoned: false,
        undo,
    });
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    type Log = Rc<RefCell<Vec<&'static str>>>;

    struct Fixture {
        scopes: Rc<Scopes>,
        log: Log,
    }

    impl Fixture {
        fn new() -> Fixture {
            Fixture {
                scopes: Rc::default(),
                log: Log::default(),
            }
        }

        fn step(&self, scope: u32, name: &'static str) {
            let log = self.log.clone();
            let undo = async move {
                log.borrow_mut().push(name);
                match name {
                    "broken" => Err(Failure::new("no", "it cannot be undone")),
                    _ => Ok(()),
                }
            };
            register(&self.scopes, scope, Box::pin(undo));
        }

        /// A saga of these steps that ends so.
        async fn saga(&self, steps: &[&'static str], end: End) -> Result<(), Failure> {
            let scope = self.scopes.enter();
            let id = scope.id();
            let body = async {
                steps.iter().for_each(|name| self.step(id, name));
                match end {
                    End::Well => Ok(()),
                    End::Failed => Err(Failure::new("x", "it failed")),
                    End::Waiting => pending().await,
                }
            };
            scope.saga(body, |_| true).await
        }

        /// Runs the body; the host asks it to end where it waits.
        fn run<T>(&self, body: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
            let mut body = pin!(self.scopes.watch(body, |_| true));
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..3 {
                if let Poll::Ready(output) = body.as_mut().poll(&mut cx) {
                    return output.map_err(|failure| failure.to_string());
                }
                self.scopes.request_end("enough".to_owned());
            }
            panic!("the body does not end");
        }

        fn undone(&self) -> Vec<&'static str> {
            self.log.take()
        }
    }

    #[derive(Clone, Copy)]
    enum End {
        Well,
        Failed,
        Waiting,
    }

    const CANCELLED: &str = "the workflow was asked to end: enough (cancelled)";

    #[test]
    fn a_saga_that_fails_is_undone_backwards_and_one_that_works_is_not() {
        let all = Fixture::new();
        let failed = all.run(all.saga(&["a", "b"], End::Failed));
        assert_eq!(failed, Err("it failed (x)".to_owned()));
        assert_eq!(all.undone(), ["b", "a"]);
        assert_eq!(all.run(all.saga(&["a"], End::Well)), Ok(()));
        assert_eq!(all.undone(), [""; 0]);
    }

    #[test]
    fn a_body_that_is_asked_to_end_is_undone() {
        let all = Fixture::new();
        let cancelled = all.run(all.saga(&["a", "b"], End::Waiting));
        assert_eq!(cancelled, Err(CANCELLED.to_owned()));
        assert_eq!(all.undone(), ["b", "a"]);
    }

    #[test]
    fn a_step_that_cannot_be_undone_is_told_and_the_others_are_undone() {
        let all = Fixture::new();
        let failed = all.run(all.saga(&["a", "broken", "c"], End::Failed));
        let text = "it failed; a compensation failed: it cannot be undone (no) (x)";
        assert_eq!(failed, Err(text.to_owned()));
        assert_eq!(all.undone(), ["c", "broken", "a"]);
    }

    #[test]
    fn a_saga_within_a_saga_is_undone_with_it() {
        let all = Fixture::new();
        let scope = all.scopes.enter();
        let outer = scope.saga(
            async {
                all.step(1, "outer");
                all.saga(&["inner"], End::Well).await?;
                Err::<(), _>(Failure::new("x", "it failed"))
            },
            |_| true,
        );
        assert!(all.run(outer).is_err());
        assert_eq!(all.undone(), ["inner", "outer"]);
    }

    #[test]
    fn what_takes_the_request_is_undone_before_the_body_goes_on() {
        let all = Fixture::new();
        let body = async {
            let scope = all.scopes.enter();
            let taken = scope.take_request(all.saga(&["a"], End::Waiting)).await;
            assert!(taken.is_none());
            Ok(all.undone())
        };
        assert_eq!(all.run(body), Ok(vec!["a"]));
        assert!(all.scopes.is_end_requested());
    }

    #[test]
    fn what_was_dropped_in_its_middle_is_undone_when_the_body_ends() {
        let all = Fixture::new();
        let body = async {
            let mut given_up = Box::pin(all.saga(&["a"], End::Waiting));
            let polled = poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            drop(given_up);
            assert_eq!(all.undone(), [""; 0]);
            Ok(())
        };
        assert_eq!(all.run(body), Ok(()));
        assert_eq!(all.undone(), ["a"]);
    }

    #[test]
    fn a_request_waits_until_a_saga_is_undone() {
        let all = Fixture::new();
        let (log, scopes) = (all.log.clone(), all.scopes.clone());
        let mut polls = 0;
        let slow = poll_fn(move |_| {
            polls += 1;
            match polls {
                1 => Poll::Pending,
                _ => {
                    assert!(scopes.is_end_requested());
                    log.borrow_mut().push("slow");
                    Poll::Ready(Ok(()))
                }
            }
        });
        let body = async {
            let scope = all.scopes.enter();
            register(&all.scopes, scope.id(), Box::pin(slow));
            let failed = async { Err::<(), _>(Failure::new("x", "it failed")) };
            assert!(scope.saga(failed, |_| true).await.is_err());
            all.log.borrow_mut().push("undone");
            pending::<Result<(), Failure>>().await
        };
        assert_eq!(all.run(body), Err(CANCELLED.to_owned()));
        assert_eq!(all.undone(), ["slow", "undone"]);
    }
}

//! What a workflow does when it is asked: its queries, its updates, and what waits for a condition.
//!
//! Owns what the body has registered and the updates that are being applied, which run beside the body.
//! How the host asks, and how it is answered, is its caller's business, so that this can be tested without
//! a host.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::bindings::exports::durable::plugin::manifest::AskDefinition;
use crate::value::{decode, encode, input_schema, output_schema};
use crate::{Failure, Value};

/// The bytes of an answer.
pub(crate) type Answered = Result<Vec<u8>, Failure>;

/// A query's name, what it takes and what it is answered with. As a constant, it is written once and used
/// by the workflow's attribute, which puts it into the manifest, and by
/// [`on_query`](crate::WorkflowContext::on_query), which checks the handler's types.
pub struct Query<I, O> {
    name: &'static str,
    types: PhantomData<fn(I) -> O>,
}

/// An update's name, what it takes and what it is answered with; see [`Query`].
pub struct Update<I, O> {
    name: &'static str,
    types: PhantomData<fn(I) -> O>,
}

/// What names a query or an update: one of the constants, or just text, which the manifest does not list.
pub trait Named<I, O> {
    /// The name.
    fn name(self) -> Cow<'static, str>;
}

macro_rules! named {
    ($kind:ident) => {
        impl<I, O> $kind<I, O> {
            /// One of this name.
            pub const fn new(name: &'static str) -> Self {
                let types = PhantomData;
                Self { name, types }
            }

            /// Its name.
            pub const fn name(&self) -> &'static str {
                self.name
            }
        }

        impl<I: Value, O: Value> $kind<I, O> {
            /// It, for the manifest.
            #[doc(hidden)]
            pub fn definition(&self) -> AskDefinition {
                AskDefinition {
                    name: self.name.to_owned(),
                    input_schema: input_schema::<I>(),
                    output_schema: output_schema::<O>(),
                }
            }
        }

        impl<I, O> Clone for $kind<I, O> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<I, O> Copy for $kind<I, O> {}

        impl<I, O> Named<I, O> for $kind<I, O> {
            fn name(self) -> Cow<'static, str> {
                self.name.into()
            }
        }
    };
}

named!(Query);
named!(Update);

impl<I, O> Named<I, O> for &'static str {
    fn name(self) -> Cow<'static, str> {
        self.into()
    }
}

type Applying = Pin<Box<dyn Future<Output = Answered>>>;
type QueryHandler = Rc<dyn Fn(&[u8]) -> Answered>;
type UpdateHandler = Rc<dyn Fn(&[u8], bool) -> Result<Applying, Failure>>;

/// What one body has registered, and what runs beside it.
#[derive(Default)]
pub(crate) struct Handlers {
    queries: RefCell<BTreeMap<Cow<'static, str>, QueryHandler>>,
    updates: RefCell<BTreeMap<Cow<'static, str>, UpdateHandler>>,
    applying: RefCell<Vec<(String, Applying)>>,
    /// How many there are of them, also while they are polled.
    unapplied: Cell<usize>,
    /// In the order in which they began to wait.
    waiting: RefCell<BTreeMap<u64, Waiting>>,
    /// How many have begun to wait so far.
    waits: Cell<u64>,
}

/// Somebody who waits until a condition holds.
struct Waiting {
    holds: Rc<dyn Fn() -> bool>,
    waker: Waker,
}

/// The place among those who wait, however often they are polled; given up when it is dropped.
struct Place<'a> {
    handlers: &'a Handlers,
    number: u64,
}

impl Place<'_> {
    fn wait(&self, waiting: Waiting) {
        // What leaves the map is dropped behind the borrow, for dropping a waker may do anything.
        let former = self
            .handlers
            .waiting
            .borrow_mut()
            .insert(self.number, waiting);
        drop(former);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let left = self.handlers.waiting.borrow_mut().remove(&self.number);
        drop(left);
    }
}

impl Handlers {
    pub(crate) fn on_query<I: Value, O: Value>(
        &self,
        name: impl Named<I, O>,
        answer: impl Fn(I) -> Result<O, Failure> + 'static,
    ) {
        let name = name.name();
        let what = name.clone();
        let handler = move |input: &[u8]| {
            let answer = answer(input_of("query", &what, input)?)?;
            encode(&answer, format_args!("the answer to query `{what}`"))
        };
        self.queries.borrow_mut().insert(name, Rc::new(handler));
    }

    pub(crate) fn on_update<I: Value + 'static, O: Value, F>(
        &self,
        name: impl Named<I, O>,
        validate: impl Fn(&I) -> Result<(), Failure> + 'static,
        apply: impl Fn(I) -> F + 'static,
    ) where
        F: Future<Output = Result<O, Failure>> + 'static,
    {
        let name = name.name();
        let (what, apply) = (name.clone(), Rc::new(apply));
        let handler = move |input: &[u8], accepted: bool| {
            let input = input_of("update", &what, input)?;
            let valid = validate(&input);
            if !accepted {
                valid?;
            }
            let (apply, what) = (apply.clone(), what.clone());
            let applying: Applying = Box::pin(async move {
                let answer = apply(input).await?;
                encode(&answer, format_args!("the answer to update `{what}`"))
            });
            Ok(applying)
        };
        self.updates.borrow_mut().insert(name, Rc::new(handler));
    }

    /// Whether the host may wake the body although nothing is scheduled.
    pub(crate) fn knows_updates(&self) -> bool {
        !self.updates.borrow().is_empty()
    }

    /// Whether there is anything that a body which has returned can be asked.
    pub(crate) fn knows_queries(&self) -> bool {
        !self.queries.borrow().is_empty()
    }

    /// Answers a query.
    pub(crate) fn answer(&self, name: &str, input: &[u8]) -> Answered {
        let handler = self.queries.borrow().get(name).cloned();
        match handler {
            Some(handler) => handler(input),
            None => Err(unknown(
                "query",
                "queries",
                name,
                self.queries.borrow().keys(),
            )),
        }
    }

    /// Judges an update; `accepted`: it was accepted before, and what the validation says now changes
    /// nothing. It is begun with [`begin`](Self::begin).
    pub(crate) fn judge(
        &self,
        name: &str,
        input: &[u8],
        accepted: bool,
    ) -> Result<Applying, Failure> {
        let handler = self.updates.borrow().get(name).cloned();
        match handler {
            Some(handler) => handler(input, accepted),
            None => Err(unknown(
                "update",
                "updates",
                name,
                self.updates.borrow().keys(),
            )),
        }
    }

    /// Applies an update beside the body from now on.
    pub(crate) fn begin(&self, id: String, applying: Applying) {
        self.applying.borrow_mut().push((id, applying));
        self.unapplied.update(|count| count + 1);
    }

    /// Whether updates are being applied.
    pub(crate) fn is_applying(&self) -> bool {
        self.unapplied.get() > 0
    }

    /// Gives up the updates that are not applied: the body has ended.
    pub(crate) fn give_up(&self) {
        drop(self.applying.take());
        self.unapplied.set(0);
        drop(self.waiting.take());
    }

    /// Waits until the condition holds.
    pub(crate) async fn until(&self, holds: Rc<dyn Fn() -> bool>) {
        let place = self.take_place();
        poll_fn(|cx| {
            if holds() {
                return Poll::Ready(());
            }
            place.wait(Waiting {
                holds: holds.clone(),
                waker: cx.waker().clone(),
            });
            Poll::Pending
        })
        .await;
    }

    fn take_place(&self) -> Place<'_> {
        let number = self.waits.get();
        self.waits.set(number + 1);
        Place {
            handlers: self,
            number,
        }
    }

    /// Runs the body, and beside it the updates; `complete` is told what came of each. Updates come first, so
    /// that the body sees what they have done.
    pub(crate) async fn beside<F: Future>(
        &self,
        body: F,
        complete: impl Fn(&str, Answered),
    ) -> F::Output {
        let mut body = pin!(body);
        poll_fn(|cx| {
            loop {
                self.apply(cx, &complete);
                if let Poll::Ready(output) = body.as_mut().poll(cx) {
                    return Poll::Ready(output);
                }
                if !self.wake_those_who_can_go_on() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn apply(&self, cx: &mut Context<'_>, complete: &impl Fn(&str, Answered)) {
        if !self.is_applying() {
            return;
        }
        let mut applying = self.applying.take();
        applying.retain_mut(|(id, update)| match update.as_mut().poll(cx) {
            Poll::Ready(answered) => {
                complete(id, answered);
                self.unapplied.update(|count| count - 1);
                false
            }
            Poll::Pending => true,
        });
        // Those that were begun meanwhile come behind.
        let mut begun = self.applying.borrow_mut();
        applying.append(&mut begun);
        *begun = applying;
    }

    /// A condition that holds ends its wait; one that does not is looked at again later.
    fn wake_those_who_can_go_on(&self) -> bool {
        if self.waiting.borrow().is_empty() {
            return false;
        }
        let waiting = self.waiting.take();
        let (can, cannot): (BTreeMap<_, _>, _) =
            waiting.into_iter().partition(|(_, one)| (one.holds)());
        self.waiting.borrow_mut().extend(cannot);
        can.values().for_each(|one| one.waker.wake_by_ref());
        !can.is_empty()
    }
}

fn input_of<I: Value>(kind: &str, name: &str, input: &[u8]) -> Result<I, Failure> {
    decode(
        input,
        "bad-input",
        format_args!("the input of {kind} `{name}`"),
    )
}

fn unknown(
    kind: &str,
    kinds: &str,
    name: &str,
    known: impl Iterator<Item = impl Display>,
) -> Failure {
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    let known = match known.len() {
        0 => format!("it has no {kinds}"),
        _ => format!("it has {}", known.join(", ")),
    };
    let message = format!("this workflow has no {kind} `{name}`; {known}");
    Failure::new("not-found", message)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::future::join;

    const LEVEL: Query<(), u32> = Query::new("level");

    /// Polls to the end, which comes at once.
    fn run<F: Future>(handlers: &Handlers, body: F) -> (F::Output, Vec<(String, Answered)>) {
        let answers = RefCell::default();
        let complete = |id: &str, answered| {
            let answers: &RefCell<Vec<_>> = &answers;
            answers.borrow_mut().push((id.to_owned(), answered));
        };
        let running = pin!(handlers.beside(body, complete));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(output) = running.poll(&mut cx) else {
            panic!("the body waits");
        };
        (output, answers.take())
    }

    fn level_of_three() -> Handlers {
        let handlers = Handlers::default();
        handlers.on_query(LEVEL, |()| Ok(3));
        handlers.on_query("half", |of: u32| match of % 2 {
            0 => Ok(of / 2),
            _ => Err(Failure::new("odd", "it is odd")),
        });
        handlers
    }

    #[test]
    fn a_query_is_answered_with_a_value_or_a_failure() {
        let handlers = level_of_three();
        assert_eq!(handlers.answer("level", b""), Ok(b"3".to_vec()));
        assert_eq!(handlers.answer("half", b"8"), Ok(b"4".to_vec()));
        assert_eq!(handlers.answer("half", b"7").unwrap_err().code, "odd");
        assert_eq!(handlers.answer("half", b"x").unwrap_err().code, "bad-input");
    }

    #[test]
    fn a_name_that_is_missing_is_told_with_those_that_are_there() {
        let failure = level_of_three().answer("size", b"").unwrap_err();
        let expected = "this workflow has no query `size`; it has `half`, `level` (not-found)";
        assert_eq!(failure.to_string(), expected);
        let Err(failure) = Handlers::default().judge("set", b"", false) else {
            panic!("there is no update");
        };
        assert!(failure.message.ends_with("it has no updates"), "{failure}");
    }

    fn with_set(value: &Rc<Cell<u32>>) -> Handlers {
        let handlers = Handlers::default();
        let value = value.clone();
        let validate = |new: &u32| match new {
            0 => Err(Failure::new("zero", "zero is no value")),
            _ => Ok(()),
        };
        handlers.on_update("set", validate, move |new| {
            let old = value.replace(new);
            async move { Ok(old) }
        });
        handlers
    }

    #[test]
    fn an_update_that_is_refused_is_not_applied_unless_it_was_accepted_before() {
        let value = Rc::new(Cell::new(1));
        let handlers = with_set(&value);
        assert!(
            handlers
                .judge("set", b"0", false)
                .is_err_and(|why| why.code == "zero")
        );
        assert_eq!(value.get(), 1);
        assert!(handlers.judge("set", b"0", true).is_ok());
    }

    #[test]
    fn a_condition_is_looked_at_when_an_update_or_the_body_has_done_something() {
        let value = Rc::new(Cell::new(1));
        let handlers = with_set(&value);
        let applying = handlers.judge("set", b"2", false).ok().unwrap();
        handlers.begin("u".to_owned(), applying);
        let (two, three) = (value.clone(), value.clone());
        let body = join(handlers.until(Rc::new(move || three.get() == 3)), async {
            handlers.until(Rc::new(move || two.get() == 2)).await;
            value.set(3);
        });
        let (_, answers) = run(&handlers, body);
        assert_eq!(answers, [("u".to_owned(), Ok(b"1".to_vec()))]);
    }

    #[test]
    fn an_update_that_waits_until_all_are_applied_waits_for_itself() {
        let handlers = Rc::new(Handlers::default());
        let asked = Rc::downgrade(&handlers);
        let all_applied = move || asked.upgrade().is_some_and(|asked| !asked.is_applying());
        let (asked, all_applied) = (Rc::downgrade(&handlers), Rc::new(all_applied));
        handlers.on_update(
            "settle",
            |_: &()| Ok(()),
            move |()| {
                let (asked, all_applied) = (asked.upgrade().unwrap(), all_applied.clone());
                async move {
                    asked.until(all_applied).await;
                    Ok(())
                }
            },
        );
        let applying = handlers.judge("settle", b"", false).ok().unwrap();
        handlers.begin("u".to_owned(), applying);
        let (_, answers) = run(&handlers, std::future::ready(()));
        assert_eq!(answers, []);
        assert!(handlers.is_applying());
    }

    #[test]
    fn a_wait_takes_one_place_however_often_it_is_polled_and_none_once_it_is_given_up() {
        let handlers = Handlers::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut wait = Box::pin(handlers.until(Rc::new(|| false)));
        for _ in 0..10 {
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            assert_eq!(handlers.waiting.borrow().len(), 1);
        }
        drop(wait);
        assert!(handlers.waiting.borrow().is_empty());
    }
}

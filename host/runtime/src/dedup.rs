//! The keys under which answers are kept for repeats.
//!
//! A key says who called what with which input, and how often the same was called before by the same
//! cause. So a repeat finds the first one's answer, and another call never does.

use std::collections::HashMap;

use host_base::{ActorKey, Digest, Entity, Failure, Timestamp};
use host_store::TaskKey;

/// What makes a call happen, if it can happen again: a message or an activity that is run anew after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause(Digest);

impl Cause {
    /// A message in an entity's inbox.
    pub(crate) fn mail(to: &Entity, sequence: u64) -> Cause {
        let (kind, owner) = match to {
            Entity::Workflow(key) => ("workflow mail", key.id.clone()),
            Entity::Actor(key) => ("actor mail", format!("{}\0{}", key.actor_type, key.id)),
        };
        let mut parts = Parts::new(kind);
        parts.add(to.tenant().as_str().as_bytes());
        parts.add(owner.as_bytes());
        parts.add(&sequence.to_be_bytes());
        Cause(parts.digest())
    }

    /// A reminder that is due at a time, however often its method is run for it.
    pub(crate) fn reminder(actor: &ActorKey, name: &str, due: Timestamp) -> Cause {
        let mut parts = Parts::new("reminder");
        parts.add_actor(actor);
        parts.add(name.as_bytes());
        parts.add(&due.0.to_be_bytes());
        Cause(parts.digest())
    }

    /// A message that is delivered later.
    pub(crate) fn delayed(to: &ActorKey, id: &str) -> Cause {
        let mut parts = Parts::new("delayed");
        parts.add_actor(to);
        parts.add(id.as_bytes());
        Cause(parts.digest())
    }

    /// An activity, whichever attempt.
    pub(crate) fn activity(task: &TaskKey) -> Cause {
        let mut parts = Parts::new("activity");
        parts.add(task.workflow.tenant.as_str().as_bytes());
        parts.add(task.workflow.id.as_bytes());
        parts.add(&task.run.to_be_bytes());
        parts.add(&task.handle.to_be_bytes());
        Cause(parts.digest())
    }

    /// A call that has a key itself.
    pub(crate) fn call(key: Digest) -> Cause {
        Cause(key)
    }

    /// Whoever calls from outside and says that it may call again.
    pub(crate) fn caller(idempotency_key: &str) -> Cause {
        let mut parts = Parts::new("caller");
        parts.add(idempotency_key.as_bytes());
        Cause(parts.digest())
    }
}

/// Under which key it is kept that a schedule has called an actor for one of its times.
pub(crate) fn scheduled(schedule: &str, actor: &ActorKey, method: &str, time: Timestamp) -> Digest {
    let mut parts = Parts::new("schedule");
    parts.add(schedule.as_bytes());
    parts.add_actor(actor);
    parts.add(method.as_bytes());
    parts.add(&time.0.to_be_bytes());
    parts.digest()
}

/// Whether an answer is kept for a repeat: not where trying again may bring a better one.
pub(crate) fn is_kept<T>(outcome: &Result<T, Failure>) -> bool {
    !outcome.as_ref().is_err_and(|failure| failure.retryable)
}

/// What is done once. None is ever taken for another, whatever actors and methods are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// An actor is called.
    Call,
    /// An actor is sent a message.
    Send,
    /// An actor is sent a message that is delivered later.
    SendLater,
    /// Such a message is taken back.
    TakeBack,
    /// An event is raised for a workflow.
    Raise,
    /// A value is published.
    Publish,
    /// A workflow is started.
    Start,
    /// A run is begun again.
    Rerun,
    /// Something is done to many workflows.
    Batch,
    /// A schedule does now what it does at its times.
    Trigger,
    /// Times of a schedule are made up for.
    Backfill,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            What::Call => "call",
            What::Send => "send",
            What::SendLater => "send later",
            What::TakeBack => "take back",
            What::Raise => "raise",
            What::Publish => "publish",
            What::Start => "start",
            What::Rerun => "rerun",
            What::Batch => "batch",
            What::Trigger => "trigger",
            What::Backfill => "backfill",
        }
    }
}

/// The calls that one run of a cause has made so far.
#[derive(Debug)]
pub(crate) struct Calls {
    cause: Option<Cause>,
    /// How often each was made, and under which key the last time.
    made: HashMap<Digest, (u32, Digest)>,
}

impl Calls {
    /// Of a run of `cause`; none: it is never run again, and its calls need no keys.
    pub(crate) fn of(cause: Option<Cause>) -> Calls {
        Calls {
            cause,
            made: HashMap::new(),
        }
    }

    /// The key of the next call, which counts as made.
    pub(crate) fn key(&mut self, target: &ActorKey, method: &str, input: &[u8]) -> Option<Digest> {
        self.key_of(What::Call, target, method, input)
    }

    /// The same for anything that is done once.
    pub(crate) fn key_of(
        &mut self,
        what: What,
        target: &ActorKey,
        method: &str,
        input: &[u8],
    ) -> Option<Digest> {
        let Cause(cause) = self.cause?;
        let mut parts = Parts::new(what.name());
        parts.add(&cause.0);
        parts.add_actor(target);
        parts.add(method.as_bytes());
        parts.add(input);
        let what = parts.digest();
        let (occurrence, latest) = self.made.entry(what).or_insert((0, what));
        *occurrence += 1;
        let mut parts = Parts::new("occurrence");
        parts.add(&what.0);
        parts.add(&occurrence.to_be_bytes());
        *latest = parts.digest();
        Some(*latest)
    }

    /// What has that key came to nothing, and no answer to it is kept: it does not count as made, so that whoever
    /// tries again before a crash and does not have to behind it does it once.
    pub(crate) fn came_to_nothing(&mut self, key: Digest) {
        let mut made = self.made.values_mut();
        if let Some((occurrence, _)) = made.find(|(_, latest)| *latest == key) {
            *occurrence -= 1;
        }
    }
}

/// Parts of a key, each with its length, so that they cannot flow into each other.
struct Parts(Vec<u8>);

impl Parts {
    fn new(kind: &str) -> Parts {
        let mut parts = Parts(Vec::with_capacity(128));
        parts.add(kind.as_bytes());
        parts
    }

    fn add(&mut self, part: &[u8]) {
        self.0.extend((part.len() as u64).to_be_bytes());
        self.0.extend(part);
    }

    fn add_actor(&mut self, actor: &ActorKey) {
        for text in [actor.tenant.as_str(), &actor.actor_type, &actor.id] {
            self.add(text.as_bytes());
        }
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use host_base::TenantId;

    use super::*;

    fn target(id: &str) -> ActorKey {
        ActorKey::new(TenantId::default(), "T", id).unwrap()
    }

    fn keys(cause: &str, calls: &[(&str, &str, &str)]) -> Vec<Digest> {
        let mut made = Calls::of(Some(Cause::caller(cause)));
        let keys = calls
            .iter()
            .map(|(id, method, input)| made.key(&target(id), method, input.as_bytes()).unwrap());
        keys.collect()
    }

    #[test]
    fn the_same_calls_of_the_same_cause_have_the_same_keys_again() {
        let calls = [("a", "m", "1"), ("a", "m", "1"), ("b", "m", "1")];
        let first = keys("cause", &calls);
        assert_eq!(first, keys("cause", &calls));
        assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    }

    #[test]
    fn whatever_differs_makes_another_key() {
        let key = |cause, call| keys(cause, &[call])[0];
        let base = key("c", ("a", "m", "1"));
        let others = [
            key("d", ("a", "m", "1")),
            key("c", ("b", "m", "1")),
            key("c", ("a", "n", "1")),
            key("c", ("a", "m", "2")),
            key("c", ("am", "", "1")),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn a_message_is_not_taken_for_a_call() {
        let key = |what| {
            let mut made = Calls::of(Some(Cause::caller("c")));
            made.key_of(what, &target("a"), "m", b"1")
        };
        assert_ne!(key(What::Call), key(What::Send));
        assert_ne!(key(What::Raise), key(What::Publish));
    }

    #[test]
    fn what_came_to_nothing_has_the_same_key_when_it_is_tried_again() {
        let mut made = Calls::of(Some(Cause::caller("c")));
        let call = |made: &mut Calls| made.key(&target("a"), "m", b"1").unwrap();
        let first = call(&mut made);
        made.came_to_nothing(first);
        assert_eq!(call(&mut made), first);
        let second = call(&mut made);
        assert_ne!(second, first);
        // The same was done since: what was tried before that is past.
        made.came_to_nothing(first);
        assert_ne!(call(&mut made), second);
    }

    #[test]
    fn what_is_never_run_again_needs_no_keys() {
        assert_eq!(Calls::of(None).key(&target("a"), "m", b""), None);
    }
}

//! Topics: who has subscribed to what, and how a value that is published becomes a message for each.
//!
//! Subscriptions lie in the store and all of them in memory too. They change here in the order in which
//! batches are handed to the disk, under the lock of that order. So a value reaches exactly those whose
//! subscription was handed over before it: an entity's own earlier one always, that of another whose turn
//! was committed when this one began, and of two turns at once, that of the turn which is first. Messages
//! are written with the turn that publishes: none is lost, none comes twice, and those of one publisher come
//! in its order. Knows nothing of what turns decide.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use host_base::ids::check_id;
use host_base::{Entity, Limits, Payload, TenantId, WorkflowKey};
use host_engine::Interrupt;
use host_store::records::{
    Call, EventRaised, Instance, MailKind, OutcomeKind, Status, Subscription,
};
use host_store::{ReadError, Reader};
use serde::Serialize;

use crate::core::Core;
use crate::draft::Draft;
use crate::limits;
use crate::locks::lock;

/// What the names of the host's own topics begin with.
const RESERVED: char = '$';
/// Where each instance of a workflow starts and ends; the workflow's name follows.
const OF_WORKFLOW: &str = "$workflow/";
/// Where one instance starts and ends; its id follows.
const OF_INSTANCE: &str = "$instance/";
/// Subscriptions that are read at once.
const PAGE: usize = 10_000;

/// One part of a turn that has to do with topics.
#[derive(Clone, Debug)]
pub(crate) enum TopicOp {
    /// An actor or a workflow wants what is published.
    Subscribe {
        topic: String,
        by: Entity,
        subscription: Subscription,
    },
    /// It does not want it any more.
    Unsubscribe { topic: String, by: Entity },
    /// A value for all who want it.
    Publish {
        tenant: TenantId,
        topic: String,
        value: Payload,
    },
    /// It is gone, with all its subscriptions.
    Forget(Entity),
}

/// Who has subscribed to what.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    state: Mutex<State>,
    /// Subscriptions in all, to be asked without the lock.
    all: AtomicUsize,
    /// Those to the host's own topics.
    reserved: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    topics: HashMap<TenantId, BTreeMap<String, BTreeMap<Entity, Subscription>>>,
    entities: HashMap<Entity, BTreeSet<String>>,
}

/// One subscription, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionView {
    /// To which topic.
    pub topic: String,
    /// Whose it is.
    pub subscriber: Entity,
    /// The method of an actor that is run; none for a workflow, to which an event is raised.
    pub method: Option<String>,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: u64,
}

/// What happened to a workflow instance, as its topics tell it.
#[derive(Serialize)]
struct Lifecycle<'a> {
    id: &'a str,
    workflow: &'a str,
    run: u32,
    stage: Stage,
    /// The failure's code, where it ended with one.
    failure: Option<&'a str>,
}

/// What can happen to a workflow instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Stage {
    Started,
    Completed,
    Failed,
    Cancelled,
    Terminated,
}

impl Stage {
    /// How an instance of that status ended; none where it has not.
    pub(crate) fn of_end(status: Status) -> Option<Stage> {
        match status {
            Status::Completed => Some(Stage::Completed),
            Status::Failed => Some(Stage::Failed),
            Status::Cancelled => Some(Stage::Cancelled),
            Status::Terminated => Some(Stage::Terminated),
            Status::Pending | Status::Running | Status::Stalled | Status::Suspended => None,
        }
    }
}

impl Topics {
    /// Reads all subscriptions, before anything runs.
    pub(crate) fn load(&self, reader: &Reader) -> Result<(), ReadError> {
        let mut last: Option<(String, Entity)> = None;
        loop {
            let after = last.as_ref().map(|(topic, by)| (topic.as_str(), by));
            let page = reader.subscriptions(after, PAGE)?;
            let more = page.len() == PAGE;
            last = page.last().map(|(key, _)| key.clone());
            for ((topic, by), subscription) in page {
                self.put(topic, by, subscription);
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Whether anybody wants to know where workflows start and end. Whoever subscribed in a turn that was
    /// committed before this one began is seen.
    pub(crate) fn hear_lifecycles(&self) -> bool {
        self.reserved.load(Ordering::Acquire) > 0
    }

    /// Whether anybody has subscribed to anything.
    pub(crate) fn are_used(&self) -> bool {
        self.all.load(Ordering::Acquire) > 0
    }

    /// How many have subscribed to a topic.
    pub(crate) fn subscribers(&self, tenant: &TenantId, topic: &str) -> usize {
        let state = lock(&self.state);
        state.of(tenant, topic).map_or(0, BTreeMap::len)
    }

    /// Who has subscribed to a topic.
    pub(crate) fn entities(&self, tenant: &TenantId, topic: &str) -> Vec<Entity> {
        let state = lock(&self.state);
        let of = state.of(tenant, topic);
        of.map_or_else(Vec::new, |of| of.keys().cloned().collect())
    }

    /// All subscriptions to one topic of a tenant or to all of them, in the order of names.
    pub(crate) fn views(&self, tenant: &TenantId, only: Option<&str>) -> Vec<SubscriptionView> {
        let state = lock(&self.state);
        let topics = state.topics.get(tenant).into_iter().flatten();
        let wanted = topics.filter(|(topic, _)| only.is_none_or(|only| only == *topic));
        let views = wanted.flat_map(|(topic, of)| {
            of.iter().map(|(subscriber, one)| SubscriptionView {
                topic: topic.clone(),
                subscriber: subscriber.clone(),
                method: Some(one.method.clone()).filter(|method| !method.is_empty()),
                since_ms: one.since_ms,
            })
        });
        views.collect()
    }

    /// Whether one more subscription fits.
    pub(crate) fn check_room(
        &self,
        limits: &Limits,
        topic: &str,
        by: &Entity,
    ) -> Result<(), Interrupt> {
        let state = lock(&self.state);
        let of = state.of(by.tenant(), topic);
        if of.is_some_and(|of| of.contains_key(by)) {
            return Ok(());
        }
        let max = limits.topic_subscribers_max;
        if of.map_or(0, BTreeMap::len) >= max {
            return Err(Interrupt(format!(
                "topic {topic} has {max} subscribers, which is `topic_subscribers_max`"
            )));
        }
        let max = limits.entity_topics_max;
        if state.entities.get(by).map_or(0, BTreeSet::len) >= max {
            return Err(Interrupt(format!(
                "{by} has subscribed to {max} topics, which is `entity_topics_max`"
            )));
        }
        Ok(())
    }

    /// Carries out what a turn has to do with topics. Under the lock of the commits' order.
    pub(crate) fn carry_out(&self, core: &Core, draft: &mut Draft) {
        for op in std::mem::take(&mut draft.topics) {
            match op {
                TopicOp::Subscribe {
                    topic,
                    by,
                    subscription,
                } => {
                    draft.batch.put_subscription(&topic, &by, &subscription);
                    self.put(topic, by, subscription);
                }
                TopicOp::Unsubscribe { topic, by } => {
                    if self.take(&topic, &by) {
                        draft.batch.delete_subscription(&topic, &by);
                    }
                }
                TopicOp::Publish {
                    tenant,
                    topic,
                    value,
                } => self.publish(core, draft, &tenant, &topic, &value),
                TopicOp::Forget(by) => {
                    let topics = lock(&self.state).entities.get(&by).cloned();
                    for topic in topics.into_iter().flatten() {
                        self.take(&topic, &by);
                        draft.batch.delete_subscription(&topic, &by);
                    }
                }
            }
        }
    }

    fn publish(
        &self,
        core: &Core,
        draft: &mut Draft,
        tenant: &TenantId,
        topic: &str,
        value: &Payload,
    ) {
        let state = lock(&self.state);
        for (to, subscription) in state.of(tenant, topic).into_iter().flatten() {
            let value = value.clone();
            let kind = match to {
                Entity::Actor(_) => MailKind::Call(Call {
                    method: subscription.method.clone(),
                    input: value,
                    ..Call::default()
                }),
                Entity::Workflow(_) => MailKind::Raised(EventRaised {
                    name: topic.to_owned(),
                    value,
                }),
            };
            draft.send(core, to.clone(), kind);
        }
    }

    fn put(&self, topic: String, by: Entity, subscription: Subscription) {
        let mut state = lock(&self.state);
        let of = state.topics.entry(by.tenant().clone()).or_default();
        let of = of.entry(topic.clone()).or_default();
        if of.insert(by.clone(), subscription).is_none() {
            self.all.fetch_add(1, Ordering::AcqRel);
            let reserved = usize::from(topic.starts_with(RESERVED));
            self.reserved.fetch_add(reserved, Ordering::AcqRel);
        }
        state.entities.entry(by).or_default().insert(topic);
    }

    /// Whether there was such a subscription.
    fn take(&self, topic: &str, by: &Entity) -> bool {
        let mut state = lock(&self.state);
        let taken = state.take(topic, by);
        if taken {
            self.all.fetch_sub(1, Ordering::AcqRel);
            let reserved = usize::from(topic.starts_with(RESERVED));
            self.reserved.fetch_sub(reserved, Ordering::AcqRel);
        }
        taken
    }
}

impl State {
    fn of(&self, tenant: &TenantId, topic: &str) -> Option<&BTreeMap<Entity, Subscription>> {
        self.topics.get(tenant)?.get(topic)
    }

    fn take(&mut self, topic: &str, by: &Entity) -> bool {
        let Some(topics) = self.topics.get_mut(by.tenant()) else {
            return false;
        };
        let Some(of) = topics.get_mut(topic) else {
            return false;
        };
        let taken = of.remove(by).is_some();
        if of.is_empty() {
            topics.remove(topic);
        }
        if let Some(mine) = self.entities.get_mut(by) {
            mine.remove(topic);
            if mine.is_empty() {
                self.entities.remove(by);
            }
        }
        taken
    }
}

impl Draft {
    /// Tells whoever wants to know where a workflow instance stands now.
    pub(crate) fn announce(
        &mut self,
        core: &Core,
        key: &WorkflowKey,
        instance: &Instance,
        stage: Stage,
    ) {
        // The turn itself may have subscribed.
        if !core.topics.hear_lifecycles() && self.topics.is_empty() {
            return;
        }
        let lifecycle = Lifecycle {
            id: &key.id,
            workflow: &instance.name,
            run: instance.run,
            stage,
            failure: failure_code(instance),
        };
        let value = serde_json::to_vec(&lifecycle).expect("plain texts and numbers are JSON");
        let topics = [
            format!("{OF_WORKFLOW}{}", instance.name),
            format!("{OF_INSTANCE}{}", key.id),
        ];
        for topic in topics {
            let (tenant, value) = (key.tenant.clone(), value.clone());
            self.topics.push(TopicOp::Publish {
                tenant,
                topic,
                value,
            });
        }
    }

    /// An entity is gone: it wants nothing any more.
    pub(crate) fn forget_subscriptions(&mut self, core: &Core, of: impl FnOnce() -> Entity) {
        if core.topics.are_used() || !self.topics.is_empty() {
            self.topics.push(TopicOp::Forget(of()));
        }
    }
}

/// With which code an instance failed, if it did.
fn failure_code(instance: &Instance) -> Option<&str> {
    match instance.outcome.as_ref()?.kind.as_ref()? {
        OutcomeKind::Failure(failure) => Some(&failure.code),
        OutcomeKind::Value(_) => None,
    }
}

/// Whether a topic may be subscribed to by that name.
pub(crate) fn check_subscribable(topic: &str) -> Result<(), Interrupt> {
    let own = topic
        .strip_prefix(OF_WORKFLOW)
        .or_else(|| topic.strip_prefix(OF_INSTANCE));
    match own {
        Some(whose) => limits::check_name("topic", whose),
        None => check_plain(topic),
    }
}

/// Whether that value may be published to a topic of that name.
pub(crate) fn check_publishable(
    limits: &Limits,
    topic: &str,
    value: &[u8],
) -> Result<(), Interrupt> {
    check_plain(topic)?;
    let (bytes, max) = (value.len(), limits.topic_value_bytes_max);
    if bytes > max {
        let text =
            format!("a value of {bytes} bytes is published, and `topic_value_bytes_max` is {max}");
        return Err(Interrupt(text));
    }
    Ok(())
}

fn check_plain(topic: &str) -> Result<(), Interrupt> {
    check_id("topic", topic).map_err(|error| Interrupt(error.to_string()))?;
    if topic.starts_with(RESERVED) {
        return Err(Interrupt(format!(
            "topic {topic} begins with {RESERVED}, as only the host's own do: {OF_WORKFLOW}NAME and \
             {OF_INSTANCE}ID"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(id: &str) -> Entity {
        Entity::Workflow(WorkflowKey::new(TenantId::default(), id).unwrap())
    }

    fn with(subscriptions: &[(&str, &str)]) -> Topics {
        let topics = Topics::default();
        for (topic, id) in subscriptions {
            topics.put((*topic).to_owned(), workflow(id), Subscription::default());
        }
        topics
    }

    #[test]
    fn what_is_taken_back_leaves_nothing() {
        let topics = with(&[("t", "a"), ("t", "a"), ("t", "b"), ("$workflow/w", "a")]);
        assert_eq!(topics.subscribers(&TenantId::default(), "t"), 2);
        assert!(topics.are_used() && topics.hear_lifecycles());
        assert!(topics.take("$workflow/w", &workflow("a")));
        assert!(!topics.take("$workflow/w", &workflow("a")));
        assert!(!topics.hear_lifecycles());
        assert!(topics.take("t", &workflow("a")) && topics.take("t", &workflow("b")));
        let state = lock(&topics.state);
        assert!(!topics.are_used() && state.entities.is_empty());
        assert_eq!(state.topics[&TenantId::default()].len(), 0);
    }

    #[test]
    fn a_topic_and_an_entity_have_room_for_so_many() {
        let limits = Limits {
            topic_subscribers_max: 1,
            entity_topics_max: 1,
            ..Limits::default()
        };
        let topics = with(&[("t", "a")]);
        let room = |topic, id| topics.check_room(&limits, topic, &workflow(id));
        assert!(room("t", "a").is_ok());
        let full = room("t", "b").unwrap_err().0;
        assert!(full.contains("`topic_subscribers_max`"), "{full}");
        let full = room("u", "a").unwrap_err().0;
        assert!(full.contains("`entity_topics_max`"), "{full}");
    }

    #[test]
    fn the_hosts_own_topics_are_heard_and_not_spoken_to() {
        assert!(check_subscribable("$instance/x").is_ok());
        assert!(check_subscribable("$other").is_err());
        assert!(check_publishable(&Limits::default(), "$instance/x", b"").is_err());
        assert!(check_publishable(&Limits::default(), "x$", b"").is_ok());
    }
}

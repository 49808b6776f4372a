//! The entities that are in memory: finds an entity's mailbox, brings entities in and lets them go.
//!
//! Workflows and actors are the same here. Knows neither turns nor the store's records.

mod inbox;
pub(crate) mod live;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use host_base::{Entity, Limits, TenantId, Timestamp};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use crate::effect::{Message, Progress, Rest};
use crate::entity::live::Standing;
use crate::locks::lock;

/// More shards make two cores meet at the same lock less often.
const SHARDS: usize = 32;

/// An entity that is in memory.
#[derive(Debug)]
pub(crate) struct Slot {
    mailbox: mpsc::Sender<Message>,
    /// Asks it to leave the memory.
    evict: Notify,
    /// When its last turn ended, in milliseconds since the epoch.
    used_ms: AtomicU64,
    /// From when on it has been idle for so long that it may leave.
    idle_from_ms: AtomicU64,
    bytes: AtomicUsize,
    /// Whether it holds a place that others may want, as of its last turn.
    holds_place: AtomicBool,
    /// Whether there is mail in the store that is not in the mailbox.
    missed_mail: AtomicBool,
    /// How far its turns are, where others may want to know.
    progress: OnceLock<Progress>,
}

/// All entities that are in memory.
pub(crate) struct Entities {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    bounds: Bounds,
    live: AtomicUsize,
    bytes: AtomicUsize,
    /// How many wait for a place that others hold.
    places_wanted: AtomicUsize,
    /// There are too many of them.
    crowded: Notify,
}

/// Some of the entities.
#[derive(Default)]
struct Shard {
    slots: HashMap<Entity, Arc<Slot>>,
    /// How many have come so far.
    came: u64,
}

#[derive(Clone, Copy)]
struct Bounds {
    mailbox: usize,
    live: usize,
    bytes: usize,
    idle: Duration,
}

/// An entity that is in memory, and when its last turn ended.
type Held = (Timestamp, Arc<Slot>);

/// A message that found the mailbox full.
pub(crate) struct Full(pub(crate) Message);

/// As long as it lives, somebody waits for a place.
pub(crate) struct PlaceWanted<'a>(&'a AtomicUsize);

/// A new entity's ends: whoever gets them runs it.
pub(crate) struct Newcomer {
    pub(crate) slot: Arc<Slot>,
    pub(crate) mailbox: mpsc::Receiver<Message>,
    /// Whether it comes in for its first message alone, and leaves its mail where it is.
    pub(crate) passing: bool,
}

impl Entities {
    pub(crate) fn new(limits: &Limits) -> Entities {
        Entities {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            bounds: Bounds {
                mailbox: limits.inbox_messages_max,
                live: limits.entities_live_max,
                bytes: limits.entities_live_bytes_max,
                idle: limits.entity_idle_max,
            },
            live: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            places_wanted: AtomicUsize::new(0),
            crowded: Notify::new(),
        }
    }

    /// Puts a message into the entity's mailbox; `run` is given an entity that was not in memory.
    ///
    /// # Errors
    /// The mailbox is full; nothing has happened.
    pub(crate) fn send(
        &self,
        to: &Entity,
        message: Message,
        run: impl FnOnce(Newcomer),
    ) -> Result<(), Full> {
        let mut shard = lock(self.shard(to));
        // Under the lock, so that the entity cannot leave between being found and being told.
        if let Some(slot) = shard.slots.get(to) {
            return slot.push(message);
        }
        let passing = matches!(message, Message::Move(_));
        let (slot, mailbox) = Slot::new(self.bounds.mailbox, !passing);
        shard.slots.insert(to.clone(), Arc::clone(&slot));
        shard.came += 1;
        let pushed = slot.push(message);
        drop(shard);
        self.came();
        run(Newcomer {
            slot,
            mailbox,
            passing,
        });
        pushed
    }

    /// There is mail for the entity in the store that did not fit into its mailbox. False where it is not
    /// in memory.
    pub(crate) fn miss(&self, to: &Entity) -> bool {
        let shard = lock(self.shard(to));
        let slot = shard.slots.get(to);
        if let Some(slot) = slot {
            slot.missed_mail.store(true, Ordering::Release);
            // It looks when it is asked to leave.
            slot.evict.notify_one();
        }
        slot.is_some()
    }

    /// Where an entity stands, if none of its turns is on its way to the disk.
    pub(crate) fn at_rest(&self, entity: &Entity) -> Option<Rest> {
        let shard = lock(self.shard(entity));
        match shard.slots.get(entity) {
            Some(slot) => slot.progress.get()?.at_rest(),
            // It leaves only when all that it did is durable.
            None => Some(Rest::Away { came: shard.came }),
        }
    }

    /// Asks the entity to leave the memory once nothing waits for it. False where it is not there.
    pub(crate) fn ask_to_leave(&self, entity: &Entity) -> bool {
        let shard = lock(self.shard(entity));
        let slot = shard.slots.get(entity);
        if let Some(slot) = slot {
            slot.evict.notify_one();
        }
        slot.is_some()
    }

    /// Whether the entity's mailbox is full.
    pub(crate) fn is_full(&self, entity: &Entity) -> bool {
        let shard = lock(self.shard(entity));
        shard
            .slots
            .get(entity)
            .is_some_and(|slot| slot.mailbox.capacity() == 0)
    }

    /// Lets the entity go, unless there is a message for it.
    fn leave(&self, entity: &Entity, slot: &Slot, mailbox: &mpsc::Receiver<Message>) -> bool {
        let mut shard = lock(self.shard(entity));
        if !mailbox.is_empty() || slot.missed_mail.load(Ordering::Acquire) {
            return false;
        }
        self.remove(&mut shard, entity, slot);
        true
    }

    /// Takes the entity out, if it is still there: whatever ended its task, nobody must wait for it.
    fn forget(&self, entity: &Entity, slot: &Slot) {
        let mut shard = lock(self.shard(entity));
        if shard
            .slots
            .get(entity)
            .is_some_and(|held| std::ptr::eq(&raw const **held, slot))
        {
            self.remove(&mut shard, entity, slot);
        }
    }

    fn remove(&self, shard: &mut Shard, entity: &Entity, slot: &Slot) {
        shard.slots.remove(entity);
        self.live.fetch_sub(1, Ordering::Relaxed);
        let bytes = slot.bytes.load(Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A turn of the entity has ended, and this is how it is now. It leaves with its place if others want
    /// one: either they see here what it holds, or it sees here what they want.
    fn turned(&self, slot: &Slot, now: Timestamp, standing: Standing) {
        let Standing {
            bytes,
            idle,
            holds_place,
            ..
        } = standing;
        slot.holds_place.store(holds_place, Ordering::SeqCst);
        if holds_place && self.places_wanted() > 0 {
            slot.evict.notify_one();
        }
        let idle_from = now.after(idle.unwrap_or(self.bounds.idle));
        slot.idle_from_ms.store(idle_from.0, Ordering::Relaxed);
        slot.used_ms.store(now.0, Ordering::Relaxed);
        let before = slot.bytes.swap(bytes, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.bytes.fetch_sub(before, Ordering::Relaxed) - before;
        if all > self.bounds.bytes {
            self.crowded.notify_one();
        }
    }

    fn came(&self) {
        if self.live.fetch_add(1, Ordering::Relaxed) >= self.bounds.live {
            self.crowded.notify_one();
        }
    }

    /// How many are in memory.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// How many actors of each type a tenant has in memory. Looks at all that is there.
    pub(crate) fn live_actors(&self, tenant: &TenantId) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for shard in &self.shards {
            for entity in lock(shard).slots.keys() {
                if let Entity::Actor(actor) = entity
                    && actor.tenant == *tenant
                {
                    *counts.entry(actor.actor_type.clone()).or_default() += 1;
                }
            }
        }
        counts
    }

    /// Resolves when there are too many of them.
    pub(crate) async fn crowded(&self) {
        self.crowded.notified().await;
    }

    /// How many wait for a place that others hold.
    pub(crate) fn places_wanted(&self) -> usize {
        self.places_wanted.load(Ordering::SeqCst)
    }

    /// Somebody waits for a place, as long as what is returned lives.
    pub(crate) fn want_place(&self) -> PlaceWanted<'_> {
        self.places_wanted.fetch_add(1, Ordering::SeqCst);
        self.crowded.notify_one();
        PlaceWanted(&self.places_wanted)
    }

    /// Asks those to leave that have been idle for long. Where there are too many or they hold too much, so
    /// do the oldest ones of the tenants that have more than their share of the room.
    pub(crate) fn evict(&self, now: Timestamp) {
        let mut tenants = self.slots(|_| true);
        for slots in tenants.values_mut() {
            slots.retain(|(_, slot)| {
                let idle = now.0 >= slot.idle_from_ms.load(Ordering::Relaxed);
                if idle {
                    slot.evict.notify_one();
                }
                !idle
            });
        }
        let live: usize = tenants.values().map(Vec::len).sum();
        if live > self.bounds.live {
            // A few more, so that the next newcomer does not crowd the room again.
            let room = self.bounds.live - self.bounds.live / 10;
            let most = share(tenants.values().map(Vec::len), room);
            for slots in tenants.values_mut() {
                let surplus = slots.len().saturating_sub(most);
                evict_oldest(slots, surplus);
            }
        }
        let held = |slots: &Vec<_>| slots.iter().map(|(_, slot): &Held| slot.held()).sum();
        let all: usize = tenants.values().map(held).sum();
        if all > self.bounds.bytes {
            let most = share(tenants.values().map(held), self.bounds.bytes);
            for slots in tenants.values_mut().filter(|slots| held(slots) > most) {
                let half = slots.len() / 2;
                evict_oldest(slots, half);
            }
        }
    }

    /// Asks so many of those to leave that hold a place, the oldest first, of the tenants that have the most.
    pub(crate) fn evict_places(&self, count: usize) {
        let mut tenants = self.slots(|slot| slot.holds_place.load(Ordering::SeqCst));
        let all: usize = tenants.values().map(Vec::len).sum();
        let most = share(tenants.values().map(Vec::len), all.saturating_sub(count));
        for slots in tenants.values_mut() {
            let surplus = slots.len().saturating_sub(most);
            evict_oldest(slots, surplus);
        }
    }

    /// Those that are wanted, by tenant.
    fn slots(&self, wanted: impl Fn(&Slot) -> bool) -> HashMap<TenantId, Vec<Held>> {
        let mut tenants: HashMap<TenantId, Vec<Held>> = HashMap::new();
        for shard in &self.shards {
            for (entity, slot) in lock(shard).slots.iter().filter(|(_, slot)| wanted(slot)) {
                let held = (slot.used(), Arc::clone(slot));
                match tenants.get_mut(entity.tenant()) {
                    Some(of_tenant) => of_tenant.push(held),
                    None => {
                        tenants.insert(entity.tenant().clone(), vec![held]);
                    }
                }
            }
        }
        tenants
    }

    fn shard(&self, entity: &Entity) -> &Mutex<Shard> {
        let hash = self.hasher.hash_one(entity);
        // The remainder of a division by a small constant always fits.
        &self.shards[(hash % SHARDS as u64) as usize]
    }
}

impl Drop for PlaceWanted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slot {
    fn new(mailbox_max: usize, missed_mail: bool) -> (Arc<Slot>, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(mailbox_max);
        let slot = Arc::new(Slot {
            mailbox: sender,
            evict: Notify::new(),
            used_ms: AtomicU64::new(u64::MAX),
            idle_from_ms: AtomicU64::new(u64::MAX),
            bytes: AtomicUsize::new(0),
            holds_place: AtomicBool::new(false),
            missed_mail: AtomicBool::new(missed_mail),
            progress: OnceLock::new(),
        });
        (slot, receiver)
    }

    /// Others may see how far its turns are.
    pub(crate) fn shows(&self, progress: &Progress) {
        // It is shown once, by whoever runs it.
        drop(self.progress.set(progress.clone()));
    }

    fn push(&self, message: Message) -> Result<(), Full> {
        match self.mailbox.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message) | TrySendError::Closed(message)) => Err(Full(message)),
        }
    }

    fn used(&self) -> Timestamp {
        Timestamp(self.used_ms.load(Ordering::Relaxed))
    }

    fn held(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// How much each may have at most, if all together may have so much: who has less keeps it, and the others
/// share what is left.
fn share(had: impl Iterator<Item = usize>, room: usize) -> usize {
    let mut had: Vec<usize> = had.collect();
    had.sort_unstable();
    let mut room = room;
    for (place, has) in had.iter().enumerate() {
        let each = room / (had.len() - place);
        if *has > each {
            return each;
        }
        room -= has;
    }
    usize::MAX
}

fn evict_oldest(slots: &mut [Held], count: usize) {
    let count = count.min(slots.len());
    if count == 0 {
        return;
    }
    slots.select_nth_unstable_by_key(count - 1, |(used, _)| *used);
    let oldest = &slots[..count];
    oldest.iter().for_each(|(_, slot)| slot.evict.notify_one());
}

#[cfg(test)]
mod tests {
    use host_base::WorkflowKey;

    use super::*;

    #[test]
    fn an_entity_that_is_away_rests_as_long_as_it_cannot_have_come() {
        let entities = Entities::new(&Limits::default());
        let one = Entity::Workflow(WorkflowKey::new(TenantId::default(), "w").unwrap());
        let before = entities.at_rest(&one);
        assert!(before.is_some() && before == entities.at_rest(&one));
        let mut came = None;
        let sent = entities.send(&one, Message::Look, |newcomer| came = Some(newcomer));
        assert!(sent.is_ok() && entities.at_rest(&one).is_none());
        let newcomer = came.unwrap();
        entities.forget(&one, &newcomer.slot);
        let after = entities.at_rest(&one);
        assert!(after.is_some() && after != before);
    }

    #[test]
    fn whoever_has_little_keeps_it_and_the_others_share_the_rest() {
        let share = |had: &[usize], room| share(had.iter().copied(), room);
        assert_eq!(share(&[100], 90), 90);
        assert_eq!(share(&[1_000, 10], 100), 90);
        assert_eq!(share(&[1_000, 10, 1_000], 100), 45);
        assert_eq!(share(&[10, 20], 100), usize::MAX);
        assert_eq!(share(&[], 0), usize::MAX);
    }

    #[test]
    fn a_tenant_that_crowds_the_room_lets_its_own_go_and_nobody_elses() {
        let limits = Limits {
            entities_live_max: 10,
            entity_idle_max: Duration::MAX,
            ..Limits::default()
        };
        let entities = Entities::new(&limits);
        let mut came = Vec::new();
        let mut bring = |tenant: &str, number: u64| {
            let tenant = TenantId::new(tenant).unwrap();
            let key = WorkflowKey::new(tenant, number.to_string()).unwrap();
            let entity = Entity::Workflow(key);
            let sent = entities.send(&entity, Message::Look, |newcomer| {
                entities.turned(&newcomer.slot, Timestamp(number), Standing::default());
                came.push((entity.clone(), newcomer));
            });
            assert!(sent.is_ok());
        };
        // The well-behaved tenant's are the oldest.
        (0..3).for_each(|number| bring("few", number));
        (3..20).for_each(|number| bring("many", number));
        entities.evict(Timestamp(20));
        let asked = |newcomer: &Newcomer| {
            let mut asked = Box::pin(newcomer.slot.evict.notified());
            let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
            asked.as_mut().poll(context).is_ready()
        };
        let leave: Vec<_> = came
            .iter()
            .filter(|(_, newcomer)| asked(newcomer))
            .collect();
        assert_eq!(leave.len(), 11);
        assert!(
            leave
                .iter()
                .all(|(entity, _)| entity.tenant().as_str() == "many")
        );
    }
}

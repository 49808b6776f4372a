//! Keeps house: lets idle entities go, and forgets answers that no repeat can want any more.

use std::sync::Arc;
use std::time::Duration;

use host_base::WorkflowKey;
use host_store::{Batch, ReadError};

use tokio::time::{Instant, MissedTickBehavior};

use crate::core::Core;

/// How often idle entities are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Those who are crowded out need a moment to go before others are asked to.
const PAUSE: Duration = Duration::from_millis(1);
/// Looking at all entities takes a millisecond or two, and a tenth of them goes each time: more often would
/// cost more than it brings, and lets no more than some hundred above the bound.
const EVICTION_PAUSE: Duration = Duration::from_millis(100);
/// Looks between two walks over the kept answers.
const LOOKS_PER_WALK: u32 = 600;
/// Answers that are read at once.
const PAGE: usize = 1_000;

/// Runs until it is aborted or the store cannot be read.
pub(crate) async fn run(core: Arc<Core>) {
    let mut looks = 0_u32;
    let mut evicted = Instant::now();
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = core.entities.crowded() => tokio::time::sleep(PAUSE).await,
            _ = clock.tick() => looks += 1,
        }
        let wanted = core.entities.places_wanted();
        if wanted > 0 {
            let room = room(core.engine.instances_max());
            core.entities.evict_places(wanted.max(room));
        }
        if evicted.elapsed() >= EVICTION_PAUSE {
            evicted = Instant::now();
            core.entities.evict(core.clock.now());
        }
        if looks == LOOKS_PER_WALK {
            looks = 0;
            let forgotten = async {
                forget_expired(&core).await?;
                forget_ids(&core).await
            };
            if let Err(error) = forgotten.await {
                return core.store_unreadable(&error);
            }
        }
    }
}

/// Workflows that leave the memory when one more wants to come in: enough that not every newcomer waits,
/// and few enough that most stay where they are.
fn room(instances_max: usize) -> usize {
    (instances_max / 16).max(1)
}

/// Forgets how often the ids of deleted workflows were used, where nothing can come for them any more.
async fn forget_ids(core: &Core) -> Result<(), ReadError> {
    let now = core.clock.now().0;
    let mut last: Option<WorkflowKey> = None;
    loop {
        let ids = core.reader.last_runs(last.as_ref(), PAGE)?;
        let mut batch = Batch::new();
        for (key, _) in ids.iter().filter(|(_, one)| one.expires_ms <= now) {
            batch.delete_last_run(key);
        }
        if !batch.is_empty() {
            core.commit(batch, Vec::new()).await;
        }
        if ids.len() < PAGE {
            return Ok(());
        }
        last = ids.into_iter().next_back().map(|(key, _)| key);
        tokio::task::yield_now().await;
    }
}

/// Deletes the answers whose time is over.
pub(crate) async fn forget_expired(core: &Core) -> Result<(), ReadError> {
    let now = core.clock.now().0;
    let mut last = None;
    loop {
        let replies = core.reader.replies(last, PAGE)?;
        let more = replies.len() == PAGE;
        last = replies
            .last()
            .map(|(tenant, key, _)| (tenant.clone(), *key));
        let mut batch = Batch::new();
        for (tenant, key, _) in replies.iter().filter(|(.., one)| one.expires_ms <= now) {
            batch.delete_reply(tenant, key);
        }
        if !batch.is_empty() {
            core.commit(batch, Vec::new()).await;
        }
        if !more {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

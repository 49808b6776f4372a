//! What is done once, however often it is asked for: what came of it is kept under its key, in the batch that
//! does it.
//!
//! Knows nothing of what is done.

use std::array;

use host_base::{Digest, Failure, Outcome, Payload, TenantId};
use host_store::Batch;
use host_store::records::{OutcomeRecord, Reply};
use tokio::sync::{Mutex, MutexGuard};

use crate::core::Core;
use crate::start::unreadable;

/// Places for those who look at a key and then do what it stands for.
const PLACES: usize = 64;

/// One at a time for each key: of two who ask for the same at once, the second finds what came of the first.
pub(crate) struct Places([Mutex<()>; PLACES]);

impl Default for Places {
    fn default() -> Places {
        Places(array::from_fn(|_| Mutex::default()))
    }
}

impl Places {
    /// Waits until nobody else does what has that key; some other keys share its place.
    pub(crate) async fn of(&self, key: &Digest) -> MutexGuard<'_, ()> {
        let [first, ..] = key.0;
        self.0[usize::from(first) % PLACES].lock().await
    }
}

/// Whether something that is done once was done before.
pub(crate) enum Once {
    /// It was not. The batch, into which it goes, keeps that it is done.
    First(Batch),
    /// It was, and this came of it.
    Again(Payload),
}

/// Looks whether what has that key was done; if not, `answer` is kept with it.
pub(crate) fn remembering(
    core: &Core,
    tenant: &TenantId,
    key: Option<Digest>,
    answer: Payload,
) -> Result<Once, Failure> {
    let mut batch = Batch::new();
    if let Some(key) = key {
        if let Some(answer) = done_before(core, tenant, &key)? {
            return Ok(Once::Again(answer));
        }
        keep(core, &mut batch, tenant, &key, answer);
    }
    Ok(Once::First(batch))
}

/// What came of what has that key, if it was done.
pub(crate) fn done_before(
    core: &Core,
    tenant: &TenantId,
    key: &Digest,
) -> Result<Option<Payload>, Failure> {
    let done = core.reader.reply(tenant, key).map_err(unreadable)?;
    let outcome = done.map(|done| Outcome::from(done.outcome.unwrap_or_default()));
    outcome.transpose()
}

/// Has the batch keep that what has that key is done, and what came of it.
pub(crate) fn keep(
    core: &Core,
    batch: &mut Batch,
    tenant: &TenantId,
    key: &Digest,
    answer: Payload,
) {
    let reply = Reply {
        outcome: Some(OutcomeRecord::from(Ok(answer))),
        expires_ms: core.clock.now().after(core.limits.reply_retention).0,
        ..Reply::default()
    };
    batch.put_reply(tenant, key, &reply);
}

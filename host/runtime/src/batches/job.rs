//! One batch job at work: page by page in the order of the ids, and some workflows of a page at a time.
//!
//! How far it is becomes durable with each page. After a crash it begins again with the page that it was at: what is
//! done a second time then has no second effect, and counts as not done where it could not be done again.

use std::sync::Arc;

use host_base::Timestamp;
use host_store::Batch;
use host_store::records::{BatchDeed, BatchFailure, BatchJob, BatchStage};
use tokio::task::JoinSet;

use crate::batches::deed::{self, Came};
use crate::batches::selection::{self, Page, Selection};
use crate::batches::{AtWork, Name};
use crate::control::Purged;
use crate::core::Core;
use crate::error::StoreError;
use crate::locks::lock;

/// Workflows between two notes of how far it is: so many are done a second time at most.
const PAGE: usize = 64;
/// Workflows to which it is done at once: others have turns between them.
const AT_ONCE: usize = 16;
/// Failures of which a job keeps the reason.
const FAILURES_KEPT: usize = 20;

/// What a job is to do, as this host understands it.
struct Order {
    id: String,
    deed: BatchDeed,
    selection: Selection,
}

/// Works until the job has ended or the store has failed, and then it goes on after the next start.
pub(super) async fn run(core: Arc<Core>, name: Name, at_work: Arc<AtWork>) {
    match carry_out(&core, &name, &at_work).await {
        Ok(()) => {}
        // Whoever closed it knows.
        Err(StoreError::Commit(_)) => {}
        Err(StoreError::Read(error)) => core.store_unreadable(&error),
    }
    lock(&core.batches.at_work).remove(&name);
    at_work.ended.send_replace(true);
}

async fn carry_out(core: &Arc<Core>, name: &Name, at_work: &AtWork) -> Result<(), StoreError> {
    let Some(order) = order(&name.1, &*at_work.job.lock().await) else {
        let id = &name.1;
        tracing::warn!(
            id,
            "a batch asks for what this host does not know, and waits for one that does"
        );
        return Ok(());
    };
    let order = Arc::new(order);
    count(core, name, at_work, &order).await?;
    let mut after = at_work.job.lock().await.after.clone();
    while !at_work.is_given_up() {
        let page = selection::page(core, &name.0, &order.selection, &after, PAGE)?;
        after.clone_from(&page.last);
        // What fits nobody need not be noted.
        if page.is_last || !page.fitting.is_empty() {
            do_page(core, name, at_work, &order, page).await?;
        }
        if at_work.job.lock().await.stage() != BatchStage::Running {
            break;
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// None where this host does not understand it.
fn order(id: &str, job: &BatchJob) -> Option<Order> {
    let mut selection = Selection::of(job.filter.as_ref()?)?;
    let later = Timestamp(job.created_ms.saturating_add(1));
    let until = selection.created_until.get_or_insert(later);
    *until = (*until).min(later);
    Some(Order {
        id: id.to_owned(),
        deed: job.deed.clone()?,
        selection,
    })
}

/// Notes how many fit, unless that was done before.
async fn count(
    core: &Core,
    name: &Name,
    at_work: &AtWork,
    order: &Order,
) -> Result<(), StoreError> {
    if at_work.job.lock().await.matched.is_some() {
        return Ok(());
    }
    let matched = selection::count(core, &name.0, &order.selection).await?;
    let mut job = at_work.job.lock().await;
    job.matched = Some(matched);
    note(core, name, &job).await
}

async fn do_page(
    core: &Arc<Core>,
    name: &Name,
    at_work: &AtWork,
    order: &Arc<Order>,
    page: Page,
) -> Result<(), StoreError> {
    let Page {
        fitting,
        last,
        is_last,
    } = page;
    let tally = do_all(core, at_work, order, fitting).await?;
    let mut job = at_work.job.lock().await;
    tally.add_to(&mut job);
    job.after = last;
    if is_last && job.stage() == BatchStage::Running {
        job.set_stage(BatchStage::Completed);
        job.ended_ms = core.clock.now().0;
    }
    note(core, name, &job).await
}

async fn note(core: &Core, (tenant, id): &Name, job: &BatchJob) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put_batch_job(tenant, id, job);
    Ok(core.commit_durably(batch, Vec::new()).await?)
}

/// Does it to each, unless the job is given up meanwhile.
async fn do_all(
    core: &Arc<Core>,
    at_work: &AtWork,
    order: &Arc<Order>,
    workflows: Vec<host_base::WorkflowKey>,
) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    let mut deeds = JoinSet::new();
    for key in workflows {
        if at_work.is_given_up() {
            break;
        }
        if deeds.len() == AT_ONCE {
            tally.note(core, deeds.join_next().await)?;
        }
        let (core, order) = (Arc::clone(core), Arc::clone(order));
        deeds.spawn(async move {
            let came = deed::apply(&core, &order.id, &order.deed, &key).await;
            (key.id, came)
        });
    }
    while let Some(ended) = deeds.join_next().await {
        tally.note(core, Some(ended))?;
    }
    Ok(tally)
}

type Ended = Result<(String, Result<Came, StoreError>), tokio::task::JoinError>;

/// What came of a page.
#[derive(Default)]
struct Tally {
    done: u64,
    skipped: u64,
    purged: Purged,
    failures: Vec<BatchFailure>,
}

impl Tally {
    fn note(&mut self, core: &Core, ended: Option<Ended>) -> Result<(), StoreError> {
        let Some(ended) = ended else { return Ok(()) };
        let (workflow_id, came) = ended.map_err(|_| core.closed())?;
        match came? {
            Came::Done(Purged { deleted, left }) => {
                self.done += 1;
                self.purged.deleted += deleted;
                self.purged.left += left;
            }
            Came::Skipped => self.skipped += 1,
            Came::Left => {
                self.skipped += 1;
                self.purged.left += 1;
            }
            Came::Failed(reason) => self.failures.push(BatchFailure {
                workflow_id,
                reason,
            }),
        }
        Ok(())
    }

    fn add_to(self, job: &mut BatchJob) {
        job.done += self.done;
        job.skipped += self.skipped;
        job.failed += self.failures.len() as u64;
        job.deleted += self.purged.deleted as u64;
        job.left += self.purged.left as u64;
        let room = FAILURES_KEPT.saturating_sub(job.failures.len());
        job.failures.extend(self.failures.into_iter().take(room));
    }
}

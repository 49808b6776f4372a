//! Batch jobs: something that is done to all workflows of a tenant that fit.
//!
//! Owns what others ask of them, how many there are, and that each is at work once and goes on after a restart.
//! How one works is the business of [`job`].

mod deed;
mod job;
mod selection;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use host_base::failure::code;
use host_base::{Failure, Limits, Payload, TenantId};
use host_store::Batch;
use host_store::records::{BatchDeed, BatchFilter, BatchJob, BatchStage};
use prost::Message;
use tokio::sync::watch;

use crate::core::Core;
use crate::dedup::What;
use crate::error::StoreError;
use crate::limits;
use crate::locks::lock;
use crate::once::{Once, remembering};
use crate::repeats;
use crate::runtime::Runtime;
use crate::start::{self, unreadable};

pub use selection::Selection;

/// Whose job, and which.
pub(crate) type Name = (TenantId, String);

/// A batch job as of its last commit.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchView {
    /// Its id, unique in the tenant.
    pub id: String,
    /// What the store holds of it.
    pub job: BatchJob,
}

impl BatchView {
    /// Whether it does nothing any more.
    pub fn has_ended(&self) -> bool {
        self.job.stage() != BatchStage::Running
    }
}

/// The batch jobs that are at work.
#[derive(Default)]
pub(crate) struct Batches {
    /// Held while one begins or is given up, so that no bound is passed and none is at work twice.
    changing: tokio::sync::Mutex<()>,
    at_work: Mutex<HashMap<Name, Arc<AtWork>>>,
}

/// A batch job that is at work.
pub(crate) struct AtWork {
    /// Held while it is written.
    job: tokio::sync::Mutex<BatchJob>,
    given_up: AtomicBool,
    ended: watch::Sender<bool>,
}

impl AtWork {
    fn new(job: BatchJob) -> AtWork {
        AtWork {
            job: tokio::sync::Mutex::new(job),
            given_up: AtomicBool::new(false),
            ended: watch::Sender::new(false),
        }
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        drop(ended.wait_for(|ended| *ended).await);
    }
}

impl Batches {
    fn find(&self, name: &Name) -> Option<Arc<AtWork>> {
        lock(&self.at_work).get(name).cloned()
    }
}

impl Runtime {
    /// Has something done to all of a tenant's workflows that fit and were started before; that it will be is
    /// durable when this returns. A repeat with the same idempotency key finds the first one's job.
    ///
    /// # Errors
    /// What is to be done breaks a limit, as many jobs are at work as may be, or the store failed.
    pub async fn start_batch(
        &self,
        tenant: &TenantId,
        deed: BatchDeed,
        selection: &Selection,
        idempotency_key: Option<&str>,
    ) -> Result<BatchView, Failure> {
        if let BatchDeed::Raise(event) = &deed {
            let checked = limits::check_event(&self.limits_of(tenant), &event.name, &event.value);
            checked.map_err(limits::over_limit)?;
        }
        let mut job = BatchJob {
            deed: Some(deed),
            filter: Some(BatchFilter::from(selection)),
            ..BatchJob::default()
        };
        let once = idempotency_key.map(|key| {
            let target = repeats::target_of(tenant, "workflows", "batch")?;
            let asked = job.encode_to_vec();
            Ok::<_, Failure>(repeats::digest(What::Batch, &target, "batch", &asked, key))
        });
        let once = once.transpose()?;
        job.created_ms = self.core.clock.now().0;
        let (core, tenant) = (Arc::clone(&self.core), tenant.clone());
        let begin = async move {
            let id = start::made_id(once.map_or_else(|| core.random(), |once| once.0));
            let _alone = core.batches.changing.lock().await;
            match remembering(&core, &tenant, once, Payload::new())? {
                Once::First(batch) => begin(&core, (tenant, id), job, batch).await,
                Once::Again(_) => begun_before(&core, (tenant, id)),
            }
        };
        self.to_the_end(begin).await
    }

    /// Gives a job up: what it has done stays done. Durable when this returns; what is being done to a workflow
    /// comes to its end. One that has ended is left as it is; none where there is no such job.
    ///
    /// # Errors
    /// The store failed.
    pub async fn abort_batch(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<BatchView>, Failure> {
        let (core, name) = (Arc::clone(&self.core), (tenant.clone(), id.to_owned()));
        self.to_the_end(async move { give_up(&core, name).await })
            .await
    }

    /// One job.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn batch(&self, tenant: &TenantId, id: &str) -> Result<Option<BatchView>, StoreError> {
        let job = self.core.reader.batch_job(tenant, id)?;
        let id = id.to_owned();
        Ok(job.map(|job| BatchView { id, job }))
    }

    /// A tenant's jobs, the latest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn batches(&self, tenant: &TenantId) -> Result<Vec<BatchView>, StoreError> {
        let jobs = self.core.reader.batch_jobs_of(tenant)?.into_iter();
        let mut views: Vec<_> = jobs.map(|(id, job)| BatchView { id, job }).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.job.created_ms));
        Ok(views)
    }

    /// Waits until a job has ended. `None`: there is no such job.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn wait_for_batch(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<BatchView>, StoreError> {
        if let Some(at_work) = self.core.batches.find(&(tenant.clone(), id.to_owned())) {
            at_work.ended().await;
        }
        self.batch(tenant, id)
    }

    /// How many of a tenant's workflows fit.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn count_workflows(
        &self,
        tenant: &TenantId,
        selection: &Selection,
    ) -> Result<u64, StoreError> {
        Ok(selection::count(&self.core, tenant, selection).await?)
    }
}

/// Puts the jobs to work that are not and have not ended. Doing it twice does no harm.
pub(crate) async fn go_on(core: &Arc<Core>) -> Result<(), StoreError> {
    let _alone = core.batches.changing.lock().await;
    for (name, job) in core.reader.batch_jobs()? {
        if job.stage() == BatchStage::Running && core.batches.find(&name).is_none() {
            put_to_work(core, name, job);
        }
    }
    Ok(())
}

fn put_to_work(core: &Arc<Core>, name: Name, job: BatchJob) {
    let at_work = Arc::new(AtWork::new(job));
    lock(&core.batches.at_work).insert(name.clone(), Arc::clone(&at_work));
    let work = job::run(Arc::clone(core), name, at_work);
    core.tasks.spawn(work);
}

async fn begin(
    core: &Arc<Core>,
    (tenant, id): Name,
    job: BatchJob,
    mut batch: Batch,
) -> Result<BatchView, Failure> {
    let jobs = core.reader.batch_jobs_of(&tenant).map_err(unreadable)?;
    let limits = core.limits_of(&tenant);
    check_room(&limits, &jobs)?;
    for old in surplus(jobs, limits.batches_kept_max) {
        batch.delete_batch_job(&tenant, &old);
    }
    batch.put_batch_job(&tenant, &id, &job);
    durably(core, batch).await?;
    put_to_work(core, (tenant, id.clone()), job.clone());
    Ok(BatchView { id, job })
}

fn begun_before(core: &Core, (tenant, id): Name) -> Result<BatchView, Failure> {
    let job = core.reader.batch_job(&tenant, &id).map_err(unreadable)?;
    let job = job.ok_or_else(|| {
        let text = format!("batch {id}, which an earlier request of this idempotency key has begun, is kept no longer");
        Failure::new(code::NOT_FOUND, text)
    })?;
    Ok(BatchView { id, job })
}

fn check_room(limits: &Limits, jobs: &[(String, BatchJob)]) -> Result<(), Failure> {
    let max = limits.batches_running_max;
    let running = jobs
        .iter()
        .filter(|(_, job)| job.stage() == BatchStage::Running);
    if running.count() < max {
        return Ok(());
    }
    let text = format!(
        "{max} batches are at work, which is `batches_running_max`: wait until one has ended, or abort one"
    );
    Err(Failure::new(code::LIMIT, text))
}

/// The ids of those that have ended and are one too many with the next one, the oldest ones.
fn surplus(jobs: Vec<(String, BatchJob)>, kept_max: usize) -> Vec<String> {
    let mut ended: Vec<_> = jobs
        .into_iter()
        .filter(|(_, job)| job.stage() != BatchStage::Running)
        .collect();
    ended.sort_by_key(|(_, job)| job.ended_ms);
    let surplus = (ended.len() + 1).saturating_sub(kept_max);
    ended.into_iter().take(surplus).map(|(id, _)| id).collect()
}

async fn give_up(core: &Arc<Core>, name: Name) -> Result<Option<BatchView>, Failure> {
    let _alone = core.batches.changing.lock().await;
    let (tenant, id) = &name;
    let at_work = match core.batches.find(&name) {
        Some(at_work) => at_work,
        None => match core.reader.batch_job(tenant, id).map_err(unreadable)? {
            Some(job) => Arc::new(AtWork::new(job)),
            None => return Ok(None),
        },
    };
    at_work.given_up.store(true, Ordering::Release);
    let mut job = at_work.job.lock().await;
    if job.stage() == BatchStage::Running {
        job.set_stage(BatchStage::Aborted);
        job.ended_ms = core.clock.now().0;
        let mut batch = Batch::new();
        batch.put_batch_job(tenant, id, &job);
        durably(core, batch).await?;
    }
    let job = job.clone();
    Ok(Some(BatchView { id: name.1, job }))
}

async fn durably(core: &Core, batch: Batch) -> Result<(), Failure> {
    let durable = core.commit_durably(batch, Vec::new()).await;
    durable.map_err(|error| Failure::transient(code::BUSY, error.to_string()))
}

//! The one task that owns all schedules: does what is due, and what is asked of them.
//!
//! A schedule moves on in the batch that holds what it started, so that each of its times counts once. What
//! is in memory is what the store has, or will have when what is queued is durable.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use host_base::failure::code;
use host_base::{Digest, Failure, TenantId, Timestamp, WorkflowKey};
use host_store::ReadError;
use host_store::records::Schedule;
use tokio::sync::mpsc;

use crate::core::Core;
use crate::once;
use crate::schedules::turn::{Came, Line, Turn, aim, has_waiting};
use crate::schedules::{Ask, Deed, Fired, Order};
use crate::view::is_active;

/// A sleep is no longer than this, because it does not follow the clock where that is set.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// After how long a start is tried again whose id was being started by somebody else.
const BUSY_WAIT: Duration = Duration::from_millis(5);
/// How often one that somebody waits for is tried again, while all others wait.
const BUSY_TRIES: usize = 100;

/// Whose schedule, and which.
pub(crate) type Name = (TenantId, String);
/// All schedules by tenant and name.
pub(crate) type Rows = BTreeMap<Name, Schedule>;

/// The schedules that the store holds.
pub(crate) fn load(core: &Core) -> Result<Rows, ReadError> {
    Ok(core.reader.schedules()?.into_iter().collect())
}

struct Book {
    core: Arc<Core>,
    rows: Rows,
    /// The workflows whose end is waited for.
    watched: HashSet<WorkflowKey>,
    going: bool,
}

/// Runs until the core is gone or the store cannot be read.
pub(crate) async fn run(core: Arc<Core>, rows: Rows, mut asked: mpsc::Receiver<Ask>) {
    let mut book = Book {
        core,
        rows,
        watched: HashSet::new(),
        going: false,
    };
    loop {
        let wait = match book.pass().await {
            Ok(wait) => wait,
            Err(error) => return book.core.store_unreadable(&error),
        };
        // Either is a reason to look again.
        let ask = match tokio::time::timeout(wait, asked.recv()).await {
            Ok(Some(ask)) => ask,
            Ok(None) => return,
            Err(_) => continue,
        };
        if let Err(error) = book.answer(ask).await {
            return book.core.store_unreadable(&error);
        }
    }
}

impl Book {
    /// Does what is due; returns for how long nothing is.
    async fn pass(&mut self) -> Result<Duration, ReadError> {
        if !self.going {
            return Ok(SLEEP_MAX);
        }
        let now = self.core.clock.now();
        let mut turn = Turn::new(&self.core, now);
        let mut wait = SLEEP_MAX;
        for (name, row) in &mut self.rows {
            let mut later = false;
            if turn.concerns(row) {
                let before = row.clone();
                // What waits is older than what is due, and both go before what is made up for.
                later = turn.take(name, row, Line::Waiting)?;
                later |= turn.due(name, row)?;
                later |= turn.take(name, row, Line::Backfill)?;
                if *row != before {
                    turn.draft.batch.put_schedule(&name.0, &name.1, row);
                }
            }
            if later {
                wait = BUSY_WAIT;
            } else if row.next_ms != 0 && !row.paused {
                wait = wait.min(Timestamp(row.due_ms).since(now));
            }
        }
        turn.commit().await;
        self.watch();
        Ok(wait)
    }

    /// Has itself told when the workflows end that queued times wait for.
    fn watch(&mut self) {
        for ((tenant, _), row) in &self.rows {
            let waits = has_waiting(row) && !row.running.is_empty();
            let Some(key) = waits
                .then(|| WorkflowKey::new(tenant.clone(), &*row.running).ok())
                .flatten()
            else {
                continue;
            };
            if !self.watched.insert(key.clone()) {
                continue;
            }
            let core = Arc::clone(&self.core);
            let mut watch = core.watchers.watch(&key);
            core.tasks.clone().spawn(async move {
                // It may have ended before it was watched.
                let instance = core.reader.instance(&key).ok().flatten();
                if instance.is_some_and(|instance| is_active(&instance)) {
                    watch.told().await;
                }
                core.schedules.ask(Ask::Look(key)).await;
            });
        }
    }

    async fn answer(&mut self, ask: Ask) -> Result<(), ReadError> {
        match ask {
            Ask::Go => self.going = true,
            Ask::Look(key) => {
                self.watched.remove(&key);
            }
            Ask::Do(order) => {
                let Order {
                    tenant,
                    name,
                    deed,
                    once,
                    answer,
                } = *order;
                let name = (tenant, name);
                let done = match done_before(&self.core, &name, once.as_ref()) {
                    Ok(Some(fired)) => Ok(fired),
                    Ok(None) => self.carry_out(&name, deed, once).await?,
                    Err(failure) => Err(failure),
                };
                // Whoever no longer waits does not want to know.
                drop(answer.send(done));
            }
        }
        Ok(())
    }

    async fn carry_out(
        &mut self,
        name: &Name,
        deed: Deed,
        once: Option<Digest>,
    ) -> Result<Result<Fired, Failure>, ReadError> {
        let core = Arc::clone(&self.core);
        let mut turn = Turn::new(&core, core.clock.now());
        let before = self.rows.get(name).cloned();
        let done = self.decide(&mut turn, name, deed).await?;
        let row = self.rows.get(name);
        if let Some(row) = row.filter(|row| done.is_ok() && before.as_ref() != Some(row)) {
            turn.draft.batch.put_schedule(&name.0, &name.1, row);
        }
        if let (Ok(fired), Some(key)) = (&done, once) {
            once::keep(&core, &mut turn.draft.batch, &name.0, &key, fired.kept());
        }
        if done.is_ok() && !turn.commit().await {
            let why = core.closed().to_string();
            return Ok(Err(Failure::transient(code::BUSY, why)));
        }
        Ok(done)
    }

    /// What a deed changes, in memory and in the batch to be.
    async fn decide(
        &mut self,
        turn: &mut Turn<'_>,
        name: &Name,
        deed: Deed,
    ) -> Result<Result<Fired, Failure>, ReadError> {
        let now = turn.now();
        Ok(Ok(match (deed, self.rows.get_mut(name)) {
            (Deed::Create(schedule, replace), _) => {
                if let Err(failure) = create(&self.core, &mut self.rows, name, (*schedule, replace))
                {
                    return Ok(Err(failure));
                }
                Fired::default()
            }
            (_, None) => return Ok(Err(not_found(&name.1))),
            (Deed::Pause, Some(row)) => {
                row.paused = true;
                Fired::default()
            }
            (Deed::Resume, Some(row)) => {
                if row.paused {
                    row.paused = false;
                    aim(&name.1, row, now);
                }
                Fired::default()
            }
            (Deed::Trigger, Some(row)) => match trigger(turn, name, row).await? {
                Ok(fired) => fired,
                Err(failure) => return Ok(Err(failure)),
            },
            (Deed::Backfill(from, to), Some(row)) => match turn.backfill(name, row, from, to)? {
                Ok(fired) => fired,
                Err(failure) => return Ok(Err(failure)),
            },
            (Deed::Delete, Some(_)) => {
                self.rows.remove(name);
                turn.draft.batch.delete_schedule(&name.0, &name.1);
                Fired::default()
            }
        }))
    }
}

/// What came of it, if it has a key and was done before.
fn done_before(core: &Core, name: &Name, key: Option<&Digest>) -> Result<Option<Fired>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let kept = once::done_before(core, &name.0, key)?;
    Ok(kept.map(|kept| Fired::read(&kept)))
}

async fn trigger(
    turn: &mut Turn<'_>,
    name: &Name,
    row: &mut Schedule,
) -> Result<Result<Fired, Failure>, ReadError> {
    // A time that was met counts once; this is another one.
    let time = turn.now().max(Timestamp(row.last_ms.saturating_add(1)));
    for _ in 0..BUSY_TRIES {
        let came = turn.meet(name, row, time)?;
        if !matches!(came, Came::Later) {
            let fired = came.fired();
            came.note(row, time);
            return Ok(Ok(fired));
        }
        tokio::time::sleep(BUSY_WAIT).await;
    }
    let text = "what it starts or calls is busy; try again";
    Ok(Err(Failure::transient(code::BUSY, text)))
}

fn create(
    core: &Core,
    rows: &mut Rows,
    name: &Name,
    (new, replace): (Schedule, bool),
) -> Result<(), Failure> {
    if let Some(new) = created(core, new, rows.get(name), replace, rows.len())? {
        let mut schedule = match rows.get(name) {
            Some(found) => replaced(found, new),
            None => new,
        };
        // What is about to be met stays so where only what is done has changed.
        if rows.get(name).map(timing) != Some(timing(&schedule)) {
            aim(&name.1, &mut schedule, core.clock.now());
        }
        rows.insert(name.clone(), schedule);
    }
    Ok(())
}

/// With another definition; what has been and what goes on is as before.
fn replaced(found: &Schedule, new: Schedule) -> Schedule {
    Schedule {
        problem: String::new(),
        ..with_definition(found.clone(), new)
    }
}

/// When it is due, and by how much that is put off.
fn timing(schedule: &Schedule) -> Schedule {
    Schedule {
        cron: schedule.cron.clone(),
        interval_ms: schedule.interval_ms,
        zone: schedule.zone.clone(),
        from_ms: schedule.from_ms,
        until_ms: schedule.until_ms,
        jitter_ms: schedule.jitter_ms,
        ..Schedule::default()
    }
}

/// The schedule as it comes into being; none where it is there already.
fn created(
    core: &Core,
    new: Schedule,
    found: Option<&Schedule>,
    replace: bool,
    count: usize,
) -> Result<Option<Schedule>, Failure> {
    let max = core.limits.schedules_max;
    match found {
        Some(found) if definition(found) == definition(&new) => Ok(None),
        Some(_) if !replace => {
            let text = "there is a schedule of that name with another definition";
            Err(Failure::new(code::ALREADY_EXISTS, text))
        }
        None if count >= max => {
            let text = format!("there are {max} schedules, which is `schedules_max`");
            Err(Failure::new(code::LIMIT, text))
        }
        Some(_) | None => Ok(Some(new)),
    }
}

/// What its creator said of it.
fn definition(schedule: &Schedule) -> Schedule {
    with_definition(Schedule::default(), schedule.clone())
}

fn with_definition(rest: Schedule, of: Schedule) -> Schedule {
    Schedule {
        cron: of.cron,
        interval_ms: of.interval_ms,
        zone: of.zone,
        target: of.target,
        input: of.input,
        overlap: of.overlap,
        queue_max: of.queue_max,
        catch_up_ms: of.catch_up_ms,
        jitter_ms: of.jitter_ms,
        from_ms: of.from_ms,
        until_ms: of.until_ms,
        ..rest
    }
}

fn not_found(name: &str) -> Failure {
    let text = format!("no schedule has the name {name}");
    Failure::new(code::NOT_FOUND, text)
}

//! One use of a data directory: opened, worked with until the work or the user ends it, shut down.
//!
//! Owns that every opened runtime is shut down, and what is said of unfinished work. Knows nothing of what
//! the work is.

mod signals;
mod unfinished;

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Error, anyhow};
use host_base::{TenantId, WorkflowKey};
use host_runtime::{Runtime, RuntimeOptions, StartupError, WorkflowView};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::args::Common;
use crate::compiler::compiler;
use crate::exit::{Exit, OrExit, Problem};
use crate::settings;
use crate::show::console::Console;
use crate::show::trace::{Detail, Trace};

use signals::Signals;

/// For tests of the host only: the process ends at that commit as by a power failure, `before:N` or `after:N`.
const STOP_VARIABLE: &str = "HOST_TEST_STOP";

/// How a command ends.
pub(crate) type Ending = Result<Exit, Problem>;

/// Ends when the user asks to stop, with how the process ends because of it.
pub(crate) type Stop = oneshot::Receiver<Exit>;

/// An open data directory.
pub(crate) struct Session {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) console: Arc<Console>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) tenant: TenantId,
    data: PathBuf,
}

/// Opens the data directory, works until that is done or the user stops it, and shuts down.
pub(crate) fn run<Work>(common: &Common, detail: Detail, work: Work) -> Ending
where
    Work: AsyncFnOnce(&Session) -> Ending,
{
    run_to_the_end(common, detail, async |session, stop| {
        tokio::select! {
            biased;
            Ok(exit) = stop => Ok(session.stop(exit)),
            ending = work(session) => ending,
        }
    })
}

/// The same for work that comes to its end by itself once it is asked to stop.
pub(crate) fn run_to_the_end<Work>(common: &Common, detail: Detail, work: Work) -> Ending
where
    Work: AsyncFnOnce(&Session, Stop) -> Ending,
{
    let threads = Builder::new_multi_thread().enable_all().build();
    let threads = threads.context("start threads").or_exit(Exit::Failed)?;
    threads.block_on(drive(common, detail, work))
}

/// Little is told of one among many; a user may ask for more.
pub(crate) fn detail(common: &Common, usual: Detail) -> Detail {
    if common.verbose { Detail::All } else { usual }
}

async fn drive<Work>(common: &Common, detail: Detail, work: Work) -> Ending
where
    Work: AsyncFnOnce(&Session, Stop) -> Ending,
{
    let stop = Signals::listen();
    let stop = stop.context("listen to signals").or_exit(Exit::Failed)?;
    let session = Session::open(common, detail).await?;
    let ending = tokio::select! {
        biased;
        reason = session.trace.closed() => Err(closed(&reason)),
        ending = work(&session, stop) => ending,
    };
    session.runtime.stop().await;
    ending
}

impl Session {
    async fn open(common: &Common, detail: Detail) -> Result<Session, Problem> {
        let console = Arc::new(Console::new(common.output));
        let trace = Arc::new(Trace::new(Arc::clone(&console), detail));
        let options = RuntimeOptions {
            observer: Arc::clone(&trace) as _,
            ..options(common)?
        };
        Ok(Session {
            runtime: Arc::new(open(options).await?),
            console,
            trace,
            tenant: common.tenant.clone().unwrap_or_default(),
            data: common.data.clone(),
        })
    }

    /// The address of the workflow of this id.
    pub(crate) fn key(&self, id: &str) -> Result<WorkflowKey, Problem> {
        WorkflowKey::new(self.tenant.clone(), id).or_exit(Exit::BadUsage)
    }

    /// The workflow of this id, which the user expects to be there.
    pub(crate) fn known(&self, id: &str) -> Result<WorkflowView, Problem> {
        let key = self.key(id)?;
        self.runtime.workflow(&key)?.ok_or_else(|| self.unknown(id))
    }

    /// The problem that there is no workflow of this id.
    pub(crate) fn unknown(&self, id: &str) -> Problem {
        let data = self.data.display();
        let error = anyhow!(
            "no workflow has the id {id} in {data}; \"host workflow list\" shows those there are"
        );
        Problem::new(Exit::Failed, error)
    }

    fn stop(&self, exit: Exit) -> Exit {
        let data = self.data.display();
        self.console
            .note(&format!("Stopping; unfinished work is kept in {data}"));
        exit
    }
}

fn options(common: &Common) -> Result<RuntimeOptions, Problem> {
    let mut options = RuntimeOptions::new(&common.data);
    let settings = settings::read(common.config.as_deref()).or_exit(Exit::BadUsage)?;
    options.limits = settings.limits;
    options.compiler = compiler();
    if let Some(stop) = env::var_os(STOP_VARIABLE) {
        let stop = stop.to_string_lossy().parse().map_err(Error::msg);
        let stop = stop.with_context(|| format!("read {STOP_VARIABLE}"));
        options.store.stop = Some(stop.or_exit(Exit::BadUsage)?);
    }
    Ok(options)
}

fn closed(reason: &str) -> Problem {
    let error = anyhow!("the store takes no more changes: {reason}");
    Problem::new(Exit::BadData, error)
}

/// Reads the disk and compiles plugins, which a thread of its own may take its time for.
async fn open(options: RuntimeOptions) -> Result<Runtime, Problem> {
    let opened = tokio::task::spawn_blocking(|| Runtime::open(options)).await;
    let opened: Result<Runtime, StartupError> = opened
        .context("open the data directory")
        .or_exit(Exit::Failed)?;
    Ok(opened?)
}

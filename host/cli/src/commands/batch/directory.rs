//! Batches in a data directory, carried out by this process.
//!
//! Knows the runtime; how things look is told elsewhere.

use std::time::Duration;

use host_api::json::{BatchLine, BatchMatched};
use host_runtime::records::BatchDeed;
use host_runtime::{BatchView, Selection};

use super::told::{self, Watcher};
use crate::args::{BatchCommand, Common};
use crate::exit::{self, Exit, Problem};
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;

/// How long a batch that is followed is not looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Does what the command says.
pub(super) fn run(common: &Common, command: &BatchCommand) -> Ending {
    on(common, async |session| match command {
        BatchCommand::List => {
            let views = session.runtime.batches(&session.tenant)?;
            let lines: Vec<_> = views.iter().map(BatchLine::new).collect();
            told::listed(&session.console, &lines)?;
            Ok(Exit::Done)
        }
        BatchCommand::Show { id, wait: false } => {
            let view = session.runtime.batch(&session.tenant, id)?;
            told::show(&session.console, &BatchLine::new(&known(view, id)?))
        }
        BatchCommand::Show { id, wait: true } => {
            session.resume().await?;
            let ended = follow(session, id).await?;
            told::ended(&session.console, &BatchLine::new(&ended))
        }
        BatchCommand::Abort { id } => {
            let aborted = session.runtime.abort_batch(&session.tenant, id).await;
            let view = known(aborted.map_err(exit::refused)?, id)?;
            told::show(&session.console, &BatchLine::new(&view))
        }
    })
}

/// Does it to all that fit.
pub(super) fn carry_out(
    common: &Common,
    dry_run: bool,
    deed: BatchDeed,
    selection: Selection,
) -> Ending {
    on(common, async move |session| {
        let (runtime, tenant) = (&session.runtime, &session.tenant);
        if dry_run {
            let matched = runtime.count_workflows(tenant, &selection).await?;
            return told::matched(&session.console, &BatchMatched { matched });
        }
        let begun = runtime.start_batch(tenant, deed, &selection, None).await;
        let id = begun.map_err(exit::refused)?.id;
        told::begun(&session.console, &id, "\"host resume\" goes on with it");
        let ended = follow(session, &id).await?;
        let exit = told::ended(&session.console, &BatchLine::new(&ended))?;
        session.tell_unfinished()?;
        Ok(exit)
    })
}

fn on(common: &Common, work: impl AsyncFnOnce(&Session) -> Ending) -> Ending {
    session::run(common, session::detail(common, Detail::Little), work)
}

/// The batch when it has ended.
async fn follow(session: &Session, id: &str) -> Result<BatchView, Problem> {
    let (runtime, tenant) = (&session.runtime, &session.tenant);
    let mut watcher = Watcher::new(&session.console);
    loop {
        let ended = runtime.wait_for_batch(tenant, id);
        if let Ok(view) = tokio::time::timeout(LOOK, ended).await {
            return known(view?, id);
        }
        let view = known(runtime.batch(tenant, id)?, id)?;
        watcher.see(&BatchLine::new(&view));
    }
}

fn known(view: Option<BatchView>, id: &str) -> Result<BatchView, Problem> {
    view.ok_or_else(|| told::unknown(id, "in the data directory"))
}

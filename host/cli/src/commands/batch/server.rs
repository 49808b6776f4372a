//! Batches on a server, which carries them out whatever becomes of this program.
//!
//! Knows the routes; how things look is told elsewhere.

use std::sync::Arc;

use host_api::json::{BatchLine, BatchMatched, BatchOrder, BatchState};
use serde::Deserialize;

use super::told::{self, Watcher};
use crate::args::{BatchCommand, Common};
use crate::exit::{Exit, Problem};
use crate::remote::{self, Remote, Trouble};
use crate::session::Ending;
use crate::show::console::{self, Console};

/// How long a batch that is followed is not looked at.
const LOOK: &str = "500ms";

#[derive(Deserialize)]
struct Batches {
    batches: Vec<BatchLine<'static>>,
}

/// Does what the command says.
pub(super) fn run(remote: &Remote, common: &Common, command: &BatchCommand) -> Ending {
    let console = Arc::new(Console::new(common.output));
    match command {
        BatchCommand::List => {
            let Batches { batches } = remote.get("/batches")?;
            told::listed(&console, &batches)?;
            Ok(Exit::Done)
        }
        BatchCommand::Show { id, wait: false } => {
            told::show(&console, &known(remote, id, remote.get(&one(id)))?)
        }
        BatchCommand::Show { id, wait: true } => {
            told::ended(&console, &follow(remote, &console, id)?)
        }
        BatchCommand::Abort { id } => {
            let aborted = remote.post(&format!("{}/abort", one(id)), &[]);
            told::show(&console, &known(remote, id, aborted)?)
        }
    }
}

/// Has it done to all that fit.
pub(super) fn carry_out(remote: &Remote, common: &Common, order: &BatchOrder<'_>) -> Ending {
    let console = Arc::new(Console::new(common.output));
    let asked = console::encode(order).into_bytes();
    if order.dry_run {
        let found: BatchMatched = remote.post("/batches", &asked)?;
        return told::matched(&console, &found);
    }
    let begun: BatchLine<'static> = remote.post("/batches", &asked)?;
    let goes_on = format!("{} goes on with it", remote.name());
    told::begun(&console, &begun.id, &goes_on);
    told::ended(&console, &follow(remote, &console, &begun.id)?)
}

/// The batch when it has ended.
fn follow(
    remote: &Remote,
    console: &Arc<Console>,
    id: &str,
) -> Result<BatchLine<'static>, Problem> {
    let mut watcher = Watcher::new(console);
    let path = remote::with_options(&one(id), &[("wait", Some(LOOK))]);
    loop {
        let batch = known(remote, id, remote.get(&path))?;
        if batch.state != BatchState::Running {
            return Ok(batch);
        }
        watcher.see(&batch);
    }
}

fn one(id: &str) -> String {
    remote::path(&["batches", id])
}

fn known(
    remote: &Remote,
    id: &str,
    batch: Result<BatchLine<'static>, Trouble>,
) -> Result<BatchLine<'static>, Problem> {
    batch.map_err(|trouble| match trouble.is(remote::NOT_FOUND) {
        true => told::unknown(id, &format!("on {}", remote.name())),
        false => trouble.into(),
    })
}

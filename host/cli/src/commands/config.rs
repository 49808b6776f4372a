//! `host config`: the limits that a host would run with.
//!
//! Opens no data directory.

use crate::args::Common;
use crate::exit::{Exit, OrExit};
use crate::limits;
use crate::session::Ending;
use crate::show::console::{self, Console};

/// Does it.
pub(crate) fn run(common: &Common) -> Ending {
    let limits = limits::read(common.config.as_deref()).or_exit(Exit::BadUsage)?;
    let shown = if common.json {
        console::encode(&limits)
    } else {
        limits::shown(&limits).or_exit(Exit::Failed)?
    };
    Console::new(common.json).last_result(&shown)?;
    Ok(Exit::Done)
}

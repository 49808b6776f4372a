//! `host resume`: goes on with what the data directory holds, until all of it has ended.
//!
//! Deploys nothing: the directory remembers the components.

use crate::args::{Common, ResumeArgs};
use crate::session::{self, Ending};
use crate::show::trace::Detail;

/// Does it.
pub(crate) fn run(common: &Common, args: &ResumeArgs) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async |session| {
        session.resume().await?;
        if args.forever {
            session.console.note("Going on until it is stopped");
            // The session ends it.
            std::future::pending::<()>().await;
        }
        let exit = session.wait_for_all().await?;
        session.tell_unfinished()?;
        Ok(exit)
    })
}

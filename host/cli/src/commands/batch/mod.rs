//! `host batch …` and what is done to many workflows at once, in a data directory or on a server.
//!
//! Owns which command is a batch and where it is done; both places show the same in the same words.

mod directory;
mod server;
mod told;

use anyhow::Error;
use host_api::json::{BatchFilter, BatchOperation, BatchOrder, Status};
use host_runtime::Selection;
use host_runtime::records::BatchDeed;

use crate::args::{BatchCommand, Common, Many, WorkflowCommand};
use crate::exit::{Exit, OrExit, Problem};
use crate::remote;
use crate::session::Ending;

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &BatchCommand) -> Ending {
    match remote::chosen(common)? {
        Some(remote) => server::run(&remote, common, command),
        None => directory::run(common, command),
    }
}

/// What a command about workflows has done to many of them; none where it is about one.
pub(super) fn ordered(command: &WorkflowCommand) -> Option<BatchOrder<'_>> {
    let (operation, which, reason, force) = match command {
        WorkflowCommand::Cancel(args) => (
            BatchOperation::Cancel,
            &args.which,
            Some(&args.reason),
            false,
        ),
        WorkflowCommand::Terminate(args) => (
            BatchOperation::Terminate,
            &args.which,
            Some(&args.reason),
            false,
        ),
        WorkflowCommand::Suspend(args) => (
            BatchOperation::Suspend,
            &args.which,
            Some(&args.reason),
            false,
        ),
        WorkflowCommand::Resume(which) => (BatchOperation::Resume, which, None, false),
        WorkflowCommand::Purge(args) => (BatchOperation::Purge, &args.which, None, args.force),
        WorkflowCommand::Start(_)
        | WorkflowCommand::List(_)
        | WorkflowCommand::Show { .. }
        | WorkflowCommand::History { .. }
        | WorkflowCommand::Result { .. }
        | WorkflowCommand::Query { .. }
        | WorkflowCommand::Update(_)
        | WorkflowCommand::Move { .. }
        | WorkflowCommand::Rerun(_)
        | WorkflowCommand::Fork { .. }
        | WorkflowCommand::Raise { .. } => return None,
    };
    which.id.is_none().then(|| BatchOrder {
        filter: filter(&which.many),
        all: which.many.all,
        reason: reason.filter(|reason| !reason.is_empty()).map(Into::into),
        force,
        dry_run: which.many.dry_run,
        ..BatchOrder::of(operation)
    })
}

fn filter(many: &Many) -> BatchFilter<'_> {
    BatchFilter {
        status: many.status.map(Status::from),
        name: many.name.as_deref().map(Into::into),
        created_from: many.created_from.as_deref().map(Into::into),
        created_until: many.created_until.as_deref().map(Into::into),
        r#where: many.search.as_ref().map(|search| search.text().into()),
    }
}

/// Does it to all that fit, and shows how far it is until all is done.
pub(super) fn carry_out(common: &Common, order: &BatchOrder<'_>) -> Ending {
    let (deed, selection) = checked(order)?;
    match remote::chosen(common)? {
        Some(remote) => server::carry_out(&remote, common, order),
        None => directory::carry_out(common, order.dry_run, deed, selection),
    }
}

fn checked(order: &BatchOrder<'_>) -> Result<(BatchDeed, Selection), Problem> {
    let deed = order.deed().map_err(Error::msg).or_exit(Exit::BadUsage)?;
    let selection = order.selection().map_err(Error::msg);
    Ok((deed, selection.or_exit(Exit::BadUsage)?))
}

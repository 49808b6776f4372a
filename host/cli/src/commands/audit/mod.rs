//! `host audit`: who has asked a server for what that changes how things are run, in a data directory or on a server.
//!
//! Owns where it is read and how it looks.

use host_api::json::AuditLine;

use crate::args::{AuditArgs, Common};
use crate::exit::Exit;
use crate::remote;
use crate::session::{self, Ending};
use crate::show::console::Console;
use crate::show::trace::Detail;
use crate::show::{list, text};

const HEADS: [&str; 7] = [
    "AT", "TOKEN", "ROLE", "ADDRESS", "DEED", "OBJECT", "OUTCOME",
];

/// Does what the command says.
pub(crate) fn run(common: &Common, args: &AuditArgs) -> Ending {
    if let Some(remote) = remote::chosen(common)? {
        let lines: Vec<AuditLine<'static>> = remote.first("/audit", &[], args.limit)?;
        return listed(&Console::new(common.output), &lines);
    }
    let detail = session::detail(common, Detail::Little);
    session::run(common, detail, async |session| {
        let (runtime, tenant) = (&session.runtime, &session.tenant);
        let found = runtime.audit(tenant, None, args.limit)?;
        let lines: Vec<_> = found.iter().map(AuditLine::new).collect();
        listed(&session.console, &lines)
    })
}

fn listed(console: &Console, lines: &[AuditLine<'_>]) -> Ending {
    list::show(
        console,
        HEADS,
        lines,
        row,
        "Nothing was asked for that is noted",
    )?;
    Ok(Exit::Done)
}

fn row(line: &AuditLine<'_>) -> [String; 7] {
    [
        line.at.clone(),
        line.token.to_string(),
        text::printable(&line.role),
        line.address.to_string(),
        text::printable(&line.deed),
        text::printable(&line.object),
        text::printable(&line.outcome),
    ]
}

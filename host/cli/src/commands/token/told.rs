//! What is told of tokens, wherever they are.
//!
//! Owns the words; asks for nothing.

use host_api::json::TokenLine;

use crate::exit::Exit;
use crate::session::Ending;
use crate::show::console::{self, Console};
use crate::show::{list, text};

const HEADS: [&str; 7] = [
    "ID",
    "ROLE",
    "STATE",
    "LIMITED TO",
    "CREATED",
    "EXPIRES",
    "DESCRIPTION",
];

/// A token, shown this once.
pub(super) fn made(console: &Console, line: &TokenLine<'_>) -> Ending {
    if console.is_for_programs() {
        console.result(&console::encode(line))?;
        return Ok(Exit::Done);
    }
    console.result(line.token.as_deref().unwrap_or_default())?;
    console.note(&format!(
        "Token {} ({}) counts until {}; it is shown this once, and the host does not know it",
        line.id, line.role, line.expires
    ));
    Ok(Exit::Done)
}

/// A token that counts no longer.
pub(super) fn revoked(console: &Console, line: &TokenLine<'_>) -> Ending {
    if console.is_for_programs() {
        console.result(&console::encode(line))?;
    } else {
        console.note(&format!("Token {} counts no longer", line.id));
    }
    Ok(Exit::Done)
}

/// All tokens of the tenant.
pub(super) fn listed(console: &Console, tokens: &[TokenLine<'_>]) -> Ending {
    list::show(console, HEADS, tokens, row, "There are no tokens")?;
    Ok(Exit::Done)
}

fn row(line: &TokenLine<'_>) -> [String; 7] {
    let names = line.workflows.iter().chain(&line.actor_types);
    let names: Vec<_> = names.map(|name| text::printable(name)).collect();
    [
        line.id.to_string(),
        text::printable(&line.role),
        line.state.name().to_owned(),
        names.join(", "),
        line.created.clone(),
        line.expires.clone(),
        text::printable(&line.description),
    ]
}

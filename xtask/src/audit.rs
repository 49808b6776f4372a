//! Whether dependencies have known flaws, or licences that we may not use.
//!
//! Knows cargo-deny, which reads `.deny.toml`. It fetches the list of known flaws, so that CI does not depend on it.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::setup::workspace;

/// Checks all dependencies, and says what is wrong with which.
pub(crate) fn audit() -> Result<()> {
    let version = cargo_deny("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ensure!(
        version.is_ok_and(|status| status.success()),
        "nothing was checked: cargo-deny is not installed; `cargo install --locked cargo-deny` does"
    );
    let status = cargo_deny("check").status().context("start cargo deny")?;
    ensure!(
        status.success(),
        "the dependencies do not hold to .deny.toml, or the list of known flaws cannot be fetched: see above"
    );
    Ok(())
}

fn cargo_deny(argument: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["deny", argument]).current_dir(workspace());
    command
}

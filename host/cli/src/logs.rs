//! The host's own log, for operators: lines on standard error, chosen by HOST_LOG.
//!
//! Knows nothing of the trace, which is what plugins say and is for users.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

const FILTER_VARIABLE: &str = "HOST_LOG";

/// Starts logging. A filter that cannot be read leaves the default, warnings and errors.
pub(crate) fn start() {
    let filter = EnvFilter::builder()
        .with_env_var(FILTER_VARIABLE)
        .with_default_directive(LevelFilter::WARN.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

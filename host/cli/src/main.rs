//! The binary `host`: runs plugins, and reads and drives what their data directory or a running server holds.
//!
//! Owns the order of the first steps; knows nothing of what a command does.

mod args;
mod commands;
mod compiler;
mod exit;
mod input;
mod logs;
mod remote;
mod sandbox;
mod session;
mod settings;
mod show;

use std::process::ExitCode;

/// Threads that free what others allocated do not wait for each other here, which they do in the C
/// library's allocator: a turn crosses threads several times.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(ended) = compiler::run_as_one() {
        return ended;
    }
    let cli = args::parse();
    logs::start();
    let exit = commands::run(&cli).unwrap_or_else(|problem| problem.tell(cli.common.output));
    exit.into()
}

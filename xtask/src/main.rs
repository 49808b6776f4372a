//! The project's commands: what a newcomer types.
//!
//! Owns the order of the steps; knows nothing of what the host does. Depends on nothing that needs
//! libclang, because it is what installs libclang.

mod audit;
mod cargo;
mod clients;
mod setup;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Sets up, builds, runs and tests the host.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what building needs and is missing; says what it does.
    Setup,
    /// Builds the plugins to plugins/*.wasm.
    Plugins,
    /// Sets up, builds host and plugins, and runs `host run` with these arguments.
    Run {
        /// What `host run` is given.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Sets up and passes every check: format, lints, all tests.
    Test {
        /// Only tests whose name contains this. Those that run published clients are called `clients::…`.
        filter: Option<String>,
    },
    /// Checks dependencies for known flaws and licences, with cargo-deny where that is installed.
    Audit,
    /// Sets up and prints the table of measurements.
    Bench {
        /// What the benchmark is given.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    setup::install_what_is_missing()?;
    match arguments.command {
        Command::Setup => Ok(()),
        Command::Plugins => cargo::build_plugins(),
        Command::Run { arguments } => cargo::run_host(&arguments),
        Command::Test { filter } => cargo::test(filter.as_deref()),
        Command::Audit => audit::audit(),
        Command::Bench { arguments } => cargo::bench(&arguments),
    }
}

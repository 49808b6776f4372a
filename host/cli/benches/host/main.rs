//! What the hot paths cost: turns, commits, replays and activations, against the disk's own speed in the
//! same run. Prints one table; nothing here passes or fails.
//!
//! Goes through the runtime's door, as the binary does, with real components and a real store.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on ends the run"
)]

mod disk;
mod isolation;
mod lengths;
mod load;
mod neighbours;
mod reminders;
mod report;
mod scenes;
mod timers;

use clap::Parser;

use crate::report::Report;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the host on this machine.
#[derive(Parser)]
struct Arguments {
    /// Do a tenth of the work: rough numbers in a few seconds.
    #[arg(long)]
    quick: bool,
    /// Only scenes whose name contains this.
    only: Option<String>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let scale = if arguments.quick { 10 } else { 1 };
    let mut report = Report::default();
    let disk = disk::measure(1_000);
    report.add("disk: fdatasync of 256 bytes", disk.row());
    for scene in scenes::ALL {
        let wanted = arguments.only.as_deref();
        if wanted.is_none_or(|wanted| scene.name.contains(wanted)) {
            eprintln!("measuring: {}", scene.name);
            (scene.run)(&mut report, &disk, scale);
        }
    }
    report.print();
}

//! Kills the binary at random lines of its trace: SIGKILL, so that the process has no say in it.
//!
//! The seed is printed, and `KILL_SEED` repeats it.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::host::Host;

/// Where random moments come from.
pub(crate) fn random() -> ChaCha8Rng {
    let given = std::env::var("KILL_SEED").ok().map(|seed| seed.parse());
    let seed = given.map_or_else(|| RandomState::new().hash_one(0), Result::unwrap);
    eprintln!("KILL_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Runs until a random line of the trace, one of the first so many, and a random moment after it. Shows each
/// line of the trace. False where it ended before.
pub(crate) fn run_and_kill(
    host: &Host,
    command: &[&str],
    random: &mut ChaCha8Rng,
    lines_max: u64,
    mut show: impl FnMut(&str),
) -> bool {
    let lines = random.next_u64() % lines_max;
    let spins = random.next_u64() % 1_000_000;
    let mut child = host.command(command).stdout(Stdio::null()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = 0;
    while seen < lines
        && let Some(line) = stderr.next()
    {
        show(&line.unwrap());
        seen += 1;
    }
    for spin in 0..spins {
        std::hint::black_box(spin);
    }
    child.kill().unwrap();
    let killed = child.wait().unwrap().code().is_none();
    stderr.map_while(Result::ok).for_each(|line| show(&line));
    assert!(killed || seen < lines, "it ended before it was killed");
    killed
}

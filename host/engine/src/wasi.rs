//! WASI for every role: clocks, randomness, an empty environment, and streams that become log lines.
//!
//! Written against wasmtime's bindings instead of its own implementation, so that an instance carries no
//! context it does not use and the role decides in one place. Files, sockets and HTTP are refused
//! elsewhere.

use std::sync::LazyLock;
use std::time::Duration;

use host_base::{Clock, SystemClock, Timestamp};
use tokio::time::Instant;
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::guest::{Guest, Side};
use crate::randomness::Kind;
use crate::refuse;
use crate::stop::Stop;
use crate::streams;

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// Links all that this file and `streams` answer.
pub(crate) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    type Own = HasSelf<Guest>;
    fn own(guest: &mut Guest) -> &mut Guest {
        guest
    }
    cli::environment::add_to_linker::<_, Own>(linker, own)?;
    cli::exit::add_to_linker::<_, Own>(linker, own)?;
    cli::stdin::add_to_linker::<_, Own>(linker, own)?;
    cli::stdout::add_to_linker::<_, Own>(linker, own)?;
    cli::stderr::add_to_linker::<_, Own>(linker, own)?;
    cli::terminal_input::add_to_linker::<_, Own>(linker, own)?;
    cli::terminal_output::add_to_linker::<_, Own>(linker, own)?;
    cli::terminal_stdin::add_to_linker::<_, Own>(linker, own)?;
    cli::terminal_stdout::add_to_linker::<_, Own>(linker, own)?;
    cli::terminal_stderr::add_to_linker::<_, Own>(linker, own)?;
    clocks::wall_clock::add_to_linker::<_, Own>(linker, own)?;
    clocks::monotonic_clock::add_to_linker::<_, Own>(linker, own)?;
    random::random::add_to_linker::<_, Own>(linker, own)?;
    random::insecure::add_to_linker::<_, Own>(linker, own)?;
    random::insecure_seed::add_to_linker::<_, Own>(linker, own)?;
    io::error::add_to_linker::<_, Own>(linker, own)?;
    io::poll::add_to_linker::<_, Own>(linker, own)?;
    io::streams::add_to_linker::<_, Own>(linker, own)
}

impl cli::environment::Host for Guest {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        Ok(None)
    }
}

impl cli::exit::Host for Guest {
    fn exit(&mut self, _status: std::result::Result<(), ()>) -> Result<()> {
        Err(Stop::Exit.into())
    }

    fn exit_with_code(&mut self, _code: u8) -> Result<()> {
        Err(Stop::Exit.into())
    }
}

impl cli::stdin::Host for Guest {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        Ok(Resource::new_own(streams::STDIN))
    }
}

impl cli::stdout::Host for Guest {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        Ok(Resource::new_own(streams::STDOUT))
    }
}

impl cli::stderr::Host for Guest {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        Ok(Resource::new_own(streams::STDERR))
    }
}

impl cli::terminal_input::Host for Guest {}

impl cli::terminal_input::HostTerminalInput for Guest {
    fn drop(&mut self, _input: Resource<cli::terminal_input::TerminalInput>) -> Result<()> {
        Ok(())
    }
}

impl cli::terminal_output::Host for Guest {}

impl cli::terminal_output::HostTerminalOutput for Guest {
    fn drop(&mut self, _output: Resource<cli::terminal_output::TerminalOutput>) -> Result<()> {
        Ok(())
    }
}

impl cli::terminal_stdin::Host for Guest {
    fn get_terminal_stdin(
        &mut self,
    ) -> Result<Option<Resource<cli::terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl cli::terminal_stdout::Host for Guest {
    fn get_terminal_stdout(
        &mut self,
    ) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl cli::terminal_stderr::Host for Guest {
    fn get_terminal_stderr(
        &mut self,
    ) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl clocks::wall_clock::Host for Guest {
    fn now(&mut self) -> Result<clocks::wall_clock::Datetime> {
        let now = self.virtual_time().unwrap_or_else(|| SystemClock.now());
        Ok(datetime(now))
    }

    fn resolution(&mut self) -> Result<clocks::wall_clock::Datetime> {
        Ok(datetime(Timestamp(1)))
    }
}

fn datetime(time: Timestamp) -> clocks::wall_clock::Datetime {
    let time = Duration::from_millis(time.0);
    clocks::wall_clock::Datetime {
        seconds: time.as_secs(),
        nanoseconds: time.subsec_nanos(),
    }
}

/// Where an activity's monotonic clock starts: nobody may learn how long the machine has been up.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn nanoseconds_since_start() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl clocks::monotonic_clock::Host for Guest {
    fn now(&mut self) -> Result<u64> {
        let time = self.virtual_time();
        let time = time.map(|time| time.0.saturating_mul(NANOSECONDS_PER_MILLISECOND));
        Ok(time.unwrap_or_else(nanoseconds_since_start))
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(match self.virtual_time() {
            Some(_) => NANOSECONDS_PER_MILLISECOND,
            None => 1,
        })
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        let left = when.saturating_sub(nanoseconds_since_start());
        self.sleep("subscribe-instant", left)
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        self.sleep("subscribe-duration", duration)
    }
}

impl Guest {
    fn sleep(&mut self, function: &str, nanoseconds: u64) -> Result<Resource<DynPollable>> {
        if !matches!(self.side, Side::Activity(_)) {
            return Err(refuse::sleep(self.side.role(), function).into());
        }
        // A sleep beyond what the clock can tell is one that never ends.
        let end = Instant::now().checked_add(Duration::from_nanos(nanoseconds));
        let sleep = self.table.push(Sleep(end))?;
        subscribe(&mut self.table, sleep)
    }
}

struct Sleep(Option<Instant>);

#[wasmtime_wasi::async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        match self.0 {
            Some(end) => tokio::time::sleep_until(end).await,
            None => std::future::pending().await,
        }
    }
}

impl random::random::Host for Guest {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        Ok(self.randomness.bytes(Kind::Secure, length)?)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(self.randomness.number(Kind::Secure)?)
    }
}

impl random::insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        Ok(self.randomness.bytes(Kind::Insecure, length)?)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        Ok(self.randomness.number(Kind::Insecure)?)
    }
}

impl random::insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        let mut number = || self.randomness.number(Kind::HashSeed);
        Ok((number()?, number()?))
    }
}

//! Who compiles components, and what it is held to meanwhile.
//!
//! Owns what is told of a compilation that was ended. What the other process does is in [`crate::child`].

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use host_base::{Fault, Limits};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use wasmtime::Engine;

use crate::check;
use crate::child::{self, Job};
use crate::compiled::Compiled;
use crate::inspect::Problem;
use crate::setup::Flavour;

/// What a process that was ended may have said and is told on, in bytes.
const WORDS_MAX: u64 = 4 << 10;
/// How Rust, its allocator and the operating system say that there is no memory, and what that makes impossible first.
const NO_MEMORY: [&str; 4] = [
    "memory allocation of",
    "annot allocate memory",
    "out of memory",
    "global thread pool has not been initialized",
];
const SMALLER: &str =
    "Make its functions smaller and fewer, or have whoever runs the host raise the limit";

/// Who compiles components.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// This process, for whoever trusts its components: neither memory nor time are bounded, and what breaks the
    /// compiler breaks the process.
    #[default]
    InProcess,
    /// A process of its own for each component, without rights, within `compile_memory_bytes_max`,
    /// `compile_cpu_max` and `compile_time_max`.
    Child(Program),
}

/// What is started to compile.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program. It must be built with this very crate.
    pub path: PathBuf,
    /// Its first arguments: with them, it does nothing but [`crate::compile_as_child`] with the others.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
}

impl Compiler {
    /// Validates and compiles a component. It may take its time.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        flavour: Flavour,
        limits: &Limits,
        bytes: &[u8],
    ) -> Result<Compiled, Problem> {
        let code = match self {
            Compiler::InProcess => compile(engine, bytes)?,
            Compiler::Child(program) => in_child(program, &Job::new(flavour, limits), bytes)?,
        };
        child::check_size(code.len(), limits.compiled_bytes_max)?;
        Ok(Compiled::just_now(code))
    }
}

/// Validates and compiles a component in this process.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    check::validate(bytes)?;
    engine.precompile_component(bytes).map_err(|error| {
        Problem::new(
            format!("it cannot be compiled: {error:#}"),
            "Build it anew, without experimental features of WebAssembly and of WASI 0.3",
        )
    })
}

fn in_child(program: &Program, job: &Job, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let ended = run(program, job, bytes).map_err(|error| {
        let path = program.path.display();
        Problem::new(
            format!("the compiler cannot be run: {path}: {error}"),
            "Whoever runs the host must see to it that this program can be executed",
        )
        .by(Fault::Operator)
    })?;
    match ended.status {
        Some(status) if status.success() => Ok(ended.output),
        Some(status) => Err(failed(job, status, &ended.words)),
        None => Err(Problem::new(
            format!(
                "it was not compiled within {:?}, the limit `compile_time_max`",
                job.time
            ),
            SMALLER,
        )),
    }
}

fn failed(job: &Job, status: ExitStatus, words: &str) -> Problem {
    let memory = job.memory_bytes;
    if status.code() == Some(i32::from(child::REFUSED)) {
        return Problem::from_words(words);
    }
    if NO_MEMORY.iter().any(|one| words.contains(one)) {
        return Problem::new(
            format!(
                "to compile it takes more memory than {memory} bytes, the limit `compile_memory_bytes_max`"
            ),
            SMALLER,
        );
    }
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return Problem::new(
            format!(
                "to compile it takes more CPU time than {:?}, the limit `compile_cpu_max`",
                job.cpu
            ),
            SMALLER,
        );
    }
    let words = words.trim();
    Problem::new(
        format!("the compiler crashed on it ({status}): {words}"),
        "The host goes on without it. Build it anew, with other versions of its tools",
    )
}

/// How a child ended.
struct Ended {
    /// None where it was ended because its time was over.
    status: Option<ExitStatus>,
    output: Vec<u8>,
    words: String,
}

/// Runs the program to its end. Its streams are files in memory, so that nobody has to read while it writes.
fn run(program: &Program, job: &Job, bytes: &[u8]) -> io::Result<Ended> {
    let (mut input, mut output, mut words) =
        (file("component")?, file("compiled")?, file("words")?);
    input.write_all(bytes)?;
    input.rewind()?;
    let mut child = Command::new(&program.path)
        .args(&program.arguments)
        .args(job.to_arguments())
        .env_clear()
        .envs(program.environment.iter().cloned())
        .env("RAYON_NUM_THREADS", job.threads.to_string())
        .current_dir("/")
        .stdin(input)
        .stdout(output.try_clone()?)
        .stderr(words.try_clone()?)
        .spawn()?;
    let in_time = ends_within(&child, job.time);
    // Whoever has ended is not hurt by it.
    child.kill()?;
    let status = child.wait()?;
    Ok(Ended {
        status: in_time?.then_some(status),
        output: read(&mut output, u64::MAX)?,
        words: String::from_utf8_lossy(&read(&mut words, WORDS_MAX)?).into_owned(),
    })
}

fn file(name: &str) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC)?))
}

fn read(file: &mut File, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn ends_within(child: &Child, time: Duration) -> io::Result<bool> {
    let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
            Ok(ended) => return Ok(ended > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Threads that compile one component.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

//! The process that compiles one component and ends.
//!
//! Owns what it is told, and that it has given up its rights before it looks at a byte of the component: whoever
//! breaks the compiler finds a process that can compute, and nothing else.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use host_base::Limits;
use host_sandbox::Bounds;

use crate::compiler::{self, threads};
use crate::inspect::Problem;
use crate::setup::{self, Flavour};

/// How it ends where the component is refused; standard error says why.
pub(crate) const REFUSED: u8 = 3;
/// A component with a module with a function that does nothing.
const SMALLEST: &[u8] = b"\0asm\x0d\0\x01\0\x01\x18\0asm\x01\0\0\0\
    \x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b";

/// What it is told: how to compile, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) flavour: Flavour,
    pub(crate) memory_bytes: usize,
    pub(crate) cpu: Duration,
    pub(crate) time: Duration,
    pub(crate) code_bytes: usize,
    pub(crate) threads: usize,
}

impl Job {
    pub(crate) fn new(flavour: Flavour, limits: &Limits) -> Job {
        Job {
            flavour,
            memory_bytes: limits.compile_memory_bytes_max,
            cpu: limits.compile_cpu_max,
            time: limits.compile_time_max,
            code_bytes: limits.compiled_bytes_max,
            threads: threads(),
        }
    }

    pub(crate) fn to_arguments(&self) -> [String; 6] {
        let flavour = match self.flavour {
            Flavour::Deterministic => "deterministic",
            Flavour::Plain => "plain",
        };
        [
            flavour.to_owned(),
            self.memory_bytes.to_string(),
            self.cpu.as_millis().to_string(),
            self.time.as_millis().to_string(),
            self.code_bytes.to_string(),
            self.threads.to_string(),
        ]
    }

    fn from_arguments(arguments: &[String]) -> Option<Job> {
        let [flavour, memory_bytes, cpu, time, code_bytes, threads] = arguments else {
            return None;
        };
        let flavour = match flavour.as_str() {
            "deterministic" => Flavour::Deterministic,
            "plain" => Flavour::Plain,
            _ => return None,
        };
        Some(Job {
            flavour,
            memory_bytes: memory_bytes.parse().ok()?,
            cpu: Duration::from_millis(cpu.parse().ok()?),
            time: Duration::from_millis(time.parse().ok()?),
            code_bytes: code_bytes.parse().ok()?,
            threads: threads.parse().ok()?,
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            memory_bytes: self.memory_bytes as u64,
            cpu: self.cpu,
            file_bytes: self.code_bytes as u64,
        }
    }
}

/// Compiles the component on standard input to standard output, and returns how the process must end. The process
/// must have no other thread, and do nothing afterwards. For a program that [`crate::Compiler::Child`] names.
pub fn compile_as_child(arguments: &[String]) -> ExitCode {
    let Some(job) = Job::from_arguments(arguments) else {
        eprintln!("this command is the host's own; it is not for people");
        return ExitCode::FAILURE;
    };
    match confined(&job) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(problem)) => {
            eprint!("{}", problem.to_words());
            ExitCode::from(REFUSED)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The outer error is the machine's, the inner one the component's.
fn confined(job: &Job) -> io::Result<Result<(), Problem>> {
    host_sandbox::bound(&job.bounds()).map_err(io::Error::other)?;
    // While there is one thread, for it holds those that this one starts.
    host_sandbox::no_files().map_err(io::Error::other)?;
    let engine = setup::compiler(job.flavour).map_err(io::Error::other)?;
    // It starts the threads that compile, which may not be started later.
    engine
        .precompile_component(SMALLEST)
        .map_err(io::Error::other)?;
    host_sandbox::only_compute().map_err(io::Error::other)?;
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    let compiled = compiler::compile(&engine, &component).and_then(|code| {
        check_size(code.len(), job.code_bytes)?;
        Ok(code)
    });
    compiled.map_or_else(
        |problem| Ok(Err(problem)),
        |code| io::stdout().lock().write_all(&code).map(Ok),
    )
}

/// Whether compiled code is small enough.
pub(crate) fn check_size(bytes: usize, max: usize) -> Result<(), Problem> {
    if bytes <= max {
        return Ok(());
    }
    Err(Problem::new(
        format!("compiled it has {bytes} bytes, and the limit `compiled_bytes_max` is {max}"),
        "Make it smaller, or have whoever runs the host raise the limit",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_what_its_arguments_say() {
        for flavour in [Flavour::Deterministic, Flavour::Plain] {
            let job = Job::new(flavour, &Limits::default());
            assert_eq!(Job::from_arguments(&job.to_arguments()), Some(job));
        }
        assert_eq!(Job::from_arguments(&["plain".to_owned()]), None);
    }

    #[test]
    fn a_child_compiles_what_the_host_can_run() {
        for flavour in [Flavour::Deterministic, Flavour::Plain] {
            let engine = setup::engine(flavour, 1).unwrap();
            let compiler = setup::compiler(flavour).unwrap();
            let hash = |engine: &wasmtime::Engine| {
                let mut hasher = std::hash::DefaultHasher::new();
                std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
                std::hash::Hasher::finish(&hasher)
            };
            assert_eq!(hash(&engine), hash(&compiler));
            assert!(compiler.precompile_component(SMALLEST).is_ok());
        }
    }
}

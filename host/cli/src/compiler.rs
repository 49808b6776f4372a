//! This program as its own compiler: components are compiled by another process of it.
//!
//! Owns how that process is told from one of a user's.

use std::env;
use std::process::ExitCode;

use host_engine::{Compiler, Program};

/// The first argument of such a process. It is no command: nobody is to type it.
const ARGUMENT: &str = "compile-component";
/// This program as it is running, even where another one was put in its place meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Has this program's allocator set no gigabyte aside at the start, which the bound of memory would not count.
const NO_RESERVE: &str = "MIMALLOC_DISALLOW_ARENA_ALLOC";

/// Does what such a process is for, and returns how it ends; none where this is a user's.
pub(crate) fn run_as_one() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let job: Vec<_> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    Some(host_engine::compile_as_child(&job))
}

/// How components are compiled.
pub(crate) fn compiler() -> Compiler {
    Compiler::Child(Program {
        path: THIS_PROGRAM.into(),
        arguments: vec![ARGUMENT.to_owned()],
        environment: vec![(NO_RESERVE.to_owned(), "1".to_owned())],
    })
}

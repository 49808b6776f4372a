//! What a server gives up before it serves: files that are not its own, calls that no server makes, and images of its
//! memory.
//!
//! Owns which files a server needs. What the kernel is asked for is the business of `host-sandbox`.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use host_sandbox::{Files, Held};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a server insists on it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sandbox {
    /// It gives up nothing, so that a developer can debug it and look at its core dumps.
    Off,
    /// It gives up what this machine's kernel knows how to take, and says what that does not.
    #[default]
    Try,
    /// It does not start where the kernel has no Landlock or no seccomp.
    Require,
}

/// How a machine's clock, names and certificates are found, and what it says of itself.
const READ: [&str; 16] = [
    "/dev/urandom",
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/ssl",
    "/proc",
    "/run/systemd/resolve",
    "/sys",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
];
/// Where the libraries are of the process that compiles, which is this program again.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];

/// Gives up files and calls, and returns what the kernel cannot take. There must be no other thread yet. `files` are
/// read again while it serves, and may be replaced by others of their names.
///
/// # Errors
/// The kernel refuses, or has nothing of what is required.
pub(crate) fn enter(wanted: Sandbox, data: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    if wanted == Sandbox::Off {
        return Ok(Vec::new());
    }
    let reach = reach(data, files)?;
    let taken = [
        (
            host_sandbox::only_files(&reach)?,
            "Landlock",
            "the server can reach every file that its user can",
        ),
        (
            host_sandbox::no_administration()?,
            "seccomp",
            "the server can make every system call that its user can",
        ),
    ];
    let mut notes = Vec::new();
    for (held, feature, so) in taken {
        match held {
            Held::Whole => {}
            Held::Partly => notes.push(format!("This kernel has only a part of {feature}")),
            Held::Nothing => {
                ensure!(
                    wanted != Sandbox::Require,
                    "this kernel has no {feature}, and --sandbox requires it: start on another one, or say \
                     --sandbox try"
                );
                notes.push(format!("This kernel has no {feature}: {so}"));
            }
        }
    }
    Ok(notes)
}

/// Leaves no images of the memory from now on. After what the process must know of itself was opened: that is
/// another user's then.
pub(crate) fn close(wanted: Sandbox) -> Result<()> {
    if wanted == Sandbox::Off {
        return Ok(());
    }
    Ok(host_sandbox::no_core_dumps()?)
}

fn reach(data: &Path, files: &[PathBuf]) -> Result<Files> {
    let this_program = env::current_exe().context("find this program's file")?;
    // A file that is replaced is another one; its folder stays.
    let folders = files.iter().map(|file| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    });
    Ok(Files {
        write: vec![data.to_owned(), "/dev/null".into()],
        read: READ.iter().map(PathBuf::from).chain(folders).collect(),
        execute: LIBRARIES
            .iter()
            .map(PathBuf::from)
            .chain([this_program])
            .collect(),
    })
}

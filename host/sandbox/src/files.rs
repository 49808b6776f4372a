//! Which files and addresses a process may reach, by Landlock.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};

use crate::{Held, SandboxError};

/// The newest kernel whose restrictions are asked for; an older one has some of them.
const KERNEL: ABI = ABI::V6;

impl From<RulesetStatus> for Held {
    fn from(status: RulesetStatus) -> Held {
        match status {
            RulesetStatus::FullyEnforced => Held::Whole,
            RulesetStatus::PartiallyEnforced => Held::Partly,
            RulesetStatus::NotEnforced => Held::Nothing,
        }
    }
}

/// From now on this thread, and those that it starts, open no file, connect to nobody and signal nobody else. What is
/// open stays open. It can never gain privileges by a program that it executes.
///
/// # Errors
/// The kernel has Landlock and refuses.
pub fn no_files() -> Result<Held, SandboxError> {
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KERNEL))?
        .handle_access(AccessNet::from_all(KERNEL))?
        .scope(Scope::from_all(KERNEL))?
        .create()?;
    Ok(rules.restrict_self()?.ruleset.into())
}

/// Files that a process may reach, and folders with all that is in them. What is not there is left out.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// What it may do everything with.
    pub write: Vec<PathBuf>,
    /// What it may read.
    pub read: Vec<PathBuf>,
    /// What it may read and execute.
    pub execute: Vec<PathBuf>,
}

/// From now on this thread, and those that it starts, reach no other files, and signal no process but those that they
/// start. What is open stays open. It can never gain privileges by a program that it executes.
///
/// # Errors
/// The kernel has Landlock and refuses.
pub fn only_files(files: &Files) -> Result<Held, SandboxError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KERNEL))?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(&files.write, AccessFs::from_all(KERNEL)))?
        .add_rules(path_beneath_rules(&files.read, read))?
        .add_rules(path_beneath_rules(&files.execute, read | AccessFs::Execute))?;
    Ok(rules.restrict_self()?.ruleset.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::path::Path;
    use std::thread;

    use super::*;

    /// Does it in a thread of its own, which alone is held to what it gives up.
    fn aside(work: impl FnOnce() + Send + 'static) {
        thread::spawn(work).join().unwrap();
    }

    fn is_refused<T>(done: std::io::Result<T>) -> bool {
        done.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn only_the_files_that_are_named_are_reached() {
        let folder = tempfile::tempdir().unwrap();
        let [read, write, other] = ["read", "write", "other"].map(|name| folder.path().join(name));
        for one in [&read, &write, &other] {
            fs::create_dir(one).unwrap();
            fs::write(one.join("file"), "text").unwrap();
        }
        let files = Files {
            read: vec![read.clone(), "/is/not/there".into()],
            write: vec![write.clone()],
            ..Files::default()
        };
        aside(move || {
            assert_ne!(
                only_files(&files).unwrap(),
                Held::Nothing,
                "this kernel has no Landlock"
            );
            let file = |folder: &Path| folder.join("file");
            assert!(fs::read(file(&read)).is_ok());
            assert!(is_refused(fs::write(file(&read), "other")));
            assert!(fs::write(file(&write), "other").is_ok());
            assert!(fs::rename(file(&write), write.join("new")).is_ok());
            assert!(is_refused(fs::read(file(&other))));
            assert!(is_refused(fs::read_dir(&other)));
            assert!(is_refused(fs::read("/etc/passwd")));
        });
    }

    #[test]
    fn who_reaches_no_files_reaches_no_addresses_either() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        aside(move || {
            assert_ne!(
                no_files().unwrap(),
                Held::Nothing,
                "this kernel has no Landlock"
            );
            assert!(is_refused(fs::read("/etc/passwd")));
            assert!(is_refused(TcpStream::connect(address)));
            assert!(is_refused(TcpListener::bind("127.0.0.1:0")));
        });
        assert!(TcpStream::connect(address).is_ok());
    }
}

//! Opening a data directory: its lock, its format version, the count of its openings.
//!
//! | path | holds |
//! |---|---|
//! | `lock` | locked by the process that has the directory open; its id as text |
//! | `db` | RocksDB |
//!
//! The lock is the operating system's, so it goes with the process, however that ends. Nothing is changed
//! in a database before its format version is known to be one that this host understands.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{DB, Options};

use crate::batch::Batch;
use crate::committer::Committer;
use crate::database::{Database, Lock};
use crate::keys::{self, Keyspace};
use crate::reader::Reader;
use crate::settings::{self, StoreOptions};

/// The format that this host writes and the newest that it reads.
pub const FORMAT: u32 = 1;

const DATABASE_DIR: &str = "db";
const LOCK_FILE: &str = "lock";
/// Only the host's user: a store holds what its tenants sent.
const DIR_MODE: u32 = 0o700;

/// Why a directory cannot be opened; the operator must act.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another host has it open.
    #[error("{} is in use by {}; stop that one first or choose another directory", dir.display(), process(*pid))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other host's process id, where it could be read.
        pid: Option<u32>,
    },
    /// A newer host has written it.
    #[error("{} has format {found} and this host knows formats up to {known}; use the newer host that wrote it", dir.display())]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest that this host knows.
        known: u32,
    },
    /// Its database is not a host's.
    #[error("{} holds something else: {reason}; choose another directory", dir.display())]
    NotAStore {
        /// The directory.
        dir: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// RocksDB refused something; its own log is beside its files.
    #[error("{what} in {}: {reason}; its LOG file there may say more", dir.join(DATABASE_DIR).display())]
    Database {
        /// The directory.
        dir: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

/// An open store: its two ends.
#[derive(Debug)]
pub struct Store {
    /// Reads what is durable.
    pub reader: Reader,
    /// Writes.
    pub committer: Committer,
    /// How often the directory has been opened, with this time: 1 for the first. On disk already.
    pub boot: u64,
}

impl Store {
    /// Opens the directory, and makes it where there is none. Blocks the calling thread. The directory is
    /// free again when every [`Reader`] and [`Committer`] of the store has been dropped.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then but, perhaps, an empty directory made.
    pub fn open(dir: &Path, options: &StoreOptions) -> Result<Store, OpenError> {
        make_dir(dir)?;
        let lock = lock(dir)?;
        check_format(dir)?;
        let db = open_database(dir, options)
            .map_err(|error| database("open the database", dir, &error))?;
        let db = Database::new(db, lock);
        let boot =
            count_opening(&db).map_err(|error| database("count the opening", dir, &error))?;
        let db = Arc::new(db);
        let reader = Reader::new(Arc::clone(&db));
        let committer =
            Committer::start(db, options).map_err(|error| io("start a thread for", dir, error))?;
        Ok(Store {
            reader,
            committer,
            boot,
        })
    }
}

fn make_dir(dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    let make = || {
        DirBuilder::new()
            .recursive(true)
            .mode(DIR_MODE)
            .create(dir)?;
        // Or a power failure could take the directory away with everything in it.
        let parent = fs::canonicalize(dir)?.parent().map(File::open);
        parent
            .transpose()?
            .map_or(Ok(()), |parent| parent.sync_all())
    };
    make().map_err(|error| io("make directory", dir, error))
}

fn lock(dir: &Path) -> Result<Lock, OpenError> {
    let path = dir.join(LOCK_FILE);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options
        .open(&path)
        .map_err(|error| io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => {
            write_process(&mut file).map_err(|error| io("write", &path, error))?;
            Ok(Lock(file))
        }
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            dir: dir.to_owned(),
            pid: read_process(&mut file),
        }),
        Err(TryLockError::Error(error)) => Err(io("lock", &path, error)),
    }
}

fn write_process(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Reads the format version without changing anything: the rest may be laid out in a way that only a newer
/// host understands.
fn check_format(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(DATABASE_DIR);
    if !path.join("CURRENT").exists() {
        return Ok(());
    }
    let failed = |error: rocksdb::Error| database("read the format", dir, &error);
    let mut settings = Options::default();
    settings.set_max_file_opening_threads(1);
    let names = DB::list_cf(&settings, &path).map_err(failed)?;
    let stranger = names.iter().find(|name| !is_ours(name));
    let meta = Keyspace::Meta.name();
    if !names.iter().any(|name| name == meta) {
        // The first opening was interrupted, if there is nothing that the host does not make.
        return stranger.map_or(Ok(()), |name| Err(not_a_store(dir, name)));
    }
    let db = DB::open_cf_for_read_only(&settings, &path, [meta], false).map_err(failed)?;
    let family = db.cf_handle(meta).expect("it was just opened");
    let format = db.get_cf(family, keys::format()).map_err(failed)?;
    judge_format(dir, format.as_deref(), stranger)
}

fn judge_format(
    dir: &Path,
    format: Option<&[u8]>,
    stranger: Option<&String>,
) -> Result<(), OpenError> {
    let number = format.map(|bytes| bytes.try_into().map(u32::from_be_bytes));
    match number {
        Some(Ok(found)) if found > FORMAT => Err(OpenError::NewerFormat {
            dir: dir.to_owned(),
            found,
            known: FORMAT,
        }),
        Some(Err(_)) => Err(not_a_store(dir, "a format version that is not a number")),
        Some(Ok(_)) | None => stranger.map_or(Ok(()), |name| Err(not_a_store(dir, name))),
    }
}

fn is_ours(name: &str) -> bool {
    // RocksDB always makes `default`, and we leave it empty.
    name == "default" || Keyspace::ALL.iter().any(|keyspace| keyspace.name() == name)
}

fn open_database(dir: &Path, options: &StoreOptions) -> Result<DB, rocksdb::Error> {
    let families = settings::families(options)?;
    DB::open_cf_descriptors(
        &settings::database(options),
        dir.join(DATABASE_DIR),
        families,
    )
}

fn count_opening(db: &Database) -> Result<u64, rocksdb::Error> {
    let last = db.get(Keyspace::Meta, &keys::boot())?;
    let last = last.and_then(|bytes| Some(u64::from_be_bytes((*bytes).try_into().ok()?)));
    let boot = last.unwrap_or(0) + 1;
    let mut batch = Batch::new();
    batch.put(
        Keyspace::Meta,
        keys::format(),
        FORMAT.to_be_bytes().to_vec(),
    );
    batch.put(Keyspace::Meta, keys::boot(), boot.to_be_bytes().to_vec());
    db.write(batch.bytes(), batch.ops().iter())?;
    Ok(boot)
}

fn process(pid: Option<u32>) -> String {
    pid.map_or("another process".to_owned(), |pid| format!("process {pid}"))
}

fn not_a_store(dir: &Path, what: &str) -> OpenError {
    OpenError::NotAStore {
        dir: dir.to_owned(),
        reason: format!("its database has {what}, which no host writes"),
    }
}

fn io(what: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

fn database(what: &'static str, dir: &Path, error: &rocksdb::Error) -> OpenError {
    OpenError::Database {
        dir: dir.to_owned(),
        what,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_free_though_a_process_that_is_being_started_has_a_copy_of_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        let copy = held.0.try_clone().unwrap();
        assert!(lock(dir.path()).is_err());
        drop(held);
        lock(dir.path()).unwrap();
        drop(copy);
    }
}

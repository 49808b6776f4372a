//! Directories that can and cannot be opened, and what the messages say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use host_store::{FORMAT, OpenError, ReadError, Store, StoreOptions};
use rocksdb::{DB, Options};

use super::*;

fn refusal(dir: &Path) -> OpenError {
    Store::open(dir, &StoreOptions::default()).unwrap_err()
}

/// Opens the database behind the store's back.
fn raw(dir: &Path) -> DB {
    let names = DB::list_cf(&Options::default(), dir.join("db")).unwrap();
    DB::open_cf(&Options::default(), dir.join("db"), names).unwrap()
}

fn write_raw(dir: &Path, family: &str, key: &[u8], value: &[u8]) {
    let db = raw(dir);
    db.put_cf(db.cf_handle(family).unwrap(), key, value)
        .unwrap();
}

#[test]
fn openings_are_counted_from_one() {
    let scratch = Scratch::new();
    assert_eq!(scratch.boot, 1);
    assert_eq!(scratch.reopen().reopen().boot, 3);
}

#[test]
fn a_missing_directory_is_made_for_its_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b");
    open(&dir);
    let mode = fs::metadata(&dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_directory_in_use_is_refused_and_the_process_named() {
    let scratch = Scratch::new();
    let error = refusal(scratch.dir.path());
    let pid = std::process::id();
    assert!(matches!(error, OpenError::InUse { pid: Some(found), .. } if found == pid));
    assert!(error.to_string().contains(&format!("process {pid}")));
}

#[test]
fn a_directory_is_free_when_its_last_handle_is_gone() {
    let Scratch { store, dir } = Scratch::new();
    let reader = store.reader.clone();
    drop(store);
    assert!(matches!(refusal(dir.path()), OpenError::InUse { .. }));
    drop(reader);
    assert_eq!(open(dir.path()).boot, 2);
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let Scratch { store, dir } = Scratch::new();
    drop(store);
    let newer = FORMAT + 1;
    write_raw(dir.path(), "meta", b"f", &newer.to_be_bytes());
    // A newer host may have more keyspaces, too.
    raw(dir.path())
        .create_cf("unheard-of", &Options::default())
        .unwrap();
    let error = refusal(dir.path());
    let text = error.to_string();
    assert!(matches!(error, OpenError::NewerFormat { found, known: FORMAT, .. } if found == newer));
    assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
    let db = raw(dir.path());
    let boot = db.get_cf(db.cf_handle("meta").unwrap(), b"b").unwrap();
    assert_eq!(boot, Some(1_u64.to_be_bytes().to_vec()));
}

#[test]
fn a_database_of_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.create_if_missing(true);
    let mut db = DB::open(&options, dir.path().join("db")).unwrap();
    db.create_cf("users", &options).unwrap();
    drop(db);
    let error = refusal(dir.path());
    assert!(matches!(&error, OpenError::NotAStore { .. }));
    assert!(error.to_string().contains("users"), "{error}");
}

#[test]
fn a_first_opening_that_was_interrupted_is_finished_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.create_if_missing(true);
    drop(DB::open(&options, dir.path().join("db")).unwrap());
    assert_eq!(open(dir.path()).boot, 1);
}

#[test]
fn a_path_that_is_a_file_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = refusal(file.path());
    let text = error.to_string();
    assert!(matches!(error, OpenError::Io { .. }));
    assert!(text.contains(file.path().to_str().unwrap()), "{text}");
}

#[test]
fn a_damaged_record_is_an_error_that_names_its_key() {
    let Scratch { store, dir } = Scratch::new();
    drop(store);
    write_raw(dir.path(), "instance", b"t\0order-1\0", b"\xff\xff");
    write_raw(dir.path(), "task", b"nonsense", b"");
    let store = open(dir.path());
    let error = store.reader.instance(&workflow("order-1")).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { .. }));
    assert!(error.to_string().contains(r"t\x00order-1\x00"), "{error}");
    let error = store.reader.tasks(None, 1).unwrap_err();
    assert!(error.to_string().contains("nonsense"), "{error}");
}

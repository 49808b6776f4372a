//! Hostile components and inputs, each of which the host withstands: what `plugins/fixtures/attacks` describes.
//!
//! Each attack has a folder there that names its test here; that the two agree is the first of the tests.

mod attacked;
mod calls;
mod components;
mod floods;
mod inputs;
mod limits;
mod loops;
mod network;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the attacks are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/fixtures/attacks")
}

/// The names of the tests in the files beside this one.
fn tests() -> BTreeSet<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/attacks");
    let files = fs::read_dir(here).unwrap().flatten();
    let files = files.filter(|file| file.file_name() != "mod.rs");
    let texts = files.map(|file| fs::read_to_string(file.path()).unwrap());
    let mut names = BTreeSet::new();
    for text in texts {
        let tests = text.split("#[test]\n").skip(1);
        names.extend(tests.map(|test| {
            let (_, rest) = test.split_once("fn ").unwrap();
            rest.split('(').next().unwrap().to_owned()
        }));
    }
    names
}

/// What stands behind `Test:` in the attacks' own descriptions, which say the rest as well.
fn described() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir() && entry.file_name() != "src");
    let tests = folders.map(|folder| {
        let file = folder.path().join("README.md");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let says = |what: &str| text.lines().find_map(|line| line.strip_prefix(what));
        let complete = text.starts_with("# ") && says("Tries: ").is_some();
        let test = says("Test: ").filter(|_| complete && says("Must happen: ").is_some());
        let test = test.unwrap_or_else(|| panic!("{} says not all of it", file.display()));
        test.trim_matches('`').to_owned()
    });
    tests.collect()
}

#[test]
fn every_attack_has_a_test_and_every_test_an_attack() {
    let described = described();
    assert!(described.len() >= 30, "only {} attacks", described.len());
    assert_eq!(BTreeSet::from_iter(described), tests());
}

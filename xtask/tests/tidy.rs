//! The tree checks itself: headers, lengths, who may depend on whom, and that the README shows real code.
//!
//! Reads files as text; knows nothing of what the code does.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be read ends the test, in its helpers as well"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest function, in lines. Aim for eight.
const FUNCTION_LINES_MAX: usize = 70;

/// Which of the host's crates each may use; a new arrow is a change of the design.
const ARROWS: [(&str, &[&str]); 7] = [
    ("base", &[]),
    ("sandbox", &[]),
    ("store", &["host-base"]),
    ("engine", &["host-base", "host-sandbox"]),
    ("runtime", &["host-base", "host-engine", "host-store"]),
    ("api", &["host-base", "host-runtime"]),
    (
        "cli",
        &[
            "host-api",
            "host-base",
            "host-engine",
            "host-runtime",
            "host-sandbox",
            "host-store",
        ],
    ),
];

/// Dependencies that belong to one crate alone.
const OWNERS: [(&str, &str); 8] = [
    ("landlock", "sandbox"),
    ("seccompiler", "sandbox"),
    ("rocksdb", "store"),
    ("wasmtime", "engine"),
    ("wasmtime-wasi", "engine"),
    ("tonic", "api"),
    ("clap", "cli"),
    ("anyhow", "cli"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The Rust files that git knows of.
fn sources() -> Vec<String> {
    let mut git = Command::new("git");
    let output = git
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.rs",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = names
        .lines()
        .filter(|name| root().join(name).exists())
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 50, "git lists the sources");
    names
}

#[test]
fn every_file_opens_with_what_it_owns() {
    let headless = sources()
        .into_iter()
        .filter(|name| !read(name).starts_with("//!"));
    assert_eq!(headless.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut long = Vec::new();
    for name in sources() {
        let text = read(&name);
        let lines: Vec<_> = text.lines().collect();
        let starts = (0..lines.len()).filter(|at| is_function(lines[*at]));
        for start in starts {
            let length = function_length(&lines[start..]);
            if length > FUNCTION_LINES_MAX {
                long.push(format!("{name}:{}: {length} lines", start + 1));
            }
        }
    }
    assert_eq!(long, [""; 0]);
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    let qualifiers = ["pub ", "pub(crate) ", "async ", "const ", "unsafe "];
    let mut rest = line;
    while let Some(after) = qualifiers.iter().find_map(|one| rest.strip_prefix(one)) {
        rest = after;
    }
    rest.starts_with("fn ") && !line.ends_with(';')
}

/// Up to the brace that stands as far to the right as the function does.
fn function_length(lines: &[&str]) -> usize {
    // A signature of several lines that ends without a body, as in a trait.
    let signature_end = lines.iter().find(|line| line.ends_with(['{', ';']));
    if signature_end.is_some_and(|line| line.ends_with(';')) {
        return 1;
    }
    let indent = lines[0].len() - lines[0].trim_start().len();
    let close = format!("{}}}", " ".repeat(indent));
    let end = lines.iter().position(|line| **line == close);
    end.map_or(1, |end| end + 1)
}

#[test]
fn a_function_is_measured_to_its_end_and_a_signature_alone_is_none() {
    let body = [
        "    fn one(",
        "        a: u8,",
        "    ) -> u8 {",
        "        a",
        "    }",
    ];
    assert_eq!(function_length(&body), 5);
    let signature = [
        "    fn one(",
        "        a: u8,",
        "    ) -> u8;",
        "    fn two() {",
        "    }",
    ];
    assert_eq!(function_length(&signature), 1);
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["FIXME", "TODO", "todo!(", "dbg!("];
    let this = "xtask/tests/tidy.rs";
    let unfinished = sources()
        .into_iter()
        .filter(|name| name != this && words.iter().any(|word| read(name).contains(word)));
    assert_eq!(unfinished.collect::<Vec<_>>(), [""; 0]);
}

/// The names in a manifest's `[dependencies]`.
fn dependencies(krate: &str) -> Vec<String> {
    let manifest = read(format!("host/{krate}/Cargo.toml"));
    let (_, rest) = manifest.split_once("[dependencies]").unwrap_or_default();
    let section = rest.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| {
        let name = line.split(['.', ' ', '=']).next()?;
        (!name.is_empty() && !name.starts_with('#')).then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn the_crates_depend_on_each_other_as_the_design_says() {
    for (krate, allowed) in ARROWS {
        let used = dependencies(krate);
        let strangers = used
            .iter()
            .filter(|name| name.starts_with("host-") && !allowed.contains(&name.as_str()));
        assert_eq!(strangers.collect::<Vec<_>>(), [""; 0], "host/{krate}");
    }
}

#[test]
fn what_belongs_to_one_crate_is_used_by_no_other() {
    for (krate, _) in ARROWS {
        let used = dependencies(krate);
        for (name, owner) in OWNERS {
            let uses = used.iter().any(|one| one == name);
            assert!(!uses || krate == owner, "host/{krate} uses {name}");
        }
    }
}

#[test]
fn workflow_actor_and_activity_do_not_know_each_other() {
    let parts = ["workflow", "actor", "activity"];
    for name in sources() {
        let Some(rest) = name.strip_prefix("host/runtime/src/") else {
            continue;
        };
        let Some(part) = parts.iter().find(|part| rest.starts_with(**part)) else {
            continue;
        };
        let text = read(&name);
        for other in parts.iter().filter(|other| *other != part) {
            let import = format!("crate::{other}::");
            assert!(!text.contains(&import), "{name} imports {other}");
        }
    }
}

#[test]
fn the_readme_shows_the_plugin_as_it_is() {
    let plugin =
        ["lib", "task_actor"].map(|file| read(format!("plugins/task_workflow/src/{file}.rs")));
    let readme = read("README.md");
    let blocks = readme.split("```rust\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!blocks.is_empty());
    for item in blocks.iter().flat_map(|block| block.split("\n\n// …\n\n")) {
        let item = item.trim();
        assert!(
            plugin.iter().any(|source| source.contains(item)),
            "the README shows what is not in the plugin:\n{item}"
        );
    }
}

/// A name of the table, and the file that it leads to.
fn links(readme: &str) -> Vec<(String, String)> {
    let cells = readme.split("[`").skip(1);
    let links = cells.filter_map(|rest| {
        let (name, rest) = rest.split_once("`](")?;
        let (path, _) = rest.split_once(')')?;
        Some((name.to_owned(), path.to_owned()))
    });
    links.collect()
}

/// How a name is written where it is used.
fn use_of(name: &str) -> String {
    match name.strip_prefix("host ") {
        Some(command) => format!("\"{}\"", command.replace(' ', "\", \"")),
        None if name.starts_with('#') => name.trim_end_matches(']').to_owned(),
        None => name.rsplit('.').next().unwrap().to_owned(),
    }
}

/// The code of a file's examples, which are in its documentation.
fn examples(text: &str) -> String {
    let mut inside = false;
    let mut code = String::new();
    for line in text.lines().map(str::trim_start) {
        let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
        match doc.map(str::trim_start) {
            Some(doc) if doc.starts_with("```") => inside = !inside,
            Some(doc) if inside => code.extend([doc, "\n"]),
            _ => {}
        }
    }
    code
}

#[test]
fn every_construct_of_the_table_leads_to_code_that_uses_it() {
    let links = links(&read("guest-sdk/README.md"));
    assert!(links.len() > 50);
    let mut missing = Vec::new();
    for (name, path) in links {
        let file = root().join("guest-sdk").join(&path);
        let text = fs::read_to_string(file).unwrap_or_default();
        let code = if path.starts_with("src/") {
            examples(&text)
        } else {
            text
        };
        if !code.contains(&use_of(&name)) {
            missing.push(format!("{name} in {path}"));
        }
    }
    assert_eq!(missing, [""; 0]);
}

/// What stands between backticks.
fn spans(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// The example plugins, and all that each is made of.
fn examples_of_plugins() -> Vec<(String, String)> {
    let sources = sources();
    let parts = sources.iter().filter_map(|name| {
        let (plugin, _) = name.strip_prefix("plugins/")?.split_once("/src/")?;
        let example = !plugin.starts_with("fixtures/");
        example.then(|| (plugin.to_owned(), read(name)))
    });
    let mut plugins = BTreeMap::<_, String>::new();
    for (plugin, text) in parts {
        plugins.entry(plugin).or_default().push_str(&text);
    }
    plugins.into_iter().collect()
}

#[test]
fn the_readme_of_the_plugins_says_which_construct_is_in_which() {
    let (readme, plugins) = (read("plugins/README.md"), examples_of_plugins());
    let (_, table) = readme.split_once("|---|---|---|").unwrap();
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.split(" | ").collect();
        let (codes, named) = (spans(cells[1]), spans(cells[2]));
        let uses = |text: &str| codes.iter().any(|code| text.contains(code));
        let using = plugins.iter().filter(|(_, text)| uses(text));
        let using: BTreeSet<_> = using.map(|(name, _)| name.clone()).collect();
        assert!(!using.is_empty(), "nobody uses {codes:?}");
        assert_eq!(BTreeSet::from_iter(named), using, "{row}");
    }
}

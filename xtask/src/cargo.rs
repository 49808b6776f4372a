//! What is asked of cargo, and where its products go.
//!
//! Knows the folders of the workspace; one build profile serves running and testing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::clients;
use crate::setup::workspace;

/// The tests that run published clients are in the module of this name.
const CLIENTS: &str = "clients";
const WASM_TARGET: &str = "wasm32-wasip2";

/// Builds every plugin and lays its component beside its folder.
pub(crate) fn build_plugins() -> Result<()> {
    let mut found = plugins_in(&workspace().join("plugins"))?;
    found.extend(plugins_in(&workspace().join("plugins/fixtures"))?);
    if found.is_empty() {
        return Ok(());
    }
    let mut build = cargo(&["build", "--profile", "plugin", "--target", WASM_TARGET]);
    for plugin in &found {
        build.arg("--package").arg(&plugin.name);
    }
    run(&mut build, "build the plugins")?;
    let products = target_folder()?.join(WASM_TARGET).join("plugin");
    found
        .iter()
        .try_for_each(|plugin| plugin.collect(&products))
}

/// Builds all and becomes `host run`, in the folder where the caller is.
pub(crate) fn run_host(arguments: &[String]) -> Result<()> {
    build_plugins()?;
    run(
        &mut cargo(&["build", "--package", "host"]),
        "build the host",
    )?;
    let host = target_folder()?.join("debug/host");
    let mut command = Command::new(&host);
    let status = command.arg("run").args(arguments).status();
    let status = status.with_context(|| format!("start {}", host.display()))?;
    std::process::exit(status.code().unwrap_or(1));
}

/// Every check, cheapest first.
pub(crate) fn test(filter: Option<&str>) -> Result<()> {
    step("format", || {
        run(&mut cargo(&["fmt", "--all", "--check"]), "check the format")
    })?;
    step("plugins", build_plugins)?;
    let lints = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ];
    step("lints", || run(&mut cargo(&lints), "pass the lints"))?;
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    tests.args(filter);
    step("tests", || run(&mut tests, "pass the tests"))?;
    match filter {
        None => step(CLIENTS, || test_clients(CLIENTS)),
        Some(filter) if filter.starts_with(CLIENTS) => step(CLIENTS, || test_clients(filter)),
        Some(_) => Ok(()),
    }
}

/// Sets up the published clients, and passes the tests of those that are there. Cargo ignores these tests
/// otherwise, and says so.
fn test_clients(filter: &str) -> Result<()> {
    let left_out = clients::install(&target_folder()?)?;
    let mut tests = cargo(&[
        "test",
        "--workspace",
        "--test",
        "it",
        "--no-fail-fast",
        "--",
    ]);
    tests.args(["--ignored", filter]);
    for name in left_out {
        tests.args(["--skip", &format!("{CLIENTS}::{name}::")]);
    }
    run(&mut tests, "pass the tests of the clients")
}

/// Builds all and prints the table of measurements.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    build_plugins()?;
    let mut bench = cargo(&[
        "bench",
        "--profile",
        "dev",
        "--package",
        "host",
        "--bench",
        "host",
        "--",
    ]);
    run(bench.args(arguments), "run the benchmark")
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    eprintln!("== {name}");
    let result = work();
    eprintln!("== {name}: {:.1} s", start.elapsed().as_secs_f64());
    result
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(workspace());
    command
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{what}: start cargo"))?;
    ensure!(status.success(), "{what}: cargo ended with {status}");
    Ok(())
}

struct PluginFolder {
    name: String,
    parent: PathBuf,
}

impl PluginFolder {
    /// Copies the component beside the plugin's folder, whole or not at all.
    fn collect(&self, products: &Path) -> Result<()> {
        let file = format!("{}.wasm", self.name);
        let unfinished = self.parent.join(format!(".{file}"));
        let built = products.join(&file);
        std::fs::copy(&built, &unfinished).with_context(|| format!("copy {}", built.display()))?;
        std::fs::rename(&unfinished, self.parent.join(&file))
            .with_context(|| format!("name {file}"))
    }
}

/// The folders that hold a plugin: the package and the component bear the folder's name.
fn plugins_in(parent: &Path) -> Result<Vec<PluginFolder>> {
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let entries = parent
        .read_dir()
        .with_context(|| format!("read {}", parent.display()))?;
    let folders = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file());
    Ok(folders
        .map(|entry| PluginFolder {
            name: entry.file_name().to_string_lossy().into_owned(),
            parent: parent.to_owned(),
        })
        .collect())
}

/// Where cargo lays its products, which the caller's environment may have moved.
fn target_folder() -> Result<PathBuf> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let output = metadata.output().context("ask cargo for its folders")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some((_, rest)) = text.split_once("\"target_directory\":\"") else {
        bail!(
            "cargo metadata names no target folder: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let folder = rest.split('"').next().unwrap_or_default();
    Ok(PathBuf::from(folder))
}

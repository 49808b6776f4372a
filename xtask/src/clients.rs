//! The published clients that the tests run: each is set up beside the build's products, as its files pin it.
//!
//! Knows the tools that install them; knows nothing of the tests. Where a tool is missing or a package cannot be
//! had, the client's tests are left out and that is told, except in CI, where it is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::setup::{self, workspace};

/// Where the files lie that say which packages are installed.
const PINS: &str = "host/cli/tests/clients";

/// A client, and how it is installed.
struct Client {
    /// How its folder and the module of its tests are called.
    name: &'static str,
    /// What says which packages it consists of.
    pins: &'static [&'static str],
    /// What prints the version of what runs it.
    version: [&'static str; 2],
    /// What a machine without it lacks.
    lacks: &'static str,
    install: fn(&Path) -> Result<()>,
}

const CLIENTS: [Client; 2] = [
    Client {
        name: "python",
        pins: &["requirements.txt"],
        version: ["python3", "--version"],
        lacks: "Python 3.11 or later with its venv module (Debian: apt-get install python3-venv)",
        install: install_python,
    },
    Client {
        name: "javascript",
        pins: &["package.json", "package-lock.json"],
        version: ["node", "--version"],
        lacks: "Node 18 or later with npm (Debian: apt-get install nodejs npm)",
        install: install_javascript,
    },
];

/// Installs what is not installed yet; returns the names of the clients that cannot be, after telling why.
pub(crate) fn install(target: &Path) -> Result<Vec<&'static str>> {
    let mut left_out = Vec::new();
    for client in CLIENTS {
        if let Err(error) = client.install_once(&target.join("clients").join(client.name)) {
            let text = format!(
                "the tests of the published {} client are left out: {error:#}. They need {}, and the package \
                 registry",
                client.name, client.lacks
            );
            ensure!(!setup::in_ci(), text);
            eprintln!("SKIPPED: {text}");
            left_out.push(client.name);
        }
    }
    Ok(left_out)
}

impl Client {
    fn install_once(&self, folder: &Path) -> Result<()> {
        let (wanted, stamp) = (self.stamp()?, folder.join("installed"));
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        eprintln!("set-up: the published {} client", self.name);
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        for pins in self.pins {
            fs::copy(pinned(pins), folder.join(pins)).with_context(|| format!("copy {pins}"))?;
        }
        (self.install)(folder)?;
        fs::write(&stamp, wanted).with_context(|| format!("write {}", stamp.display()))
    }

    /// All that decides what is installed.
    fn stamp(&self) -> Result<String> {
        let [program, argument] = self.version;
        let mut stamp = run(Command::new(program).arg(argument))?;
        for pins in self.pins {
            let text = fs::read_to_string(pinned(pins)).with_context(|| format!("read {pins}"))?;
            stamp.push_str(&text);
        }
        Ok(stamp)
    }
}

fn pinned(file: &str) -> PathBuf {
    workspace().join(PINS).join(file)
}

fn install_python(folder: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]);
    run(pip
        .args(["--requirement", "requirements.txt"])
        .current_dir(folder))
    .map(drop)
}

fn install_javascript(folder: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(npm.current_dir(folder)).map(drop)
}

/// Runs it to its end; returns what it printed, or fails with what it complained of last.
fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.with_context(|| format!("start {program}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
        bail!(
            "{program} ended with {}: {}",
            output.status,
            last.unwrap_or("it does not say why")
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

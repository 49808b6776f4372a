//! What a machine needs before anything can be built, and how it gets there.
//!
//! Decides from facts about the machine which steps are missing; knows nothing of cargo's builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// What was found on this machine.
#[derive(Clone, Copy, Debug)]
struct Machine {
    debian: bool,
    root: bool,
    sudo: bool,
    compiler: bool,
    libclang: bool,
    target: bool,
    /// Where all tests must run, also those of the published clients.
    ci: bool,
    python: bool,
    node: bool,
}

/// One thing to do, with the words that announce it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Run this command line.
    Run(Vec<&'static str>),
    /// Get the wasm32-wasip2 target by the project's script.
    WasmTarget,
}

/// Looks at the machine and does what is missing. Quick where nothing is.
pub(crate) fn install_what_is_missing() -> Result<()> {
    let steps = missing_steps(&look_at_machine()?)?;
    steps.iter().try_for_each(perform)
}

fn missing_steps(machine: &Machine) -> Result<Vec<Step>> {
    let mut packages = Vec::new();
    if !machine.compiler {
        packages.push("g++");
    }
    if !machine.libclang {
        packages.push("libclang-dev");
    }
    if machine.ci && !machine.python {
        packages.push("python3-venv");
    }
    if machine.ci && !machine.node {
        packages.extend(["nodejs", "npm"]);
    }
    let mut steps = Vec::new();
    if !packages.is_empty() {
        steps.extend(install(machine, &packages)?);
    }
    if !machine.target {
        steps.push(Step::WasmTarget);
    }
    Ok(steps)
}

fn install(machine: &Machine, packages: &[&'static str]) -> Result<[Step; 2]> {
    let wanted = packages.join(" ");
    if !machine.debian {
        bail!(
            "this needs {wanted}, and this is no Debian system. Install a C++ compiler and \
             libclang (Fedora: dnf install gcc-c++ clang-devel; macOS: brew install llvm and set \
             LIBCLANG_PATH to its lib folder), in CI also Python 3 and Node with npm, then run this again"
        );
    }
    if !machine.root && !machine.sudo {
        bail!("as root, run: apt-get update && apt-get install -y {wanted}; then run this again");
    }
    let command = |words: &[&'static str]| {
        let sudo: &[&'static str] = if machine.root { &[] } else { &["sudo"] };
        Step::Run([sudo, words].concat())
    };
    let update = command(&["apt-get", "-qq", "update"]);
    let install = command(&[&["apt-get", "-qq", "install", "-y"], packages].concat());
    Ok([update, install])
}

fn perform(step: &Step) -> Result<()> {
    let script = workspace().join("xtask/install-wasm-target.sh");
    let words: Vec<&str> = match step {
        Step::Run(words) => words.clone(),
        Step::WasmTarget => vec!["bash", script.to_str().context("the path is not UTF-8")?],
    };
    eprintln!("set-up: {}", words.join(" "));
    let status = Command::new(words[0]).args(&words[1..]).status();
    let status = status.with_context(|| format!("start {}", words[0]))?;
    ensure!(status.success(), "{} ended with {status}", words.join(" "));
    Ok(())
}

fn look_at_machine() -> Result<Machine> {
    let ci = in_ci();
    Ok(Machine {
        debian: on_path("apt-get"),
        root: output_of("id", &["-u"])?.trim() == "0",
        sudo: on_path("sudo"),
        compiler: on_path("c++"),
        libclang: has_libclang(),
        target: has_wasm_target()?,
        ci,
        python: !ci || has_python(),
        node: on_path("node") && on_path("npm"),
    })
}

/// Whether the variable says so that systems for continuous integration set.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// With what makes an environment of its own, which Debian has in another package.
fn has_python() -> bool {
    let arguments = ["-c", "import ensurepip, venv; print(True)"];
    output_of("python3", &arguments).is_ok_and(|printed| printed.trim() == "True")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Where the crate that makes RocksDB's bindings looks as well: its variable, then the usual folders.
fn has_libclang() -> bool {
    let mut folders: Vec<PathBuf> = std::env::var_os("LIBCLANG_PATH")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    folders.extend(
        [
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
        ]
        .map(PathBuf::from),
    );
    for entry in std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with("llvm") {
            folders.push(entry.path().join("lib"));
        }
    }
    folders.iter().any(|folder| holds_file(folder, is_libclang))
}

/// `libclang.so`, `libclang-14.so.1` and the like. `libclang-cpp.so.14` is another library, which comes
/// with other packages.
fn is_libclang(name: &str) -> bool {
    name.starts_with("libclang") && name.contains(".so") && !name.starts_with("libclang-cpp")
}

fn has_wasm_target() -> Result<bool> {
    let arguments = ["--print", "target-libdir", "--target", "wasm32-wasip2"];
    let folder = output_of("rustc", &arguments)?;
    let is_std = |name: &str| name.starts_with("libstd-") && name.ends_with(".rlib");
    Ok(holds_file(Path::new(folder.trim()), is_std))
}

fn holds_file(folder: &Path, is_it: impl Fn(&str) -> bool) -> bool {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| is_it(&entry.file_name().to_string_lossy()))
}

fn output_of(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The folder that holds the workspace.
pub(crate) fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: Machine = Machine {
        debian: true,
        root: true,
        sudo: false,
        compiler: true,
        libclang: true,
        target: true,
        ci: false,
        python: true,
        node: true,
    };

    #[test]
    fn a_complete_machine_needs_nothing() {
        assert_eq!(missing_steps(&COMPLETE).unwrap(), []);
    }

    #[test]
    fn the_cpp_library_of_clang_is_not_taken_for_libclang() {
        assert!(is_libclang("libclang.so") && is_libclang("libclang-14.so.14.0.6"));
        assert!(!is_libclang("libclang-cpp.so.14"));
    }

    #[test]
    fn a_fresh_debian_gets_libclang_and_the_wasm_target() {
        let fresh = Machine {
            libclang: false,
            target: false,
            ..COMPLETE
        };
        let steps = missing_steps(&fresh).unwrap();
        assert_eq!(steps[0], Step::Run(vec!["apt-get", "-qq", "update"]));
        assert!(matches!(&steps[1], Step::Run(words) if words.ends_with(&["libclang-dev"])));
        assert_eq!(steps[2], Step::WasmTarget);
    }

    #[test]
    fn what_runs_the_published_clients_is_installed_in_ci_only() {
        let bare = Machine {
            python: false,
            node: false,
            ..COMPLETE
        };
        assert_eq!(missing_steps(&bare).unwrap(), []);
        let steps = missing_steps(&Machine { ci: true, ..bare }).unwrap();
        let packages = ["python3-venv", "nodejs", "npm"];
        assert!(matches!(&steps[1], Step::Run(words) if words.ends_with(&packages)));
    }

    #[test]
    fn who_is_not_root_installs_through_sudo_or_is_told_the_command() {
        let user = Machine {
            root: false,
            sudo: true,
            libclang: false,
            ..COMPLETE
        };
        let steps = missing_steps(&user).unwrap();
        assert!(matches!(&steps[0], Step::Run(words) if words[0] == "sudo"));
        let without_sudo = Machine {
            sudo: false,
            ..user
        };
        let advice = missing_steps(&without_sudo).unwrap_err().to_string();
        assert!(
            advice.contains("apt-get install -y libclang-dev"),
            "{advice}"
        );
    }

    #[test]
    fn another_system_is_told_what_to_install() {
        let other = Machine {
            debian: false,
            libclang: false,
            ..COMPLETE
        };
        let advice = missing_steps(&other).unwrap_err().to_string();
        assert!(
            advice.contains("dnf install") && advice.contains("brew install"),
            "{advice}"
        );
    }
}

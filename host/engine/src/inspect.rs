//! What a file is and what it asks for, read before it is compiled: a wrong file is refused at once.
//!
//! Knows the names of the contract. Whether the types behind the names fit is seen after compiling.

use host_base::Fault;
use wasmparser::{Encoding, Parser, Payload};

use crate::error::LoadError;
use crate::refuse;

/// The version of the contract that this host speaks.
const VERSION: &str = "0.1.0";
const PACKAGE: &str = "durable:plugin/";
/// How programs, libraries and the compiled components of wasmtime begin.
const ELF: &[u8] = b"\x7fELF";
const IMPORTS: [&str; 4] = ["activity", "actor", "types", "workflow"];
const EXPORTS: [&str; 4] = ["activities", "actors", "manifest", "workflows"];

/// What is wrong with a file, and what to do; the file's name is added by who knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    problem: String,
    advice: String,
    fault: Fault,
}

impl Problem {
    pub(crate) fn new(problem: impl Into<String>, advice: impl Into<String>) -> Problem {
        Problem {
            problem: problem.into(),
            advice: advice.into(),
            fault: Fault::Plugin,
        }
    }

    /// The same, where somebody else than the plugin's author must act.
    pub(crate) fn by(self, fault: Fault) -> Problem {
        Problem { fault, ..self }
    }

    /// As words for [`Problem::from_words`] in another process.
    pub(crate) fn to_words(&self) -> String {
        format!("{}\n{}", self.problem.replace('\n', "; "), self.advice)
    }

    pub(crate) fn from_words(words: &str) -> Problem {
        let (problem, advice) = words.split_once('\n').unwrap_or((words, ""));
        Problem::new(problem, advice)
    }

    pub(crate) fn of(self, file: &str) -> LoadError {
        LoadError {
            file: file.to_owned(),
            problem: self.problem,
            advice: self.advice,
            fault: self.fault,
        }
    }
}

/// Which of the contract's interfaces a component exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exports {
    pub(crate) manifest: bool,
    pub(crate) workflows: bool,
    pub(crate) actors: bool,
    pub(crate) activities: bool,
}

const BUILD_ADVICE: &str = "Build the plugin with `--target wasm32-wasip2`, which makes a component, and \
     name the file that this wrote";

/// Reads what a component exports, and checks all names that it imports and exports.
pub(crate) fn exports_of(bytes: &[u8]) -> Result<Exports, Problem> {
    let names = read_names(bytes).map_err(|error| damaged(&error))?;
    names
        .imports
        .iter()
        .try_for_each(|name| check_import(name))?;
    names
        .exports
        .iter()
        .try_for_each(|name| check_export(name))?;
    let exports = |interface| {
        let versioned = format!("{PACKAGE}{interface}@");
        names
            .exports
            .iter()
            .any(|name| name.starts_with(&versioned))
    };
    let exports = Exports {
        manifest: exports("manifest"),
        workflows: exports("workflows"),
        actors: exports("actors"),
        activities: exports("activities"),
    };
    check_exports(exports)
}

/// Looks at the first bytes, which say what kind of file it is.
pub(crate) fn check_kind(bytes: &[u8]) -> Result<(), Problem> {
    if Parser::is_component(bytes) {
        return Ok(());
    }
    let problem = if Parser::is_core_wasm(bytes) {
        "it is a core WebAssembly module, and a plugin is a component"
    } else if bytes.starts_with(ELF) {
        "it is machine code, and this host runs only what it has compiled itself"
    } else {
        "it is not a WebAssembly file"
    };
    Err(Problem::new(problem, BUILD_ADVICE))
}

/// The file cannot be read to its end.
pub(crate) fn damaged(error: &wasmparser::Error) -> Problem {
    Problem::new(
        format!("it is damaged: {error}"),
        "Build it anew, or fetch it again",
    )
}

#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// The names of the outermost component; those of what is nested in it concern nobody else.
fn read_names(bytes: &[u8]) -> wasmparser::Result<Names> {
    let mut names = Names::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                debug_assert!(depth > 0 || encoding == Encoding::Component);
                depth = depth.saturating_add(1);
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    names.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    names.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn check_import(name: &str) -> Result<(), Problem> {
    if let Some(interface) = name.strip_prefix(PACKAGE) {
        return check_contract("imports", name, interface, &IMPORTS);
    }
    if refuse::is_refused_wasi(name) || name.starts_with("wasi:") && is_compatible(name, "0.2.0") {
        return Ok(());
    }
    let (problem, advice) = if name.starts_with("wasi:") {
        (
            format!("it imports `{name}`, and this host speaks WASI 0.2"),
            "Build the plugin with `--target wasm32-wasip2`",
        )
    } else {
        (
            format!("it imports `{name}`, which this host does not know"),
            "Remove what needs it, or link it into the component (`wac plug` does)",
        )
    };
    Err(Problem::new(problem, advice))
}

fn check_export(name: &str) -> Result<(), Problem> {
    match name.strip_prefix(PACKAGE) {
        Some(interface) => check_contract("exports", name, interface, &EXPORTS),
        None => Ok(()),
    }
}

fn check_contract(does: &str, name: &str, interface: &str, known: &[&str]) -> Result<(), Problem> {
    let interface = interface.split('@').next().unwrap_or(interface);
    if is_compatible(name, VERSION) && known.contains(&interface) {
        return Ok(());
    }
    Err(Problem::new(
        format!("it {does} `{name}`, and this host speaks durable:plugin@{VERSION}"),
        format!(
            "Build it against durable:plugin@{VERSION}, or run it on a host that speaks its version"
        ),
    ))
}

/// Whether a versioned name may stand for `version`: below 1.0, only the last number may differ.
fn is_compatible(name: &str, version: &str) -> bool {
    let major_minor = |version: &str| -> Option<(u32, u32)> {
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    let found = name
        .split_once('@')
        .and_then(|(_, found)| major_minor(found));
    found.is_some() && found == major_minor(version)
}

fn check_exports(exports: Exports) -> Result<Exports, Problem> {
    let any_role = exports.workflows || exports.actors || exports.activities;
    if exports.manifest && any_role {
        return Ok(exports);
    }
    let advice = "Export the interfaces of durable:plugin/plugin, which the guest SDK does for you";
    let problem = match (exports.manifest, any_role) {
        (false, false) => "it is a component, but no plugin: it exports nothing of durable:plugin",
        (false, true) => "it does not export `durable:plugin/manifest`, which says what it brings",
        (true, _) => "it exports neither workflows nor actors nor activities",
    };
    Err(Problem::new(problem, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compatible_up_to_their_last_number() {
        assert!(is_compatible("durable:plugin/actor@0.1.7", "0.1.0"));
        assert!(!is_compatible("durable:plugin/actor@0.2.0", "0.1.0"));
        assert!(!is_compatible("durable:plugin/actor@1.1.0", "0.1.0"));
        assert!(!is_compatible("durable:plugin/actor", "0.1.0"));
    }
}

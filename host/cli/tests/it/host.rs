//! One data directory and the binary that uses it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The lesson's plugin.
pub(crate) const TASKS: &str = "task_workflow.wasm";

/// A file of limits; where it lies in the directory, the binary runs with it.
const LIMITS: &str = "limits.toml";

/// A directory of its own, in which the binary runs and which goes with it.
pub(crate) struct Host {
    dir: TempDir,
}

/// What an invocation left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Host {
    /// An empty one, except that plugins are compiled already: that takes longer than a test.
    pub(crate) fn new() -> Host {
        static COMPILED: OnceLock<PathBuf> = OnceLock::new();
        let compiled = COMPILED.get_or_init(compile_all);
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join(".host/cache");
        private(&cache);
        key(&dir.path().join(".host"));
        for file in fs::read_dir(compiled).unwrap().flatten() {
            let (from, to) = (file.path(), cache.join(file.file_name()));
            // Another file system has files of its own.
            fs::hard_link(&from, &to)
                .or_else(|_| fs::copy(&from, &to).map(drop))
                .unwrap();
        }
        Host { dir }
    }

    /// Another one with the same data, while nobody uses it.
    pub(crate) fn copy(&self) -> Host {
        let copy = Host::new();
        let database = |host: &Host| host.dir().join(".host/db");
        let (from, to) = (database(self), database(&copy));
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
        if let Ok(limits) = fs::read_to_string(self.dir().join(LIMITS)) {
            copy.limit(&limits);
        }
        copy
    }

    /// From now on the binary runs with these limits.
    pub(crate) fn limit(&self, limits: &str) {
        self.file(LIMITS, limits);
    }

    /// Where it runs; its data is in `.host` there.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who ends without reading closes the pipe, and may.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The binary, ready to be started, with its streams on pipes.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command
            .args(arguments)
            .current_dir(self.dir())
            // Tests that serve at the same time are not to meet at one port.
            .env("HOST_GRPC", "127.0.0.1:0")
            .env_remove("HOST_CA")
            .env_remove("HOST_CONFIG")
            .env_remove("HOST_DATA")
            .env_remove("HOST_LOG")
            .env_remove("HOST_SERVER")
            .env_remove("HOST_TOKEN")
            .env("XDG_CONFIG_HOME", self.dir().join("config"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.dir().join(LIMITS).exists() {
            command.env("HOST_CONFIG", LIMITS);
        }
        command
    }

    /// Writes a file beside the data; returns its name.
    pub(crate) fn file<'a>(&self, name: &'a str, text: &str) -> &'a str {
        fs::write(self.dir().join(name), text).unwrap();
        name
    }

    /// A host in whose directory the lesson's plugin has run once.
    pub(crate) fn with_tasks() -> Host {
        let host = Host::new();
        host.run(&["run", &plugin(TASKS)]).expect(0);
        host
    }
}

impl Output {
    /// Checks the exit code, and shows both streams where it is another one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Output {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Checks that standard error says this somewhere.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Output {
        assert!(self.stderr.contains(words), "no {words:?} in {self:#?}");
        self
    }

    /// Checks all of standard output; its last line break is left out.
    #[track_caller]
    pub(crate) fn answers(self, text: &str) -> Output {
        assert_eq!(self.stdout.trim_end_matches('\n'), text, "{self:#?}");
        self
    }
}

/// Has the host compile every plugin that is there, unless it did for an earlier run of the tests.
fn compile_all() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    private(&cache);
    let files = folders().map(|folder| fs::read_dir(folder).unwrap().flatten());
    for file in files.into_iter().flatten().map(|file| file.path()) {
        if file
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let dir = tempfile::tempdir().unwrap();
            private(&dir.path().join(".host"));
            symlink(&cache, dir.path().join(".host/cache")).unwrap();
            key(&dir.path().join(".host"));
            let host = Host { dir };
            // Some are no plugins, on purpose.
            host.run(&["plugin", "deploy", file.to_str().unwrap()]);
        }
    }
    cache
}

/// The host trusts a folder only where nobody else can write to it.
fn private(folder: &Path) {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder).unwrap();
}

/// Gives a data directory the key that all of them have here, so that they share what was compiled.
fn key(data: &Path) {
    let mut file = OpenOptions::new();
    let file = file.write(true).create_new(true).mode(0o600);
    let mut file = file.open(data.join("cache.key")).unwrap();
    file.write_all(&[7; 32]).unwrap();
}

/// Where plugins lie once they are built.
fn folders() -> [PathBuf; 2] {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    [plugins.clone(), plugins.join("fixtures")]
}

/// An example plugin, built.
pub(crate) fn plugin(name: &str) -> String {
    let mut files = folders().into_iter().map(|folder| folder.join(name));
    let file = files.find(|file| file.exists());
    let file = file.unwrap_or_else(|| panic!("{name} is not built: run \"cargo xtask plugins\""));
    file.to_str().unwrap().to_owned()
}

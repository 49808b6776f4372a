//! Which server "host login" has been told of: kept in a file of the user's own that nobody else can read.
//!
//! Owns where it is and what it holds; knows nothing of when it counts.

use std::env;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Where in the user's configuration.
const FILE: &str = "host/server.toml";

/// A server and what it is reached by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// Its URL.
    pub(crate) server: String,
    /// The token that is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// Certificates of the authorities that are trusted instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// The tenant that is meant, where the token is one of whoever runs the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
}

impl Login {
    /// The one that is kept, if there is one.
    pub(crate) fn kept() -> Result<Option<Login>> {
        let Some(file) = file() else {
            return Ok(None);
        };
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text,
        };
        let file = file.display();
        let text = text.with_context(|| format!("read {file}"))?;
        let login = toml::from_str(&text);
        let advice = || format!("read {file}; \"host login URL\" writes it anew");
        login.map(Some).with_context(advice)
    }

    /// Keeps it; says where.
    pub(crate) fn keep(&self) -> Result<PathBuf> {
        let file = file().context("find your configuration: set HOME or XDG_CONFIG_HOME")?;
        let text = toml::to_string(self).context("write the login down")?;
        self.write(&file, &text)
            .with_context(|| format!("write {}", file.display()))?;
        Ok(file)
    }

    fn write(&self, file: &PathBuf, text: &str) -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(file);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        // Made anew, so that it has the rights that it should have whoever made the one before.
        let new = file.with_extension("new");
        remove(&new)?;
        let mut options = OpenOptions::new();
        let mut written = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        written.write_all(text.as_bytes())?;
        fs::rename(&new, file)
    }

    /// Keeps none; says whether there was one.
    pub(crate) fn forget() -> Result<bool> {
        file().map_or(Ok(false), |file| {
            remove(&file).with_context(|| format!("delete {}", file.display()))
        })
    }
}

fn remove(file: &PathBuf) -> std::io::Result<bool> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

fn file() -> Option<PathBuf> {
    let is_set = |path: &PathBuf| path.is_absolute();
    let own = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let own = own.filter(is_set);
    let usual = || Some(env::home_dir().filter(is_set)?.join(".config"));
    Some(own.or_else(usual)?.join(FILE))
}

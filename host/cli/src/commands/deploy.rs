//! Plugins on their way into the data directory: read, deployed, and told where they replace another.
//!
//! Knows nothing of what is run of them.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use host_engine::Manifest;
use host_runtime::Deployed;

use crate::exit::{Exit, OrExit, Problem};
use crate::session::Session;

/// A component as it was read.
pub(crate) struct Component {
    file: String,
    bytes: Vec<u8>,
}

/// Reads the files, before a data directory is opened for them.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<Component>, Problem> {
    files.iter().map(read_one).collect()
}

/// Deploys the components; returns what they say of themselves, in the same order.
pub(crate) async fn deploy(
    session: &Session,
    components: &[Component],
) -> Result<Vec<Manifest>, Problem> {
    let mut manifests = Vec::with_capacity(components.len());
    for Component { file, bytes } in components {
        let deployed = session.runtime.deploy(&session.tenant, file, bytes).await?;
        let Deployed { manifest, changed } = deployed;
        if changed {
            let (name, version) = (&manifest.name, &manifest.version);
            let note =
                format!("Plugin {name} has changed: version {version} of {file} stands for it now");
            session.console.note(&note);
        }
        manifests.push(manifest);
    }
    Ok(manifests)
}

fn read_one(file: &PathBuf) -> Result<Component, Problem> {
    let bytes = fs::read(file);
    let file = file.display().to_string();
    let bytes = bytes.with_context(|| format!("read plugin {file}"));
    let bytes = bytes.or_exit(Exit::BadUsage)?;
    Ok(Component { file, bytes })
}

//! Compiled components on disk, so that a restart does not compile.
//!
//! Owns the folder and the proof that a file in it is one of ours. Anything wrong with a file means that
//! the component is compiled again; it is never an error.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, DirEntry};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_base::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// A digest of the compiled code follows it, because wasmtime does not check what it maps.
const DIGEST_BYTES: usize = 32;

/// The folder.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Uses `folder`; makes it where it is not. None, with a warning, where the folder cannot be trusted
    /// or used: everything works without it, only slower.
    pub(crate) fn open(folder: &Path) -> Option<Cache> {
        match private_folder(folder) {
            Ok(()) => Some(Cache {
                folder: folder.to_owned(),
            }),
            Err(error) => {
                let folder = folder.display();
                tracing::warn!("go on without the cache of compiled plugins in {folder}: {error}");
                None
            }
        }
    }

    /// The component, from the cache or compiled and then cached.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: Digest,
        bytes: &[u8],
    ) -> wasmtime::Result<Component> {
        let path = self.path(engine, digest);
        if let Some(component) = load(engine, &path) {
            return Ok(component);
        }
        let code = engine.precompile_component(bytes)?;
        match self.write(&path, &code) {
            Ok(()) => load(engine, &path).map_or_else(|| Component::new(engine, bytes), Ok),
            Err(error) => {
                tracing::warn!("write compiled plugin {}: {error}", path.display());
                Component::new(engine, bytes)
            }
        }
    }

    /// Deletes what was compiled of a component, by whichever engine.
    pub(crate) fn forget(&self, digest: Digest) {
        self.delete(|file| is_of(file, digest));
    }

    /// Deletes what has lain there for so long and is none of `needed`.
    pub(crate) fn tidy(&self, needed: &HashSet<Digest>, age: Duration) {
        let is_old = |file: &DirEntry| {
            let written = file.metadata().and_then(|facts| facts.modified());
            written.is_ok_and(|written| written.elapsed().is_ok_and(|since| since > age))
        };
        self.delete(|file| is_old(file) && !needed.iter().any(|digest| is_of(file, *digest)));
    }

    fn delete(&self, unneeded: impl Fn(&DirEntry) -> bool) {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for file in files.filter(unneeded) {
            // What is left there is only in the way.
            if let Err(error) = fs::remove_file(file.path()) {
                tracing::warn!("delete compiled plugin {}: {error}", file.path().display());
            }
        }
    }

    fn path(&self, engine: &Engine, digest: Digest) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hasher.finish();
        self.folder.join(format!("{engine:016x}-{digest}.cwasm"))
    }

    /// Appears whole or not at all, after a loss of power too.
    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(code)?;
        file.write_all(&Digest::of(code).0)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

fn is_of(file: &DirEntry, digest: Digest) -> bool {
    let name = file.file_name();
    name.to_string_lossy()
        .ends_with(&format!("-{digest}.cwasm"))
}

/// Makes sure that only this user can write to the folder, for what is in it is executed.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    let found = fs::metadata(folder)?;
    let this_user = fs::metadata("/proc/self")?.uid();
    if found.uid() != this_user || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("others can write to it"));
    }
    Ok(())
}

fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let bytes = fs::read(path).ok()?;
    let (code, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
    if Digest::of(code).0 != digest {
        tracing::warn!(
            "compile again what {} should hold: it is damaged",
            path.display()
        );
        return None;
    }
    map(engine, path)
        .inspect_err(|error| tracing::debug!("compile again {}: {error:#}", path.display()))
        .ok()
}

#[expect(
    unsafe_code,
    reason = "wasmtime offers no other way to use compiled code again"
)]
fn map(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file holds what `precompile_component` of this very version gave us: its digest was
    // checked just now, wasmtime compares the configuration that is recorded in it, `private_folder` made
    // sure that only this user writes here, and we replace files whole and never write into one.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const EMPTY: &str = "(component)";

    fn engine() -> Engine {
        Engine::default()
    }

    fn compile(cache: &Cache, engine: &Engine) -> PathBuf {
        let bytes = wat::parse_str(EMPTY).expect("a component");
        let digest = Digest::of(&bytes);
        cache.component(engine, digest, &bytes).expect("compiles");
        cache.path(engine, digest)
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(&folder.path().join("code")).expect("a cache");
        let engine = engine();
        let path = compile(&cache, &engine);
        let good = fs::read(&path).expect("was written");
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let damages = [&b""[..], &b"x"[..], &good[..good.len() / 2], &flipped[..]];
        for damage in damages {
            fs::write(&path, damage).expect("can write");
            assert!(load(&engine, &path).is_none());
            compile(&cache, &engine);
            assert!(load(&engine, &path).is_some());
        }
    }

    #[test]
    fn only_what_is_forgotten_or_old_and_not_needed_is_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(&folder.path().join("code")).expect("a cache");
        let path = compile(&cache, &engine());
        let digest = Digest::of(&wat::parse_str(EMPTY).expect("a component"));
        let other = Digest::of(b"another");
        cache.forget(other);
        cache.tidy(&HashSet::from([digest]), Duration::ZERO);
        cache.tidy(&HashSet::new(), Duration::from_hours(1));
        assert!(path.exists());
        cache.tidy(&HashSet::from([other]), Duration::ZERO);
        assert!(!path.exists());
        compile(&cache, &engine());
        cache.forget(digest);
        assert!(!path.exists());
    }

    #[test]
    fn engines_that_compile_differently_do_not_share_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(&folder.path().join("code")).expect("a cache");
        let mut config = wasmtime::Config::new();
        config.cranelift_nan_canonicalization(true);
        let other = Engine::new(&config).expect("an engine");
        assert_ne!(compile(&cache, &engine()), compile(&cache, &other));
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), open).expect("is ours");
        assert!(Cache::open(folder.path()).is_none());
    }
}

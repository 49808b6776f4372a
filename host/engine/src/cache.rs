//! Compiled components on disk, so that a restart does not compile.
//!
//! Owns the folder, how much is in it, and the proof that a file in it is one of ours. Anything wrong with a file means
//! that the component is compiled again; it is never an error.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, DirEntry, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_base::{Digest, Limits};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use rustix::process::geteuid;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compiled::Compiled;
use crate::key::{Key, MAC_BYTES};

/// The folder.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// Proves that what follows a file's code was written by this host for a file of this name.
    key: Key,
    kept_bytes_max: u64,
}

impl Cache {
    /// Uses `folder`; makes it where it is not. None, with a warning, where the folder cannot be trusted
    /// or used: everything works without it, only slower.
    pub(crate) fn open(folder: &Path, limits: &Limits) -> Option<Cache> {
        let opened = private_folder(folder).and_then(|()| Key::open(&folder.with_extension("key")));
        match opened {
            Ok(key) => Some(Cache {
                folder: folder.to_owned(),
                key,
                kept_bytes_max: limits.compiled_kept_bytes_max as u64,
            }),
            Err(error) => {
                let folder = folder.display();
                tracing::warn!("go on without the cache of compiled plugins in {folder}: {error}");
                None
            }
        }
    }

    /// The component, if it was compiled before.
    pub(crate) fn find(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let name = name(engine, digest);
        let compiled = self.read(&name)?;
        let component = compiled.component(engine);
        component
            .inspect_err(|error| tracing::debug!("compile again {name}: {error:#}"))
            .ok()
    }

    /// Keeps what was just compiled.
    pub(crate) fn keep(&self, engine: &Engine, digest: Digest, compiled: &Compiled) {
        let name = name(engine, digest);
        let bytes = (compiled.bytes().len() + MAC_BYTES) as u64;
        if bytes > self.kept_bytes_max {
            return;
        }
        self.make_room(self.kept_bytes_max - bytes);
        if let Err(error) = self.write(&name, compiled.bytes()) {
            tracing::warn!("write compiled plugin {name}: {error}");
        }
    }

    /// Deletes what was compiled of a component, by whichever engine.
    pub(crate) fn forget(&self, digest: Digest) {
        self.delete(|file| is_of(file, digest));
    }

    /// Deletes what was not used for so long and is none of `needed`.
    pub(crate) fn tidy(&self, needed: &HashSet<Digest>, age: Duration) {
        let is_old = |file: &DirEntry| {
            let used = file.metadata().and_then(|facts| facts.modified());
            used.is_ok_and(|used| used.elapsed().is_ok_and(|since| since > age))
        };
        self.delete(|file| is_old(file) && !needed.iter().any(|digest| is_of(file, *digest)));
    }

    fn files(&self) -> impl Iterator<Item = DirEntry> {
        fs::read_dir(&self.folder).into_iter().flatten().flatten()
    }

    fn delete(&self, unneeded: impl Fn(&DirEntry) -> bool) {
        self.files().filter(unneeded).for_each(|file| delete(&file));
    }

    /// Deletes what was used longest ago until no more than so many bytes are left.
    fn make_room(&self, bytes_max: u64) {
        let facts = |file: DirEntry| Some((file.metadata().ok()?, file));
        let mut files: Vec<_> = self.files().filter_map(facts).collect();
        files.sort_by_key(|(facts, _)| std::cmp::Reverse((facts.mtime(), facts.mtime_nsec())));
        let mut bytes = 0_u64;
        for (facts, file) in files {
            bytes = bytes.saturating_add(facts.len());
            if bytes > bytes_max {
                delete(&file);
            }
        }
    }

    /// The code in a file that this host wrote under this name. What is checked here is what is used: nobody can
    /// change it any more.
    fn read(&self, name: &str) -> Option<Compiled> {
        let mut file = File::open(self.folder.join(name)).ok()?;
        let mut bytes = Vec::new();
        let mut kept = (&mut file).take(self.kept_bytes_max);
        kept.read_to_end(&mut bytes).ok()?;
        let code_bytes = bytes.len().saturating_sub(MAC_BYTES);
        let mac = bytes.split_off(code_bytes);
        if !self.key.wrote(name, &bytes, &mac) {
            tracing::warn!(
                "compile again what {name} should hold: this host did not write it, or it is damaged"
            );
            return None;
        }
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let now = Timestamps {
            last_access: now,
            last_modification: now,
        };
        // By its time it is known what was used longest ago. Where it cannot be set, it goes earlier.
        futimens(&file, &now).ok();
        Some(Compiled::proven(bytes))
    }

    /// Appears whole or not at all, after a loss of power too.
    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(code)?;
        file.write_all(&self.key.mac(name, code))?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(name))?;
        Ok(())
    }
}

fn name(engine: &Engine, digest: Digest) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let engine = hasher.finish();
    format!("{engine:016x}-{digest}.cwasm")
}

fn is_of(file: &DirEntry, digest: Digest) -> bool {
    let name = file.file_name();
    name.to_string_lossy()
        .ends_with(&format!("-{digest}.cwasm"))
}

fn delete(file: &DirEntry) {
    // What is left there is only in the way.
    if let Err(error) = fs::remove_file(file.path()) {
        tracing::warn!("delete compiled plugin {}: {error}", file.path().display());
    }
}

/// Makes sure that only this user can write to the folder, for what is in it is executed.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    let found = fs::metadata(folder)?;
    if found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("others can write to it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    use tempfile::TempDir;

    use super::*;

    const EMPTY: &str = "(component)";
    const OTHER: &str = "(component (core module))";

    fn opened(folder: &TempDir) -> Cache {
        Cache::open(&folder.path().join("code"), &Limits::default()).expect("a cache")
    }

    fn digest(text: &str) -> Digest {
        Digest::of(&wat::parse_str(text).expect("a component"))
    }

    /// Compiles it and keeps it; returns the file.
    fn compile(cache: &Cache, engine: &Engine, text: &str) -> PathBuf {
        let bytes = wat::parse_str(text).expect("a component");
        let code = engine.precompile_component(&bytes).expect("compiles");
        let digest = Digest::of(&bytes);
        cache.keep(engine, digest, &Compiled::just_now(code));
        cache.folder.join(name(engine, digest))
    }

    #[test]
    fn only_what_this_host_wrote_for_this_component_is_used() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (cache, engine) = (opened(&folder), Engine::default());
        let path = compile(&cache, &engine, EMPTY);
        let good = fs::read(&path).expect("was written");
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let of_another_host = compile(&opened(&other), &engine, EMPTY);
        let of_another_host = fs::read(of_another_host).unwrap();
        assert_eq!(
            good[..good.len() - MAC_BYTES],
            of_another_host[..good.len() - MAC_BYTES]
        );
        let of_another_component = fs::read(compile(&cache, &engine, OTHER)).unwrap();
        let with_digest = [&good[..good.len() - MAC_BYTES], &Digest::of(&good).0].concat();
        let wrong = [
            &b""[..],
            b"x",
            &good[..good.len() / 2],
            &flipped,
            &of_another_host,
            &of_another_component,
            &with_digest,
        ];
        for bytes in wrong {
            fs::write(&path, bytes).expect("can write");
            assert!(cache.find(&engine, digest(EMPTY)).is_none());
            compile(&cache, &engine, EMPTY);
            assert!(cache.find(&engine, digest(EMPTY)).is_some());
        }
    }

    #[test]
    fn the_key_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        compile(&opened(&folder), &Engine::default(), EMPTY);
        assert!(
            opened(&folder)
                .find(&Engine::default(), digest(EMPTY))
                .is_some()
        );
        let key = folder.path().join("code.key");
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Cache::open(&folder.path().join("code"), &Limits::default()).is_none());
        fs::remove_file(&key).unwrap();
        let other_key = opened(&folder);
        assert!(other_key.find(&Engine::default(), digest(EMPTY)).is_none());
    }

    #[test]
    fn what_was_used_longest_ago_goes_when_there_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let bytes = fs::metadata(compile(&opened(&folder), &engine, EMPTY))
            .unwrap()
            .len();
        let limits = Limits {
            compiled_kept_bytes_max: bytes as usize * 5 / 2,
            ..Limits::default()
        };
        let cache = Cache::open(&folder.path().join("code"), &limits).unwrap();
        let others = ["(component (type u8))", "(component (type s8))"];
        let other = compile(&cache, &engine, others[0]);
        for (path, second) in [
            (cache.folder.join(name(&engine, digest(EMPTY))), 1),
            (other, 2),
        ] {
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            File::open(path).unwrap().set_modified(long_ago).unwrap();
        }
        assert!(cache.find(&engine, digest(EMPTY)).is_some());
        compile(&cache, &engine, others[1]);
        assert!(cache.find(&engine, digest(others[0])).is_none());
        assert!(cache.find(&engine, digest(EMPTY)).is_some());
        assert!(cache.find(&engine, digest(others[1])).is_some());
        let narrow = Limits {
            compiled_kept_bytes_max: bytes as usize / 2,
            ..Limits::default()
        };
        let cache = Cache::open(&folder.path().join("code"), &narrow).unwrap();
        compile(&cache, &engine, others[0]);
        assert!(cache.find(&engine, digest(others[0])).is_none());
    }

    #[test]
    fn only_what_is_forgotten_or_old_and_not_needed_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, engine) = (opened(&folder), Engine::default());
        let path = compile(&cache, &engine, EMPTY);
        let (digest, other) = (digest(EMPTY), Digest::of(b"another"));
        cache.forget(other);
        cache.tidy(&HashSet::from([digest]), Duration::ZERO);
        cache.tidy(&HashSet::new(), Duration::from_hours(1));
        assert!(path.exists());
        cache.tidy(&HashSet::from([other]), Duration::ZERO);
        assert!(!path.exists());
        compile(&cache, &engine, EMPTY);
        cache.forget(digest);
        assert!(!path.exists());
    }

    #[test]
    fn engines_that_compile_differently_do_not_share_files() {
        let folder = tempfile::tempdir().unwrap();
        let cache = opened(&folder);
        let mut config = wasmtime::Config::new();
        config.cranelift_nan_canonicalization(true);
        let other = Engine::new(&config).expect("an engine");
        let paths = [Engine::default(), other].map(|engine| compile(&cache, &engine, EMPTY));
        assert_ne!(paths[0], paths[1]);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), open).expect("is ours");
        assert!(Cache::open(folder.path(), &Limits::default()).is_none());
    }
}

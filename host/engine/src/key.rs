//! The key of this host, by which it knows again what it wrote.
//!
//! Owns the key's file and the form of the proof. Knows nothing of what is proven.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rand::TryRng;
use rand::rngs::SysRng;
use rustix::process::geteuid;

/// How long a proof is.
pub(crate) const MAC_BYTES: usize = blake3::OUT_LEN;

/// 32 bytes that nobody else knows.
pub(crate) struct Key([u8; blake3::KEY_LEN]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
}

impl Key {
    /// The key in the file. Where there is none, a new one is made, which appears whole or not at all.
    ///
    /// # Errors
    /// The file cannot be used, or others than this user can read it or write to it.
    pub(crate) fn open(path: &Path) -> io::Result<Key> {
        if !path.try_exists()? {
            make(path)?;
        }
        let named = |what: &str| io::Error::other(format!("the key in {}: {what}", path.display()));
        let mut file = File::open(path).map_err(|error| named(&error.to_string()))?;
        let found = file.metadata()?;
        if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(named("others can read it or write to it"));
        }
        let mut key = [0; blake3::KEY_LEN];
        let read = file.read_exact(&mut key);
        read.map_err(|error| named(&format!("it is no key: {error}")))?;
        Ok(Key(key))
    }

    /// What proves that this host wrote these bytes under this name.
    pub(crate) fn mac(&self, name: &str, bytes: &[u8]) -> [u8; MAC_BYTES] {
        *self.hash(name, bytes).as_bytes()
    }

    /// Whether this host wrote these bytes under this name. How long it takes tells nothing of the right proof.
    pub(crate) fn wrote(&self, name: &str, bytes: &[u8], mac: &[u8]) -> bool {
        blake3::Hash::from_slice(mac).is_ok_and(|mac| mac == self.hash(name, bytes))
    }

    fn hash(&self, name: &str, bytes: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        // The length, so that no name and bytes are those of another name and other bytes.
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes()).update(bytes);
        hasher.finalize()
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut key = [0; blake3::KEY_LEN];
    SysRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
    // Such a file is nobody else's from its beginning.
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        // Somebody else was faster, and that one counts.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        persisted => persisted.map(drop).map_err(|error| error.error),
    }
}

//! Compiled code on disk. Compiling the SQL function takes many seconds, loading it milliseconds.
//!
//! An entry is named by what it was made from: the component's bytes and everything of the engine that the
//! code depends on (wasmtime's version, the settings, the processor). Its content stands behind its own
//! SHA-256, and one that does not match is compiled again. Loading is trusting: whoever can write into the
//! folder can run code as this user, so the folder is made for the user alone.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The length of a SHA-256, in bytes.
const DIGEST: usize = 32;

/// A folder of compiled code.
#[derive(Debug)]
pub struct CodeCache {
    folder: PathBuf,
}

impl CodeCache {
    /// Keeps code in this folder, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The compiled form of a component. A cache that cannot be read or written costs time, nothing else.
    pub fn component(&self, engine: &Engine, component: &[u8]) -> wasmtime::Result<Component> {
        let path = self.folder.join(format!("{}.cwasm", key(engine, component)));
        if let Some(found) = load(engine, &path) {
            return Ok(found);
        }
        let code = engine.precompile_component(component)?;
        // The next run compiles again if this fails.
        let _ = self.store(&path, &code);
        deserialize(engine, &code)
    }

    fn store(&self, path: &std::path::Path, code: &[u8]) -> std::io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&Sha256::digest(code))?;
        file.write_all(code)?;
        file.persist(path)?;
        Ok(())
    }
}

fn key(engine: &Engine, component: &[u8]) -> String {
    let mut settings = KeyHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut settings);
    let mut key = settings.0;
    key.update(Sha256::digest(component));
    key.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn load(engine: &Engine, path: &std::path::Path) -> Option<Component> {
    let content = fs::read(path).ok()?;
    let (digest, code) = content.split_at_checked(DIGEST)?;
    if Sha256::digest(code).as_slice() != digest {
        return None;
    }
    deserialize(engine, code).ok()
}

fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what `precompile_component` gave: either just now, or it stands behind its checksum
    // in a folder that only this user can write to. wasmtime checks its version and settings once more.
    #[expect(unsafe_code, reason = "the only way to load compiled code; see above")]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// Feeds what a type hashes to SHA-256, whose value does not change from one version of Rust to the next.
struct KeyHasher(Sha256);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component of nothing, in binary.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn only_entry(folder: &std::path::Path) -> PathBuf {
        let mut entries = fs::read_dir(folder).unwrap();
        let entry = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none());
        entry
    }

    #[test]
    fn a_corrupt_entry_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::new(folder.path().join("code"));
        let engine = Engine::default();
        cache.component(&engine, COMPONENT).unwrap();
        let entry = only_entry(&folder.path().join("code"));
        let good = fs::read(&entry).unwrap();

        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        for bad in [flipped, good[..good.len() - 1].to_vec(), b"short".to_vec(), Vec::new()] {
            fs::write(&entry, &bad).unwrap();
            assert!(load(&engine, &entry).is_none());
            cache.component(&engine, COMPONENT).unwrap();
            assert_eq!(fs::read(&entry).unwrap(), good);
        }
    }

    #[test]
    fn an_engine_with_other_settings_has_other_entries() {
        let other = Engine::new(wasmtime::Config::new().epoch_interruption(true)).unwrap();
        assert_ne!(key(&Engine::default(), COMPONENT), key(&other, COMPONENT));
    }
}

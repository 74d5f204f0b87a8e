//! Compiled code on disk. Compiling the SQL function takes many seconds, loading it milliseconds.
//!
//! An entry is named by what it was made from: the component's bytes and everything of the engine that the
//! code depends on (wasmtime's version, the settings, the processor). Its SHA-256 stands beside it, and one
//! that does not match is compiled again. The code is mapped, so only what runs comes into memory. Loading is
//! trusting: whoever can write into the folder can run code as this user, so the folder is made for the user
//! alone.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The extension of the file with an entry's SHA-256.
const DIGEST: &str = "sha256";

/// An entry that was not used for so long is forgotten when another is made.
const KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How exactly it is noted when an entry was last used: by the time of its SHA-256's file.
const NOTED: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of compiled code.
#[derive(Debug, Clone)]
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
            return found;
        }
        // Whoever else wants the same code waits for this one, and loads it. The lock ends with the file.
        let lock = self.lock(&path);
        if lock.is_ok()
            && let Some(found) = load(engine, &path)
        {
            return found;
        }
        let code = engine.precompile_component(component)?;
        // Without it the next run compiles again.
        if self.store(&path, &code).is_ok()
            && let Some(stored) = load(engine, &path)
        {
            return stored;
        }
        // SAFETY: it was compiled just now.
        #[expect(unsafe_code, reason = "compiled code is loaded by no other way")]
        unsafe {
            Component::deserialize(engine, code)
        }
    }

    /// A baked component that was kept under this key.
    pub fn baked(&self, key: &str) -> Option<Vec<u8>> {
        let path = self.baked_path(key);
        let expected = fs::read(path.with_extension(DIGEST)).ok()?;
        let component = fs::read(&path).ok()?;
        note_use(&path);
        (Sha256::digest(&component).as_slice() == expected).then_some(component)
    }

    /// Keeps a baked component.
    pub fn keep_baked(&self, key: &str, component: &[u8]) -> io::Result<()> {
        let path = self.baked_path(key);
        let _lock = self.lock(&path)?;
        self.store(&path, component)
    }

    fn baked_path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.baked.wasm"))
    }

    fn lock(&self, path: &Path) -> io::Result<File> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)?;
        let file = File::create(path.with_extension("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// Writes an entry, and its SHA-256 beside it.
    fn store(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        // Files are replaced, never written to: another process may have the old one mapped.
        let replace = |path: &Path, content: &[u8]| -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(content)?;
            file.persist(path)?;
            Ok(())
        };
        replace(path, code)?;
        replace(&path.with_extension(DIGEST), &Sha256::digest(code))?;
        // What cannot be removed takes room, nothing else.
        let _ = self.forget(SystemTime::now());
        Ok(())
    }

    /// Removes what was not used for long.
    fn forget(&self, now: SystemTime) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let (path, used) = (entry?.path(), |path: &Path| fs::metadata(path)?.modified());
            let is_digest = path.extension().is_some_and(|extension| extension == DIGEST);
            if is_digest && now.duration_since(used(&path)?).is_ok_and(|unused| unused > KEEP) {
                for extension in ["cwasm", "wasm", "lock", DIGEST] {
                    // It has one of the first two.
                    let _ = fs::remove_file(path.with_extension(extension));
                }
            }
        }
        Ok(())
    }
}

/// Notes that an entry was used.
fn note_use(path: &Path) {
    let digest = path.with_extension(DIGEST);
    let noted = fs::metadata(&digest).and_then(|metadata| metadata.modified());
    if noted.is_ok_and(|noted| noted.elapsed().is_ok_and(|since| since > NOTED)) {
        // Who cannot write here forgets nothing either.
        let _ = File::options().write(true).open(digest).and_then(|file| file.set_modified(SystemTime::now()));
    }
}

fn key(engine: &Engine, component: &[u8]) -> String {
    let mut settings = KeyHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut settings);
    let mut key = settings.0;
    key.update(Sha256::digest(component));
    key.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An entry, if it is there and whole. An engine whose limits it exceeds refuses it, compiled again or not.
fn load(engine: &Engine, path: &Path) -> Option<wasmtime::Result<Component>> {
    let expected = fs::read(path.with_extension(DIGEST)).ok()?;
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path).ok()?, &mut digest).ok()?;
    if digest.finalize().as_slice() != expected {
        return None;
    }
    note_use(path);
    // SAFETY: the file is what `precompile_component` gave, as its checksum says, in a folder that only
    // this user can write to, where files are replaced and never changed. wasmtime checks version and settings.
    #[expect(unsafe_code, reason = "compiled code is loaded by no other way")]
    unsafe {
        Some(Component::deserialize_file(engine, path))
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

    fn only_entry(folder: &Path) -> PathBuf {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut code = entries.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"));
        let entry = code.next().unwrap();
        assert!(code.next().is_none());
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
            fs::remove_file(&entry).unwrap();
            fs::write(&entry, &bad).unwrap();
            assert!(load(&engine, &entry).is_none());
            cache.component(&engine, COMPONENT).unwrap();
            assert_eq!(fs::read(&entry).unwrap(), good);
        }
        fs::remove_file(entry.with_extension(DIGEST)).unwrap();
        assert!(load(&engine, &entry).is_none());
    }

    #[test]
    fn what_an_engine_refuses_is_not_compiled_again() {
        let mut pool = wasmtime::PoolingAllocationConfig::new();
        pool.max_component_instance_size(0);
        let mut config = wasmtime::Config::new();
        config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
        let small = Engine::new(&config).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::new(folder.path().join("code"));
        assert!(cache.component(&small, COMPONENT).is_err());
        let entry = only_entry(&folder.path().join("code"));
        assert!(load(&small, &entry).is_some_and(|refused| refused.is_err()));
        assert!(load(&Engine::default(), &entry).is_some_and(|loaded| loaded.is_ok()));
    }

    #[test]
    fn what_was_not_used_for_long_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::new(folder.path().to_owned());
        let engine = Engine::default();
        cache.component(&engine, COMPONENT).unwrap();
        let entry = only_entry(folder.path());
        for key in ["old", "used"] {
            cache.keep_baked(key, b"baked").unwrap();
            let digest = File::options().write(true).open(cache.baked_path(key).with_extension(DIGEST)).unwrap();
            digest.set_modified(SystemTime::now() - 2 * KEEP).unwrap();
        }
        assert!(cache.baked("used").is_some());
        cache.keep_baked("new", b"baked").unwrap();
        assert!(cache.baked("old").is_none() && !cache.baked_path("old").exists());
        assert!(cache.baked("used").is_some() && cache.baked("new").is_some() && entry.exists());
    }

    #[test]
    fn an_engine_with_other_settings_has_other_entries() {
        let other = Engine::new(wasmtime::Config::new().epoch_interruption(true)).unwrap();
        assert_ne!(key(&Engine::default(), COMPONENT), key(&other, COMPONENT));
    }
}

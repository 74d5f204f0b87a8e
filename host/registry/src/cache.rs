//! What was pulled, on disk: manifests and components, each in a file that has its digest as its name.
//!
//! A file whose content is something else is pulled again, so nobody who can write there can exchange what runs.

use std::io::Write;
use std::path::PathBuf;

use crate::artifact::Layer;
use crate::client::{Access, Registry};
use crate::digest::Digest;
use crate::error::RegistryError;
use crate::reference::Reference;

/// A folder of manifests and components.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// A component that is on disk.
#[derive(Debug)]
pub struct Kept {
    /// Its reference by digest.
    pub reference: Reference,
    /// Its file.
    pub path: PathBuf,
    /// What is in it.
    pub component: Vec<u8>,
}

impl Cache {
    /// Keeps what is pulled in this folder, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The component that a reference names. With a digest, the registry is asked only for what is not here; a tag may
    /// name something else by now, so its manifest is asked for.
    pub fn component(&self, reference: &Reference, access: &Access) -> Result<Kept, RegistryError> {
        let known = reference.digest().and_then(|digest| Some((digest.clone(), self.read(digest)?)));
        let mut registry = None;
        let (digest, manifest) = match known {
            Some(known) => known,
            None => {
                let pulled = registry.insert(Registry::to_pull(reference, access)?).manifest()?;
                self.keep(&pulled.0, &pulled.1)?;
                pulled
            }
        };
        let layer = Layer::of(&manifest)?;
        let component = match (self.read(&layer.digest), registry) {
            (Some(component), _) => component,
            (None, registry) => {
                let registry = registry.map_or_else(|| Registry::to_pull(reference, access), Ok)?;
                let component = registry.component(&layer)?;
                self.keep(&layer.digest, &component)?;
                component
            }
        };
        Ok(Kept { reference: reference.pinned(digest), path: self.path(&layer.digest), component })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("sha256").join(digest.digits())
    }

    /// What has this digest, if it is here.
    fn read(&self, digest: &Digest) -> Option<Vec<u8>> {
        let content = std::fs::read(self.path(digest)).ok()?;
        (Digest::of(&content) == *digest).then_some(content)
    }

    fn keep(&self, digest: &Digest, content: &[u8]) -> Result<(), RegistryError> {
        let path = self.path(digest);
        let keep = || {
            let folder = self.folder.join("sha256");
            std::fs::create_dir_all(&folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(content)?;
            file.persist(&path)?;
            Ok(())
        };
        keep().map_err(|source| RegistryError::Keep { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Artifact;

    /// A component of nothing, in binary.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    /// Nobody listens there.
    const NOWHERE: &str = "oci://127.0.0.1:1/nothing";

    #[test]
    fn what_is_kept_needs_no_registry_unless_it_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("registry"));
        let artifact = Artifact::of(COMPONENT).unwrap();
        let digest = Digest::of(&artifact.manifest);
        cache.keep(&digest, &artifact.manifest).unwrap();
        cache.keep(&artifact.layer, COMPONENT).unwrap();
        let reference = NOWHERE.parse::<Reference>().unwrap().pinned(digest);
        let kept = cache.component(&reference, &Access::default()).unwrap();
        assert_eq!((kept.reference, kept.component.as_slice()), (reference.clone(), COMPONENT));
        assert_eq!(std::fs::read(&kept.path).unwrap(), COMPONENT);

        std::fs::write(&kept.path, b"\0asm\x0d\0\x01\0\0\0").unwrap();
        let err = cache.component(&reference, &Access::default()).unwrap_err().to_string();
        assert!(err.starts_with("cannot reach `127.0.0.1:1`: "), "{err}");
    }
}

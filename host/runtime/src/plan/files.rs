//! Files that a plan was made of, to see when one changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// When a file was changed, and its length; none if it is not there.
type Version = Option<(SystemTime, u64)>;

/// Files, and how they were when each was added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Version>);

impl Files {
    /// Adds a file as it is now. It must not have been read before, or a change in between goes unseen.
    pub fn add(&mut self, path: &Path) {
        self.0.insert(path.to_owned(), version(path));
    }

    /// The same files as they are now.
    pub fn now(&self) -> Self {
        Self(self.0.keys().map(|path| (path.clone(), version(path))).collect())
    }

    /// Those that differ from how they were `before`.
    pub fn changed<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Path> {
        let changed = self.0.iter().filter(|(path, version)| before.0.get(*path) != Some(version));
        changed.map(|(path, _)| path.as_path())
    }
}

fn version(path: &Path) -> Version {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_appears_or_goes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        std::fs::write(&one, "1").unwrap();
        let mut files = Files::default();
        files.add(&one);
        files.add(&two);
        assert_eq!(files.now(), files);
        std::fs::write(&one, "22").unwrap();
        assert_eq!(files.now().changed(&files).collect::<Vec<_>>(), [&one]);
        std::fs::write(&two, "").unwrap();
        assert_eq!(files.now().changed(&files).count(), 2);
        let files = files.now();
        std::fs::remove_file(&two).unwrap();
        assert_eq!(files.now().changed(&files).collect::<Vec<_>>(), [&two]);
    }
}

//! Where objects are: files in a folder, or objects in a bucket or container of a store over the network. A URL alone
//! says which: `file:data`, `s3://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`,
//! `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX`, `gs://BUCKET/PREFIX`. Credentials come from the environment, as each cloud has it (`store/remote.rs`).

mod remote;

use std::fmt;
use std::fs::Metadata;
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use url::Url;
use wasmtime_wasi::runtime::in_tokio;

use crate::event::Object;

pub use remote::{RemoteObject, client};

/// The schemes of stores over the network.
const SCHEMES: [&str; 5] = ["s3", "az", "abfs", "abfss", "gs"];

/// Where an object is, or what objects are in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A file or a folder.
    File(PathBuf),
    /// An object, or the beginning of objects' names, in a store over the network.
    Url(Url),
}

impl Location {
    /// Of a store's URL in a manifest; a folder is relative to `base`. An error tells what to write.
    pub fn of_store(url: &str, base: &Path) -> std::result::Result<Self, String> {
        let known = || {
            // The rest may be a secret.
            let shown = url.split_once("//").map_or(url, |(scheme, _)| scheme);
            format!(
                "the url `{shown}` is not of a known kind\nhint: a folder is `file:FOLDER`; over the network there are \
                 `s3://BUCKET`, `az://CONTAINER`, `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net` and `gs://BUCKET`, \
                 each with a `/PREFIX` or without"
            )
        };
        if let Some(folder) = url.strip_prefix("file:") {
            return if folder.is_empty() { Err(known()) } else { Ok(Self::File(base.join(folder))) };
        }
        let Some(mut parsed) = Url::parse(url).ok().filter(is_remote) else { return Err(known()) };
        without_secrets(&parsed)?;
        let path = parsed.path().trim_end_matches('/').to_owned();
        parsed.set_path(&path);
        Ok(Self::Url(parsed))
    }

    /// Of what was named on a command line; an error if a URL has more in it than where something is.
    pub fn named(text: &str) -> std::result::Result<Self, String> {
        let location = Self::of(text);
        match &location {
            Self::Url(url) => without_secrets(url)?,
            Self::File(_) => {}
        }
        Ok(location)
    }

    /// The same from whatever folder a program is in.
    pub fn absolute(self) -> Result<Self> {
        match self {
            Self::File(path) => std::path::absolute(path).map(Self::File),
            url => Ok(url),
        }
    }

    /// Of what is in a journal.
    pub fn of(text: &str) -> Self {
        match Url::parse(text).ok().filter(is_remote) {
            Some(url) => Self::Url(url),
            None => Self::File(PathBuf::from(text)),
        }
    }

    /// What is there under this path; none if that leads out of it.
    pub fn join(&self, path: &str) -> Option<Self> {
        let parts = Path::new(path).components();
        let is_within = parts.clone().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let joined = match self {
            Self::File(folder) => Self::File(folder.join(path)),
            Self::Url(url) => {
                let mut url = url.clone();
                url.path_segments_mut()
                    .ok()?
                    .pop_if_empty()
                    .extend(path.split('/').filter(|part| !matches!(*part, "" | ".")));
                Self::Url(url)
            }
        };
        is_within.then_some(joined)
    }

    /// A blob that is named by its container and its path there; none if it is not in this store. In a folder every
    /// container is the folder itself.
    pub fn blob(&self, container: &str, path: &str) -> Option<Self> {
        let Self::Url(url) = self else { return self.join(path) };
        let own = if url.username().is_empty() { url.host_str()? } else { url.username() };
        let prefix = remote::path(url)?;
        let rest = match path.strip_prefix(prefix.as_str()) {
            Some(rest) if prefix.is_empty() || rest.starts_with('/') => rest,
            _ => return None,
        };
        self.join(rest.trim_start_matches('/')).filter(|_| own == container)
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Url(url) => remote::name(url),
        }
    }

    /// The object that is there now; `NotFound` if there is none. It waits for the store: not to be called where others
    /// wait.
    pub fn look(&self) -> Result<Found> {
        match self {
            Self::File(path) => Found::of_file(path, &std::fs::metadata(path)?),
            Self::Url(url) => in_tokio(remote::look(url)),
        }
    }

    /// The same, where others wait.
    pub async fn look_while_others_wait(&self) -> Result<Found> {
        match self {
            Self::File(_) => self.look(),
            Self::Url(url) => remote::look(url).await,
        }
    }

    /// The objects under it, by name, without those further down; one that is still written may be among them.
    pub async fn list(&self) -> Result<Vec<Found>> {
        let mut found = match self {
            Self::File(folder) => list_folder(folder)?,
            Self::Url(url) => remote::list(url).await?,
        };
        found.sort_by(|one, other| one.location.cmp(&other.location));
        Ok(found)
    }

    /// An object that will be there when it is run; its length is told as far as that costs nothing.
    pub fn expected(self) -> Object {
        let size = match &self {
            Self::File(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
            Self::Url(_) => 0,
        };
        Object::Stored { location: self, size, changed: None }
    }
}

/// An object as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub location: Location,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last changed, in microseconds since 1970-01-01T00:00:00Z.
    pub changed: i64,
    /// What its store calls it as it is now, for stores whose times are coarse.
    pub version: Option<String>,
}

impl Found {
    /// A file whose metadata are known.
    pub fn of_file(path: &Path, metadata: &Metadata) -> Result<Self> {
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let changed = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        };
        Ok(Self { location: Location::File(path.to_owned()), size: metadata.len(), changed, version: None })
    }
}

fn list_folder(folder: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // What is gone by now, or is no file, is none of them.
        found.extend(std::fs::metadata(&path).and_then(|metadata| Found::of_file(&path, &metadata)));
    }
    Ok(found)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// An error if there is more in a URL than where something is.
fn without_secrets(url: &Url) -> std::result::Result<(), String> {
    if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        let shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
        return Err(format!(
            "the url at `{shown}` has a password, a `?` or a `#` in it, and whoever reads it could read a secret\nhint: remove it, \
             and set it in the environment; in names write `%3F` and `%23`"
        ));
    }
    Ok(())
}

fn is_remote(url: &Url) -> bool {
    SCHEMES.contains(&url.scheme()) && url.has_host()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_objects_are() {
        let store = |url| Location::of_store(url, Path::new("/pipelines/flights"));
        for (url, path, expect) in [
            ("file:data", "a/b.csv", "/pipelines/flights/data/a/b.csv"),
            ("file:/data", "b.csv", "/data/b.csv"),
            ("s3://flights", "a/b.csv", "s3://flights/a/b.csv"),
            ("s3://flights/landing/", "b c.csv", "s3://flights/landing/b%20c.csv"),
            ("az://flights/landing", "b.csv", "az://flights/landing/b.csv"),
            (
                "abfss://flights@wasmill.dfs.core.windows.net",
                "b.csv",
                "abfss://flights@wasmill.dfs.core.windows.net/b.csv",
            ),
            ("gs://flights", "b.csv", "gs://flights/b.csv"),
        ] {
            let object = store(url).unwrap().join(path).unwrap();
            assert_eq!(object.to_string(), expect);
            assert_eq!(Location::of(&object.to_string()), object);
            assert_eq!(object.name(), path.rsplit('/').next().unwrap());
        }
        for bad in [
            "file:",
            "data",
            "ftp://flights",
            "s3:flights",
            "http://flights",
            "s3://key:secret@flights",
            "az://f?sig=x",
        ] {
            assert!(store(bad).is_err(), "{bad}");
        }
        let prefixed = store("az://flights/landing").unwrap();
        let blob = |container, path| prefixed.blob(container, path).map(|blob| blob.to_string());
        assert_eq!(blob("flights", "landing/a/b.csv").as_deref(), Some("az://flights/landing/a/b.csv"));
        for (container, path) in [("other", "landing/b.csv"), ("flights", "b.csv"), ("flights", "landings/b.csv")] {
            assert_eq!(blob(container, path), None, "{container} {path}");
        }
        let account = store("abfss://flights@wasmill.dfs.core.windows.net").unwrap();
        assert!(account.blob("flights", "b.csv").is_some() && account.blob("wasmill", "b.csv").is_none());
        assert_eq!(store("file:data").unwrap().blob("any", "b.csv").unwrap().name(), "b.csv");
        assert!(Location::named("az://flights/b.csv?sig=x").is_err());
        for out in ["../b.csv", "/etc/passwd", "a/../../b"] {
            assert_eq!(store("s3://flights/landing").unwrap().join(out), None, "{out}");
            assert_eq!(store("file:data").unwrap().join(out), None, "{out}");
        }
    }
}

//! Stores over the network, by the crate `object_store`. Their credentials are in the environment, as each cloud's own
//! programs have it: variables that begin with `AWS_`, `AZURE_` or `GOOGLE_`, or the identity of the machine.

use std::collections::{HashMap, VecDeque};
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, parse_url_opts};
use tokio::task::JoinHandle;
use url::{Position, Url};
use wasmtime_wasi::runtime::in_tokio;

use super::{Found, Location};
use crate::metering;

/// What the variables begin with that clouds keep credentials and settings in. Others are none of theirs, whatever they say.
const VARIABLES: [&str; 4] = ["AWS_", "AZURE_", "GOOGLE_", "IDENTITY_ENDPOINT"];

/// How much is read ahead of what is read from its beginning on, in bytes.
const AHEAD: u64 = 4 << 20;

/// The longest wait for a store, however long a call may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of what a store says is passed on, in bytes.
const MESSAGE_LIMIT: usize = 300;

/// A store, whose connections are kept for as long as the program runs.
pub type Client = Arc<dyn ObjectStore>;

/// Clients, by scheme and bucket or container.
static CLIENTS: LazyLock<Mutex<HashMap<String, Client>>> = LazyLock::new(Mutex::default);

/// The store of a URL, and what is named in it.
pub fn client(url: &Url) -> Result<(Client, Path)> {
    let path = Path::from_url_path(url.path()).map_err(|err| Error::new(ErrorKind::InvalidInput, err))?;
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = &url[..Position::AfterPort];
    if let Some(client) = clients.get(key) {
        return Ok((client.clone(), path));
    }
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let variables = variables.filter(|(name, _)| VARIABLES.iter().any(|prefix| name.starts_with(prefix)));
    let (client, _) = parse_url_opts(url, variables).map_err(|err| failed(url, &err))?;
    let client = Client::from(client);
    clients.insert(key.to_owned(), client.clone());
    Ok((client, path))
}

/// A URL's path, as its store knows it.
pub fn path(url: &Url) -> Option<String> {
    Path::from_url_path(url.path()).ok().map(String::from)
}

/// The last part of a URL's path, as its store knows it.
pub fn name(url: &Url) -> String {
    Path::from_url_path(url.path()).ok().and_then(|path| path.filename().map(str::to_owned)).unwrap_or_default()
}

/// What is there now.
pub async fn look(url: &Url) -> Result<Found> {
    let (client, path) = client(url)?;
    let meta = in_time(url, client.head(&path)).await?;
    Ok(found(Location::Url(url.clone()), &meta))
}

/// What is under a URL, page after page, without what is further down.
pub async fn list(url: &Url) -> Result<Vec<Found>> {
    let (client, path) = client(url)?;
    let under = Location::Url(url.clone());
    // As many pages as there are, each of which the client bounds.
    let listed = client.list_with_delimiter(Some(&path)).await.map_err(|err| failed(url, &err))?;
    let named = |meta: &ObjectMeta| {
        // Consoles make objects that stand for folders, whose name is the prefix itself.
        let mut parts = meta.location.prefix_match(&path)?;
        let (name, None) = (parts.next()?, parts.next()) else { return None };
        Some(found(under.join(name.as_ref())?, meta))
    };
    Ok(listed.objects.iter().filter_map(named).collect())
}

fn found(location: Location, meta: &ObjectMeta) -> Found {
    // Azure has quotes around it in some answers, and none in others.
    let version = meta.e_tag.as_deref().map(|tag| tag.trim_matches('"').to_owned());
    // Lists may tell times by the millisecond, where a single answer's header has seconds.
    let changed = meta.last_modified.timestamp().saturating_mul(1_000_000);
    Found { location, size: meta.size, changed, version }
}

async fn in_time<T>(url: &Url, asked: impl Future<Output = object_store::Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|err| failed(url, &err)),
        Err(_) => Err(Error::new(ErrorKind::TimedOut, format!("no answer within {PATIENCE:?}\nhint: {}", hint(url)))),
    }
}

/// What a store said, without the way there that `object_store` tells several times.
fn failed(url: &Url, err: &object_store::Error) -> Error {
    let mut cause: &dyn std::error::Error = err;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.get(..text.floor_char_boundary(MESSAGE_LIMIT)).unwrap_or_default();
    match err {
        object_store::Error::NotFound { .. } => {
            Error::new(ErrorKind::NotFound, "there is no such object, bucket or container")
        }
        object_store::Error::InvalidPath { .. } => Error::other(format!(
            "an object has a name that is no path: {text}\nhint: rename it, or use a prefix without it"
        )),
        object_store::Error::Precondition { .. } => Error::new(ErrorKind::NotFound, "it changed while it was read"),
        _ => Error::other(format!("{text}\nhint: {}", hint(url))),
    }
}

/// What a store needs from the environment.
fn hint(url: &Url) -> &'static str {
    match url.scheme() {
        "s3" => {
            "stores at `s3:` take AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for servers that are not Amazon's, \
             AWS_ENDPOINT_URL from the environment, or the identity of the machine"
        }
        "gs" => {
            "stores at `gs:` take GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT from the environment, or the identity \
             of the machine"
        }
        _ => {
            "stores at `az:` and `abfss:` take AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, or \
             AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET from the environment, or the identity of the machine"
        }
    }
}

/// An object that is read piece by piece. It stays the one that was opened: if it is replaced meanwhile, reading it fails
/// (`NotFound`).
#[derive(Debug)]
pub struct RemoteObject {
    url: Url,
    client: Client,
    path: Path,
    /// As it was when it was opened.
    pub found: Found,
    version: Option<String>,
    /// A piece that was read, and where it begins.
    held: (u64, Bytes),
    /// Pieces that were read by this or another that reads the same.
    shared: Option<Arc<Shared>>,
    /// The next one, and where it will begin.
    ahead: Option<(u64, JoinHandle<Result<Bytes>>)>,
}

impl RemoteObject {
    /// Opens the object at a URL. It waits for the store: not to be called where others wait.
    pub fn open(url: &Url) -> Result<Self> {
        let (client, path) = client(url)?;
        metering::count(|account| account.store_reads += 1);
        let meta = in_tokio(in_time(url, client.head(&path)))?;
        let found = found(Location::Url(url.clone()), &meta);
        Ok(Self {
            url: url.clone(),
            client,
            path,
            found,
            version: meta.e_tag,
            held: (0, Bytes::new()),
            shared: None,
            ahead: None,
        })
    }

    /// The same once more. What one reads, the others need not read again, of the last `most` pieces.
    pub fn again(&mut self, most: usize) -> Self {
        let shared = || Arc::new(Shared { most, pieces: Mutex::default() });
        let shared = self.shared.get_or_insert_with(shared).clone();
        Self {
            url: self.url.clone(),
            client: self.client.clone(),
            path: self.path.clone(),
            found: self.found.clone(),
            version: self.version.clone(),
            held: (0, Bytes::new()),
            shared: Some(shared),
            ahead: None,
        }
    }

    /// Bytes from `offset` on, at most `len` of them, but at least one if there is any; `TimedOut` after `until`.
    pub fn read(&mut self, offset: u64, len: u64, until: Instant) -> Result<Vec<u8>> {
        let len = len.min(self.found.size.saturating_sub(offset));
        if len == 0 {
            return Ok(Vec::new());
        }
        if self.held(offset).is_none() {
            let known = self.shared.as_ref().and_then(|shared| shared.piece_with(offset));
            self.held = match known {
                Some(piece) => piece,
                None => {
                    let piece = (offset, in_tokio(self.fetch(offset, len, until))?);
                    if let Some(shared) = &self.shared {
                        shared.add(piece.clone());
                    }
                    piece
                }
            };
        }
        let held = self.held(offset).ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        Ok(held.get(..len as usize).unwrap_or(held).to_vec())
    }

    /// What is held from `offset` on.
    fn held(&self, offset: u64) -> Option<&[u8]> {
        let (start, bytes) = &self.held;
        let skipped = usize::try_from(offset.checked_sub(*start)?).ok()?;
        bytes.get(skipped..).filter(|rest| !rest.is_empty())
    }

    /// A piece from `offset` on. Whoever reads on from where a piece ended is expected to go on so.
    async fn fetch(&mut self, offset: u64, len: u64, until: Instant) -> Result<Bytes> {
        let (start, bytes) = &self.held;
        let goes_on = offset == start + bytes.len() as u64;
        let mut piece = match self.ahead.take() {
            Some((start, piece)) if start == offset => piece,
            other => {
                other.iter().for_each(|(_, piece)| piece.abort());
                self.begin(offset, if goes_on { len.max(AHEAD) } else { len })
            }
        };
        let Ok(bytes) = tokio::time::timeout_at(until.into(), &mut piece).await else {
            // Who asks again has waited for a part of it.
            self.ahead = Some((offset, piece));
            return Err(Error::new(ErrorKind::TimedOut, "the store gave no answer in time"));
        };
        let bytes = bytes.map_err(Error::other)??;
        metering::count(|account| account.store_bytes += bytes.len() as u64);
        let next = offset + bytes.len() as u64;
        if goes_on && next < self.found.size {
            self.ahead = Some((next, self.begin(next, AHEAD)));
        }
        Ok(bytes)
    }

    fn begin(&self, offset: u64, len: u64) -> JoinHandle<Result<Bytes>> {
        let (url, client, path) = (self.url.clone(), self.client.clone(), self.path.clone());
        let range: Range<u64> = offset..offset.saturating_add(len).min(self.found.size);
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: self.version.clone(),
            ..GetOptions::default()
        };
        metering::count(|account| account.store_reads += 1);
        tokio::spawn(async move { in_time(&url, async { client.get_opts(&path, options).await?.bytes().await }).await })
    }
}

/// The last pieces that were read of an object, and where each begins.
#[derive(Debug)]
struct Shared {
    most: usize,
    pieces: Mutex<VecDeque<(u64, Bytes)>>,
}

impl Shared {
    fn piece_with(&self, offset: u64) -> Option<(u64, Bytes)> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |(start, bytes): &&(u64, Bytes)| (*start..start + bytes.len() as u64).contains(&offset);
        pieces.iter().find(has).cloned()
    }

    fn add(&self, piece: (u64, Bytes)) {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.push_back(piece);
        while pieces.len() > self.most {
            pieces.pop_front();
        }
    }
}

impl Drop for RemoteObject {
    fn drop(&mut self) {
        if let Some((_, piece)) = &self.ahead {
            piece.abort();
        }
    }
}

//! `objects`: the bytes of the object that an event is about. The host opens it and hands it to `ingest` as
//! a resource; a function cannot name another.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use wasmtime::component::{Linker, Resource};

use crate::bindings::imports::wasmill::pipeline::objects::{self, Host, HostSource};
use crate::bindings::imports::wasmill::pipeline::types::Failure;
use crate::capability::io::{BoundedIo, HasIo};
use crate::event::{Event, Object};
use crate::metering;
use crate::store::{Found, Location, RemoteObject};

/// The most that one read gives, in bytes, whatever the function asks for.
const READ_LIMIT: u32 = 8 * 1024 * 1024;

/// An object that a function reads.
#[derive(Debug)]
pub struct OpenObject {
    content: Content,
    size: u64,
    position: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Content {
    File(File),
    Remote(Box<RemoteObject>),
    Bytes(Arc<[u8]>),
}

impl OpenObject {
    /// Opens the object of an event, which must still be as it was. `position` follows the furthest byte that
    /// was read, for a progress bar.
    pub fn open(event: &Event, position: Arc<AtomicU64>) -> std::io::Result<Self> {
        let (location, changed) = match &event.object {
            Object::Bytes(bytes) => {
                return Ok(Self { content: Content::Bytes(bytes.clone()), size: bytes.len() as u64, position });
            }
            Object::Stored { location, changed, .. } => (location, *changed),
        };
        let (content, now) = match location {
            Location::File(path) => {
                let file = File::open(path)?;
                let found = Found::of_file(path, &file.metadata()?)?;
                (Content::File(file), found)
            }
            Location::Url(url) => {
                let object = RemoteObject::open(url)?;
                let found = object.found.clone();
                (Content::Remote(Box::new(object)), found)
            }
        };
        if changed.is_some_and(|changed| (changed, event.object.size()) != (now.changed, now.size)) {
            return Err(std::io::Error::new(ErrorKind::NotFound, "it changed since it was found"));
        }
        Ok(Self { content, size: now.size, position })
    }

    /// The same object once more, to be read at another place. What is read of one that is over the network, the others need not
    /// read again, of the last `pieces` pieces.
    pub fn again(&mut self, pieces: usize) -> std::io::Result<Self> {
        let content = match &mut self.content {
            Content::File(file) => Content::File(file.try_clone()?),
            Content::Remote(object) => Content::Remote(Box::new(object.again(pieces))),
            Content::Bytes(bytes) => Content::Bytes(bytes.clone()),
        };
        Ok(Self { content, size: self.size, position: self.position.clone() })
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, offset: u64, len: u32, until: Instant) -> std::io::Result<Vec<u8>> {
        let len = u64::from(len.min(READ_LIMIT)).min(self.size.saturating_sub(offset));
        let bytes = match &mut self.content {
            Content::File(file) => {
                let mut bytes = vec![0; len as usize];
                // A file that shrank while it was read is not the object that the event was about.
                file.read_exact_at(&mut bytes, offset)?;
                metering::count(|account| account.store_bytes += len);
                bytes
            }
            Content::Remote(object) => object.read(offset, len, until)?,
            Content::Bytes(bytes) => {
                let start = offset.min(self.size) as usize;
                bytes.get(start..start + len as usize).unwrap_or_default().to_vec()
            }
        };
        self.position.fetch_max(offset.saturating_add(bytes.len() as u64).min(self.size), Ordering::Relaxed);
        Ok(bytes)
    }
}

impl Host for BoundedIo<'_> {}

impl HostSource for BoundedIo<'_> {
    fn size(&mut self, source: Resource<OpenObject>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&source)?.size)
    }

    fn read(
        &mut self,
        source: Resource<OpenObject>,
        offset: u64,
        len: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        // A store that does not answer is no fault of the function's, so it is told a little before its time is over.
        let until = self.until - self.until.saturating_duration_since(Instant::now()).mul_f64(0.1);
        let read = self.table.get_mut(&source)?.read(offset, len, until);
        Ok(read.map_err(|err| Failure::Retry(format!("cannot read the object: {err}"))))
    }

    fn drop(&mut self, source: Resource<OpenObject>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

/// Gives functions the interface.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> BoundedIo<'_>) -> wasmtime::Result<()> {
    objects::add_to_linker::<T, HasIo>(linker, get)
}

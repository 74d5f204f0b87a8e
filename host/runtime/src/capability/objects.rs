//! `objects`: the bytes of the object that an event is about. The host opens it and hands it to `ingest` as
//! a resource; a function cannot name another.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use crate::bindings::imports::wasmill::pipeline::objects::{self, Host, HostSource};
use crate::bindings::imports::wasmill::pipeline::types::Failure;
use crate::event::{Event, Object};

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
    Bytes(Arc<[u8]>),
}

impl OpenObject {
    /// Opens the object of an event, which must still be as it was. `position` follows the furthest byte that
    /// was read, for a progress bar.
    pub fn open(event: &Event, position: Arc<AtomicU64>) -> std::io::Result<Self> {
        match &event.object {
            Object::Bytes(bytes) => {
                Ok(Self { content: Content::Bytes(bytes.clone()), size: bytes.len() as u64, position })
            }
            Object::File { path, changed, .. } => {
                let file = File::open(path)?;
                let now = Event::of_open_file(path, &file.metadata()?)?.object;
                if changed.is_some() && now != event.object {
                    return Err(std::io::Error::new(ErrorKind::NotFound, "it changed since it was found"));
                }
                Ok(Self { content: Content::File(file), size: now.size(), position })
            }
        }
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, len: u32) -> std::io::Result<Vec<u8>> {
        let len = u64::from(len.min(READ_LIMIT)).min(self.size.saturating_sub(offset));
        let bytes = match &self.content {
            Content::File(file) => {
                let mut bytes = vec![0; len as usize];
                // A file that shrank while it was read is not the object that the event was about.
                file.read_exact_at(&mut bytes, offset)?;
                bytes
            }
            Content::Bytes(bytes) => {
                let start = offset.min(self.size) as usize;
                bytes.get(start..start + len as usize).unwrap_or_default().to_vec()
            }
        };
        self.position.fetch_max(offset.saturating_add(len).min(self.size), Ordering::Relaxed);
        Ok(bytes)
    }
}

impl Host for ResourceTable {}

impl HostSource for ResourceTable {
    fn size(&mut self, source: Resource<OpenObject>) -> wasmtime::Result<u64> {
        Ok(self.get(&source)?.size)
    }

    fn read(
        &mut self,
        source: Resource<OpenObject>,
        offset: u64,
        len: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        Ok(self.get(&source)?.read(offset, len).map_err(|err| Failure::Retry(format!("cannot read the object: {err}"))))
    }

    fn drop(&mut self, source: Resource<OpenObject>) -> wasmtime::Result<()> {
        self.delete(source)?;
        Ok(())
    }
}

/// How the linker finds the table of open objects.
pub struct HasObjects;

impl HasData for HasObjects {
    type Data<'a> = &'a mut ResourceTable;
}

/// Gives functions the interface.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut ResourceTable,
) -> wasmtime::Result<()> {
    objects::add_to_linker::<T, HasObjects>(linker, get)
}

//! `wasi:io`: its waits end with the call that waits. An epoch interrupts only WebAssembly, and a function that waits in
//! the host, for an answer or to be rid of a body, runs none.

use std::time::Instant;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime::{Result, Trap};
use wasmtime_wasi::p2::bindings::io as waiting;
use wasmtime_wasi::p2::bindings::sync::io::poll;
use wasmtime_wasi::p2::bindings::sync::io::streams;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi::runtime::in_tokio;

/// The streams and open objects of a sandbox, and what it waits for.
pub struct BoundedIo<'a> {
    /// Where they are kept.
    pub table: &'a mut ResourceTable,
    /// When the call must be over.
    pub until: Instant,
}

impl BoundedIo<'_> {
    /// What comes of waiting; a trap like an epoch's if the call's time is over first.
    fn wait<T>(&mut self, what: impl AsyncFnOnce(&mut ResourceTable) -> T) -> Result<T, Trap> {
        in_tokio(async { tokio::time::timeout_at(self.until.into(), what(self.table)).await })
            .map_err(|_| Trap::Interrupt)
    }

    /// The same of a stream.
    fn wait_for<T>(&mut self, what: impl AsyncFnOnce(&mut ResourceTable) -> StreamResult<T>) -> StreamResult<T> {
        self.wait(what).map_err(|trap| StreamError::Trap(trap.into()))?
    }
}

impl poll::Host for BoundedIo<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.wait(async |table| waiting::poll::Host::poll(table, pollables).await)?
    }
}

impl poll::HostPollable for BoundedIo<'_> {
    fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.wait(async |table| waiting::poll::HostPollable::block(table, pollable).await)?
    }

    fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        self.table.ready(pollable)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}

impl streams::Host for BoundedIo<'_> {
    fn convert_stream_error(&mut self, err: StreamError) -> Result<streams::StreamError> {
        self.table.convert_stream_error(err)
    }
}

impl streams::HostInputStream for BoundedIo<'_> {
    fn read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.table.read(stream, len)
    }

    fn blocking_read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.wait_for(async |table| waiting::streams::HostInputStream::blocking_read(table, stream, len).await)
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.table.skip(stream, len)
    }

    fn blocking_skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.wait_for(async |table| waiting::streams::HostInputStream::blocking_skip(table, stream, len).await)
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        streams::HostInputStream::subscribe(self.table, stream)
    }

    fn drop(&mut self, stream: Resource<DynInputStream>) -> Result<()> {
        self.wait(async |table| waiting::streams::HostInputStream::drop(table, stream).await)?
    }
}

impl streams::HostOutputStream for BoundedIo<'_> {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.table.check_write(stream)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.table.write(stream, bytes)
    }

    fn blocking_write_and_flush(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.wait_for(async |table| {
            waiting::streams::HostOutputStream::blocking_write_and_flush(table, stream, bytes).await
        })
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.table.write_zeroes(stream, len)
    }

    fn blocking_write_zeroes_and_flush(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.wait_for(async |table| {
            waiting::streams::HostOutputStream::blocking_write_zeroes_and_flush(table, stream, len).await
        })
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.table.flush(stream)
    }

    fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.wait_for(async |table| waiting::streams::HostOutputStream::blocking_flush(table, stream).await)
    }

    fn splice(&mut self, to: Resource<DynOutputStream>, from: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.table.splice(to, from, len)
    }

    fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        self.wait_for(async |table| waiting::streams::HostOutputStream::blocking_splice(table, to, from, len).await)
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        streams::HostOutputStream::subscribe(self.table, stream)
    }

    fn drop(&mut self, stream: Resource<DynOutputStream>) -> Result<()> {
        self.wait(async |table| waiting::streams::HostOutputStream::drop(table, stream).await)?
    }
}

/// How the linker finds them.
pub struct HasIo;

impl HasData for HasIo {
    type Data<'a> = BoundedIo<'a>;
}

/// Puts them into the place of WASI's, which the linker must allow to be shadowed.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> BoundedIo<'_>) -> wasmtime::Result<()> {
    poll::add_to_linker::<T, HasIo>(linker, get)?;
    streams::add_to_linker::<T, HasIo>(linker, get)
}

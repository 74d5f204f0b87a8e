//! A sandbox: one instance's store, with its limits, its clock and what it prints.

use std::time::{Duration, Instant};

use wasmtime::component::{Linker, ResourceTable, ResourceTableError};
use wasmtime::{ResourceLimiter, Store, Trap};
use wasmtime_wasi::{Deterministic, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::bindings::imports::wasmill::pipeline::types;
use crate::capability::clock::{EventTime, StillClock};
use crate::capability::documents::DocumentsCtx;
use crate::capability::http::HttpCtx;
use crate::capability::io::BoundedIo;
use crate::capability::output::{Captured, Opened, Standard, Stream};
use crate::capability::settings::SettingsCtx;
use crate::capability::{clock, documents, http, io, objects, settings};
use crate::engine::{Engine, TICK};
use crate::event::Event;
use crate::failure::{Cause, Failure, Fault};
use crate::metering;
use crate::rows::{self, Reject, cut};

/// The most that one answer of a function may hold, in bytes.
const ANSWER_LIMIT: usize = 1 << 30;

/// How many things of the host a function may hold on to: streams, requests, things to wait for. Their memory is the
/// host's, and no limit of the function's own counts it.
const HELD_LIMIT: usize = 1024;

/// What a sandbox may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory: usize,
    /// The time of one call.
    pub deadline: Duration,
}

/// What a step has if its manifest does not say otherwise: a gibibyte, and a minute for a call.
impl Default for Limits {
    fn default() -> Self {
        Self { memory: 1 << 30, deadline: Duration::from_secs(60) }
    }
}

/// What a sandbox may reach.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Settings by name.
    pub settings: SettingsCtx,
    /// Collections of the document database.
    pub documents: DocumentsCtx,
    /// Addresses.
    pub http: HttpCtx,
}

/// The data of a sandbox's store.
pub struct State {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    grants: Grants,
    memory: MemoryLimit,
    /// When the call that the function works on must be over.
    until: Instant,
}

impl State {
    fn io(&mut self) -> BoundedIo<'_> {
        BoundedIo { table: &mut self.table, until: self.until }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.grants.http.view(&mut self.table)
    }
}

/// The linker of all functions: WASI, which gives no file, no network and no environment, and ours.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine.inner());
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    linker.allow_shadowing(true);
    clock::add_to_linker(&mut linker, |state: &mut State| StillClock(&mut state.table))?;
    io::add_to_linker(&mut linker, State::io)?;
    linker.allow_shadowing(false);
    settings::add_to_linker(&mut linker, |state: &mut State| &mut state.grants.settings)?;
    objects::add_to_linker(&mut linker, State::io)?;
    documents::add_to_linker(&mut linker, |state: &mut State| &mut state.grants.documents)?;
    http::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The same for adapters of databases, whose clocks go: requests are signed with the time, and databases say how long to
/// wait. They get no objects and no documents.
pub fn adapter_linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine.inner());
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    linker.allow_shadowing(true);
    io::add_to_linker(&mut linker, State::io)?;
    linker.allow_shadowing(false);
    settings::add_to_linker(&mut linker, |state: &mut State| &mut state.grants.settings)?;
    http::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// A sandbox.
pub struct Sandbox {
    pub(crate) store: Store<State>,
    deadline: Duration,
    output: Captured,
    opened: Opened,
    time: EventTime,
}

impl Sandbox {
    /// A sandbox in which nothing has run yet.
    pub fn new(engine: &Engine, limits: Limits, grants: Grants) -> Self {
        let time = EventTime::default();
        let mut wasi = WasiCtxBuilder::new();
        wasi.wall_clock(time.clone())
            // The same in every sandbox: a replay must give the same. No function guards secrets with it.
            .secure_random(Deterministic::new(vec![0x57, 0x4d]))
            .insecure_random(Deterministic::new(vec![0x57, 0x4d]))
            .insecure_random_seed(0);
        Self::with(engine, limits, grants, wasi, time)
    }

    /// A sandbox of an adapter, which knows what time it is. What its memory comes to over time, whoever calls it counts.
    pub fn of_adapter(engine: &Engine, limits: Limits, grants: Grants) -> Self {
        let mut sandbox = Self::with(engine, limits, grants, WasiCtxBuilder::new(), EventTime::default());
        sandbox.store.data_mut().memory.since = None;
        sandbox
    }

    fn with(engine: &Engine, limits: Limits, mut grants: Grants, mut wasi: WasiCtxBuilder, time: EventTime) -> Self {
        grants.http = grants.http.anew();
        let output = Captured::default();
        let opened = Opened::default();
        let standard = |stream| Standard { stream, output: output.clone(), opened: opened.clone() };
        let wasi = wasi.stdin(standard(Stream::In)).stdout(standard(Stream::Out)).stderr(standard(Stream::Err)).build();
        let memory =
            MemoryLimit { limit: limits.memory, used: 0, growing: 0, denied: false, since: Some(Instant::now()) };
        let mut table = ResourceTable::new();
        table.set_max_capacity(HELD_LIMIT);
        let mut store = Store::new(engine.inner(), State { wasi, table, grants, memory, until: Instant::now() });
        store.set_hostcall_fuel(ANSWER_LIMIT);
        store.limiter(|state| &mut state.memory);
        Self { store, deadline: limits.deadline, output, opened, time }
    }

    /// Sets the time that the function sees, in microseconds since the epoch.
    pub fn set_time(&self, event_time: i64) {
        self.time.set(event_time);
    }

    /// What documents are written for from now on.
    pub fn set_origin(&mut self, event: &Event) {
        let documents = &mut self.store.data_mut().grants.documents;
        if documents.database.is_some() {
            documents.origin = event.into();
        }
    }

    /// Calls into the sandbox. After a fault it must not be called again.
    pub fn call<T>(&mut self, call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>) -> Result<T, Failure> {
        let ticks = self.deadline.as_millis().div_ceil(TICK.as_millis()) + 1;
        self.store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX));
        let state = self.store.data_mut();
        state.until = Instant::now() + self.deadline;
        state.grants.http.bound(state.until, self.deadline);
        call(&mut self.store).map_err(|err| self.fault(self.cause(&err)))
    }

    /// Calls something that can fail by the function's own word.
    pub fn ask<T>(
        &mut self,
        call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<Result<T, types::Failure>>,
    ) -> Result<T, Failure> {
        self.call(call)?.map_err(|failure| match failure {
            types::Failure::Reject(message) => Failure::Reject(self.said_with_denied(message)),
            types::Failure::Retry(message) => Failure::Retry(self.said_with_denied(message)),
            types::Failure::Other(message) => self.fault(Cause::Said(self.said_with_denied(message))),
        })
    }

    /// Calls something of the set-up, which a function can refuse.
    pub fn set_up<T>(
        &mut self,
        call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<Result<T, String>>,
    ) -> Result<T, Failure> {
        self.call(call)?.map_err(|message| Failure::Reject(self.said_with_denied(message)))
    }

    /// The rejects that the function gave.
    pub fn rejects(&self, stream: Option<Vec<u8>>) -> Result<Vec<Reject>, Failure> {
        rows::read_rejects(stream, &|text| self.said(text)).map_err(|what| self.fault(Cause::Answer(what)))
    }

    /// What is kept of a text of the function's: as much as is of use, and no secret.
    fn said(&self, text: String) -> String {
        cut(self.store.data().grants.settings.redacted(text))
    }

    /// The same, with why a request of the function was denied, if one was.
    fn said_with_denied(&self, text: String) -> String {
        let said = self.said(text);
        match self.store.data().grants.http.take_denied() {
            Some(denied) => format!("{said}: {}", self.said(denied)),
            None => said,
        }
    }

    /// How much memory the function has, in bytes, of which it never gives any back; and what it printed since this was
    /// last asked.
    pub fn memory_and_printed(&self) -> (u64, String) {
        (self.store.data().memory.used as u64, self.printed())
    }

    /// How much memory the function has, in bytes.
    pub fn memory(&self) -> usize {
        self.store.data().memory.used
    }

    /// The first setting that the function asked for.
    pub fn setting_asked(&self) -> Option<&str> {
        self.store.data().grants.settings.asked.as_deref()
    }

    /// Whether the function asked for a request to be sent.
    pub fn has_requested(&self) -> bool {
        self.store.data().grants.http.has_requested()
    }

    /// The standard streams that the function opened, in order.
    pub fn opened(&self) -> Vec<Stream> {
        self.opened.streams()
    }

    /// How many things of the host the function holds on to: streams, things to wait for.
    pub fn held(&mut self) -> usize {
        self.store.data_mut().table.iter_mut().count()
    }

    /// Lets the function's memory grow whatever its limit is.
    pub(crate) fn lift_memory_limit(&mut self) {
        self.store.data_mut().memory.limit = usize::MAX;
    }

    /// A fault of this sandbox, with what it printed.
    pub fn fault(&self, cause: Cause) -> Failure {
        let printed = match self.store.data().grants.http.take_denied() {
            Some(denied) => format!("{}\n{}", self.printed(), self.said(denied)),
            None => self.printed(),
        };
        let cause = match cause {
            Cause::Trap(text) => Cause::Trap(self.said(text)),
            Cause::Answer(text) => Cause::Answer(self.said(text)),
            cause => cause,
        };
        Failure::Fault(Fault { cause, printed })
    }

    fn printed(&self) -> String {
        let settings = &self.store.data().grants.settings;
        settings.redacted(self.output.take_without(|text| settings.rest_of_secret(text)))
    }

    fn cause(&self, err: &wasmtime::Error) -> Cause {
        let memory = &self.store.data().memory;
        match err.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Cause::Deadline(self.deadline),
            Some(Trap::StackOverflow) => Cause::Stack,
            // A function that gets no memory gives up, which looks like any other trap.
            _ if memory.denied => Cause::Memory(memory.limit),
            Some(trap) => Cause::Trap(trap.to_string().trim_start_matches("wasm trap: ").to_owned()),
            None => match err.downcast_ref::<ResourceTableError>() {
                Some(ResourceTableError::Full) => Cause::Trap(format!(
                    "it holds on to {HELD_LIMIT} things of the host already: streams, requests, things to wait for"
                )),
                // What the host said; before it stands where in the function, in numbers.
                _ => Cause::Trap(err.root_cause().to_string()),
            },
        }
    }
}

/// Keeps the memories of a sandbox together under its limit, and remembers having done so.
struct MemoryLimit {
    limit: usize,
    used: usize,
    /// By how much the memory that grows at the moment was allowed to.
    growing: usize,
    denied: bool,
    /// Since when it is there, if it is counted.
    since: Option<Instant>,
}

/// What it came to is known when it goes.
impl Drop for MemoryLimit {
    fn drop(&mut self) {
        if let Some(since) = self.since {
            metering::held(self.used, since.elapsed());
        }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.growing = desired.saturating_sub(current);
        let used = self.used.saturating_add(self.growing);
        let denied = used > self.limit;
        self.denied |= denied;
        if !denied {
            self.used = used;
        }
        Ok(!denied)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.used = self.used.saturating_sub(self.growing);
        Ok(())
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

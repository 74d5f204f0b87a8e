//! Instances of the component. wasmtime's own `ProxyHandler` starts them, gives them requests and throws them away;
//! here is what it asks: how to start one, how many requests it takes, and when it is out of time.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};
use wasmill_runtime::capability::output::Captured;
use wasmill_runtime::engine::{Engine, SERVED_MEMORIES};
use wasmtime::component::{GuestTaskId, Linker, ResourceTable};
use wasmtime::{Store, StoreContextMut, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::Settings;
use crate::grants::{Grants, Outgoing};
use crate::metrics::Metrics;

/// The data of an instance's store.
pub struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    table: ResourceTable,
    limits: StoreLimits,
    output: Captured,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outgoing, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Links a component; it must export a handler of `wasi:http`.
pub fn link(engine: &Engine, component: &[u8]) -> wasmtime::Result<ProxyPre<State>> {
    let component = engine.compile(component)?;
    let mut linker = Linker::<State>::new(engine.inner());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    let pre = linker.instantiate_pre(&component)?;
    match wasmtime_wasi_http::p3::bindings::ServicePre::new(pre.clone()) {
        Ok(pre) => Ok(ProxyPre::P3(pre)),
        Err(_) => Ok(ProxyPre::P2(wasmtime_wasi_http::p2::bindings::ProxyPre::new(pre)?)),
    }
}

/// How many requests to a component there is room for at once, in an engine that is [to serve](Engine::to_serve): each of
/// its parts has a memory. Some room is left to instances that are about to end.
pub fn room(pre: &ProxyPre<State>) -> usize {
    let component = match pre {
        ProxyPre::P2(pre) => pre.instance_pre().component(),
        ProxyPre::P3(pre) => pre.instance_pre().component(),
    };
    let needed = component.resources_required().map_or(1, |needed| needed.num_memories.max(1));
    let room = (SERVED_MEMORIES / needed) as usize;
    (room - room / 8).max(1)
}

/// What starts instances.
pub struct Sandboxes {
    engine: Engine,
    pre: ProxyPre<State>,
    grants: Grants,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
}

impl Sandboxes {
    /// Of a linked component.
    pub fn new(
        engine: Engine,
        pre: ProxyPre<State>,
        grants: Grants,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { engine, pre, grants, settings, metrics }
    }
}

impl HandlerState for Sandboxes {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let output = Captured::default();
        let mut wasi = WasiCtxBuilder::new();
        let wasi = wasi.stdout(output.clone()).stderr(output.clone()).envs(&self.grants.environment).build();
        let limits = StoreLimitsBuilder::new().memory_size(self.settings.memory).build();
        let outgoing = Outgoing::new(self.grants.outgoing.as_ref());
        let state = State { wasi, http: WasiHttpCtx::new(), outgoing, table: ResourceTable::new(), limits, output };
        let mut store = Store::new(self.engine.inner(), state);
        store.limiter(|state| &mut state.limits);
        // A function that computes lets others go on at every tick, and its deadline is seen then.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let proxy = self.pre.instantiate_async(&mut store).await?;
        self.metrics.sandboxes.inc();
        let deadline = self.settings.deadline;
        Ok(Instance {
            store,
            proxy,
            view: State::http,
            expiration: Expiration { deadline, timer: None },
            state: Worker { settings: self.settings.clone(), metrics: self.metrics.clone() },
        })
    }
}

/// Ends an instance that is out of time.
pub struct Expiration {
    deadline: Duration,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        // An idle one waits for its next request; there is nothing to hurry.
        if status == WorkerStatus::Idle {
            self.timer = None;
            return Poll::Pending;
        }
        let deadline = self.deadline;
        let (since, timer) = self.timer.get_or_insert_with(|| (start, Box::pin(sleep(deadline))));
        if *since != start {
            *since = start;
            timer.as_mut().reset(tokio::time::Instant::from_std(start + deadline));
        }
        timer.as_mut().poll(cx)
    }
}

/// How many requests an instance takes.
pub struct Worker {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.settings.reuse {
            ShouldAccept::Never
        } else if concurrent > 0 {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        store.data_mut().outgoing.bound(self.settings.deadline);
        // `Expiration` ends it.
        Box::pin(pending())
    }

    fn drop(&self, store: Store<State>, result: Result<(), wasmtime::Error>) {
        if let Some(denied) = store.data().outgoing.take_denied() {
            tracing::warn!("{denied}");
        }
        let printed = store.data().output.take();
        if !printed.is_empty() {
            tracing::info!("{printed}");
        }
        if let Err(err) = result {
            self.metrics.faults.inc();
            tracing::error!("fault: {err:#}");
        }
    }
}

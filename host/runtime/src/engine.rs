//! The engine that compiles and runs components, and its clock for deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::code_cache::CodeCache;

/// How precisely a deadline is kept.
pub const TICK: Duration = Duration::from_millis(10);

/// The most memory one sandbox can have, whatever the manifest grants, in bytes: what wasm32 can address.
pub const MEMORY_CEILING: usize = 4 << 30;

/// Sandboxes that can be alive at once. Address space is set aside for each, memory is not.
pub const SANDBOXES: u32 = 128;

/// How many instances of an adapter of a document database may work at once, besides.
pub const ADAPTERS: u16 = 16;

/// Of pipelines and their adapters.
const INSTANCES: u32 = SANDBOXES + ADAPTERS as u32;

/// How many memories there may be when components are served. A whole pipeline that was composed has a dozen or two.
pub const SERVED_MEMORIES: u32 = INSTANCES * 8;

/// How much of a memory or table that was used stays in use for the next sandbox, in bytes.
const KEEP_RESIDENT: usize = 4 << 20;

/// How deep a function's calls may go, in bytes of stack. SQL planning recurses over expressions.
const WASM_STACK: usize = 4 << 20;

/// The stack of a thread that calls functions, in bytes: theirs and room for the host.
pub const THREAD_STACK: usize = WASM_STACK + (4 << 20);

/// Runs `work` on a thread whose stack is deep enough to call functions; the caller's may not be. A panic goes
/// on in the caller; an error means that the thread could not be started.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    // Those of `in_background` have such a stack.
    if rayon::current_thread_index().is_some() {
        return Ok(work());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK).spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// How much threads in the background give way to others, as `nice` has it.
const BACKGROUND: i32 = 15;

/// Runs `work` on threads that give way to all others, with whatever it compiles; their stacks are deep enough to call
/// functions.
pub fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().stack_size(THREAD_STACK).start_handler(|_| {
        // Linux has priorities of threads; elsewhere it would be the whole process's. Where it is refused, the work is
        // done all the same.
        if cfg!(target_os = "linux") {
            let _ = rustix::process::setpriority_process(None, BACKGROUND);
        }
    });
    Ok(pool.build().map_err(std::io::Error::other)?.install(work))
}

/// Compiles components and keeps time. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    cache: Option<Arc<CodeCache>>,
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// An engine that keeps compiled code in `cache`, if given.
    pub fn new(cache: Option<CodeCache>) -> wasmtime::Result<Self> {
        Self::with_memories(cache, INSTANCES)
    }

    /// The same for a server, whose components are composed of many parts.
    pub fn to_serve(cache: Option<CodeCache>) -> wasmtime::Result<Self> {
        Self::with_memories(cache, SERVED_MEMORIES)
    }

    fn with_memories(cache: Option<CodeCache>, memories: u32) -> wasmtime::Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES)
            .total_core_instances(memories * 8)
            .total_memories(memories)
            .total_tables(memories * 4)
            .max_memory_size(MEMORY_CEILING)
            // What Spin allows; `wasmtime serve` allows a fifth of the elements.
            .table_elements(100_000)
            .max_component_instance_size(10 << 20)
            .max_core_instance_size(10 << 20);
        let cache = cache.map(Arc::new);
        // Linux (6.7 and later) tells which pages a sandbox wrote to, and those are restored for the next one. Giving
        // all pages back to the system, which is what happens elsewhere, costs a fault for each when it is used again.
        let mut resident = pool.clone();
        resident
            .linear_memory_keep_resident(KEEP_RESIDENT)
            .table_keep_resident(KEEP_RESIDENT)
            .pagemap_scan(Enabled::Yes);
        Self::with_pool(cache.clone(), resident).or_else(|_| Self::with_pool(cache, pool))
    }

    /// One that compiles the same code, but only components within the limits that `wasmtime serve` has by default.
    pub fn as_wasmtime_serve(cache: Option<CodeCache>) -> wasmtime::Result<Self> {
        Self::with_pool(cache.map(Arc::new), PoolingAllocationConfig::new())
    }

    fn with_pool(cache: Option<Arc<CodeCache>>, pool: PoolingAllocationConfig) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            // For components of WASI 0.3, which `wasmill serve` takes as well.
            .wasm_component_model_async(true)
            .max_wasm_stack(WASM_STACK)
            // What `wasmill serve` calls its components on; nothing else is asynchronous.
            .async_stack_size(THREAD_STACK)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let inner = wasmtime::Engine::new(&config)?;
        let ticker = Arc::new(Ticker::start(inner.clone())?);
        Ok(Self { inner, cache, _ticker: ticker })
    }

    /// The wasmtime engine.
    pub fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Where compiled code and baked components are kept, if they are.
    pub fn cache(&self) -> Option<&CodeCache> {
        self.cache.as_deref()
    }

    /// Compiles a component, or takes what an earlier run compiled.
    pub fn compile(&self, component: &[u8]) -> wasmtime::Result<Component> {
        match &self.cache {
            Some(cache) => cache.component(&self.inner, component),
            None => Component::new(&self.inner, component),
        }
    }
}

/// Moves the engine's epoch on every [`TICK`], until it is dropped.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("epoch".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::park_timeout(TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does nothing that could panic.
            let _ = thread.join();
        }
    }
}

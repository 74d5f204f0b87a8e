//! A document database that is reached by an adapter: a component that makes requests of what is written. Its instances
//! stay, for they keep connections, tokens and what they learnt of the database; one that broke is thrown away.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use wasmtime::component::InstancePre;

use super::{Document, DocumentCounts, Documents};
use crate::bindings::adapter::exports::wasmill::pipeline::documents as wit;
use crate::bindings::adapter::{DocumentsAdapter, DocumentsAdapterIndices};
use crate::capability::http::HttpCtx;
use crate::capability::settings::SettingsCtx;
use crate::engine::{ADAPTERS, Engine, THREAD_STACK};
use crate::failure::Failure;
use crate::metering;
use crate::outbound::{Client, Outbound};
use crate::permits::Permits;
use crate::sandbox::{self, Grants, Limits, Sandbox, State};

/// What an adapter may use: memory for a few calls' worth of documents, and time for a database that throttles.
const LIMITS: Limits = Limits { memory: 256 << 20, deadline: Duration::from_secs(60) };

/// What an adapter is, and what it may reach.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterPlan {
    /// The name of its component.
    pub component: &'static str,
    /// What it is told, but for the digest of the pipeline.
    pub config: Map<String, Value>,
    /// The origins of the database.
    pub origins: Vec<String>,
    /// The settings that are its secrets.
    pub settings: Vec<String>,
}

/// A database that is reached by an adapter.
pub struct Adapter {
    engine: Engine,
    pre: InstancePre<State>,
    indices: DocumentsAdapterIndices,
    name: &'static str,
    config: Map<String, Value>,
    grants: Grants,
    permits: Permits,
    /// Those that nobody calls at the moment.
    idle: Mutex<Vec<Instance>>,
}

struct Instance {
    /// What it was told to write for.
    pipeline: i64,
    sandbox: Sandbox,
    function: DocumentsAdapter,
}

/// Why there is no adapter.
#[derive(Debug, thiserror::Error)]
#[error("the adapter `{component}`: {message}")]
pub struct AdapterError {
    component: &'static str,
    message: String,
}

impl Adapter {
    /// Compiles an adapter. Nothing is asked of the database yet.
    pub fn new(engine: &Engine, component: &[u8], plan: &AdapterPlan) -> Result<Self, AdapterError> {
        let failed = |message: String| AdapterError { component: plan.component, message };
        let mut outbound = Outbound::default();
        for origin in &plan.origins {
            outbound.grant(origin).map_err(failed)?;
        }
        // Whoever wrote where the database is meant it, also if it is in a network of their own.
        for all in ["0.0.0.0/0", "::/0"] {
            outbound.grant_network(all).map_err(failed)?;
        }
        let load = || -> wasmtime::Result<_> {
            let pre = sandbox::adapter_linker(engine)?.instantiate_pre(&engine.compile(component)?)?;
            let indices = DocumentsAdapterIndices::new(&pre)?;
            Ok((pre, indices))
        };
        let (pre, indices) = load().map_err(|err| failed(format!("{err:#}")))?;
        let grants = Grants {
            settings: SettingsCtx::new(plan.settings.iter().cloned()),
            http: HttpCtx::new(Arc::new(Client::new(outbound, LIMITS.deadline))),
            ..Grants::default()
        };
        Ok(Self {
            engine: engine.clone(),
            pre,
            indices,
            name: plan.component,
            config: plan.config.clone(),
            grants,
            permits: Permits::new(NonZeroU16::new(ADAPTERS)),
            idle: Mutex::default(),
        })
    }

    fn start(&self, pipeline: i64) -> Result<Instance, Failure> {
        let mut sandbox = Sandbox::of_adapter(&self.engine, LIMITS, self.grants.clone());
        let raw = sandbox.call(|store| self.pre.instantiate(store))?;
        let function = self.indices.load(&mut sandbox.store, &raw);
        let function = function.map_err(|err| Failure::Reject(format!("{err:#}")))?;
        let mut config = self.config.clone();
        config.insert("pipeline".to_owned(), pipeline.into());
        let config = Value::Object(config).to_string();
        let guest = function.wasmill_pipeline_document_adapter();
        sandbox.set_up(|store| guest.call_configure(store, &config))?;
        Ok(Instance { pipeline, sandbox, function })
    }

    fn call(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure> {
        let documents: Vec<wit::Document> = documents.iter().map(wit::Document::from).collect();
        let mut instance = match self.take(pipeline) {
            Some(instance) => instance,
            None => self.start(pipeline)?,
        };
        let guest = instance.function.wasmill_pipeline_documents();
        let started = Instant::now();
        let written = instance.sandbox.ask(|store| guest.call_upsert_batch(store, collection, &documents));
        metering::held(instance.sandbox.memory(), started.elapsed());
        if !matches!(written, Err(Failure::Fault(_))) {
            self.idle().push(instance);
        }
        let counts = written.map(DocumentCounts::from)?;
        metering::count(|account| account.request_units += counts.charge);
        Ok(counts)
    }

    /// An instance for a pipeline, if there is one; one for another, before that was changed, makes room for it.
    fn take(&self, pipeline: i64) -> Option<Instance> {
        let mut idle = self.idle();
        match idle.iter().position(|instance| instance.pipeline == pipeline) {
            Some(place) => Some(idle.swap_remove(place)),
            None => {
                idle.pop();
                None
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Documents for Adapter {
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure> {
        metering::give(documents);
        // A function's call may be on the stack already, and is no place for another's.
        let call = || metering::metered(|| self.permits.with(|| self.call(collection, pipeline, documents)));
        thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(THREAD_STACK).spawn_scoped(scope, call);
            let thread = thread.map_err(|err| Failure::Retry(format!("cannot start a thread: {err}")))?;
            let (written, used) = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            metering::add(used);
            written
        })
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter").field("name", &self.name).finish_non_exhaustive()
    }
}

// The same records, as functions see them and as adapters do.

impl From<&Document> for wit::Document {
    fn from(document: &Document) -> Self {
        let Document { id, partition_key, version, row, body } = document.clone();
        Self { id, partition_key, version, row, body }
    }
}

impl From<wit::Written> for DocumentCounts {
    fn from(written: wit::Written) -> Self {
        let wit::Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge } = written;
        Self { inserted, replaced, deleted, unchanged, stale, duplicates, charge }
    }
}

//! Spin's own SQLite: the component `documents-spin` in a host that gives it what Spin does, an instance for each request
//! and one connection to a file for all of them. It is read with SQLite itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::types::{Value as Own, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value, json};
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::documents::{Document, DocumentCounts, Documents};
use wasmill_runtime::engine::{Engine, TICK, on_deep_stack};
use wasmill_runtime::failure::Failure;
use wasmill_tests_full::folder;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::suite::Rig;

use bindings::exports::wasmill::pipeline::documents as wit;
use bindings::fermyon::spin::sqlite;
use bindings::{DocumentsSpin, DocumentsSpinPre};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package wasmill:tests;
            world documents-spin {
                import fermyon:spin/sqlite@2.0.0;
                export wasmill:pipeline/document-adapter@0.1.0;
                export wasmill:pipeline/documents@0.1.0;
            }
        ",
        path: "../../wit",
        imports: { default: trappable },
        with: { "fermyon:spin/sqlite.connection": super::Shared },
    });
}

/// The time of one call.
const DEADLINE: Duration = Duration::from_secs(60);

/// The one connection, as Spin has it.
pub type Shared = Arc<Mutex<Connection>>;

/// A host of Spin's kind.
pub struct Spin {
    folder: tempfile::TempDir,
    host: Host,
}

#[derive(Clone)]
struct Host {
    engine: Engine,
    component: DocumentsSpinPre<State>,
    connection: Shared,
}

/// What an instance has.
struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    connection: Shared,
}

impl Spin {
    /// One with an empty database.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("sqlite_db.db")).unwrap();
        Self { host: Host::new(Arc::new(Mutex::new(connection))), folder }
    }

    /// What an adapter that is told this says to an empty batch.
    pub fn says(&self, config: &Value) -> Result<(), String> {
        let call = |store: &mut Store<State>, adapter: &DocumentsSpin| {
            adapter.wasmill_pipeline_document_adapter().call_configure(&mut *store, &config.to_string()).unwrap()?;
            let documents = adapter.wasmill_pipeline_documents();
            let written = documents.call_upsert_batch(&mut *store, "c", &[]).unwrap();
            written.map(drop).map_err(|failure| format!("{failure:?}"))
        };
        self.host.request(call)
    }
}

impl Host {
    fn new(connection: Shared) -> Self {
        let engine = Engine::new(Some(CodeCache::new(folder("WASMILL_CACHE").join("code")))).unwrap();
        let component = std::fs::read(folder("WASMILL_COMPONENTS").join("documents/documents-spin.wasm")).unwrap();
        let mut linker = Linker::<State>::new(engine.inner());
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        sqlite::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).unwrap();
        let component = on_deep_stack(|| linker.instantiate_pre(&engine.compile(&component).unwrap()).unwrap());
        Self { component: DocumentsSpinPre::new(component.unwrap()).unwrap(), engine, connection }
    }

    /// What an instance of its own answers.
    fn request<T: Send>(&self, call: impl FnOnce(&mut Store<State>, &DocumentsSpin) -> T + Send) -> T {
        let answer = || {
            let (wasi, table) = (WasiCtx::builder().build(), ResourceTable::new());
            let mut store = Store::new(self.engine.inner(), State { wasi, table, connection: self.connection.clone() });
            store.set_epoch_deadline(DEADLINE.div_duration_f64(TICK) as u64);
            let adapter = self.component.instantiate(&mut store).unwrap();
            call(&mut store, &adapter)
        };
        on_deep_stack(answer).unwrap()
    }
}

impl Documents for Host {
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure> {
        let written = self.request(|store, adapter| {
            let config = json!({"pipeline": pipeline}).to_string();
            adapter.wasmill_pipeline_document_adapter().call_configure(&mut *store, &config).unwrap().unwrap();
            let documents: Vec<_> = documents.iter().cloned().map(given).collect();
            adapter.wasmill_pipeline_documents().call_upsert_batch(store, collection, &documents).unwrap()
        });
        match written {
            Ok(wit::Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge }) => {
                Ok(DocumentCounts { inserted, replaced, deleted, unchanged, stale, duplicates, charge })
            }
            Err(wit::Failure::Reject(message)) => Err(Failure::Reject(message)),
            Err(wit::Failure::Retry(message)) => Err(Failure::Retry(message)),
            Err(wit::Failure::Other(message)) => panic!("{message}"),
        }
    }
}

fn given(document: Document) -> wit::Document {
    let Document { id, partition_key, version, row, body } = document;
    wit::Document { id, partition_key, version, row, body }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl sqlite::Host for State {}

impl sqlite::HostConnection for State {
    fn open(&mut self, database: String) -> wasmtime::Result<Result<Resource<Shared>, sqlite::Error>> {
        match database.as_str() {
            "default" => Ok(Ok(self.table.push(self.connection.clone())?)),
            "theirs" => Ok(Err(sqlite::Error::AccessDenied)),
            _ => Ok(Err(sqlite::Error::NoSuchDatabase)),
        }
    }

    fn execute(
        &mut self,
        connection: Resource<Shared>,
        statement: String,
        parameters: Vec<sqlite::Value>,
    ) -> wasmtime::Result<Result<sqlite::QueryResult, sqlite::Error>> {
        let connection = self.table.get(&connection)?.lock().unwrap();
        Ok(run(&connection, &statement, parameters).map_err(|err| sqlite::Error::Io(err.to_string())))
    }

    fn drop(&mut self, connection: Resource<Shared>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

/// One statement; of several Spin runs the first.
fn run(
    connection: &Connection,
    statement: &str,
    parameters: Vec<sqlite::Value>,
) -> rusqlite::Result<sqlite::QueryResult> {
    let mut statement = connection.prepare_cached(statement)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let parameters = parameters.into_iter().map(|value| match value {
        sqlite::Value::Integer(value) => Own::Integer(value),
        sqlite::Value::Real(value) => Own::Real(value),
        sqlite::Value::Text(value) => Own::Text(value),
        sqlite::Value::Blob(value) => Own::Blob(value),
        sqlite::Value::Null => Own::Null,
    });
    let value = |value: ValueRef<'_>| match value {
        ValueRef::Integer(value) => sqlite::Value::Integer(value),
        ValueRef::Real(value) => sqlite::Value::Real(value),
        ValueRef::Text(value) => sqlite::Value::Text(String::from_utf8(value.to_vec()).unwrap()),
        ValueRef::Blob(value) => sqlite::Value::Blob(value.to_vec()),
        ValueRef::Null => sqlite::Value::Null,
    };
    let rows = statement.query_map(params_from_iter(parameters), |row| {
        let values = (0..columns.len()).map(|column| Ok(value(row.get_ref(column)?)));
        Ok(sqlite::RowResult { values: values.collect::<rusqlite::Result<_>>()? })
    })?;
    let rows = rows.collect::<rusqlite::Result<_>>()?;
    Ok(sqlite::QueryResult { columns, rows })
}

impl Rig for Spin {
    fn connect(&self) -> Arc<dyn Documents> {
        Arc::new(self.host.clone())
    }

    fn read(&self, collection: &str) -> BTreeMap<(String, String), Value> {
        let connection = Connection::open(self.folder.path().join("sqlite_db.db")).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT partition_key, d.id, body FROM wasmill_documents d JOIN wasmill_collections c ON c.id = d.collection
                 WHERE c.name = ?1 AND body IS NOT NULL",
            )
            .unwrap();
        let rows = statement.query_map([collection], |row| {
            Ok(((row.get(0)?, row.get(1)?), serde_json::from_str(&row.get::<_, String>(2)?).unwrap()))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn is_atomic(&self) -> bool {
        true
    }
}

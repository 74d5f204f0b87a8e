//! A server of PostgreSQL, read with psql.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use wasmill_document_postgres::Postgres;
use wasmill_runtime::documents::Documents;
use wasmill_runtime::plan::PostgresPlan;
use wasmill_tests_full::proxy::Proxy;

use crate::suite::{Rig, Served};

#[path = "../../../../host/journal/tests/common/postgres.rs"]
mod server;

pub use server::Postgres as Server;

impl Server {
    /// The plan of a database that goes to a port, with indexes over these fields of a collection.
    pub fn plan(&self, port: u16, collection: &str, fields: &[&str]) -> PostgresPlan {
        let fields = fields.iter().map(|field| field.parse().unwrap()).collect();
        PostgresPlan {
            url: self.url().replace(&self.port.to_string(), &port.to_string()),
            create: true,
            indexes: [(collection.to_owned(), fields)].into(),
            ttl_seconds: BTreeMap::new(),
        }
    }

    /// A connection with indexes.
    pub fn indexed(&self, collection: &str, fields: &[&str]) -> Arc<Postgres> {
        Arc::new(Postgres::open(&self.plan(self.port, collection, fields), [collection]).unwrap())
    }

    /// A connection to a collection whose documents expire, by a clock that stands still but for [`Server::pass`].
    pub fn expiring(&self, collection: &str, ttl_seconds: u32) -> Arc<Postgres> {
        self.sql("CREATE TABLE IF NOT EXISTS clock AS SELECT now() AS now");
        let mut plan = self.plan(self.port, collection, &[]);
        plan.ttl_seconds.insert(collection.to_owned(), ttl_seconds);
        Arc::new(Postgres::open_by("(SELECT now FROM clock)", &plan, [collection]).unwrap())
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.sql(&format!("UPDATE clock SET now = now + interval '{seconds} seconds'"));
    }

    fn open(&self, port: u16) -> Arc<dyn Documents> {
        Arc::new(Lazy { plan: self.plan(port, "", &[]), made: std::sync::Mutex::default() })
    }
}

/// What makes the table of a collection when it is first written to, as the manifest's grants do otherwise.
#[derive(Debug)]
struct Lazy {
    plan: PostgresPlan,
    made: std::sync::Mutex<(BTreeSet<String>, Option<Arc<Postgres>>)>,
}

impl Documents for Lazy {
    fn upsert_batch(
        &self,
        collection: &str,
        pipeline: i64,
        documents: &[wasmill_runtime::documents::Document],
    ) -> Result<wasmill_runtime::documents::DocumentCounts, wasmill_runtime::failure::Failure> {
        let store = {
            let mut made = self.made.lock().unwrap();
            let store = match &made.1 {
                Some(store) => store.clone(),
                None => Arc::new(Postgres::open(&self.plan, [])?),
            };
            made.1 = Some(store.clone());
            if !made.0.contains(collection) {
                store.upsert_batch(collection, pipeline, &[])?;
                made.0.insert(collection.to_owned());
            }
            store
        };
        store.upsert_batch(collection, pipeline, documents)
    }
}

impl Rig for Server {
    fn connect(&self) -> Arc<dyn Documents> {
        self.open(self.port)
    }

    fn read(&self, collection: &str) -> BTreeMap<(String, String), Value> {
        let sql =
            format!("SELECT json_build_array(partition_key, id, body) FROM \"{collection}\" WHERE body IS NOT NULL");
        let text = self.ask(&sql).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str::<(String, String, Value)>(line).unwrap());
        rows.map(|(partition, id, body)| ((partition, id), body)).collect()
    }

    fn is_atomic(&self) -> bool {
        true
    }

    fn changed(&self, mut body: Value) -> Value {
        // `jsonb` has no place for it.
        if body.get("d").and_then(Value::as_str).is_some_and(|text| text.contains('\0')) {
            body["d"] = json!(body["d"].as_str().unwrap().replace('\0', "\u{fffd}"));
        }
        body
    }
}

impl Served for Server {
    fn connect_by(&self, proxy: &Proxy) -> Arc<dyn Documents> {
        self.open(proxy.port)
    }

    fn port(&self) -> u16 {
        self.port
    }
}

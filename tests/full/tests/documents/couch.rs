//! Apache CouchDB: `pouchdb-server`, which speaks as it does, read by Apache's own JavaScript client. It takes what CouchDB
//! refuses, updates of a document that was deleted by their revision, and the adapter makes none.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use wasmill_runtime::documents::Documents;
use wasmill_runtime::documents::adapter::AdapterPlan;
use wasmill_tests_full::folder;
use wasmill_tests_full::proxy::Proxy;

use crate::common::{Reader, adapter, free_port, wait_for};
use crate::suite::{Rig, Served};

/// A running server.
pub struct Couch {
    child: Child,
    port: u16,
    reader: Mutex<Option<Reader>>,
    /// Its configuration and its log.
    _folder: TempDir,
}

impl Couch {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&setting("COUCHDB_PASSWORD"))
    }

    /// The same with this password of the only user.
    pub fn start_with(password: &str) -> Self {
        let (home, port) = (tempfile::tempdir().unwrap(), free_port());
        let users = json!({"admins": {setting("COUCHDB_USER"): password}});
        std::fs::write(home.path().join("config.json"), users.to_string()).unwrap();
        let child = Command::new("node")
            .arg(folder("DOCUMENTS_NODE").join("node_modules/.bin/pouchdb-server"))
            .args(["--in-memory", "--no-stdout-logs", "--host", "127.0.0.1", "--port", &port.to_string()])
            .current_dir(&home)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(port, "pouchdb-server");
        Self { child, port, reader: Mutex::new(None), _folder: home }
    }

    /// The plan of an adapter that goes to a port, with what else it is told.
    pub fn plan(&self, port: u16, more: Value) -> AdapterPlan {
        let origin = format!("http://127.0.0.1:{port}");
        let mut config = json!({"endpoint": origin, "create": true});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let Value::Object(config) = config else { unreachable!() };
        let settings = vec!["COUCHDB_USER".into(), "COUCHDB_PASSWORD".into()];
        AdapterPlan { component: "documents-couchdb", config, origins: vec![origin], settings }
    }
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run these tests with `make test-full`"))
}

impl Drop for Couch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rig for Couch {
    fn connect(&self) -> Arc<dyn Documents> {
        adapter(&self.plan(self.port, json!({})))
    }

    fn read(&self, collection: &str) -> BTreeMap<(String, String), Value> {
        let mut reader = self.reader.lock().unwrap();
        let reader = reader.get_or_insert_with(|| {
            let mut command = Command::new("node");
            command.arg("../documents/couchdb.mjs").arg(folder("DOCUMENTS_NODE"));
            Reader::start(command.arg(format!("http://127.0.0.1:{}", self.port)))
        });
        let mut found = BTreeMap::new();
        for mut document in reader.documents(collection) {
            let document = document.as_object_mut().unwrap();
            for name in ["_id", "_rev"] {
                document.remove(name).unwrap();
            }
            let with = document.remove("wasmill_").unwrap();
            let text = |name: &str| with[name].as_str().unwrap().to_owned();
            if with.get("deleted").is_none() {
                let key = (text("partition_key"), text("id"));
                assert!(found.insert(key, Value::Object(document.clone())).is_none());
            }
        }
        found
    }

    fn is_atomic(&self) -> bool {
        false
    }

    fn takes(&self, field: &str) -> bool {
        !field.starts_with('_')
    }
}

impl Served for Couch {
    fn connect_by(&self, proxy: &Proxy) -> Arc<dyn Documents> {
        adapter(&self.plan(proxy.port, json!({})))
    }

    fn port(&self) -> u16 {
        self.port
    }
}

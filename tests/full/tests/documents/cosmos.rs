//! Azure Cosmos DB: Microsoft's emulator core behind a server that checks signatures (`tests/cosmos`), and a second server
//! that speaks as it does, `@vercel/cosmosdb-server`. Both are read by Microsoft's own clients.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wasmill_runtime::documents::Documents;
use wasmill_runtime::documents::adapter::AdapterPlan;
use wasmill_tests_full::folder;
use wasmill_tests_full::proxy::Proxy;

use crate::common::{Reader, adapter, free_port, wait_for};
use crate::suite::{Rig, Served};

/// The database.
pub const DATABASE: &str = "shop";

/// The regions of the emulator's account: writes go to the first.
pub const REGIONS: [&str; 2] = ["West Europe", "North Europe"];

/// A running server.
pub struct Cosmos {
    child: Child,
    /// A port for each region.
    pub ports: Vec<u16>,
    reads_by_javascript: bool,
    reader: Mutex<Option<Reader>>,
}

/// What the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Microsoft's emulator core.
    Emulator,
    /// `@vercel/cosmosdb-server`.
    Vercel,
}

impl Cosmos {
    /// Starts one, of which a client of Microsoft's in Python reads, or in JavaScript.
    pub fn start(server: Server, reads_by_javascript: bool) -> Self {
        let key = std::env::var("COSMOS_KEY").expect("COSMOS_KEY is not set: run these tests with `make test-full`");
        Self::start_with(server, &key, reads_by_javascript)
    }

    /// The same with this key.
    pub fn start_with(server: Server, key: &str, reads_by_javascript: bool) -> Self {
        let ports = [free_port(), free_port()].to_vec();
        let child = match server {
            Server::Emulator => {
                let mut command = Command::new(folder("COSMOS_SERVER"));
                command.arg(key);
                for (port, region) in ports.iter().zip(REGIONS) {
                    command.args([&port.to_string(), region]);
                }
                command.stdout(Stdio::null()).spawn().unwrap()
            }
            Server::Vercel => {
                let mut command = Command::new("node");
                command.arg(folder("DOCUMENTS_NODE").join("node_modules/.bin/cosmosdb-server"));
                command.args(["-p", &ports[0].to_string(), "--host", "127.0.0.1", "--no-ssl"]);
                command.stdout(Stdio::null()).spawn().unwrap()
            }
        };
        wait_for(ports[0], &format!("{server:?}"));
        Self { child, ports, reads_by_javascript, reader: Mutex::new(None) }
    }

    /// Starts a client of Microsoft's.
    fn reader(&self) -> Reader {
        let endpoint = format!("http://127.0.0.1:{}", self.ports[0]);
        let mut command = if self.reads_by_javascript {
            let mut command = Command::new("node");
            command.arg("../documents/cosmos.mjs").arg(folder("DOCUMENTS_NODE"));
            command
        } else {
            let mut command = Command::new(folder("DOCUMENTS_PYTHON"));
            command.arg("../documents/cosmos.py");
            command
        };
        Reader::start(command.args([&endpoint, DATABASE]))
    }

    /// The plan of an adapter that goes to a port, with what else it is told.
    pub fn plan(&self, port: u16, more: Value) -> AdapterPlan {
        let mut config = json!({"endpoint": format!("http://127.0.0.1:{port}"), "database": DATABASE, "create": true});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let Value::Object(config) = config else { unreachable!() };
        let origins = self.ports.iter().chain([&port]).map(|port| format!("http://127.0.0.1:{port}")).collect();
        AdapterPlan { component: "documents-cosmos", config, origins, settings: vec!["COSMOS_KEY".into()] }
    }

    /// Tells the emulator what is to happen.
    pub fn order(&self, what: &str) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.ports[0])).unwrap();
        write!(connection, "POST /test/{what} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").unwrap();
        let mut status = String::new();
        BufReader::new(connection).read_line(&mut status).unwrap();
        assert!(status.contains(" 200 "), "{what}: {status}");
    }

    /// What is in a container, as it is there.
    pub fn items(&self, container: &str) -> Vec<Value> {
        let mut reader = self.reader.lock().unwrap();
        reader.get_or_insert_with(|| self.reader()).documents(container)
    }
}

impl Drop for Cosmos {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rig for Cosmos {
    fn connect(&self) -> Arc<dyn Documents> {
        adapter(&self.plan(self.ports[0], json!({})))
    }

    fn read(&self, collection: &str) -> BTreeMap<(String, String), Value> {
        let mut found = BTreeMap::new();
        for mut item in self.items(collection) {
            let item = item.as_object_mut().unwrap();
            for name in ["_rid", "_self", "_etag", "_attachments", "_ts"] {
                item.remove(name);
            }
            let with = item.remove("_wasmill").unwrap();
            let text = |value: Option<Value>| value.unwrap().as_str().unwrap().to_owned();
            let key = (text(item.remove("partitionKey")), text(item.remove("id")));
            if with.get("deleted").is_none() {
                assert!(found.insert(key, Value::Object(item.clone())).is_none());
            }
        }
        found
    }

    fn is_atomic(&self) -> bool {
        true
    }
}

impl Served for Cosmos {
    fn connect_by(&self, proxy: &Proxy) -> Arc<dyn Documents> {
        adapter(&self.plan(proxy.port, json!({})))
    }

    fn port(&self) -> u16 {
        self.ports[0]
    }
}

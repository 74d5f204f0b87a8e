//! Azure Cosmos DB: Microsoft's emulator core behind a server that checks signatures (`tests/cosmos`), and a second server
//! that speaks as it does, `@vercel/cosmosdb-server`. Both are read by Microsoft's own clients.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::documents::Documents;
use wasmill_runtime::documents::adapter::{Adapter, AdapterPlan};
use wasmill_runtime::engine::Engine;
use wasmill_tests_full::folder;
use wasmill_tests_full::proxy::Proxy;

use crate::suite::{Rig, Served};

/// The database.
pub const DATABASE: &str = "shop";

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    // As the program does: of several providers one has to be chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Engine::new(Some(CodeCache::new(folder("WASMILL_CACHE").join("code")))).unwrap()
});

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

/// A client of Microsoft's: for each name of a container that it is told a line with its items. It ends with its input.
struct Reader {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
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
        let ports: Vec<u16> =
            [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()).to_vec();
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
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", ports[0])).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "{server:?} does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
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
        let mut child =
            command.args([&endpoint, DATABASE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Reader { child, input, lines: BufReader::new(output).lines() }
    }

    /// The plan of an adapter that goes to a port, with what else it is told.
    pub fn plan(&self, port: u16, more: Value) -> AdapterPlan {
        let mut config = json!({"endpoint": format!("http://127.0.0.1:{port}"), "database": DATABASE, "create": true});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let Value::Object(config) = config else { unreachable!() };
        let origins = self.ports.iter().chain([&port]).map(|port| format!("http://127.0.0.1:{port}")).collect();
        AdapterPlan { component: "documents-cosmos", config, origins, settings: vec!["COSMOS_KEY".into()] }
    }

    /// An adapter.
    pub fn adapter(&self, plan: &AdapterPlan) -> Arc<dyn Documents> {
        let component = folder("WASMILL_COMPONENTS").join(format!("documents/{}.wasm", plan.component));
        Arc::new(Adapter::new(&ENGINE, &std::fs::read(component).unwrap(), plan).unwrap())
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
        let reader = reader.get_or_insert_with(|| self.reader());
        writeln!(reader.input, "{container}").unwrap();
        let line = reader.lines.next().expect("the reader ended").unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Cosmos {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rig for Cosmos {
    fn connect(&self) -> Arc<dyn Documents> {
        self.adapter(&self.plan(self.ports[0], json!({})))
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
        self.adapter(&self.plan(proxy.port, json!({})))
    }

    fn port(&self) -> u16 {
        self.ports[0]
    }
}

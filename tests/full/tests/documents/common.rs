//! What adapters of several databases are tested with.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::documents::Documents;
use wasmill_runtime::documents::adapter::{Adapter, AdapterPlan};
use wasmill_runtime::engine::Engine;
use wasmill_tests_full::folder;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    // As the program does: of several providers one has to be chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Engine::new(Some(CodeCache::new(folder("WASMILL_CACHE").join("code")))).unwrap()
});

/// An adapter.
pub fn adapter(plan: &AdapterPlan) -> Arc<dyn Documents> {
    let component = folder("WASMILL_COMPONENTS").join(format!("documents/{}.wasm", plan.component));
    Arc::new(Adapter::new(&ENGINE, &std::fs::read(component).unwrap(), plan).unwrap())
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits for somebody to listen.
pub fn wait_for(port: u16, what: &str) {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what} does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A client of a database's own maker: for each name of a collection that it is told a line with its documents. It ends with
/// its input.
pub struct Reader {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Reader {
    /// Starts one.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, lines: BufReader::new(output).lines() }
    }

    /// What is in a collection, as it is there.
    pub fn documents(&mut self, collection: &str) -> Vec<Value> {
        writeln!(self.input, "{collection}").unwrap();
        let line = self.lines.next().expect("the reader ended").unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

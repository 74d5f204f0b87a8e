//! A NATS server with JetStream, on a free port of this machine, with its store in a temporary folder. Self-contained, for
//! tests of the program include it as a file.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::{self, stream};
use async_nats::{ConnectOptions, HeaderMap};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A server; it ends with this.
pub struct Broker {
    folder: TempDir,
    config: String,
    port: u16,
    child: Option<Child>,
    runtime: Runtime,
}

impl Broker {
    /// Starts one; `config` is added to its configuration.
    pub fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut broker = Self { folder, config: config.to_owned(), port: 0, child: None, runtime };
        broker.restart();
        broker
    }

    /// Starts it again, on the same port and with the same store.
    pub fn restart(&mut self) {
        self.kill();
        let folder = self.folder.path();
        let port = if self.port == 0 { -1 } else { i32::from(self.port) };
        let config = format!(
            "host: 127.0.0.1\nport: {port}\nports_file_dir: '{0}'\njetstream {{ store_dir: '{0}/store' }}\n{1}",
            folder.display(),
            self.config
        );
        let file = folder.join("server.conf");
        std::fs::write(&file, config).unwrap();
        let server = std::env::var_os("NATS_SERVER").expect("NATS_SERVER is not set: run these tests with `make`");
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(server);
        let child = command.arg("-c").arg(file).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let ports = folder.join(format!("nats-server_{}.ports", child.id()));
        self.child = Some(child);
        let listening = || {
            let ports: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&ports).ok()?).ok()?;
            ports["nats"][0].as_str()?.rsplit_once(':')?.1.parse().ok()
        };
        self.port = wait_for("the server listens", listening);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// What it said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// A client, who may do anything.
    pub fn client(&self) -> Client<'_> {
        self.client_as(ConnectOptions::new())
    }

    /// A client with credentials.
    pub fn client_as(&self, options: ConnectOptions) -> Client<'_> {
        // What is linked may have more than one, and rustls would not choose.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connected = async { jetstream::new(options.connect(self.url()).await.unwrap()) };
        Client { runtime: &self.runtime, context: self.runtime.block_on(connected) }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What makes streams and publishes messages.
pub struct Client<'a> {
    runtime: &'a Runtime,
    context: jetstream::Context,
}

impl Client<'_> {
    /// Makes a stream of the subjects `NAME.>`, in lower case.
    pub fn make_stream(&self, name: &str) {
        let subjects = vec![format!("{}.>", name.to_lowercase())];
        let config = stream::Config { name: name.to_owned(), subjects, ..stream::Config::default() };
        self.runtime.block_on(self.context.create_stream(config)).unwrap();
    }

    /// Publishes messages, which are durable when this returns.
    pub fn publish(&self, subject: &str, messages: impl IntoIterator<Item = String>) {
        self.runtime.block_on(async {
            let mut published = Vec::new();
            for message in messages {
                published.push(self.context.publish(subject.to_owned(), message.into()).await.unwrap());
                if published.len() == 200 {
                    for answer in published.drain(..) {
                        answer.await.unwrap();
                    }
                }
            }
            for answer in published {
                answer.await.unwrap();
            }
        });
    }

    /// Publishes a message with headers.
    pub fn publish_with(&self, subject: &str, headers: &[(&str, &str)], message: &str) {
        let mut known = HeaderMap::new();
        headers.iter().for_each(|(name, value)| known.insert(*name, *value));
        let published =
            async { self.context.publish_with_headers(subject.to_owned(), known, message.to_owned().into()).await };
        self.runtime.block_on(async { published.await.unwrap().await }).unwrap();
    }

    /// Makes a consumer.
    pub fn make_consumer(&self, stream: &str, config: jetstream::consumer::pull::Config) {
        self.runtime.block_on(self.context.create_consumer_on_stream(config, stream)).unwrap();
    }

    /// Deletes a consumer.
    pub fn delete_consumer(&self, stream: &str, consumer: &str) {
        self.runtime.block_on(self.context.delete_consumer_from_stream(consumer, stream)).unwrap();
    }

    /// How a consumer stands.
    pub fn consumer(&self, stream: &str, consumer: &str) -> Info {
        let found = async { self.context.get_stream(stream).await.unwrap().consumer_info(consumer).await };
        self.runtime.block_on(found).unwrap()
    }

    /// Waits until every message of a consumer is acknowledged.
    pub fn wait_until_acknowledged(&self, stream: &str, consumer: &str) {
        wait_for("every message is acknowledged", || {
            let info = self.consumer(stream, consumer);
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        });
    }
}

/// Waits until something is there.
pub fn wait_for<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(there) = there() {
            return there;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "a minute is over, and not yet: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A manifest that takes messages in the place of its triggers; `settings` are lines of the trigger.
pub fn manifest(manifest: &str, url: &str, settings: &str) -> String {
    let (head, rest) = manifest.split_once("[[trigger]]").unwrap();
    let (_, steps) = rest.split_once("[[step]]").unwrap();
    format!("{head}[[trigger]]\ntype = \"nats\"\nurl = \"{url}\"\nstream = \"NUMBERS\"\n{settings}\n[[step]]{steps}")
}

/// Writes a manifest, whole at once.
pub fn put_manifest(folder: &Path, text: &str) {
    std::fs::write(folder.join("pipeline.toml.tmp"), text).unwrap();
    std::fs::rename(folder.join("pipeline.toml.tmp"), folder.join("pipeline.toml")).unwrap();
}

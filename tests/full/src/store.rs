//! Real stores, which end with their value: a folder; azurite, Microsoft's emulator of Azure Blob Storage; SeaweedFS, which
//! speaks S3. Each has its own storage in a temporary folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, parse_url_opts};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

/// What holds objects.
pub const NAME: &str = "wasmill";

/// The kinds of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    Azure,
    S3,
}

/// A running store.
pub struct Store {
    /// Where objects are put: the URL for a manifest.
    pub url: String,
    /// What a program needs in its environment to get at them.
    pub variables: Vec<(&'static str, String)>,
    folder: TempDir,
    child: Option<Child>,
    client: Option<Box<dyn ObjectStore>>,
    runtime: Runtime,
    /// Of several SeaweedFS at once one has no S3.
    _alone: Option<MutexGuard<'static, ()>>,
}

static SEAWEEDFS: Mutex<()> = Mutex::new(());

impl Store {
    /// Starts one.
    pub fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let mut store = Self {
            url: String::new(),
            variables: Vec::new(),
            folder,
            child: None,
            client: None,
            runtime,
            _alone: None,
        };
        match kind {
            Kind::Folder => store.url = format!("file:{}", store.folder.path().display()),
            Kind::Azure => store.azurite(),
            Kind::S3 => store.seaweedfs(),
        }
        store
    }

    fn azurite(&mut self) {
        let packages = crate::folder("STORES_NODE");
        let mut command = Command::new("node");
        command.arg(packages.join("node_modules/.bin/azurite-blob")).arg("--location").arg(self.folder.path());
        command.args(["--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", "0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let listens = |line: String| line.split_once(" listens on ").map(|(_, url)| url.to_owned());
        let url = lines.find_map(listens).expect("azurite does not start");
        // It stops if nobody reads what it says.
        std::thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);

        let script = std::path::absolute("../stores/container.mjs").unwrap();
        let account = format!("{url}/devstoreaccount1");
        let mut container = Command::new("node");
        container.arg(script).args([&account, NAME]).current_dir(&packages);
        assert!(container.status().unwrap().success());
        self.url = format!("az://{NAME}/landing");
        self.variables = vec![("AZURE_STORAGE_USE_EMULATOR", "true".into()), ("AZURITE_BLOB_STORAGE_URL", url)];
        self.connect(&[
            ("azure_storage_endpoint", &account),
            ("azure_storage_account_name", "devstoreaccount1"),
            (
                "azure_storage_account_key",
                "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
            ),
            ("azure_allow_http", "true"),
        ]);
    }

    fn seaweedfs(&mut self) {
        self._alone = Some(SEAWEEDFS.lock().unwrap_or_else(PoisonError::into_inner));
        let config = self.folder.path().join("s3.json");
        let identity = r#"{"name":"wasmill","credentials":[{"accessKey":"wasmill","secretKey":"wasmill-secret"}],
            "actions":["Admin","Read","Write","List"]}"#;
        std::fs::write(&config, format!("{{\"identities\":[{identity}]}}")).unwrap();
        let [master, volume, filer, s3] = ports();
        let mut command = Command::new(crate::folder("WEED"));
        command.arg("server").arg(format!("-dir={}", self.folder.path().display()));
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]);
        // Its own notes take some volumes, and a bucket seven.
        command.args(["-master.volumeSizeLimitMB=64", "-master.telemetry=false", "-volume.max=50"]);
        command.arg(format!("-s3.config={}", config.display()));
        for (name, port) in [("master", master), ("volume", volume), ("filer", filer), ("s3", s3)] {
            command.arg(format!("-{name}.port={port}"));
        }
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        // A bucket is a folder of the filer.
        while !is_made(filer, &format!("/buckets/{NAME}/")) {
            assert!(Instant::now() < deadline, "SeaweedFS does not start");
            std::thread::sleep(Duration::from_millis(200));
        }
        self.url = format!("s3://{NAME}/landing");
        self.variables = vec![
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{s3}")),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "wasmill".into()),
            ("AWS_SECRET_ACCESS_KEY", "wasmill-secret".into()),
        ];
        let options: Vec<(String, String)> =
            self.variables.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let options: Vec<(&str, &str)> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.connect(&options);
        // It takes objects a moment after its ports.
        while self.try_put("ready", b"ready".to_vec()).is_err() {
            let last = self.try_put("ready", b"ready".to_vec());
            assert!(Instant::now() < deadline, "SeaweedFS takes no objects: {last:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn connect(&mut self, options: &[(&str, &str)]) {
        let url = Url::parse(&self.url).unwrap();
        let _entered = self.runtime.enter();
        self.client = Some(parse_url_opts(&url, options.iter().copied()).unwrap().0);
    }

    /// Puts an object under the store's URL.
    pub fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.try_put(path, content.into()).unwrap();
    }

    fn try_put(&self, path: &str, content: Vec<u8>) -> Result<(), String> {
        let Some(client) = &self.client else {
            let file = self.folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            // As whoever lands files does it who wants them to be whole.
            let part = file.with_extension("part");
            return std::fs::write(&part, content)
                .and_then(|()| std::fs::rename(&part, &file))
                .map_err(|err| err.to_string());
        };
        let path = Path::from(format!("landing/{path}"));
        self.runtime.block_on(client.put(&path, content.into())).map(drop).map_err(|err| err.to_string())
    }

    /// Puts many objects at once.
    pub fn put_all(&self, objects: impl Iterator<Item = (String, Vec<u8>)>) {
        let objects: Vec<_> = objects.collect();
        std::thread::scope(|scope| {
            for part in objects.chunks(objects.len().div_ceil(16).max(1)) {
                scope.spawn(move || part.iter().for_each(|(path, content)| self.put(path, content.clone())));
            }
        });
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Free ports for SeaweedFS, which also takes those that are 10,000 higher.
fn ports() -> [u16; 4] {
    let mut held = Vec::new();
    while held.len() < 4 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        if let Some(higher) = port.checked_add(10_000)
            && let Ok(other) = TcpListener::bind(("127.0.0.1", higher))
        {
            held.push((port, free, other));
        }
    }
    [0, 1, 2, 3].map(|index| held[index].0)
}

fn is_made(port: u16, path: &str) -> bool {
    let asked = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", port))?;
        write!(connection, "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 201"))
}

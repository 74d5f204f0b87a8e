//! An OCI registry, Debian's `docker-registry`, on a free port of this machine, with its storage in a temporary folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use wasmill_registry::digest::Digest;

/// What of this process's environment would be of consequence.
const INHERITED: [&str; 10] = [
    "ALL_PROXY",
    "DOCKER_CONFIG",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "SSL_CERT_FILE",
    "WASMILL_REGISTRY_PASSWORD",
    "WASMILL_REGISTRY_USER",
    "all_proxy",
    "http_proxy",
    "https_proxy",
];

/// A running registry; it ends with this.
pub struct Registry {
    /// Its address, `127.0.0.1:PORT`.
    pub addr: String,
    folder: TempDir,
    child: Child,
}

impl Registry {
    /// Starts one. `auth` and `tls` are sections of its configuration, in YAML's short form.
    pub fn start(auth: &str, tls: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("storage");
        let config = format!(
            "version: 0.1\nlog: {{ accesslog: {{ disabled: true }} }}\nauth: {{{auth}}}\n\
             storage: {{ filesystem: {{ rootdirectory: '{}' }} }}\nhttp: {{ addr: '127.0.0.1:0', secret: x, tls: {{{tls}}} }}\n",
            storage.display()
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(crate::folder("DOCKER_REGISTRY"));
        let mut child = command.arg("serve").arg(file).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let addr = lines.by_ref().find_map(|line| {
            let addr = line.split_once("listening on ").map(|(_, rest)| {
                rest.chars().take_while(|&letter| letter == '.' || letter == ':' || letter.is_ascii_digit()).collect()
            });
            said.push(line);
            addr
        });
        // It stops if nobody reads what it says.
        std::thread::spawn(move || lines.for_each(drop));
        let addr = addr.unwrap_or_else(|| panic!("the registry does not start:\n{}", said.join("\n")));
        Self { addr, folder, child }
    }

    /// A reference to a component in it.
    pub fn reference(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.addr)
    }

    /// The file in which it keeps a blob or a manifest.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let digits = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.folder.path().join("storage/docker/registry/v2/blobs/sha256");
        blobs.join(&digits[..2]).join(digits).join("data")
    }

    /// Uploads a blob as the distribution specification says, and gives its digest.
    pub fn put_blob(&self, name: &str, content: &[u8]) -> String {
        let (status, head, _) = self.ask("POST", &format!("/v2/{name}/blobs/uploads/"), "", b"");
        assert_eq!(status, 202, "{head}");
        let location = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
        let path = location.strip_prefix(&format!("http://{}", self.addr)).unwrap();
        let digest = Digest::of(content).to_string();
        let (status, _, said) = self.ask("PUT", &format!("{path}&digest={digest}"), "", content);
        assert_eq!(status, 201, "{said:?}");
        digest
    }

    /// Uploads a manifest, and gives its digest.
    pub fn put_manifest(&self, name: &str, tag: &str, manifest: &serde_json::Value) -> String {
        let kind = format!("content-type: {}\r\n", manifest["mediaType"].as_str().unwrap());
        let text = manifest.to_string();
        let (status, _, said) = self.ask("PUT", &format!("/v2/{name}/manifests/{tag}"), &kind, text.as_bytes());
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&said));
        Digest::of(text.as_bytes()).to_string()
    }

    /// The JSON that is at a path.
    pub fn get(&self, path: &str, accept: &str) -> serde_json::Value {
        let (status, _, body) = self.ask("GET", path, &format!("accept: {accept}\r\n"), b"");
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice(&body).unwrap()
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let host = &self.addr;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        ask(host, head.as_bytes(), body)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status, head and body of the answer to a request that closes its connection.
pub fn ask(addr: &str, head: &[u8], body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(head).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head, body)
}

/// A component that is small for one.
pub fn chain() -> PathBuf {
    crate::folder("WASMILL_COMPONENTS").join("endpoint/chain.wasm")
}

/// A place of work: a folder, a cache and a home of its own, but code that was compiled before.
pub struct Place {
    folder: TempDir,
    /// The registry that is shown as `HOST`.
    pub host: String,
    variables: Vec<(&'static str, String)>,
}

impl Place {
    /// With a registry, and without credentials.
    pub fn new(registry: &Registry) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cache", "home"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let code = crate::folder("WASMILL_CACHE").join("code");
        std::os::unix::fs::symlink(code, folder.path().join("cache/code")).unwrap();
        Self { folder, host: registry.addr.clone(), variables: Vec::new() }
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// With these variables.
    pub fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self
    }

    /// A program, to be run there.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        for name in INHERITED {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(&self.folder).env("HOME", self.path("home"));
        command.env("WASMILL_CACHE", self.path("cache")).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Exit code, standard output and standard error; `HOST` stands for the registry's.
    pub fn wasmill(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(&crate::folder("WASMILL_PROGRAM"), arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&self.host, "HOST");
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The digest under which a component was pushed.
    pub fn push(&self, component: &Path, reference: &str) -> String {
        let (code, stdout, stderr) = self.wasmill(&["push", component.to_str().unwrap(), reference]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        stdout.trim_end().split_once('@').unwrap().1.to_owned()
    }

    /// What is said of a pull that fails, and leaves no file.
    pub fn refused(&self, reference: &str) -> String {
        let (code, stdout, stderr) = self.wasmill(&["pull", reference, "--to", "refused.wasm"]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(!self.path("refused.wasm").exists());
        stderr
    }
}

//! A server of MariaDB on a free port of this machine, in a temporary folder.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server, which ends with this. Whoever comes may do anything.
pub struct MariaDb {
    port: u16,
    /// What its programs were unpacked to, or `/`.
    root: PathBuf,
    process: Child,
    _folder: tempfile::TempDir,
}

impl MariaDb {
    /// Starts a server with a database `shop`. It is the program that `MARIADB` names.
    pub fn start() -> Self {
        let server = PathBuf::from(std::env::var_os("MARIADB").expect("`make test-full` says what MARIADB should be"));
        let root = server.ancestors().nth(3).unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        // Free by now, and mostly by the time that the server takes it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let shared = root.join("usr/share/mysql");
        let mut command = Command::new(&server);
        command.args(["--no-defaults", "--skip-grant-tables", "--bind-address=127.0.0.1", "--user=root"]);
        for (name, value) in [
            ("datadir", folder.path().join("data")),
            ("socket", folder.path().join("socket")),
            ("lc-messages-dir", shared.clone()),
            ("character-sets-dir", shared.join("charsets")),
            ("port", PathBuf::from(port.to_string())),
        ] {
            command.arg(format!("--{name}={}", value.display()));
        }
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        let process = with_libraries(&mut command, &root).spawn().unwrap();
        let mariadb = Self { port, root, process, _folder: folder };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "MariaDB does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        mariadb.sql("CREATE DATABASE shop");
        mariadb
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/shop?sslmode=disabled", self.port)
    }

    /// Has it do something.
    pub fn sql(&self, sql: &str) {
        let mut client = Command::new(self.root.join("usr/bin/mariadb"));
        client.args(["--no-defaults", "-h", "127.0.0.1", "-u", "root", "-P", &self.port.to_string(), "-e", sql]);
        let done = with_libraries(&mut client, &self.root).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where programs were unpacked to, their libraries are as well.
fn with_libraries<'a>(command: &'a mut Command, root: &std::path::Path) -> &'a mut Command {
    if root != std::path::Path::new("/") {
        let folders = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|folder| root.join(folder));
        command.env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap());
    }
    command
}

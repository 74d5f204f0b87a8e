//! A server of PostgreSQL on a free port of this machine, in a temporary folder.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server, which ends with this.
pub struct Postgres {
    /// Its port.
    pub port: u16,
    programs: PathBuf,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

#[allow(dead_code, reason = "no test uses all of it")]
impl Postgres {
    /// Makes a database and starts a server for it. Its programs are in the folder that `POSTGRES` names.
    pub fn start() -> Self {
        let programs =
            PathBuf::from(std::env::var_os("POSTGRES").expect("`tools/postgres.sh` prints what POSTGRES should be"));
        let folder = tempfile::tempdir().unwrap();
        // Free by now, and mostly by the time that the server takes it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut postgres = Self { port, programs, folder, process: None };
        let mut made = postgres.program("initdb");
        made.args(["--username", "wasmill", "--auth", "trust", "--encoding", "UTF8", "--no-sync", "--pgdata", "data"]);
        let made = made.output().unwrap();
        assert!(made.status.success(), "{made:?}");
        postgres.restart();
        postgres
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://wasmill@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Has it do something.
    pub fn sql(&self, sql: &str) {
        let mut psql = self.program("psql");
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", sql]);
        let done = psql.output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// What it answers, as text without a header; none if it refuses or is away.
    pub fn ask(&self, sql: &str) -> Option<String> {
        let mut psql = self.program("psql");
        psql.args(["-q", "-A", "-t", "-d", &self.url(), "-c", sql]);
        let done = psql.output().unwrap();
        done.status.success().then(|| String::from_utf8(done.stdout).unwrap().trim_end().to_owned())
    }

    /// Starts it again, and waits until it answers.
    pub fn restart(&mut self) {
        assert!(self.process.is_none());
        let mut command = self.program("postgres");
        let port = self.port.to_string();
        command.args(["-D", "data", "-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let process = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.process = Some(process);
        let started = Instant::now();
        let mut is_ready = self.program("pg_isready");
        is_ready.args(["--host", "127.0.0.1", "--port", &port]).stdout(Stdio::null());
        while !(TcpStream::connect(("127.0.0.1", self.port)).is_ok() && is_ready.status().unwrap().success()) {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(started.elapsed() < Duration::from_secs(30), "{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it, whatever it does at the moment.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // SIGQUIT: connections are cut, and nothing is written any more. (After a SIGKILL its children would linger.)
        Command::new("kill").args(["-QUIT", &process.id().to_string()]).status().unwrap();
        process.wait().unwrap();
    }

    /// One of its programs. The server refuses to be root; then it is in a namespace where it is not.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-user=1000", "--map-group=1000"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Where it was unpacked to, its libraries are as well.
        if let Some(root) = self.programs.ancestors().nth(4).filter(|root| *root != std::path::Path::new("/")) {
            command.env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
        }
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

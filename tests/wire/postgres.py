"""A real PostgreSQL as what is tested, so that what the clients expect is its word and not ours: starts one in a folder of its own,
with the tables of data.py, and runs a command with WIRE_… set and its host and port as the last arguments.

    python tests/wire/postgres.py PROGRAMS [--log FILE] -- python tests/wire/run.py

PROGRAMS is the folder that tools/postgres.sh prints. With --log, every statement is written to FILE, as CSV.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import data
from process import certificate

# Passwords of the test alone; they stand in SQL below.
PASSWORDS = {"analyst": "wire-analyst-1", "north": "wire-north-2", "late": "wire-late-3"}
CONNECTIONS = 12
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "default_transaction_read_only": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "off",
}


class Server:
    """A PostgreSQL in `folder`, which keeps its data there only while this is entered."""

    def __init__(self, programs: str, log: Path | None = None):
        self.programs, self.log = Path(programs), log
        # Where it was unpacked to, its libraries are as well; and it refuses to be root.
        root = str(self.programs).partition("/usr/lib/postgresql/")[0]
        self.env = dict(os.environ, LD_LIBRARY_PATH=f"{root}/usr/lib/x86_64-linux-gnu") if root else dict(os.environ)
        self.wrap = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
        self.settings = dict(SETTINGS)
        if log:
            self.settings |= {"log_statement": "all", "log_destination": "csvlog", "logging_collector": "on"}

    def command(self, name: str, *arguments: object) -> list[str]:
        return [*self.wrap, str(self.programs / name), *map(str, arguments)]

    def __enter__(self) -> "Server":
        self.folder = Path(tempfile.mkdtemp())
        pgdata = self.folder / "data"
        options = ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--pgdata", pgdata]
        (self.folder / "password").write_text("owner of it all\n")
        initdb = self.command("initdb", "-U", "owner", "--pwfile", self.folder / "password", *options)
        subprocess.run(initdb, env=self.env, check=True, stdout=subprocess.DEVNULL)
        self.certificate(pgdata)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        command = self.command("postgres", "-D", pgdata, "-p", self.port, *options)
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, env=self.env, stderr=log, stdout=log)
        try:
            self.fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def certificate(self, pgdata: Path) -> None:
        """TLS by a certificate that signed itself, if there is an openssl to make one."""
        if not shutil.which("openssl"):
            return
        self.ca, _ = certificate(pgdata)
        self.settings["ssl"] = "on"

    def fill(self) -> None:
        for _ in range(100):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.sql("postgres", "SELECT", stderr=subprocess.DEVNULL)
                break
            if self.process.poll() is not None:
                raise SystemExit((self.folder / "log").read_text())
            time.sleep(0.1)
        statements = ["SET default_transaction_read_only = off"]
        for user, password in PASSWORDS.items():
            until = "VALID UNTIL '2020-01-01'" if user == "late" else ""
            statements.append(f"CREATE ROLE {user} LOGIN CONNECTION LIMIT {CONNECTIONS} PASSWORD '{password}' {until}")
        self.sql("postgres", *statements, "CREATE DATABASE wasmill")
        self.sql("wasmill", statements[0], data.postgres({"user": "analyst", "tenant": "north"}))

    def sql(self, database: str, *statements: str, **options: object) -> None:
        address = ["-h", "127.0.0.1", "-p", self.port, "-U", "owner", "-d", database]
        psql = self.command("psql", "-X", "-q", *address, "-v", "ON_ERROR_STOP=1", "-f", "-")
        env = dict(self.env, PGPASSWORD="owner of it all")
        text = ";\n".join(statements) + ";"
        subprocess.run(psql, env=env, check=True, input=text, text=True, stdout=subprocess.DEVNULL, **options)

    def variables(self) -> dict[str, str]:
        variables = {
            "WIRE_USER": "analyst",
            "WIRE_TENANT_USER": "north",
            "WIRE_EXPIRED_USER": "late",
            "WIRE_CONNECTIONS": str(CONNECTIONS),
            "WIRE_REFERENCE": "1",
            "WIRE_PID": str(self.process.pid),
        }
        for name, user in (("", "analyst"), ("TENANT_", "north"), ("EXPIRED_", "late")):
            variables[f"WIRE_{name}PASSWORD"] = PASSWORDS[user]
        if hasattr(self, "ca"):
            variables["WIRE_CA"] = str(self.ca)
        return variables

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        logs = sorted((self.folder / "data" / "log").glob("*.csv"))
        if self.log and logs:
            self.log.write_bytes(b"".join(log.read_bytes() for log in logs))
        shutil.rmtree(self.folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", help="the folder of PostgreSQL's programs")
    parser.add_argument("--log", type=Path, help="write every statement to this file, as CSV")
    parser.add_argument("command", nargs="+", help="what to run, with the host and the port after it")
    arguments = parser.parse_args()
    with Server(arguments.programs, arguments.log) as server:
        command = [*arguments.command, "127.0.0.1", str(server.port)]
        status = subprocess.run(command, env=dict(os.environ, **server.variables())).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()

"""Servers that speak PostgreSQL's protocol: `wasmill up --sql`, and PostgreSQL itself with two of the tables."""

import asyncio
import io
import os
import shlex
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contestants import NewProcess

# How long a server may take until it listens, in seconds.
START = 60

# Who asks Wasmill, and in what database; both are options.
USER = "bench"
DATABASE = "wasmill"

# What PostgreSQL has of TPC-H: what the queries of `wire.py` read.
TABLES = {
    "nation": "n_nationkey bigint PRIMARY KEY, n_name text, n_regionkey bigint, n_comment text",
    "supplier": "s_suppkey bigint PRIMARY KEY, s_name text, s_address text, s_nationkey bigint, s_phone text,"
    " s_acctbal numeric(15, 2), s_comment text",
}


@dataclass
class Server:
    """Where one is and how to get in, as asyncpg takes it, and its process if it is one of ours."""

    name: str
    address: dict
    process: int | None = None


def access(wasmill: str, file: Path, user: str) -> str:
    """Writes who may ask what, and gives the password, which is the key."""
    made = subprocess.run([wasmill, "access", "new-key", "--principal", user], check=True, capture_output=True, text=True)
    file.write_text(f'{made.stderr}\n[[access.sql]]\ntables = ["*"]\nprincipals = ["{user}"]\n')
    file.chmod(0o600)
    return made.stdout.strip()


@contextmanager
def wasmill(arguments):
    """The server that `--server` names, or a new one."""
    address = {"user": arguments.user, "database": arguments.database, "ssl": arguments.sslmode}
    address["password"] = os.environ.get("PGPASSWORD", "")
    if arguments.server:
        host, port = arguments.server.rsplit(":", 1)
        yield Server("Wasmill", address | {"host": host, "port": int(port)})
        return
    # What an earlier run left in its journal is nothing to this one.
    shutil.rmtree(arguments.folder / ".wasmill", ignore_errors=True)
    file = arguments.access
    if file is None:
        file = arguments.folder / "access.toml"
        address["password"] = access(arguments.wasmill, file, arguments.user)
    port = free_port()
    command = [arguments.wasmill, "up", arguments.folder, "--addr", "127.0.0.1:0", "--sql", f"127.0.0.1:{port}"]
    command += ["--access", file, "--sql-memory", str(arguments.memory), *shlex.split(arguments.up)]
    with started(command, port, arguments.folder / "server.log") as process:
        yield Server("Wasmill", address | {"host": "127.0.0.1", "port": port}, process.pid)


@contextmanager
def postgres(programs: Path, folder: Path, duckdb: list):
    """PostgreSQL as it is without any settings. `duckdb` is the command that reads the tables."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # It refuses to be root.
    run = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
    data, port, environment = folder / "data", free_port(), unpacked(programs)
    make = [*run, programs / "initdb", "--username", "wasmill", "--auth", "trust", "--encoding", "UTF8", "--pgdata", data]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, env=environment)
    command = [*run, programs / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    address = {"host": "127.0.0.1", "port": port, "user": "wasmill", "database": "postgres", "ssl": "disable", "password": ""}
    with started([*command, "-c", "unix_socket_directories="], port, folder / "log", env=environment) as process:
        asyncio.run(fill(address, NewProcess([*duckdb, "--once"], START)))
        yield Server("PostgreSQL", address, process.pid)


async def fill(address: dict, reads: NewProcess) -> None:
    import asyncpg

    for _ in range(START * 10):
        try:
            connection = await asyncpg.connect(**address)
            break
        # It listens before it takes anyone in.
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(0.1)
    else:
        raise SystemExit("PostgreSQL takes nobody in")
    for table, columns in TABLES.items():
        await connection.execute(f"CREATE TABLE {table} ({columns})")
        _, rows = reads.run(f"SELECT * FROM {table}")
        await connection.copy_to_table(table, source=io.BytesIO(rows), format="csv", header=True)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def unpacked(programs: Path) -> dict:
    """The environment of programs that were unpacked, and do not know where their libraries are."""
    root = programs.parents[3]
    if root == Path("/"):
        return dict(os.environ)
    return os.environ | {"LD_LIBRARY_PATH": str(root / f"usr/lib/{os.uname().machine}-linux-gnu")}


def free_port() -> int:
    """Free by now, and mostly by the time that a server takes it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def started(command: list, port: int, log: Path, **more):
    with open(log, "w") as file:
        process = subprocess.Popen([str(part) for part in command], stdout=file, stderr=file, **more)
    try:
        until = time.monotonic() + START
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"`{command[0]}` does not listen on port {port}:\n{log.read_text()}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

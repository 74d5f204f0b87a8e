"""Document databases: how many documents a second functions write, beside the database's own clients on the same server; how
long it takes from a commit until an app is told of it; and how many reads a second `wasmill up` answers. `make bench-documents`.

Writers take turns within a round, so that a busy machine slows all of them; what is printed are medians of the rounds.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import contestants

KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="

MANIFEST = """version = 1
name = "bench"
[documents]
url = "{url}"
{more}
[[trigger]]
type = "http"
[[step]]
id = "read"
component = "ingest"
config = {{ format = "csv", columns = [{{ name = "id", type = "utf8" }}] }}
[[step]]
id = "publish"
component = "publish"
grants = {{ documents = ["bench"] }}
config = {{ collection = "bench", id = "{{id}}" }}
"""

ACCESS = """[access]
[[access.read]]
collections = ["*"]
anyone = true
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ["wasmill", "bench", "components", "cosmos", "postgres", "wrk", "couchdb"]:
        parser.add_argument(f"--{name}", required=name != "couchdb")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--writers", type=int, default=8)
    arguments = parser.parse_args()
    print(f"{arguments.batches * arguments.size:,} documents of 300 bytes in batches of {arguments.size}, {arguments.writers} at once")
    print(f"{'':34}{'documents/s':>12}{'p50':>10}{'p99':>10}   of a batch, ms")
    for kind in ["embedded", "postgres", "cosmos", "couchdb"]:
        if kind == "couchdb" and not arguments.couchdb:
            continue
        writes(arguments, kind)
    feed_and_reads(arguments)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(1500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


@contextmanager
def server(command: list[str], port: int, **more):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def database(arguments, kind: str, folder: Path):
    """A new, empty database: what the manifest says of it, and how its own client writes to it."""
    load = arguments.batches, arguments.size
    port = free_port()
    if kind == "embedded":
        yield "sqlite:documents.db", "", lambda: contestants.sqlite(str(folder / "sdk.db"), *load, 1)
    elif kind == "postgres":
        data = folder / "data"
        run = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
        programs = Path(arguments.postgres)
        environment = dict(os.environ)
        root = programs.parents[3]
        if root != Path("/"):
            environment["LD_LIBRARY_PATH"] = str(root / f"usr/lib/{os.uname().machine}-linux-gnu")
        make = [*run, str(programs / "initdb"), "--username", "wasmill", "--auth", "trust", "--encoding", "UTF8", "--pgdata", str(data)]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, env=environment)
        start = [*run, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        with server(start, port, env=environment):
            time.sleep(0.5)
            url = f"postgres://wasmill@127.0.0.1:{port}/postgres?sslmode=disable"
            yield url, "create = true", lambda: contestants.postgres(url, *load, arguments.writers)
    elif kind == "cosmos":
        with server([arguments.cosmos, KEY, str(port), "West Europe"], port):
            endpoint = f"http://127.0.0.1:{port}"
            yield f"cosmos+{endpoint}/shop", "create = true", lambda: contestants.cosmos(endpoint, KEY, *load, arguments.writers)
    else:
        command = ["node", arguments.couchdb, "--in-memory", "--host", "127.0.0.1", "--port", str(port), "--no-stdout-logs"]
        with server(command, port, cwd=folder):
            yield f"couchdb+http://127.0.0.1:{port}/", "create = true", None


def writes(arguments, kind: str) -> None:
    """What Wasmill and the database's own client write, round by round."""
    rows: dict[str, list[dict]] = {}

    def keep(who: str, what: str, per_second: float, p50: float, p99: float) -> None:
        rows.setdefault(f"{who}, {what}", []).append({"per_second": per_second, "p50": p50, "p99": p99})

    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with database(arguments, kind, folder) as (url, more, own):
                manifest = folder / "pipeline.toml"
                manifest.write_text(MANIFEST.format(url=url, more=more))
                command = [arguments.bench, "write", str(manifest), arguments.components]
                command += [str(arguments.writers), str(arguments.batches), str(arguments.size)]
                lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, "COSMOS_KEY": KEY}).stdout
                for line in map(json.loads, lines.decode().splitlines()):
                    keep(f"{kind}: Wasmill", line["what"], line["per_second"], line["p50_ms"], line["p99_ms"])
                if own:
                    asyncio.run(by_its_client(kind, own(), arguments, keep))
    for what, measured in rows.items():
        middle = {key: statistics.median(one[key] for one in measured) for key in ["per_second", "p50", "p99"]}
        print(f"{what:34}{middle['per_second']:12,.0f}{middle['p50']:10.1f}{middle['p99']:10.1f}", flush=True)


async def by_its_client(kind: str, measured, arguments, keep) -> None:
    names = {"embedded": "sqlite3", "postgres": "asyncpg", "cosmos": "azure-cosmos"}
    whats = iter(["new", "changed"])
    async for seconds, taken in measured:
        taken.sort()
        at = lambda quantile: taken[round((len(taken) - 1) * quantile)] * 1e3
        per_second = arguments.batches * arguments.size / seconds
        keep(f"{kind}: {names[kind]}", next(whats), per_second, at(0.5), at(0.99))


def feed_and_reads(arguments) -> None:
    """From a commit of another process to a client, and reads, of `wasmill up`."""
    for kind in ["embedded", "postgres"]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with database(arguments, kind, folder) as (url, more, _):
                manifest = folder / "pipeline.toml"
                manifest.write_text(MANIFEST.format(url=url, more=more))
                (folder / "access.toml").write_text(ACCESS)
                write = [arguments.bench, "write", str(manifest), arguments.components, "1", "100", "100"]
                subprocess.run(write, check=True, stdout=subprocess.DEVNULL)
                port = free_port()
                up = [arguments.wasmill, "up", str(manifest), "--addr", f"127.0.0.1:{port}", "--access", str(folder / "access.toml"), "--log-level", "error"]
                with server(up, port):
                    feed = [arguments.bench, "feed", str(manifest), f"127.0.0.1:{port}", "1000", "100"]
                    told = json.loads(subprocess.run(feed, check=True, stdout=subprocess.PIPE).stdout)
                    print(f"{kind}: from a commit to a client, 100 a second: p50 {told['p50_ms']:.1f} ms, p99 {told['p99_ms']:.1f} ms, most {told['most_ms']:.1f} ms", flush=True)
                    documents = f"http://127.0.0.1:{port}/v1/collections/bench/documents"
                    for what, url in {
                        "a document by its key": f"{documents}/7-50?partition_key=p7",
                        "20 documents of a partition": f"{documents}?partition_key=p7&limit=20",
                    }.items():
                        wrk = [*arguments.wrk.split(), "-t1", "-c16", "-d5s", "--latency", url]
                        said = subprocess.run(wrk, check=True, stdout=subprocess.PIPE, text=True).stdout
                        if "Non-2xx" in said:
                            raise SystemExit(said)
                        lines = [line.split() for line in said.splitlines()]
                        at = {line[0]: line[1] for line in lines if len(line) == 2 and line[0] in ("50%", "99%")}
                        rate = next(line[1] for line in lines if line[:1] == ["Requests/sec:"])
                        print(f"{kind}: {what}: {float(rate):,.0f} requests/s, p50 {at['50%']}, p99 {at['99%']}", flush=True)


if __name__ == "__main__":
    main()

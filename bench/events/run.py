"""Events from HTTP to documents, and a month of flights with the journal and without; `make bench-events`.

An event is a line of CSV. It is read, scored by a small model, and published, in fresh sandboxes for each event. Times are
the journal's own: from when an event was accepted until its effects were recorded, both durable by then.
"""

import argparse
import http.client
import json
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

# In front of the steps, and after them.
BEFORE = """
[stores.landing]
url = "file:landing"
[documents]
url = "sqlite:.wasmill/documents.db"
[[trigger]]
type = "http"
"""
AFTER = """
[[step]]
id = "publish"
component = "publish"
grants = { documents = ["events"] }
[step.config]
collection = "events"
id = "{id}"
"""

LUA = """
local thread_id = 0
function setup(thread) thread:set("number", thread_id); thread_id = thread_id + 1 end
local count = 0
function request()
  count = count + 1
  return wrk.format("POST", "/v1/events", nil, "e" .. number .. "-" .. count .. ",{values}\\n")
end
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wasmill", required=True)
    parser.add_argument("--wrk", required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=15)
    arguments = parser.parse_args()
    wasmill = str(Path(arguments.wasmill).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values = write(folder, arguments.models / "small")
        Up.bake(folder, wasmill)
        rate = throughput(folder, wasmill, arguments.wrk, values, arguments.seconds)
        latency(folder, wasmill, values, rate / 2, arguments.seconds)
    bulk(wasmill)


def write(folder: Path, model: Path) -> str:
    """The pipeline that the benchmark of endpoints scores with, with an id and a place to go; an event without its id."""
    shutil.copy(model / "model.onnx", folder / "model.onnx")
    manifest = (model / "pipeline.toml").read_text()
    columns = manifest.count("float32")
    manifest = manifest.replace("[[step]]", BEFORE + "[[step]]", 1)
    manifest = manifest.replace("columns = [\n", 'header = false\ncolumns = [\n    { name = "id", type = "utf8", nullable = false },\n', 1)
    manifest = manifest.replace("keep = []", 'keep = ["id"]')
    (folder / "pipeline.toml").write_text(manifest + AFTER)
    (folder / "landing").mkdir()
    return ",".join(["0.5"] * columns)


class Up:
    """A `wasmill up` that works with baked functions."""

    def __init__(self, folder: Path, wasmill: str) -> None:
        shutil.rmtree(folder / ".wasmill", ignore_errors=True)
        command = [wasmill, "up", str(folder), "--addr", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip().removeprefix("http://")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.journal = sqlite3.connect(folder / ".wasmill/journal.db", timeout=30)

    @staticmethod
    def bake(folder: Path, wasmill: str) -> None:
        """Has the functions baked, which the next start finds."""
        command = [wasmill, "up", str(folder), "--addr", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            # If they were baked before, nothing is said.
            timer = threading.Timer(120, process.terminate)
            timer.start()
            for line in process.stderr:
                if line.startswith("every function is baked"):
                    process.terminate()
            timer.cancel()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def count(self, state: str) -> int:
        return self.journal.execute("SELECT count(*) FROM events WHERE state = ?", [state]).fetchone()[0]

    def drained(self) -> float:
        while self.count("waiting") + self.count("running"):
            time.sleep(0.02)
        return time.monotonic()


def throughput(folder: Path, wasmill: str, wrk: str, values: str, seconds: int) -> float:
    up = Up(folder, wasmill)
    script = folder / "post.lua"
    script.write_text(LUA.replace("{values}", values))
    started = time.monotonic()
    command = [*wrk.split(), "-t1", "-c64", f"-d{seconds}s", "-s", str(script), f"http://{up.address}/v1/events"]
    subprocess.run(command, check=True, capture_output=True)
    elapsed = up.drained() - started
    done, dead = up.count("done"), up.count("dead")
    documents = sqlite3.connect(folder / ".wasmill/documents.db").execute("SELECT count(*) FROM documents").fetchone()[0]
    up.stop()
    if documents != done or dead:
        raise SystemExit(f"{done} events are done, {dead} dead, and there are {documents} documents")
    print(f"events from HTTP to documents: {done / elapsed:,.0f}/s ({done:,} in {elapsed:.1f} s)")
    return done / elapsed


def latency(folder: Path, wasmill: str, values: str, rate: float, seconds: int) -> None:
    up = Up(folder, wasmill)
    threads = 32
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection(up.address)
        due = time.monotonic() + number * threads / rate / threads
        count = 0
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            connection.request("POST", "/v1/events", f"l{number}-{count},{values}\n")
            connection.getresponse().read()
            count += 1
            due += threads / rate

    clients = [threading.Thread(target=client, args=[number]) for number in range(threads)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    up.drained()
    query = "SELECT a.ended - e.accepted FROM attempts a JOIN events e ON e.sequence = a.event ORDER BY e.sequence"
    times = [row[0] / 1e3 for row in up.journal.execute(query)]
    up.stop()
    # The first second warms up.
    times = times[int(rate) :]
    parts = statistics.quantiles(times, n=100)
    print(f"at half of that, {len(times) / (seconds - 1):,.0f}/s: p50 {parts[49]:.1f} ms, p99 {parts[98]:.1f} ms from accepted to done")


def bulk(wasmill: str) -> None:
    """The flights' month, five times each way, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "flights"
        shutil.copytree("manifests/flights", folder, ignore=shutil.ignore_patterns(".wasmill"))
        # Totals have their ledger in the journal, either way.
        manifest = folder / "pipeline.toml"
        text, counted, _ = manifest.read_text().partition("# The same flights once more")
        assert counted
        manifest.write_text(text)
        without, with_journal = [], []
        for _ in range(6):
            shutil.rmtree(folder / ".wasmill", ignore_errors=True)
            ran = subprocess.run([wasmill, "run", str(folder), "--format", "json"], capture_output=True, text=True)
            without.append(json.loads(ran.stdout)["events"][0]["seconds"])
            shutil.rmtree(folder / ".wasmill", ignore_errors=True)
            subprocess.run([wasmill, "up", str(folder), "--addr", "127.0.0.1:0", "--drain"], capture_output=True)
            journal = sqlite3.connect(folder / ".wasmill/journal.db")
            with_journal.append(journal.execute("SELECT ended - accepted FROM attempts JOIN events ON sequence = event").fetchone()[0] / 1e6)
        # The first of each may still have compiled something.
        plain, journaled = statistics.median(without[1:]), statistics.median(with_journal[1:])
        print(f"a month of flights: {plain:.3f} s without the journal, {journaled:.3f} s with it: {journaled / plain:.2f} times")


if __name__ == "__main__":
    main()

"""Messages of NATS JetStream to documents, by one worker and by two on one consumer; `make bench-events`.

The stream is filled first. Then the workers are started and wait, the consumer is opened, and the time is taken until every
message is acknowledged, which is when its effects are durable. Effects are counted by the store: each takes the next number,
so a second effect of a message would leave more numbers than documents. Beside the rate stands the processor time that a
message took, in the workers and in the server: on two cores, which they share, it says more.
"""

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.js.api import ConsumerConfig

from run import Up, write

CONSUMER = "bench"

TRIGGER = """type = "nats"
url = "{url}"
stream = "{stream}"
consumer = "bench"
"""

# Messages that are published and not stored yet.
WINDOW = 1000


@dataclass
class Stream:
    """A stream that was filled."""

    name: str
    messages: int
    lines: int


@dataclass
class Row:
    """What is tried: the cores of each worker, and what they take."""

    what: str
    workers: list[set[int]]
    stream: Stream


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wasmill", required=True)
    parser.add_argument("--nats-server", required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--messages", type=int, default=60_000)
    arguments = parser.parse_args()
    wasmill = str(Path(arguments.wasmill).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(arguments.nats_server, folder)
        try:
            values = write(folder, arguments.models / "small")
            # The functions are baked by a pipeline that takes nothing, and found by the others.
            Up.bake(folder, wasmill)
            asyncio.run(bench(server, folder, wasmill, values, arguments.messages))
        finally:
            server.process.kill()


async def bench(server: "Server", folder: Path, wasmill: str, values: str, count: int) -> None:
    broker = await nats.connect(server.url)
    single = await fill(broker, server, Stream("SINGLE", count, 1), values)
    several = await fill(broker, server, Stream("SEVERAL", count // 10, 100), values)
    manifest = folder / "pipeline.toml"
    http = manifest.read_text()
    cores = os.sched_getaffinity(0)
    first, second = {min(cores)}, {max(cores)}
    for row in [
        Row("one worker on one core", [first], single),
        Row("two workers, a core each", [first, second], single),
        Row("one worker on all cores", [cores], single),
        Row("two workers on all cores", [cores, cores], single),
        Row("one worker on one core", [first], several),
        Row("two workers, a core each", [first, second], several),
    ]:
        manifest.write_text(http.replace('type = "http"\n', TRIGGER.format(url=server.url, stream=row.stream.name)))
        await drain(broker, server, folder, wasmill, row)
    await broker.close()


async def fill(broker, server: "Server", stream: Stream, values: str) -> Stream:
    """Publishes messages of so many lines, whose ids are all different."""
    context = broker.jetstream()
    await context.add_stream(name=stream.name, subjects=[f"{stream.name}.>"])
    before, started = server.seconds(), time.monotonic()
    stored, size = [], 0
    for number in range(stream.messages):
        message = "".join(f"m{number}-{line},{values}\n" for line in range(stream.lines)).encode()
        size += len(message)
        stored.append(await context.publish_async(f"{stream.name}.in", message))
        if len(stored) == WINDOW:
            await asyncio.gather(*stored)
            stored.clear()
    await asyncio.gather(*stored)
    rate, took = stream.messages / (time.monotonic() - started), (server.seconds() - before) / stream.messages
    print(f"{stream.messages:,} messages of {stream.lines} lines, {size // stream.messages} bytes, stored at {rate:,.0f}/s by one client in Python; {took * 1e6:.0f} µs of the server's processor time each", flush=True)
    return stream


async def drain(broker, server: "Server", folder: Path, wasmill: str, row: Row) -> None:
    shutil.rmtree(folder / ".wasmill", ignore_errors=True)
    context, stream = broker.jetstream(), row.stream
    settings = ConsumerConfig(durable_name=CONSUMER, ack_policy="explicit", ack_wait=30, max_deliver=-1, max_ack_pending=20_000)
    await context.add_consumer(stream.name, settings)
    await pause(broker, stream, "2100-01-01T00:00:00Z")
    workers = []
    try:
        for cores in row.workers:
            workers.append(Worker(folder, wasmill, cores))
        before = sum(worker.seconds() for worker in workers), server.seconds()
        await pause(broker, stream, None)
        started = time.monotonic()
        while True:
            info = await context.consumer_info(stream.name, CONSUMER)
            if info.num_pending + info.num_ack_pending == 0:
                break
            if time.monotonic() - started > 600:
                raise SystemExit(f"{row.what}: {info.num_pending} messages wait, {info.num_ack_pending} are not acknowledged")
            await asyncio.sleep(0.02)
        elapsed = time.monotonic() - started
        work = (sum(worker.seconds() for worker in workers) - before[0]) / stream.messages
        serving = (server.seconds() - before[1]) / stream.messages
    finally:
        for worker in workers:
            worker.stop()
    count = stream.messages * stream.lines
    store = sqlite3.connect(folder / ".wasmill/documents.db")
    documents, effects = store.execute("SELECT count(*), max(sequence) FROM documents").fetchone()
    if (documents, effects) != (count, count):
        raise SystemExit(f"{row.what}: of {count} lines there are {documents} documents and {effects} effects")
    await context.delete_consumer(stream.name, CONSUMER)
    lines = f", {count / elapsed:,.0f} lines/s" if stream.lines > 1 else ""
    print(f"{row.what}: {stream.messages / elapsed:,.0f} messages/s{lines}; processor time of a message: {work * 1e6:.0f} µs in the workers, {serving * 1e6:.0f} µs in the server", flush=True)


async def pause(broker, stream: Stream, until: str | None) -> None:
    """Has the consumer give out nothing until then."""
    request = json.dumps({"pause_until": until} if until else {}).encode()
    answer = await broker.request(f"$JS.API.CONSUMER.PAUSE.{stream.name}.{CONSUMER}", request)
    if "error" in json.loads(answer.data):
        raise SystemExit(f"the consumer cannot be paused: {answer.data.decode()}")


class Process:
    """A program whose processor time is asked for."""

    process: subprocess.Popen

    def seconds(self) -> float:
        # Fields 14 and 15, after the name in brackets.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Worker(Process):
    """A `wasmill up` on some cores, which is connected."""

    def __init__(self, folder: Path, wasmill: str, cores: set[int]) -> None:
        command = [wasmill, "up", str(folder), "--addr", "127.0.0.1:0"]
        limit = lambda: os.sched_setaffinity(0, cores)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if line.rstrip().endswith(": connected"):
                break
        else:
            raise SystemExit("".join(said))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Server(Process):
    """A NATS server with JetStream, its store in a folder."""

    def __init__(self, program: str, folder: Path) -> None:
        config = folder / "nats.conf"
        config.write_text(f"host: 127.0.0.1\nport: -1\nports_file_dir: '{folder}'\njetstream {{ store_dir: '{folder}/nats' }}\n")
        self.process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ports = folder / f"nats-server_{self.process.pid}.ports"
        end = time.monotonic() + 30
        while not ports.exists() or not ports.read_text():
            if time.monotonic() > end:
                sys.exit("the NATS server does not start")
            time.sleep(0.05)
        self.url = json.loads(ports.read_text())["nats"][0]


if __name__ == "__main__":
    main()

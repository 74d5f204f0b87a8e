"""Who is asked: a new process for each query, or a session that has been there before."""

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import answers

ENGINE = Path(__file__).resolve().parent / "engine.py"


class Failed(Exception):
    """A query that was not answered."""


class NewProcess:
    """A process for each query, which reads it from standard input and writes its rows as CSV."""

    def __init__(self, command: list, timeout: float):
        self.command, self.timeout = [str(part) for part in command], timeout
        self.peak = 0.0

    def ask(self, sql: str) -> tuple[float, answers.Answer]:
        """How long the process was there, and what it said. Its peak memory is what the operating system says of it."""
        seconds, said = self.run(sql)
        columns, *rows = csv.reader(io.StringIO(said.decode(), newline=""))
        return seconds, (columns, rows)

    def run(self, sql: str) -> tuple[float, bytes]:
        with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            asked.write(sql.encode())
            asked.seek(0)
            started = time.perf_counter()
            process = subprocess.Popen(self.command, stdin=asked, stdout=said, stderr=errors)
            too_long = threading.Timer(self.timeout, process.kill)
            too_long.start()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            too_long.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            errors.seek(0)
            if process.returncode != 0:
                raise Failed(f"exit code {process.returncode}: {errors.read().decode(errors='replace').strip()}")
            self.peak = max(self.peak, usage.ru_maxrss / 1024)
            return seconds, said.read()

    def close(self) -> None:
        pass


class EngineSession:
    """A session of an engine of `engine.py`."""

    def __init__(self, command: list):
        command = [str(part) for part in command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, sql: str) -> tuple[float, answers.Answer]:
        try:
            print(json.dumps(sql), file=self.process.stdin, flush=True)
        except BrokenPipeError as err:
            raise Failed("the session is over") from err
        said = json.loads(self.process.stdout.readline() or '{"failed": "the session is over"}')
        if "failed" in said:
            raise Failed(said["failed"])
        return said["seconds"], (said["columns"], said["rows"])

    @property
    def peak(self) -> float | None:
        return peak_of(self.process.pid)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class WireSession:
    """A connection to a server that speaks PostgreSQL's protocol. `process` is the server's, if it is one of ours."""

    def __init__(self, address: dict, timeout: float, process: int | None):
        self.address, self.timeout, self.process = address, timeout, process
        self.loop = asyncio.new_event_loop()
        self.connection = None

    def ask(self, sql: str) -> tuple[float, answers.Answer]:
        """Columns and rows come by the extended protocol, in binary form. Plans are not kept, for the others keep none."""
        # Only who asks a server needs it.
        import asyncpg

        try:
            if self.connection is None or self.connection.is_closed():
                connect = asyncpg.connect(**self.address, statement_cache_size=0, timeout=self.timeout)
                self.connection = self.loop.run_until_complete(connect)
            started = time.perf_counter()
            columns, rows = self.loop.run_until_complete(asyncio.wait_for(self._fetch(sql), self.timeout))
            seconds = time.perf_counter() - started
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as err:
            raise Failed(f"{type(err).__name__}: {err}") from err
        return seconds, (columns, [list(map(answers.text, row)) for row in rows])

    async def _fetch(self, sql: str):
        statement = await self.connection.prepare(sql)
        rows = await statement.fetch()
        return [attribute.name for attribute in statement.get_attributes()], rows

    @property
    def peak(self) -> float | None:
        return peak_of(self.process) if self.process else None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
        self.loop.close()


def peak_of(process: int) -> float:
    """The most memory that a process has had, in MiB; of one that ended nothing is known."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
    return int(found[1]) / 1024 if found else 0.0


def engine(name: str, folder: Path, threads: int, mib: int) -> list:
    """The command of a session of an engine."""
    return [sys.executable, ENGINE, name, folder, threads, mib]

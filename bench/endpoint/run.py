"""Times scoring endpoints, and the sandboxes behind them, in turns: python run.py --help

Everything takes turns within one run, so that a machine that slows down slows all of it; medians are compared.
"""

import argparse
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa

HERE = Path(__file__).resolve().parent
BATCHES = (1, 32, 1024)
MODELS = ("small", "trees", "large")


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


# Sandboxes and batches.


def onnx_runtime(folder: Path, seconds: float) -> dict[str, float]:
    """Microseconds for each size of batch, with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    output = json.loads((folder / "config.json").read_text())["outputs"][0]["name"]
    table = pa.ipc.open_stream(folder / "rows.arrow").read_all().drop_columns("__row")
    rows = np.stack([column.to_numpy() for column in table.columns], axis=1)
    times = {}
    for size in BATCHES:
        batch = {session.get_inputs()[0].name: np.ascontiguousarray(rows[:size])}
        calls, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            started = time.perf_counter()
            session.run([output], batch)
            calls.append(time.perf_counter() - started)
        times[str(size)] = statistics.median(calls) * 1e6
    return times


def time_models(arguments: argparse.Namespace) -> dict:
    rounds: dict[str, list[dict]] = {model: [] for model in MODELS}
    for turn in range(arguments.runs):
        for model in MODELS:
            folder = arguments.models / model
            said = subprocess.run([arguments.score, arguments.component, folder], capture_output=True, check=True)
            run = json.loads(said.stdout)
            for size, micros in onnx_runtime(folder, 1).items():
                run["batches"][size]["onnxruntime"] = micros
            rounds[model].append(run)
            say(f"run {turn + 1}, {model}: a fresh sandbox scores a row in {run['baked'] / 1e3:.3f} ms")
    return rounds


def print_models(rounds: dict[str, list[dict]]) -> None:
    def median(model: str, *path: str) -> float:
        values = []
        for run in rounds[model]:
            for key in path:
                run = run[key]
            values.append(run)
        return statistics.median(values)

    print("\na fresh sandbox and its first row   unbaked, ms   baked, ms   times less")
    for model in MODELS:
        before, after = median(model, "unbaked") / 1e3, median(model, "baked") / 1e3
        print(f"{model:34} {before:>12.2f} {after:>11.3f} {before / after:>12.0f}")
    print("\na batch in a warm sandbox    rows    wasm, µs  native, µs   ort, µs  to native  to ort")
    for model in MODELS:
        for size in map(str, BATCHES):
            wasm, native, ort = (median(model, "batches", size, who) for who in ("wasm", "native", "onnxruntime"))
            print(
                f"{model:27} {size:>6} {wasm:>11.1f} {native:>11.1f} {ort:>9.1f}"
                f" {wasm / native:>9.2f}x {wasm / ort:>6.2f}x"
            )


# Requests.


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def server(command: list, environment: dict[str, str]):
    """Starts a server on a free port, in place of PORT in its command; ends it."""
    port = free_port()
    command = [str(part).replace("PORT", str(port)) for part in command]
    said = tempfile.TemporaryFile()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=said, stderr=said, cwd=HERE)
    try:
        end = time.monotonic() + 120
        while True:
            if process.poll() is not None:
                said.seek(0)
                raise SystemExit(f"failed: {' '.join(command)}\n{said.read().decode()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise SystemExit(f"does not listen: {' '.join(command)}") from None
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def ask(url: str, body: bytes | None) -> bytes:
    request = urllib.request.Request(url, body, {"content-type": "application/json"} if body else {})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read()


def load(wrk: list[str], url: str, body: Path | None, seconds: int) -> dict:
    """One thread of wrk with eight connections: requests a second, and milliseconds."""
    script = ["-s", HERE / "post.lua"] if body else []
    rest = ["--", body] if body else []
    command = [*wrk, "-t1", "-c8", f"-d{seconds}s", "--latency", *script, url, *rest]
    said = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"requests failed at {url}:\n{said}")
    scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}

    def percentile(which: str) -> float:
        value, unit = re.search(rf"{which}%\s+([\d.]+)(us|ms|s)", said).groups()
        return float(value) * scale[unit]

    return {
        "requests": float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)),
        "p50": percentile("50"),
        "p99": percentile("99"),
    }


def time_servers(arguments: argparse.Namespace) -> dict[str, list[dict]]:
    small = arguments.models / "small"
    table = pa.ipc.open_stream(small / "rows.arrow").read_all().drop_columns("__row")
    row = table.slice(0, 1).to_pylist()[0]
    body = arguments.models / "row.json"
    body.write_text(json.dumps(row))
    session = onnxruntime.InferenceSession(small / "model.onnx", providers=["CPUExecutionProvider"])
    expected = float(session.run(["y"], {"x": np.array([list(row.values())], np.float32)})[0][0, 0])

    ours = [arguments.wasmill, "serve", "--addr", "127.0.0.1:PORT"]
    theirs = [arguments.wasmtime, "serve", "-S", "cli=y", "--addr", "127.0.0.1:PORT"]
    p2, p3 = arguments.models / "small-p2.wasm", arguments.models / "small-p3.wasm"
    fastapi = [sys.executable, "-m", "uvicorn", "app:app", "--port", "PORT", "--log-level", "warning"]
    fastapi += ["--no-access-log", "--loop", "uvloop", "--http", "httptools"]
    score, live = "/v1/score", "/v2/health/live"
    servers = {
        "wasmill, fresh, WASI 0.2": ([*ours, p2], score),
        "wasmill, fresh, WASI 0.3": ([*ours, p3], score),
        "wasmill, reused 128 times, WASI 0.2": ([*ours, "--reuse", "128", p2], score),
        "wasmill, reused 128 times, WASI 0.3": ([*ours, "--reuse", "128", p3], score),
        "wasmtime serve, fresh, WASI 0.2": ([*theirs, p2], score),
        "wasmtime serve, reused, WASI 0.3": ([*theirs, p3], score),
        "wasmtime serve, reused, no model": ([*theirs, p3], live),
        "FastAPI, ONNX Runtime, orjson": (fastapi, score),
    }
    rounds: dict[str, list[dict]] = {name: [] for name in servers}
    for turn in range(arguments.runs):
        for name, (command, path) in servers.items():
            with server(command, {"MODEL": str(small / "model.onnx")}) as url:
                if path == score:
                    answer = json.loads(ask(url + path, body.read_bytes()))
                    if abs(answer["rows"][0]["score"] - expected) > 1e-5:
                        raise SystemExit(f"{name} answers {answer}, expected {expected}")
                sent = body if path == score else None
                load(arguments.wrk, url + path, sent, 1)
                rounds[name].append(load(arguments.wrk, url + path, sent, arguments.seconds))
                say(f"run {turn + 1}, {name}: {rounds[name][-1]['requests']:,.0f} requests/s")
    return rounds


def print_servers(rounds: dict[str, list[dict]]) -> None:
    median = lambda name, key: statistics.median(run[key] for run in rounds[name])  # noqa: E731
    first = median(next(iter(rounds)), "requests")
    print("\none row a request, wrk -t1 -c8          requests/s   p50, ms   p99, ms    to first")
    for name in rounds:
        requests = median(name, "requests")
        print(
            f"{name:38} {requests:>11,.0f} {median(name, 'p50'):>9.2f} {median(name, 'p99'):>9.2f}"
            f" {requests / first:>10.2f}x"
        )


def absolute(path: str) -> Path:
    return Path(path).resolve()


def main() -> None:
    parser = argparse.ArgumentParser(description="Sandboxes, batches and endpoints, and what else there is.")
    parser.add_argument("--wasmill", type=absolute, required=True)
    parser.add_argument("--wasmtime", type=absolute, required=True)
    parser.add_argument("--wrk", type=str.split, required=True, help="the command, of one word or several")
    parser.add_argument("--score", type=Path, required=True, help="bench/native's program for one model")
    parser.add_argument("--component", type=Path, required=True, help="score.wasm as it ships")
    parser.add_argument("--models", type=absolute, required=True, help="the folder that make.py made, with endpoints")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of load on a server, in each run")
    parser.add_argument("--only", choices=("models", "servers"))
    arguments = parser.parse_args()
    if arguments.only != "servers":
        models = time_models(arguments)
    if arguments.only != "models":
        servers = time_servers(arguments)
    if arguments.only != "servers":
        print_models(models)
    if arguments.only != "models":
        print_servers(servers)


if __name__ == "__main__":
    main()

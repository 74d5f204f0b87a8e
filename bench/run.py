"""Runs the same pipeline by Wasmill, natively and in Python, in turn, and prints a table.

Each contestant writes the same documents into a SQLite file of its own, which is deleted before each run. Runs take
turns, so that a machine that slows down slows all of them; medians are compared. Peak memory is what the operating
system says of the process.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
MONTH = ROOT / "manifests" / "flights" / "data" / "flights-2013-01.csv.gz"


def measure(command: list[str]) -> dict:
    """Runs a command; what it printed as JSON, and its wall time and peak memory."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    # 1 is how wasmill says that rows were rejected, which is so here.
    if os.waitstatus_to_exitcode(status) > 1:
        raise SystemExit(f"failed: {' '.join(command)}")
    return {
        "said": json.loads(output.splitlines()[-1]),
        "wall": time.perf_counter() - started,
        "peak": usage.ru_maxrss / 1024,
    }


def wasmill(arguments: argparse.Namespace, flights: pathlib.Path) -> dict:
    forget(arguments.year / ".wasmill" / "documents.db")
    run = measure([arguments.wasmill, "run", arguments.year, flights, "--format", "json"])
    event = run["said"]["events"][0]
    return run | {"rows": event["rows"], "seconds": event["seconds"], "start_up": run["said"]["start_up_seconds"]}


def native(arguments: argparse.Namespace, flights: pathlib.Path) -> dict:
    forget(arguments.year / ".wasmill" / "documents.db")
    components = pathlib.Path(arguments.wasmill).resolve().parent / "components"
    run = measure([arguments.native, arguments.year / "pipeline.toml", components, flights])
    return run | {key: run["said"][key] for key in ("rows", "seconds")} | {"start_up": run["said"]["start_up_seconds"]}


def python(engine: str):
    def contestant(arguments: argparse.Namespace, flights: pathlib.Path) -> dict:
        database = arguments.year / ".wasmill" / "python.db"
        database.parent.mkdir(exist_ok=True)
        forget(database)
        command = [sys.executable, ROOT / "bench" / "python" / "pipeline.py", "--engine", engine]
        command += ["--flights", flights, "--tables", arguments.year / "data", "--database", database]
        run = measure([str(part) for part in command])
        said = run["said"]
        return run | {"rows": said["rows"], "seconds": said["total_seconds"], "start_up": said["startup_seconds"]}

    return contestant


def forget(database: pathlib.Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(f"{database}{suffix}").unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="The flights of a year, by Wasmill and by others.")
    parser.add_argument("--wasmill", required=True)
    parser.add_argument("--native", help="the native counterpart; left out if not given")
    parser.add_argument("--year", type=pathlib.Path, required=True, help="folder that `make data` made")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    year = arguments.year / "data" / "flights-2013.csv.gz"
    contestants = {"wasmill": wasmill, "native": native, "polars": python("polars"), "pandas": python("pandas")}
    if arguments.native is None:
        del contestants["native"]

    runs: dict[str, list[dict]] = {name: [] for name in contestants}
    months = []
    for turn in range(arguments.runs):
        for name, contestant in contestants.items():
            runs[name].append(contestant(arguments, year))
            print(f"run {turn + 1}, {name}: {runs[name][-1]['seconds']:.2f} s", file=sys.stderr)
        months.append(wasmill(arguments, MONTH))

    def median(name: str, key: str) -> float:
        return statistics.median(run[key] for run in runs[name])

    ours = median("wasmill", "seconds")
    print(f"{'':10} {'rows':>9} {'seconds':>8} {'rows/s':>9} {'start-up':>9} {'all':>8} {'peak MiB':>9} {'to wasmill':>11}")
    for name in contestants:
        seconds, rows = median(name, "seconds"), runs[name][0]["rows"]
        print(
            f"{name:10} {rows:>9,} {seconds:>8.2f} {rows / seconds:>9,.0f} {median(name, 'start_up'):>9.2f}"
            f" {median(name, 'wall'):>8.2f} {median(name, 'peak'):>9,.0f} {seconds / ours:>10.2f}x"
        )
    month = statistics.median(run["peak"] for run in months)
    print(f"wasmill's peak memory: {month:,.0f} MiB for January, {median('wasmill', 'peak'):,.0f} MiB for the year")


if __name__ == "__main__":
    main()

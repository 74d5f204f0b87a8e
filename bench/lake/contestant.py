"""What the contestants in Python have in common: the flights' columns, and how a run is asked for and told.

    python with_ENGINE.py FORMAT SOURCE TABLE WARM_UP

FORMAT is `csv`, of which SOURCE is a file, or `jsonl`, of which it is a folder. WARM_UP is one more such source, which is
taken first. A line of JSON tells the seconds of start-up (imports, a session; not the interpreter's own) and of SOURCE.
"""

import json
import pathlib
import shutil
import sys
import time
import tomllib

MANIFEST = pathlib.Path(__file__).resolve().parents[2] / "manifests" / "flights" / "pipeline.toml"

# How times are written, as strptime has it.
TIME = "%Y-%m-%dT%H:%M:%SZ"


def columns(types: dict) -> dict:
    """The flights' columns, each with what an engine calls its type."""
    manifest = tomllib.loads(MANIFEST.read_text())
    return {column["name"]: types[column["type"]] for column in manifest["step"][0]["config"]["columns"]}


def remove(table: pathlib.Path) -> None:
    if table.is_dir():
        shutil.rmtree(table)
    else:
        table.unlink(missing_ok=True)


def run(started: float, formats: dict) -> None:
    """Does what was asked; `formats` has a function of source and table for each format."""
    work, (source, table, warm_up) = formats[sys.argv[1]], sys.argv[2:]
    start_up = time.perf_counter() - started
    warm = pathlib.Path(table + ".warm-up")
    remove(warm)
    work(warm_up, str(warm))
    remove(warm)
    began = time.perf_counter()
    work(source, table)
    print(json.dumps({"start_up_seconds": start_up, "seconds": time.perf_counter() - began}), flush=True)

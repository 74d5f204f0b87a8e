"""The flights demo without Wasmill, as one would write it in Python: to measure against, and to check results.

    python ../../manifests/flights/data/fetch.py --year YEAR
    python pipeline.py --engine polars --flights YEAR/flights-2013.csv.gz --tables YEAR

It reads the same files, derives the same columns (times by real time zones), drops what the same rules reject,
scores with ONNX Runtime, and upserts the same documents into SQLite. It prints one line of JSON: rows, seconds by
phase, seconds of start-up (imports and loading the model; not the interpreter's own), peak memory.
"""

import time

STARTED = time.perf_counter()

import argparse
import csv
import gzip
import importlib
import json
import pathlib
import resource
import sqlite3
import sys

import numpy as np
import onnxruntime
import orjson

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / "manifests" / "flights"

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
ORIGINS = ["EWR", "JFK", "LGA"]

# What a document holds; what is not in it is not computed for it.
COLUMNS = [
    "flight_date", "carrier", "carrier_name", "flight", "origin", "dest", "dest_name", "distance", "tailnum",
    "plane_manufacturer", "plane_model", "plane_seats", "status", "scheduled_departure", "actual_departure",
    "departure_delay", "scheduled_arrival", "actual_arrival", "arrival_delay", "arrived_late", "temperature",
    "wind_speed", "visibility",
]  # fmt: skip

# To one decimal.
ROUNDED = ["temperature", "wind_speed", "visibility"]

TABLE = """
CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (collection, partition_key, id)
) WITHOUT ROWID
"""

UPSERT = """
INSERT INTO documents (collection, partition_key, id, version, body) VALUES ('flights', ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body
WHERE excluded.version >= version AND excluded.body <> body
"""

# Timestamps are datetimes in UTC without a zone.
JSON_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


class Phases:
    """Seconds by phase, added up."""

    def __init__(self):
        self.seconds: dict[str, float] = {}
        self.at = time.perf_counter()

    def end(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.at
        self.at = now


def score(session: onnxruntime.InferenceSession, features: np.ndarray, batch: int) -> np.ndarray:
    parts = [
        session.run(None, {"features": features[start : start + batch]})[0][:, 0]
        for start in range(0, len(features), batch)
    ]
    return np.concatenate(parts)


def documents(columns: dict[str, list], risks: list[float], version: int):
    """Rows for UPSERT."""
    for (
        flight_date, carrier, carrier_name, flight, origin, dest, dest_name, distance, tailnum,
        plane_manufacturer, plane_model, plane_seats, status, scheduled_departure, actual_departure,
        departure_delay, scheduled_arrival, actual_arrival, arrival_delay, arrived_late, temperature,
        wind_speed, visibility, risk,
    ) in zip(*(columns[name] for name in COLUMNS), risks):  # fmt: skip
        body = {
            "flight_date": flight_date,
            "carrier": {"code": carrier, "name": carrier_name},
            "flight": flight,
            "origin": origin,
            "destination": {"code": dest, "name": dest_name},
            "distance": distance,
            "plane": {
                "tail_number": tailnum,
                "manufacturer": plane_manufacturer,
                "model": plane_model,
                "seats": plane_seats,
            },
            "status": status,
            "departure": {
                "scheduled": scheduled_departure,
                "actual": actual_departure,
                "delay_minutes": departure_delay,
            },
            "arrival": {
                "scheduled": scheduled_arrival,
                "actual": actual_arrival,
                "delay_minutes": arrival_delay,
                "late": arrived_late,
            },
            "weather": {"temperature": temperature, "wind_speed": wind_speed, "visibility": visibility},
            "risk": risk,
        }
        id = f"{flight_date}-{carrier}{flight}-{origin}"
        yield origin, id, version, orjson.dumps(body, option=JSON_OPTIONS).decode()


def publish(db: sqlite3.Connection, engine, frame, risks: np.ndarray, batch: int, version: int) -> None:
    """Upserts the documents, a transaction for each batch."""
    for start in range(0, len(risks), batch):
        columns = engine.lists(frame, start, batch)
        rounded = np.round(risks[start : start + batch].astype(np.float64), 4).tolist()
        with db:
            db.executemany(UPSERT, documents(columns, rounded, version))


def check(engine, frame, risks: np.ndarray, expected: pathlib.Path) -> None:
    """Fails unless ids and scores are those of a file like manifests/flights/expected/scores.csv.gz."""
    columns = engine.lists(frame, 0, len(risks))
    keys = zip(*(columns[name] for name in ("flight_date", "carrier", "flight", "origin")))
    found = {f"{date}-{carrier}{flight}-{origin}": risk for (date, carrier, flight, origin), risk in zip(keys, risks)}
    with gzip.open(expected, "rt") as file:
        wanted = {row["id"]: float(row["risk"]) for row in csv.DictReader(file)}
    if found.keys() != wanted.keys():
        raise SystemExit(f"{len(found.keys() ^ wanted.keys())} ids are in one and not in the other")
    difference = max(abs(found[id] - wanted[id]) for id in wanted)
    if difference > 1e-5:
        raise SystemExit(f"scores differ by up to {difference}")
    print(f"{len(wanted):,} ids are the same, scores differ by at most {difference:.1e}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description="The flights demo in plain Python.")
    parser.add_argument("--engine", choices=["pandas", "polars"], required=True)
    parser.add_argument("--flights", type=pathlib.Path, default=FLIGHTS / "data" / "flights-2013-01.csv.gz")
    parser.add_argument("--tables", type=pathlib.Path, default=FLIGHTS / "data", help="folder of the reference tables")
    parser.add_argument("--model", type=pathlib.Path, default=FLIGHTS / "model" / "delay.onnx")
    parser.add_argument("--database", default=":memory:", help="SQLite file (default: in memory)")
    parser.add_argument("--batch", type=int, default=16_384, help="rows scored and written at once (default: 16384)")
    parser.add_argument("--expect", type=pathlib.Path, help="compare ids and scores with this file, after the run")
    args = parser.parse_args()

    engine = importlib.import_module(f"with_{args.engine}")
    session = onnxruntime.InferenceSession(args.model, providers=["CPUExecutionProvider"])
    feature_names = session.get_modelmeta().custom_metadata_map["features"].split(",")
    db = sqlite3.connect(args.database)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(TABLE)
    startup = time.perf_counter() - STARTED

    phases = Phases()
    frames = engine.read(args.flights, args.tables)
    phases.end("read")
    rows = len(frames["flights"])
    frame = engine.transform(frames)
    features = engine.matrix(frame, feature_names)
    phases.end("transform")
    risks = score(session, features, args.batch)
    phases.end("score")
    publish(db, engine, frame, risks, args.batch, version=int(args.flights.stat().st_mtime * 1e6))
    phases.end("publish")

    figures = {
        "engine": args.engine,
        "rows": rows,
        "rejected": rows - len(risks),
        "documents": db.execute("SELECT count(*) FROM documents").fetchone()[0],
        "seconds": {name: round(seconds, 3) for name, seconds in phases.seconds.items()},
        "total_seconds": round(sum(phases.seconds.values()), 3),
        "startup_seconds": round(startup, 3),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(figures))
    if args.expect:
        check(engine, frame, risks, args.expect)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Flights into a table of Delta Lake, with Polars.

`sink_delta` is as fast as `collect(engine="streaming")` and `write_delta`, and does not hold all rows in memory.
"""

import time

STARTED = time.perf_counter()

import polars as pl

import contestant

COLUMNS = contestant.columns({"int8": pl.Int8, "int16": pl.Int16, "utf8": pl.String, "timestamp": pl.Datetime("us", "UTC")})

# As they are read: times, which `scan_csv` is slower to parse than what comes after it, as text.
FROM_CSV = COLUMNS | {"time_hour": pl.String}

# And whole numbers as ones of 32 bits. Of smaller ones `scan_ndjson` panics, and the table has no rows.
FROM_JSON = {name: pl.Int32 if of.is_integer() else of for name, of in FROM_CSV.items()}


def sink(flights: pl.LazyFrame, table: str) -> None:
    times = pl.col("time_hour").str.to_datetime(contestant.TIME, time_unit="us", time_zone="UTC")
    flights.with_columns(times).cast(COLUMNS).sink_delta(table)


def csv(source: str, table: str) -> None:
    sink(pl.scan_csv(source, schema=FROM_CSV, null_values="NA"), table)


def jsonl(source: str, table: str) -> None:
    sink(pl.scan_ndjson(f"{source}/*.jsonl", schema=FROM_JSON), table)


contestant.run(STARTED, {"csv": csv, "jsonl": jsonl})

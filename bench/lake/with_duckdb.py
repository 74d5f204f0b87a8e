"""Flights into a Parquet file, with DuckDB."""

import time

STARTED = time.perf_counter()

import duckdb

import contestant

TYPES = {"int8": "TINYINT", "int16": "SMALLINT", "utf8": "VARCHAR", "timestamp": "TIMESTAMPTZ"}
COLUMNS = contestant.columns(TYPES)


def copy(rows: str, source: str, table: str) -> None:
    query = f"COPY (SELECT * FROM {rows}) TO '{table}' (FORMAT parquet)"
    duckdb.execute(query, {"source": source, "columns": COLUMNS})


def csv(source: str, table: str) -> None:
    copy("read_csv($source, header = true, nullstr = 'NA', columns = $columns)", source, table)


def jsonl(source: str, table: str) -> None:
    copy("read_json($source, format = 'newline_delimited', columns = $columns)", f"{source}/*.jsonl", table)


contestant.run(STARTED, {"csv": csv, "jsonl": jsonl})

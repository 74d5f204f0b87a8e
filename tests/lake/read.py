"""Reads tables of Delta Lake by three readers that are not Wasmill's, and prints what each found as a line of JSON: how many
rows, the sum of a column, and how many different values a key has.

    python tests/lake/read.py TABLE KEY VALUE
"""

import json
import os
import sys
from pathlib import Path

import deltalake
import duckdb
import duckdb_extension_delta
import polars


def by_duckdb(table: str, key: str, value: str) -> list:
    version = f"v{duckdb.__version__}"
    folder = Path(duckdb_extension_delta.__file__).parent / "extensions" / version
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{folder / 'delta.duckdb_extension'}'")
    # All columns, whatever their types.
    connection.execute("CREATE TABLE rows AS SELECT * FROM delta_scan($1)", [table])
    query = f'SELECT count(*), coalesce(sum("{value}"), 0), count(DISTINCT "{key}") FROM rows'
    return list(connection.execute(query).fetchone())


def by_polars(table: str, key: str, value: str) -> list:
    frame = polars.read_delta(table)
    return [frame.height, frame[value].sum(), frame[key].n_unique()]


def by_deltalake(table: str, key: str, value: str) -> list:
    rows = deltalake.DeltaTable(table).to_pyarrow_table()
    total = sum(number for number in rows.column(value).to_pylist() if number is not None)
    return [rows.num_rows, total, len(set(rows.column(key).to_pylist()))]


def main() -> None:
    table, key, value = sys.argv[1:]
    for reader in (by_duckdb, by_polars, by_deltalake):
        rows, total, keys = reader(os.path.abspath(table), key, value)
        print(json.dumps({"reader": reader.__name__[3:], "rows": rows, "sum": float(total), "keys": keys}), flush=True)
    # The readers' threads do not always end well with the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()

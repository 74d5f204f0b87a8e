"""A session of DuckDB, or of DataFusion without Wasmill, over the Parquet files: engine.py NAME FOLDER THREADS MIB [--once]

It reads a query a line from standard input, each a text of JSON, and answers with a line of JSON: how long it took until its rows
were there as Python has them, its columns and rows; or what went wrong. With `--once` all of standard input is one query, and the
rows are CSV.
"""

import csv
import json
import sys
import time
from pathlib import Path

import answers


def duckdb(tables: list[Path], threads: int, mib: int):
    import duckdb

    database = duckdb.connect()
    database.execute(f"SET threads = {threads}; SET memory_limit = '{mib}MiB'; SET enable_progress_bar = false")
    for table in tables:
        database.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{table}/*.parquet')")

    def ask(sql: str):
        found = database.execute(sql)
        columns = [column[0] for column in found.description]
        return columns, found.fetchall()

    return ask


def datafusion(tables: list[Path], threads: int, mib: int):
    import datafusion

    config = datafusion.SessionConfig().with_target_partitions(threads)
    runtime = datafusion.RuntimeEnvBuilder().with_disk_manager_os().with_fair_spill_pool(mib << 20)
    context = datafusion.SessionContext(config, runtime)
    for table in tables:
        context.register_parquet(table.name, str(table))

    def ask(sql: str):
        frame = context.sql(sql)
        batches = frame.collect()
        return frame.schema().names, [row.values() for batch in batches for row in batch.to_pylist()]

    return ask


ENGINES = {"duckdb": duckdb, "datafusion": datafusion}


def main() -> None:
    name, folder, threads, mib, *once = sys.argv[1:]
    tables = [log.parent for log in Path(folder).glob("*/_delta_log")]
    ask = ENGINES[name](tables, int(threads), int(mib))
    if once:
        columns, rows = ask(sys.stdin.read())
        written = csv.writer(sys.stdout, lineterminator="\n")
        written.writerow(columns)
        written.writerows(map(answers.text, row) for row in rows)
        return
    for line in sys.stdin:
        sql = json.loads(line)
        started = time.perf_counter()
        try:
            columns, rows = ask(sql)
            seconds = time.perf_counter() - started
            said = {"seconds": seconds, "columns": columns, "rows": [list(map(answers.text, row)) for row in rows]}
        except Exception as err:
            said = {"failed": str(err)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()

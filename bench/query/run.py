"""The 22 queries of TPC-H at scale 1 by `wasmill query` and `wasmill up --sql`, beside DuckDB and DataFusion; `make bench-query`.

Wasmill reads tables of Delta Lake, the others the same files of Parquet without their logs. Everyone has the same processors, two
unless it is said, and the same limit of memory. Each query is asked three times, in turns, so that a machine that slows down slows
all of them; the best time counts. Whatever is answered is compared with what DuckDB answers, each time.

First every query has a process of its own, then all have one session: Wasmill's is a connection to `wasmill up --sql`, and rows
are there when a client in Python has them; the other two are in a process of Python, which has no wire between. At last pgbench
measures what that wire costs, beside PostgreSQL with the same rows in tables of its own, to show what a fast server does.

Without `--wasmill` the other two are compared. Peak memory is what the operating system says of the process. Whatever fails or is
wrong is in the tables as such, is told on standard error, and makes the exit code 1.
"""

import argparse
import contextlib
import math
import os
import shutil
import statistics
import sys
from pathlib import Path

import answers
import servers
import wire
from contestants import EngineSession, Failed, NewProcess, WireSession, engine

HERE = Path(__file__).resolve().parent

# Rows of the specification's answers at scale 1.
ROWS = [4, 100, 10, 5, 5, 1, 4, 2, 175, 20, 1048, 2, 42, 1, 1, 18314, 1, 57, 1, 186, 100, 7]

# A query that has nothing to do, for the start.
NOTHING = "select 1 as one"


def ask_all(contestants: dict, queries: dict[int, str], runs: int) -> dict[int, dict]:
    """The best time of each for each query, in seconds; or `failed` or `wrong`. DuckDB is asked first."""
    best: dict[int, dict] = {}
    for number, sql in queries.items():
        times: dict = {}
        expected = None
        for _ in range(runs):
            for name in reversed(contestants):
                if times.get(name) in ("failed", "wrong"):
                    continue
                try:
                    seconds, answer = contestants[name].ask(sql)
                except Failed as err:
                    print(f"query {number}, {name}: {err}", file=sys.stderr)
                    times[name] = "failed"
                    continue
                expected = expected or answer
                wrong = answers.difference(sql, answer, expected)
                if len(answer[1]) != (rows := ROWS[number - 1] if number else 1):
                    wrong = f"there are {len(answer[1]):,} rows and not {rows:,}"
                if wrong:
                    print(f"query {number}, {name}: {wrong}", file=sys.stderr)
                times[name] = "wrong" if wrong else min(seconds, times.get(name, math.inf))
        best[number] = {name: times[name] for name in contestants}
        print(f"query {number or 'of nothing'}: {best[number]}", file=sys.stderr)
    return best


def print_table(title: str, contestants: dict, best: dict[int, dict]) -> None:
    """The times, their sum and geometric mean, and the memory; of queries that everyone answered."""
    names, (first, last) = list(contestants), (next(iter(contestants)), next(reversed(contestants)))

    def shown(times: dict) -> str:
        cells = [f"{of:.{3 if of > 0.01 else 5}f}" if isinstance(of := times[name], float) else of for name in names]
        ratio = f"{times[first] / times[last]:.2f}" if {type(times[first]), type(times[last])} == {float} else ""
        return f"{' | '.join(cells)} | {ratio} |"

    print(f"\n{title}\n\n| query | rows | {' | '.join(f'{name}, s' for name in names)} | {first} to {last} |")
    print(f"|---|---|{'---|' * len(names)}---|")
    for number, times in best.items():
        print(f"| {number or 'start: `select 1`'} | {ROWS[number - 1] if number else 1:,} | {shown(times)}")
    well = [times for number, times in best.items() if number and all(isinstance(of, float) for of in times.values())]
    if well:
        columns = {name: [times[name] for times in well] for name in names}
        print(f"| total of {len(well)} | | {shown({name: math.fsum(column) for name, column in columns.items()})}")
        print(f"| geometric mean | | {shown({name: statistics.geometric_mean(column) for name, column in columns.items()})}")
    peaks = {name: contestant.peak for name, contestant in contestants.items()}
    cells = [f"{peaks[name]:,.0f} MiB" if peaks[name] else "" for name in names]
    ratio = f"{peaks[first] / peaks[last]:.2f}" if peaks[first] and peaks[last] else ""
    print(f"| peak memory | | {' | '.join(cells)} | {ratio} |")


def compare(title: str, contestants: dict, queries: dict[int, str], runs: int) -> bool:
    """Whether all was well."""
    print(f"{title} …", file=sys.stderr)
    best = ask_all(contestants, queries, runs)
    print_table(title, contestants, best)
    for contestant in contestants.values():
        contestant.close()
    return all(isinstance(of, float) for times in best.values() for of in times.values())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The queries of TPC-H by Wasmill, DataFusion and DuckDB.")
    parser.add_argument("--wasmill", help="one that was built with FEATURES=warehouse; left out if not given")
    parser.add_argument("--folder", type=Path, required=True, help="what make.py made")
    parser.add_argument("--postgres", type=Path, help="the programs of PostgreSQL, pgbench among them; without it no pgbench")
    parser.add_argument("--parts", default="new,session,wire", help="what is measured (default: new,session,wire)")
    parser.add_argument("--queries", default="1-22", help="such as 1,3-5 (default: 1-22)")
    parser.add_argument("--runs", type=int, default=3, help="how often each is asked (default: 3)")
    parser.add_argument("--threads", type=int, default=2, help="processors for each (default: 2)")
    parser.add_argument("--memory", type=int, default=4096, metavar="MIB", help="limit for operators (default: 4096)")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for a query (default: 120)")
    parser.add_argument("--seconds", type=int, default=5, help=f"of each run of pgbench, at most {wire.LONGEST} (default: 5)")
    server = parser.add_argument_group("the server of `wasmill up PIPELINE --sql 127.0.0.1:PORT --access FILE`")
    server.add_argument("--server", metavar="HOST:PORT", help="one that runs already, with the password of PGPASSWORD")
    server.add_argument("--access", type=Path, help="the file of --access (default: one with a key for --user)")
    server.add_argument("--up", default="", metavar="OPTIONS", help="more options for `wasmill up`, such as its memory")
    server.add_argument("--user", default=servers.USER, help=f"(default: {servers.USER})")
    server.add_argument("--database", default=servers.DATABASE, help=f"(default: {servers.DATABASE})")
    server.add_argument("--sslmode", default="disable", help="as libpq has it (default: disable)")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    # Whoever is started has these processors: Wasmill counts what it may use, and the others are told.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    shutil.copy(HERE / "pipeline.toml", arguments.folder)
    parts = arguments.parts.split(",")
    ranges = [part.partition("-") for part in arguments.queries.split(",")]
    numbers = [number for first, _, last in ranges for number in range(int(first), int(last or first) + 1)]
    queries = {0: NOTHING} | {number: (HERE / f"tpch/q{number:02}.sql").read_text() for number in numbers}
    # All of it is in the system's cache before anyone reads it.
    for file in arguments.folder.glob("*/*.parquet"):
        with open(file, "rb", buffering=0) as reader:
            while reader.read(1 << 20):
                pass

    engines = {
        label: engine(name, arguments.folder, arguments.threads, arguments.memory)
        for label, name in [("DataFusion", "datafusion"), ("DuckDB", "duckdb")]
    }
    well = True
    if "new" in parts:
        contestants = {label: NewProcess([*command, "--once"], arguments.timeout) for label, command in engines.items()}
        if arguments.wasmill:
            command = [arguments.wasmill, "query", arguments.folder, "--format", "csv", "--memory", arguments.memory]
            contestants = {"Wasmill": NewProcess(command, arguments.timeout)} | contestants
        well &= compare("A process for each query:", contestants, queries, arguments.runs)
    with contextlib.ExitStack() as stack:
        has_server = (arguments.wasmill or arguments.server) and {"session", "wire"} & {*parts}
        running = [stack.enter_context(servers.wasmill(arguments))] if has_server else []
        if "session" in parts:
            sessions = {s.name: WireSession(s.address, arguments.timeout, s.process) for s in running}
            sessions |= {label: EngineSession(command) for label, command in engines.items()}
            well &= compare("One session, Wasmill's by PostgreSQL's protocol:", sessions, queries, arguments.runs)
        if "wire" in parts and arguments.postgres:
            beside = servers.postgres(arguments.postgres, arguments.folder / "postgres", engines["DuckDB"])
            running.append(stack.enter_context(beside))
            found = wire.measure(arguments.postgres, running, arguments.seconds)
            wire.print_table(running, found)
            well &= all(rates for *_, ran in found for rates in ran)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()

"""What PostgreSQL's protocol costs, by pgbench: small queries, and one with 10,000 rows, by several clients at once."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import Server, unpacked

# No table; one row of a table of 25; all of a table of 10,000 rows, of which three columns.
QUERIES = {
    "`SELECT 1`": "SELECT 1 AS one;",
    "1 row of `nation`": "SELECT n_name FROM nation WHERE n_nationkey = 7;",
    "10,000 rows of `supplier`": "SELECT s_suppkey, s_name, s_acctbal FROM supplier;",
}
PROTOCOLS = ["simple", "extended", "prepared"]
CLIENTS = [1, 4, 16]

# No longer than this, in seconds, for each number of the table.
LONGEST = 10


def measure(programs: Path, servers: list[Server], seconds: int) -> list[tuple[str, str, int, list]]:
    """For each query, protocol and number of clients what each server did: transactions a second, and milliseconds of each."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "query.sql"
        for name, sql in QUERIES.items():
            script.write_text(sql + "\n")
            for protocol in PROTOCOLS:
                for clients in CLIENTS:
                    ran = [pgbench(programs, server, script, protocol, clients, min(seconds, LONGEST)) for server in servers]
                    found.append((name, protocol, clients, ran))
                    print(f"{name}, {protocol}, {clients}: {ran}", file=sys.stderr)
    return found


def pgbench(programs: Path, server: Server, script: Path, protocol: str, clients: int, seconds: int) -> tuple | None:
    """None if it failed, and why is said. The connections are there before the time begins."""
    address = server.address
    to = f"host={address['host']} port={address['port']} user={address['user']} dbname={address['database']}"
    command = [programs / "pgbench", "-n", "-M", protocol, "-c", clients, "-j", 1, "-T", seconds, "-f", script]
    command = [str(part) for part in [*command, f"{to} sslmode={address['ssl']}"]]
    environment = unpacked(programs) | {"PGPASSWORD": address["password"]}
    try:
        ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds + 30)
        said, errors = ran.stdout, ran.stderr.strip()
    except subprocess.TimeoutExpired:
        said, errors = "", "it does not end"
    rate, latency = re.search(r"^tps = ([\d.]+)", said, re.M), re.search(r"latency average = ([\d.]+) ms", said)
    # It says how many were a second even if clients gave up.
    if not (rate and latency and ran.returncode == 0):
        print(f"{server.name}, {script.read_text().strip()} {protocol}, {clients}: {errors}", file=sys.stderr)
        return None
    return float(rate[1]), float(latency[1])


def print_table(servers: list[Server], found: list) -> None:
    names = [f"{server.name}: queries/s | ms" for server in servers]
    print(f"\n| query | protocol | clients | {' | '.join(names)} |\n|---|---|---|{'---|---|' * len(servers)}")
    for name, protocol, clients, ran in found:
        numbers = [f"{rate[0]:,.0f} | {rate[1]:.2f}" if rate else "failed | " for rate in ran]
        print(f"| {name} | {protocol} | {clients} | {' | '.join(numbers)} |")

"""`wasmill up --sql` as what is tested: starts it in a folder of its own, with the tables of data.py as views, and runs a command with
WIRE_… set and its host and port as the last arguments.

    python tests/wire/wasmill.py [--tls] PROGRAM -- python tests/wire/run.py

WASMILL_COMPONENTS is the folder of functions, of which one is named and none is run.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import data
from process import certificate

CONNECTIONS = 12
USERS = {"WIRE_": "analyst", "WIRE_TENANT_": "north", "WIRE_EXPIRED_": "late"}
MANIFEST = """version = 1
name = "wire"

# It wants something to wait for. No event comes.
[[trigger]]
type = "http"

[[step]]
id = "read"
component = "ingest"
config = {{ format = "csv", columns = [{{ name = "id", type = "int64" }}] }}

{views}"""
RULES = """
[[access.sql]]
tables = ["*"]
principals = ["analyst", "late"]

[[access.sql]]
tables = ["types", "big"]
principals = ["north"]

[[access.sql]]
tables = ["orders", "customers"]
principals = ["north"]
rows = "tenant = '{principal}'"
"""


def key(program: str, user: str) -> tuple[str, str]:
    """A new key, and what the rules have of it."""
    arguments = ["--expires", "2020-01-01T00:00:00Z"] if user == "late" else []
    command = [program, "access", "new-key", "--principal", user, *arguments]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return made.stdout.strip(), made.stderr


@contextlib.contextmanager
def server(program: str, tls: bool):
    """A server: its port, and the variables that tell of it."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        views = [
            f"[views.{name}]\ndescription = \"{text}\"\nsql = '''\n{sql}\n'''\n"
            for name, (text, sql) in data.queries("datafusion").items()
        ]
        (folder / "pipeline.toml").write_text(MANIFEST.format(views="\n".join(views)))
        audit = folder / "audit.jsonl"
        variables = {"WIRE_CONNECTIONS": str(CONNECTIONS), "WIRE_AUDIT": str(audit)}
        rules = f'[access]\naudit = "{audit.name}"\n{RULES}'
        for prefix, user in USERS.items():
            password, rule = key(program, user)
            variables |= {f"{prefix}USER": user, f"{prefix}PASSWORD": password}
            rules += rule
        (folder / "access.toml").write_text(rules)
        command = [program, "up", folder, "--addr", "127.0.0.1:0", "--sql", "127.0.0.1:0", "--access", folder / "access.toml"]
        command += ["--sql-connections", str(CONNECTIONS), "--sql-memory", "256"]
        if tls:
            pem, private = certificate(folder)
            command += ["--tls-cert", pem, "--tls-key", private]
            variables["WIRE_CA"] = str(pem)
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        try:
            process.stdout.readline()
            port = process.stdout.readline().strip().removesuffix("/wasmill").rpartition(":")[2]
            if not port:
                raise SystemExit("wasmill does not listen")
            yield port, variables | {"WIRE_PID": str(process.pid)}
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tls", action="store_true", help="encrypted, and only so")
    parser.add_argument("program", help="wasmill")
    parser.add_argument("command", nargs="+", help="what to run, with the host and the port after it")
    arguments = parser.parse_args()
    with server(arguments.program, arguments.tls) as (port, variables):
        command = [*arguments.command, "127.0.0.1", port]
        status = subprocess.run(command, env=dict(os.environ, **variables)).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()

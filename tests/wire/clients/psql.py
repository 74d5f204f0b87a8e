"""psql 15: what people type, and what its backslash commands ask of the catalogs."""

import subprocess
import tempfile
from pathlib import Path

import data
from suite import SLOW, Login, Results, Server, Skipped, check, contains, equal, lacks, program


def psql(
    server: Server, *arguments: str, login: Login | None = None, code: int | None = 0, text: str | None = None, **env: str
) -> str:
    """What it prints, errors after the rest; each argument is a command."""
    commands = [part for argument in arguments for part in ("-c", argument)]
    command = [program("psql", "PSQL"), "-X", *commands]
    variables = {k: v for k, v in server.libpq(login).items() if k not in ("LD_LIBRARY_PATH",)} | env
    done = subprocess.run(command, env=variables, input=text, capture_output=True, text=True, timeout=100)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout + done.stderr


def rows(server: Server, *arguments: str, login: Login | None = None, code: int | None = 0) -> list[list[str]]:
    """The same without alignment."""
    lines = psql(server, "\\pset format unaligned", "\\pset tuples_only on", *arguments, login=login, code=code).splitlines()
    return [line.split("|") for line in lines if line and not line.startswith(("Output format", "Tuples only"))]


@check("psql", "runs a query, aligned")
def aligned(server: Server) -> None:
    text = psql(server, "SELECT 1 AS one, 'é' AS two, NULL AS three")
    equal(text, " one | two | three \n-----+-----+-------\n   1 | é   | \n(1 row)\n\n")


@check("psql", "writes CSV, with each value as PostgreSQL does")
def csv(server: Server) -> None:
    import csv as reader
    import io

    names = ", ".join(name for name, _, _ in data.COLUMNS)
    text = psql(server, "\\pset format csv", "\\pset null NULL!", f"SELECT {names} FROM types ORDER BY id")
    found = list(reader.reader(io.StringIO(text.partition("\n")[2].partition("\n")[2])))
    equal(found[0], [name for name, _, _ in data.COLUMNS])
    for place, (name, _, _) in enumerate(data.COLUMNS):
        expected = data.TEXTS.get(name) or data.column(name)
        equal([row[place] for row in found[1:]], ["NULL!" if v is None else str(v) for v in expected], name)


@check("psql", "\\dt, \\dv and \\d list the tables")
def lists_tables(server: Server) -> None:
    for command in ("\\d", "\\dtv", "\\d+", "\\dtv+", "\\d public.*"):
        text = psql(server, command)
        contains(text, "types", "orders", "customers", "big", "payroll")
    names = {(row[0], row[1]) for row in rows(server, "\\dtv")}
    equal(names, {("public", name) for name in ("types", "orders", "customers", "big", "payroll")})


@check("psql", "\\d does not list what is hidden")
def lists_no_hidden(server: Server) -> None:
    if server.reference:
        raise Skipped("PostgreSQL shows the names of all tables")
    for command in ("\\d", "\\dt", "\\dtv+", "\\d *.*", "\\dT+", "\\dd", "\\df", "\\dp"):
        lacks(psql(server, command, login=server.tenant, code=None), "payroll")
    absent = psql(server, "\\d paywall", login=server.tenant, code=None)
    equal(psql(server, "\\d payroll", login=server.tenant, code=None).replace("payroll", "paywall"), absent)


@check("psql", "\\d TABLE lists its columns and their types")
def describes(server: Server) -> None:
    for name in ("types", "public.types", "wasmill.public.types"):
        found = [row[:2] for row in rows(server, f"\\d {name}")]
        written = {
            "int4": "integer", "bool": "boolean", "int2": "smallint", "int8": "bigint", "float4": "real", "float8": "double precision",
            "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
            "time": "time without time zone", "int4[]": "integer[]",
        }  # fmt: skip
        expected = [[name, written.get(postgres, postgres)] for name, postgres, _ in data.COLUMNS]
        # Without a precision, a numeric is one still.
        found = [["exact", "numeric(20,4)"] if row == ["exact", "numeric"] else row for row in found]
        equal(found, expected, name)
    contains(psql(server, "\\d+ orders"), "order_id", "bigint", "placed", "timestamp with time zone")
    contains(psql(server, "\\d big"), "half", "double precision")
    contains(psql(server, "\\d nothing", code=1), 'Did not find any relation named "nothing".')


COMMANDS = {  # and what each must say, where it must say anything
    "\\l": ["wasmill"],
    "\\l+": ["wasmill"],
    "\\dn": ["public"],
    "\\dn+": ["public"],
    "\\du": [],
    "\\dg+": [],
    "\\di": [],
    "\\ds": [],
    "\\dm": [],
    "\\df": [],
    "\\dT": [],
    "\\dx": [],
    "\\dp": [],
    "\\ddp": [],
    "\\dd": [],
    "\\dy": [],
    "\\dE": [],
    "\\db": [],
    "\\dD": [],
    "\\dc": [],
    "\\dC int*": [],
    "\\dO": [],
    "\\drds": [],
    "\\dconfig server_version": ["server_version"],
    "\\encoding": ["UTF8"],
    "\\conninfo": ["wasmill"],
}


@check("psql", "what lists databases, schemas, users and the rest")
def lists(server: Server) -> Results:
    for command, expected in COMMANDS.items():
        try:
            text = psql(server, command)
            contains(text, *expected)
            lacks(text, "ERROR")
            yield command, None
        except AssertionError as wrong:
            yield command, str(wrong)


@check("psql", "\\timing, \\gdesc, \\gx, \\gset and \\crosstabview")
def meta(server: Server) -> None:
    script = "\\timing on\nSELECT 1;\n\\timing off\nSELECT id, exact, instant FROM types \\gdesc\nSELECT 7 AS seven \\gx\n"
    script += "SELECT 8 AS eight \\gset\n\\echo :eight\nSELECT tenant, customer, name FROM customers \\crosstabview tenant customer name\n"
    text = psql(server, text=script)
    contains(text, "Time: ", "timestamp with time zone", "seven | 7", "\n8\n", "Customer 29")
    if "numeric(20,4)" not in text:
        contains(text, "exact   | numeric")


@check("psql", "FETCH_COUNT reads by a cursor")
def fetch_count(server: Server) -> None:
    text = psql(server, "\\pset format unaligned", "\\set FETCH_COUNT 1000", "SELECT n FROM big WHERE n <= 2500 ORDER BY n")
    equal(text.splitlines()[-2501:], [str(n) for n in range(1, 2501)] + ["(2500 rows)"])


@check("psql", "a transaction, and an error in it, as its prompt and exit say")
def transaction(server: Server) -> None:
    script = "BEGIN;\nSELECT 1;\nSELECT 1/0;\nSELECT 2;\nROLLBACK;\nSELECT 3 AS three;\n"
    text = psql(server, text=script)
    contains(text, "division by zero", "current transaction is aborted", "ROLLBACK", " three ")
    text = psql(server, text="\\set ON_ERROR_ROLLBACK on\n" + script)
    contains(text, "division by zero", "        2", " three ")
    lacks(text, "current transaction is aborted")
    contains(psql(server, "-- nothing", "SELECT 1; SELECT 'second' AS b"), "second")


@check("psql", "an error shows its place")
def place(server: Server) -> None:
    text = psql(server, "\\set VERBOSITY verbose", "SELECT nothing FROM types", code=1)
    contains(text, "ERROR:  42703:", '"nothing"')
    if "LINE 1" in text:
        contains(text, "LINE 1: SELECT nothing FROM types\n               ^")


@check("psql", "PREPARE and EXECUTE")
def prepare(server: Server) -> None:
    text = psql(server, text="PREPARE p (int) AS SELECT $1 + 1 AS more;\nEXECUTE p(41);\nDEALLOCATE p;\nEXECUTE p(1);\n")
    contains(text, "PREPARE", "42", "DEALLOCATE", 'prepared statement "p" does not exist')


@check("psql", "\\copy to a file is refused or right, and \\copy from one is refused")
def copy(server: Server) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "out.csv"
        text = psql(server, f"\\copy (SELECT id FROM types ORDER BY id) TO {file} (FORMAT csv)", code=None)
        if "ERROR" not in text:
            equal(file.read_text(), "1\n2\n3\n4\n")
        file.write_text("north,C1,New\n")
        contains(psql(server, f"\\copy customers FROM {file} (FORMAT csv)", code=1), "ERROR")


@check("psql", "Ctrl-C ends a statement")
def interrupt(server: Server) -> None:
    import signal
    import time

    command = [program("psql", "PSQL"), "-X", "-c", SLOW]
    with subprocess.Popen(command, env=server.libpq(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
        contains(out + error, "canceling statement due to user request")


@check("psql", "TLS, with the server's certificate checked")
def tls(server: Server) -> None:
    if not server.ca:
        raise Skipped("WIRE_CA is not set")
    text = psql(server, "\\conninfo", "SELECT count(*) FROM orders", PGSSLMODE="verify-full", PGSSLROOTCERT=server.ca)
    contains(text, "SSL connection (protocol: TLSv1.3", "999")
    contains(psql(server, "SELECT 1", code=2, PGSSLMODE="verify-full", PGSSLROOTCERT="system-has-none"), "error")
    psql(server, "SELECT 1", PGSSLMODE="require", PGCHANNELBINDING="require")


@check("psql", "without TLS, and by other start-up settings")
def startup(server: Server) -> None:
    text = psql(server, "SHOW statement_timeout", PGOPTIONS="-c statement_timeout=7s", PGAPPNAME="wire")
    contains(text, "7s")
    psql(server, "SELECT 1", PGSSLMODE="prefer", PGGSSENCMODE="prefer")
    text = psql(server, "SELECT 1", login=Login("nobody-like-this", "wrong"), code=2)
    contains(text, 'password authentication failed for user "nobody-like-this"')

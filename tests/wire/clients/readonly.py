"""Nothing can be written, changed or read beside the tables, whatever is asked, and nothing has changed afterwards."""

import tempfile
from pathlib import Path

from suite import Server, check, equal, one_of
from wire import Connection

# 25006 read-only, 42501 no right to, 42P01 no such table; and 0A000 not supported.
CODES = ("25006", "42501", "42P01", "0A000")
# What PostgreSQL does not know as syntax, or as a function, it says so of.
UNKNOWN = (*CODES, "42601", "42883", "42704", "3F000")

WRITES = [
    "INSERT INTO customers VALUES ('north', 'C1', 'New')",
    "INSERT INTO customers SELECT * FROM customers",
    "INSERT INTO customers VALUES ('north', 'C1', 'New') RETURNING name",
    "WITH w AS (INSERT INTO customers VALUES ('north', 'C1', 'New') RETURNING name) SELECT * FROM w",
    "UPDATE customers SET name = 'New'",
    "DELETE FROM customers",
    "TRUNCATE customers",
    "CREATE TABLE made (a int)",
    "CREATE TABLE made AS SELECT * FROM customers",
    "CREATE TEMPORARY TABLE made AS SELECT * FROM customers",
    "CREATE VIEW made AS SELECT * FROM customers",
    "CREATE OR REPLACE VIEW big AS SELECT 1 AS n",
    "CREATE SCHEMA made",
    "CREATE DATABASE made",
    "CREATE FUNCTION made() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE ROLE made",
    "SELECT * INTO made FROM customers",
    "DROP TABLE customers",
    "DROP VIEW big",
    "DROP SCHEMA public CASCADE",
    "ALTER TABLE customers RENAME TO others",
    "ALTER TABLE customers ADD COLUMN a int",
    "GRANT SELECT ON payroll TO PUBLIC",
    "COPY customers FROM STDIN",
    "COPY customers FROM '{folder}/in.csv'",
    "COPY customers TO '{folder}/out.csv'",
    "COPY (SELECT * FROM customers) TO '{folder}/out.csv'",
    "COPY customers TO PROGRAM 'cat > {folder}/out.csv'",
    "SELECT * FROM customers FOR UPDATE",
    "EXPLAIN ANALYZE INSERT INTO customers VALUES ('north', 'C1', 'New')",
    "EXPLAIN ANALYZE DELETE FROM customers",
    "PREPARE made AS DELETE FROM customers; EXECUTE made",
]
# Of DataFusion's own SQL, and ways to the files of the machine.
FOREIGN = [
    "CREATE EXTERNAL TABLE made STORED AS CSV LOCATION '{folder}/in.csv'",
    "CREATE EXTERNAL TABLE made (a INT) STORED AS PARQUET LOCATION '{folder}/'",
    "COPY customers TO '{folder}/out.parquet' STORED AS PARQUET",
    "COPY (SELECT 1) TO '{folder}/out.csv' STORED AS CSV",
    "SELECT * FROM '{folder}/in.csv'",
    'SELECT * FROM "{folder}/in.csv"',
    "SELECT * FROM 'file://{folder}/in.csv'",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'in.csv'",
    "SELECT * FROM 's3://bucket/in.parquet'",
    "SELECT * FROM read_csv('{folder}/in.csv')",
    "SELECT * FROM read_parquet('{folder}/in.parquet')",
    "SELECT * FROM parquet_metadata('{folder}/in.parquet')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT pg_reload_conf()",
    "CREATE FUNCTION made(int) RETURNS int RETURN $1",
    "ATTACH DATABASE '{folder}/x.db' AS x",
    "LOAD '{folder}/x.so'",
    "DO $$ BEGIN DELETE FROM customers; END $$",
    "CALL made()",
]


def unchanged(server: Server, folder: Path) -> None:
    with Connection(server) as connection:
        for sql, expected in (
            ("SELECT count(*), min(name), max(name) FROM customers", [["30", "Customer 0", "Customer 9"]]),
            ("SELECT count(*) FROM information_schema.tables WHERE table_name IN ('made', 'others')", [["0"]]),
            ("SELECT count(n) FROM big", [["1000000"]]),
        ):
            answer = connection.query(sql)
            equal(answer.error or answer.texts(), expected, sql)
    equal(sorted(file.name for file in folder.iterdir()), ["in.csv"], "files")


def refuses(server: Server, statements: list[str], codes: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.csv").write_text("tenant,customer,name\nnorth,C1,New\n")
        for login in (server.whole, server.tenant):
            with Connection(server, login) as connection:
                for sql in statements:
                    for ask in (connection.query, connection.extended):
                        # A prepared statement is one.
                        if ask == connection.extended and "; " in sql:
                            continue
                        answer = ask(sql.format(folder=folder))
                        if not answer.error:
                            raise AssertionError(f"{login.user} was let: {sql} ({answer.tags})")
                        one_of(answer.error.code, codes, sql)
                        equal(answer.state, "I", f"the state after {sql}")
        unchanged(server, folder)


@check("readonly", "writing, creating, changing and dropping is refused")
def writes(server: Server) -> None:
    refuses(server, WRITES, CODES)


@check("readonly", "files, other sources and functions of an administrator are refused")
def foreign(server: Server) -> None:
    refuses(server, FOREIGN, UNKNOWN)


@check("readonly", "nothing makes a session writable")
def writable(server: Server) -> None:
    for begin in (
        "SET default_transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "BEGIN READ WRITE",
        "BEGIN; SET TRANSACTION READ WRITE",
        "SET transaction_read_only = off",
    ):
        with Connection(server) as connection:
            connection.query(begin)
            answer = connection.query("INSERT INTO customers VALUES ('north', 'C1', 'New')")
            one_of(answer.error and answer.error.code, CODES + ("25P02",), f"INSERT after {begin}")
    with Connection(server, default_transaction_read_only="off") as connection:
        one_of(connection.query("DELETE FROM customers").error.code, CODES, "DELETE with a start-up option")


@check("readonly", "a read and a write in one simple query are refused together")
def several(server: Server) -> None:
    with Connection(server) as connection:
        for sql in (
            "SELECT 1; INSERT INTO customers VALUES ('north', 'C1', 'New')",
            "INSERT INTO customers VALUES ('north', 'C1', 'New'); SELECT 1",
            "SELECT 1; DROP TABLE customers; --",
            "BEGIN; DELETE FROM customers; COMMIT",
        ):
            answer = connection.query(sql)
            one_of(answer.error and answer.error.code, CODES, sql)
            connection.query("ROLLBACK")
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "in.csv").touch()
        unchanged(server, Path(name))


@check("readonly", "several statements in a prepared one are refused as 42601")
def several_prepared(server: Server) -> None:
    with Connection(server) as connection:
        answer = connection.extended("SELECT 1; SELECT 2")
        equal(answer.error and answer.error.code, "42601")


@check("readonly", "the engine's settings are not the client's to set")
def settings(server: Server) -> None:
    # PostgreSQL takes any name with a dot as somebody's own.
    if server.reference:
        return
    with Connection(server) as connection:
        for name, value in (
            ("datafusion.execution.batch_size", "1"),
            ("datafusion.execution.target_partitions", "64"),
            ("datafusion.catalog.information_schema", "false"),
            ("datafusion.catalog.location", "'/etc'"),
            ("datafusion.runtime.memory_limit", "'64G'"),
            ("datafusion.sql_parser.dialect", "'mysql'"),
        ):
            for sql in (f"SET {name} = {value}", f"SET {name} TO {value}", f"RESET {name}"):
                error = connection.query(sql).error
                one_of(error and error.code, ("25006", "42501", "42704", "0A000"), sql)
        equal(connection.query("SELECT count(*) FROM customers").texts(), [["30"]])

"""psycopg 3: values as text and as bytes, cursors on the server, pipelines, and what its pools and `COPY` do."""

import datetime as dt
import struct
import threading
from decimal import Decimal

import psycopg
from psycopg.rows import dict_row

import data
from suite import SLOW, Login, Server, check, equal, same_value


def connect(server: Server, login: Login | None = None, **options: object) -> psycopg.Connection:
    return psycopg.connect(**server.parts(login), dbname="wasmill", connect_timeout=20, options="-c timezone=UTC", **options)


def plain(value: object, name: str) -> object:
    """Spans as psycopg makes them: a year has 365 days, a month 30."""
    if name == "span" and value is not None:
        months, days, micros = value
        return dt.timedelta(days=months // 12 * 365 + months % 12 * 30 + days, microseconds=micros)
    if name == "real4" and value is not None:
        # Its shortest text is not the nearest number of twice its size.
        return struct.unpack("f", struct.pack("f", value))[0]
    return value


@check("psycopg", "each type and its null, as text and as bytes")
def types(server: Server) -> None:
    with connect(server) as connection:
        for binary in (False, True):
            rows = connection.cursor(binary=binary, row_factory=dict_row).execute("SELECT * FROM types ORDER BY id").fetchall()
            for name, _, _ in data.COLUMNS:
                for row, value in zip(rows, data.column(name), strict=True):
                    if not same_value(plain(row[name], name) if name == "real4" else row[name], plain(value, name)):
                        raise AssertionError(f"{name}, {binary=}: expected {plain(value, name)!r}, found {row[name]!r}")


@check("psycopg", "columns are described before and after a query")
def described(server: Server) -> None:
    with connect(server) as connection:
        columns = connection.execute("SELECT * FROM types").description
        equal([column.name for column in columns], [name for name, _, _ in data.COLUMNS])
        exact = columns[7]
        # The precision of a numeric is in the description, or not known.
        equal((exact.precision, exact.scale) in ((20, 4), (None, None)), True, f"{exact.precision}, {exact.scale}")


@check("psycopg", "parameters as text and as bytes")
def parameters(server: Server) -> None:
    values = [7, 2**40, 0.5, True, data.WORDS, Decimal("-12.5000"), b"\x00\xff", dt.date(2000, 2, 29), dt.time(1, 2, 3, 4)]
    values += [dt.datetime(2013, 1, 1, 1), dt.datetime(2013, 1, 1, tzinfo=dt.UTC), dt.timedelta(2, 3), [1, None], ["a,b", ""]]
    casts = ["int", "bigint", "float8", "bool", "text", "numeric", "bytea", "date", "time", "timestamp", "timestamptz", "interval"]
    casts += ["int[]", "text[]"]
    with connect(server) as connection:
        for marker in ("%s", "%t", "%b"):
            for value, kind in zip(values, casts, strict=True):
                found = connection.execute(f"SELECT {marker}::{kind}", [value]).fetchone()[0]
                equal(found, value, f"{marker} {kind}")
        equal(
            connection.execute("SELECT count(*) FROM orders WHERE order_id < %s AND tenant = %s", [31, "north"]).fetchone(), (10,)
        )
        equal(connection.execute("SELECT count(*) FROM orders WHERE placed < %s", [dt.datetime(2013, 1, 1, 12)]).fetchone(), (11,))
        equal(connection.execute("SELECT count(*) FROM orders WHERE tenant = ANY(%s)", [["north", "west"]]).fetchone(), (666,))


@check("psycopg", "a statement that it prepares after five uses")
def prepared(server: Server) -> None:
    with connect(server, autocommit=True) as connection:
        for number in range(1, 30):
            equal(connection.execute("SELECT amount FROM orders WHERE order_id = %s", [number]).fetchone(), (Decimal(number),))
        equal(connection.execute("SELECT 1", prepare=True).fetchone(), (1,))


@check("psycopg", "a cursor on the server, forwards, in pieces, and with hold")
def server_cursor(server: Server) -> None:
    with connect(server) as connection:
        with connection.cursor("pieces") as cursor:
            cursor.itersize = 700
            cursor.execute("SELECT n FROM big WHERE n <= %s", [5000])
            equal(sum(row[0] for row in cursor), 5000 * 5001 // 2)
        with connection.cursor("binary", binary=True) as cursor:
            cursor.execute("SELECT exact, bytes FROM types WHERE id = 1")
            equal(cursor.fetchall(), [(Decimal("12345.6789"), b"\x00\xff\x10")])
        with connection.cursor("held", withhold=True) as cursor:
            cursor.execute("SELECT n FROM big WHERE n <= 10 ORDER BY n")
            equal(cursor.fetchmany(2), [(1,), (2,)])
            connection.commit()
            equal(cursor.fetchmany(2), [(3,), (4,)])
        with connection.cursor("forward", scrollable=False) as cursor:
            cursor.execute("SELECT n FROM big ORDER BY n LIMIT 5")
            equal((cursor.fetchone(), len(cursor.fetchall())), ((1,), 4))


@check("psycopg", "a pipeline, and an error in it")
def pipeline(server: Server) -> None:
    with connect(server, autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT count(*) FROM big WHERE n <= %s", [number]) for number in range(1, 20)]
            equal([cursor.fetchone()[0] for cursor in cursors], list(range(1, 20)))
        try:
            with connection.pipeline():
                connection.execute("SELECT 1")
                connection.execute("SELECT 1 / 0")
                connection.execute("SELECT 2")
            raise AssertionError("nothing failed")
        except psycopg.errors.DivisionByZero:
            pass
        equal(connection.execute("SELECT 3").fetchone(), (3,))


@check("psycopg", "a stream of rows, one at a time")
def stream(server: Server) -> None:
    with connect(server) as connection:
        rows = connection.cursor().stream("SELECT n FROM big WHERE n <= %s", [3000])
        equal(sum(n for (n,) in rows), 3000 * 3001 // 2)


@check("psycopg", "errors, in a transaction and in a nested one")
def errors(server: Server) -> None:
    with connect(server) as connection:
        for sql, kind in (
            ("SELECT * FROM nothing", psycopg.errors.UndefinedTable),
            ("SELECT nothing FROM types", psycopg.errors.UndefinedColumn),
            ("SELECT 1 / 0", psycopg.errors.DivisionByZero),
        ):
            try:
                with connection.transaction():
                    connection.execute(sql)
                raise AssertionError(f"{sql} did not fail")
            except kind:
                pass
        with connection.transaction():
            try:
                with connection.transaction():
                    connection.execute("SELECT nothing")
            except psycopg.errors.UndefinedColumn:
                pass
            equal(connection.execute("SELECT count(*) FROM orders").fetchone(), (999,))
        try:
            connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            pass
        try:
            connection.execute("SELECT 1")
            raise AssertionError("a failed transaction went on")
        except psycopg.errors.InFailedSqlTransaction:
            connection.rollback()
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        equal(connection.execute("SELECT 1").fetchone(), (1,))


@check("psycopg", "cancel from another thread")
def cancel(server: Server) -> None:
    with connect(server, autocommit=True) as connection:
        for stop in (connection.cancel, connection.cancel_safe):
            timer = threading.Timer(0.5, stop)
            timer.start()
            try:
                connection.execute(SLOW)
                raise AssertionError("it ended by itself")
            except psycopg.errors.QueryCanceled:
                pass
            timer.join()
            equal(connection.execute("SELECT 1").fetchone(), (1,))


@check("psycopg", "COPY to the client is refused or right")
def copy(server: Server) -> None:
    with connect(server, autocommit=True) as connection:
        try:
            with connection.cursor().copy("COPY (SELECT id, words FROM types WHERE id <> 4 ORDER BY id) TO STDOUT") as lines:
                equal(b"".join(bytes(line) for line in lines), b"1\tplain\n2\t\\N\n3\t\n")
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported):
            pass
        try:
            with connection.cursor().copy("COPY customers FROM STDIN") as lines:
                lines.write(b"north\tC1\tNew\n")
            raise AssertionError("COPY was done")
        except psycopg.Error as error:
            equal(error.sqlstate in ("25006", "42501"), True, error.sqlstate)
        equal(connection.execute("SELECT count(*) FROM customers").fetchone(), (30,))


@check("psycopg", "the tenant's rows alone, by a cursor on the server and in a pipeline")
def tenant(server: Server) -> None:
    with connect(server, server.tenant) as connection:
        with connection.cursor("mine") as cursor:
            equal({row[0] for row in cursor.execute("SELECT tenant FROM orders")}, {"north"})
        with connection.pipeline():
            equal(connection.execute("SELECT count(*) FROM orders WHERE order_id > %s", [0]).fetchone(), (333,))

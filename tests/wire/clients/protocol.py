"""The protocol by itself: what a session is told, errors with their places, transactions, portals, and values as text and as bytes."""

import socket
import struct

import data
from suite import Server, check, contains, equal, one_of
from wire import Connection

OIDS = {
    "int4": 23, "bool": 16, "int2": 21, "int8": 20, "float4": 700, "float8": 701, "numeric(20,4)": 1700, "text": 25, "bytea": 17,
    "date": 1082, "timestamp": 1114, "timestamptz": 1184, "time": 1083, "interval": 1186, "int4[]": 1007, "text[]": 1009,
}  # fmt: skip


@check("protocol", "a session is told what clients rely on")
def parameters(server: Server) -> None:
    with Connection(server, application_name="wire") as connection:
        equal(connection.steps[:4], ["R10", "R11", "R12", "R0"])
        equal(connection.steps[-2:], ["K", "Z"])
        told = connection.parameters
        for name, value in {
            "client_encoding": "UTF8",
            "server_encoding": "UTF8",
            "DateStyle": "ISO, MDY",
            "IntervalStyle": "postgres",
            "integer_datetimes": "on",
            "standard_conforming_strings": "on",
            "is_superuser": "off",
            "session_authorization": server.whole.user,
            "application_name": "wire",
        }.items():
            equal(told.get(name), value, name)
        # Clients compare the version by its number.
        if int(told["server_version"].split()[0].split(".")[0]) < 12:
            raise AssertionError(f"server_version {told['server_version']} is too old for what clients ask then")
        equal(connection.query("SHOW server_version").texts()[0][0], told["server_version"])
        contains(connection.query("SELECT version()").texts()[0][0], "PostgreSQL")


@check("protocol", "encryption that is not there is answered with N, and other versions by what is spoken")
def negotiation(server: Server) -> None:
    for code, allowed in (
        (80877103, (b"S",) if server.ca else (b"N", b"S")),
        (80877104, (b"N", b"G") if server.reference else (b"N",)),
    ):
        with socket.create_connection((server.host, server.port), timeout=20) as connection:
            connection.sendall(struct.pack("!ii", 8, code))
            one_of(connection.recv(1), allowed, f"answer to {code}")
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        body = struct.pack("!i", 3 << 16 | 9) + f"user\0{server.whole.user}\0database\0wasmill\0_pq_.new\0on\0\0".encode()
        connection.sendall(struct.pack("!i", len(body) + 4) + body)
        equal(connection.recv(1), b"v", "NegotiateProtocolVersion")


def rows(server: Server, formats: int):
    names = ", ".join(name for name, _, _ in data.COLUMNS)
    with Connection(server, timezone="UTC") as connection:
        answer = connection.extended(f"SELECT {names} FROM types ORDER BY id", formats=formats)
        if answer.error:
            raise answer.error
    equal([name for name, _, _ in answer.columns], [name for name, _, _ in data.COLUMNS], "names")
    for (name, oid, form), (_, postgres, _) in zip(answer.columns, data.COLUMNS, strict=True):
        equal((oid, form), (OIDS[postgres], formats), f"type and format of {name}")
    return answer


@check("protocol", "each type has its number, and its text as PostgreSQL writes it")
def text(server: Server) -> None:
    answer = rows(server, 0)
    for place, (name, _, _) in enumerate(data.COLUMNS):
        found = [row[place] for row in answer.texts()]
        expected = data.TEXTS.get(name) or [None if v is None else str(v) for v in data.column(name)]
        equal(found, expected, name)


BINARY = {  # rows 1 and 3, in hexadecimal, as PostgreSQL 15 sends them
    "flag": ("01", "00"),
    "small": ("0001", "8000"),
    "whole": ("00000002", "80000000"),
    "large": ("0000000000000003", "8000000000000000"),
    "real4": ("3fc00000", "ff7fffff"),
    "real8": ("4002000000000000", "ffefffffffffffff"),
    "exact": ("0003000100000004000109291a85", "0005000340000004270f270f270f270f270f"),
    "words": ("706c61696e", ""),
    "bytes": ("00ff10", ""),
    "day": ("000012a5", "fff4dbf9"),
    "moment": ("00017713cd28aa94", "ff1fe2ffc59c6000"),
    "instant": ("00017713cd28aa94", "ff1fe2ffc59c6000"),
    "clock": ("0000000a8bdbfe40", "0000000000000000"),
    "span": ("000000036c9361a0000000030000000e", "fffffffffff0bdc0ffffffff00000000"),
    # An array: dimensions, whether there are nulls, the type of its items; then for each dimension its length and first index.
    "numbers": (
        "0000000100000000000000170000000300000001000000040000000100000004000000020000000400000003",
        "000000000000000000000017",
    ),
    "texts": ("0000000100000000000000190000000200000001000000016100000003622063", "000000000000000000000019"),
}


@check("protocol", "each type has its bytes as PostgreSQL writes them")
def binary(server: Server) -> None:
    answer = rows(server, 1)
    for place, (name, _, _) in enumerate(data.COLUMNS):
        if name in BINARY:
            found = [answer.rows[row][place].hex() for row in (0, 2)]
            equal(found, list(BINARY[name]), name)
        equal(answer.rows[1][place] is None, name != "id", f"null of {name}")


ERRORS = [  # what is wrong, its SQLSTATE, and the place that PostgreSQL points at
    ("SELECT * FROM nothing", "42P01", 15),
    ("SELECT count(*) FROM public.nothing", "42P01", 22),
    ("SELECT nothing FROM types", "42703", 8),
    ("SELECT t.nothing FROM types t", "42703", 8),
    ("SELECT x.id FROM types t", "42P01", 8),
    ("SELEC 1", "42601", 1),
    ("SELECT * FORM types", "42601", 10),
    ("SELECT (1", "42601", 10),
    ("SELECT 1 / 0", "22012", None),
    ("SELECT id / (id - id) FROM types", "22012", None),
    ("SELECT nothing(1)", "42883", 8),
    ("SELECT CAST('x' AS INT)", "22P02", 13),
    ("SELECT CAST(words AS INT) FROM types WHERE id = 1", "22P02", None),
    ("SELECT id, count(*) FROM types", "42803", 8),
    ("SELECT tenant FROM orders o JOIN customers c ON o.customer = c.customer", "42702", 8),
    ("SELECT CAST(1 AS nothing)", "42704", 18),
]


@check("protocol", "an error has its SQLSTATE and place, and the connection goes on")
def errors(server: Server) -> None:
    with Connection(server) as connection:
        for sql, code, position in ERRORS:
            for ask in (connection.query, connection.extended):
                answer = ask(sql)
                if not answer.error:
                    raise AssertionError(f"{sql} did not fail")
                found = answer.error.fields
                equal((found["C"], found["S"], answer.state), (code, "ERROR", "I"), sql)
                # A place may be missing; a wrong one misleads.
                one_of(found.get("P"), (str(position) if position else None, None), f"position in {sql}")
                equal(ask("SELECT 1").texts(), [["1"]], f"after {sql}")


@check("protocol", "a transaction that failed answers 25P02 until its end")
def aborted(server: Server) -> None:
    with Connection(server) as connection:
        steps = [
            ("BEGIN", "T", "BEGIN", None), ("SELECT 1", "T", "SELECT 1", None), ("SELECT 1 / 0", "E", None, "22012"),
            ("SELECT 1", "E", None, "25P02"), ("COMMIT", "I", "ROLLBACK", None), ("SELECT 1", "I", "SELECT 1", None),
            ("START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "T", "START TRANSACTION", None),
            ("SAVEPOINT a", "T", "SAVEPOINT", None), ("SELECT nothing", "E", None, "42703"),
            ("ROLLBACK TO SAVEPOINT a", "T", "ROLLBACK", None), ("SELECT 2", "T", "SELECT 1", None),
            ("RELEASE SAVEPOINT a", "T", "RELEASE", None), ("END", "I", "COMMIT", None), ("ROLLBACK", "I", "ROLLBACK", None),
            ("BEGIN", "T", "BEGIN", None), ("ROLLBACK TO SAVEPOINT none", "E", None, "3B001"), ("ROLLBACK", "I", "ROLLBACK", None),
        ]  # fmt: skip
        for ask in (connection.query, connection.extended):
            for sql, state, tag, code in steps:
                answer = ask(sql)
                found = (answer.state, answer.tags[0] if answer.tags else None, answer.error and answer.error.code)
                equal(found, (state, tag, code), sql)


@check("protocol", "several reads in one simple query are each answered, as Npgsql and pgAdmin need")
def several(server: Server) -> None:
    with Connection(server) as connection:
        answer = connection.query("SELECT 1 AS a; SET extra_float_digits = 3; SELECT 'x;y' AS b, 2 AS c;")
        equal((answer.texts(), answer.tags), ([["1"], ["x;y", "2"]], ["SELECT 1", "SET", "SELECT 1"]))
        answer = connection.query("SELECT 1; SELECT 1 / 0; SELECT 3")
        equal((answer.texts(), answer.error and answer.error.code, answer.state), ([["1"]], "22012", "I"))
        for empty in ("", ";", " -- nothing"):
            equal(connection.query(empty).kinds, "IZ", repr(empty))


@check("protocol", "a portal is read in pieces, and after an error all is skipped until Sync")
def portals(server: Server) -> None:
    with Connection(server) as connection:
        connection.send("P", b"s\0SELECT n FROM big WHERE n <= 5 ORDER BY n\0\0\0")
        connection.send("B", b"p\0s\0" + bytes(6))
        for limit in (2, 2, 2):
            connection.send("E", b"p\0" + struct.pack("!i", limit))
        connection.send("D", b"Ss\0")
        connection.send("C", b"Pp\0")
        connection.send("S")
        answer = connection.answer()
        equal((answer.kinds, answer.tags[-1:]), ("12DDsDDsDCtT3Z", ["SELECT 1"]))
        connection.send("P", b"\0SELECT nothing\0\0\0")
        connection.send("B", bytes(8))
        connection.send("E", bytes(5))
        connection.send("S")
        equal(connection.answer().kinds, "EZ")
        connection.send("B", b"\0none\0" + bytes(6))
        connection.send("S")
        equal(connection.answer().error.code, "26000")
        connection.send("E", b"none\0" + bytes(4))
        connection.send("S")
        equal(connection.answer().error.code, "34000")


@check("protocol", "a query that is a value has its value, whether or not it stands alone")
def values(server: Server) -> None:
    names = "(SELECT DISTINCT customer FROM customers)"
    joined = f"""SELECT c.customer, count(o.order_id) FROM {names} c LEFT JOIN orders o ON o.customer = c.customer
        GROUP BY c.customer ORDER BY 1"""
    counted = "(SELECT count(*) FROM orders o WHERE o.customer = c.customer)"
    with Connection(server) as connection:
        expected = connection.query(joined).texts()
        equal(len(expected) > 1, True)
        for value in (counted, f"{counted} AS n", f"1 * {counted}"):
            sql = f"SELECT c.customer, {value} FROM {names} c ORDER BY 1"
            equal(connection.query(sql).texts(), expected, sql)
            equal(connection.extended(sql).texts(), expected, sql)
        answer = connection.query("SELECT (SELECT n FROM big)")
        equal(answer.error and answer.error.code, "21000")


@check("protocol", "settings that clients send are taken, and shown")
def settings(server: Server) -> None:
    with Connection(server, options="-c statement_timeout=60000 -c extra_float_digits=1") as connection:
        for sql, name, value in (
            ("SET extra_float_digits = 3", "extra_float_digits", "3"),
            ("SET application_name TO 'a ''quoted'' name'", "application_name", "a 'quoted' name"),
            ("SET SESSION datestyle TO 'ISO'", "DateStyle", "ISO, MDY"),
            ("SET client_encoding = 'UTF8'", "client_encoding", "UTF8"),
            ("SET client_min_messages TO warning", "client_min_messages", "warning"),
            ("SET TIME ZONE 'UTC'", "TimeZone", "UTC"),
            ("SET search_path TO public", "search_path", "public"),
            ("SET statement_timeout = '5s'", "statement_timeout", "5s"),
            ("RESET statement_timeout", "statement_timeout", "1min"),
            (
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "transaction_isolation",
                "read committed",
            ),
        ):
            answer = connection.query(sql)
            equal(answer.error, None, sql)
            equal(connection.query(f"SHOW {name}").texts(), [[value]], sql)
            if name != "transaction_isolation":
                equal(connection.query(f"SELECT current_setting('{name}')").texts(), [[value]], sql)
        equal(connection.query("SHOW transaction_read_only").texts(), [["on"]])
        error = connection.query("SET nothing_like_this = 1").error
        equal(error and error.code, "42704")
        for sql in ("DISCARD ALL", "DEALLOCATE ALL", "CLOSE ALL", "UNLISTEN *", "RESET ALL"):
            equal(connection.query(sql).error, None, sql)

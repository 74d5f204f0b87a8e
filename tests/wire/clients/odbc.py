"""ODBC, as Excel and many others connect: psqlODBC through unixODBC, with what its catalog functions ask."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import data
from suite import Login, Server, check, equal, one_of, same_value, variable


@contextmanager
def connect(server: Server, login: Login | None = None, autocommit: bool = True, **options: object) -> Iterator:
    driver = variable("ODBC_DRIVER", "psqlodbcw.so, which tools/wire.sh finds")
    import pyodbc  # which needs unixODBC

    login = login or server.whole
    parts = {"DRIVER": driver, "SERVER": server.host, "PORT": server.port, "DATABASE": "wasmill", "UID": login.user}
    parts |= {"PWD": login.password, "BoolsAsChar": 0, "ByteaAsLongVarBinary": 1, "ConnSettings": "SET TIME ZONE 'UTC'"} | options
    connection = pyodbc.connect(";".join(f"{name}={value}" for name, value in parts.items()), autocommit=autocommit)
    try:
        yield connection
    finally:
        connection.close()


@check("odbc", "connects, and knows the server")
def connects(server: Server) -> None:
    import pyodbc

    with connect(server) as connection:
        equal(connection.getinfo(pyodbc.SQL_DBMS_NAME), "PostgreSQL")
        equal(connection.getinfo(pyodbc.SQL_DATABASE_NAME), "wasmill")
        equal(connection.execute("SELECT count(*) FROM orders").fetchone()[0], 999)


@check("odbc", "each type and its null")
def types(server: Server) -> None:
    with connect(server) as connection:
        names = [name for name, _, _ in data.COLUMNS]
        for name in names:
            found = [row[0] for row in connection.execute(f"SELECT {name} FROM types ORDER BY id").fetchall()]
            expected = data.column(name)
            if name in ("span", "numbers", "texts"):
                expected = data.TEXTS[name]
            elif name == "instant":
                expected = [value and value.replace(tzinfo=None) for value in expected]
            elif name == "real4":
                found = [value and float(f"{value:.6g}") for value in found]
                expected = [value and float(f"{value:.6g}") for value in expected]
            for a, b in zip(found, expected, strict=True):
                if not same_value(a, b):
                    raise AssertionError(f"{name}: expected {b!r}, found {a!r}")


@check("odbc", "SQLTables: tables, catalogs, schemas and kinds")
def tables(server: Server) -> None:
    with connect(server) as connection:
        cursor = connection.cursor()
        for arguments in ({}, {"schema": "public"}, {"tableType": "TABLE,VIEW"}, {"table": "%", "catalog": "wasmill"}):
            rows = [row for row in cursor.tables(**arguments).fetchall() if row.table_schem == "public"]
            equal({row.table_name for row in rows}, {"types", "orders", "customers", "big", "payroll"}, str(arguments))
            for row in rows:
                one_of((row.table_cat, row.table_type), (("wasmill", "TABLE"), ("wasmill", "VIEW")), row.table_name)
        equal([row.table_name for row in cursor.tables(table="ord%").fetchall()], ["orders"])
        equal(cursor.tables(table="nothing").fetchall(), [])
        equal("wasmill" in [row.table_cat for row in cursor.tables(catalog="%", schema="", table="").fetchall()], True)
        equal("public" in [row.table_schem for row in cursor.tables(catalog="", schema="%", table="").fetchall()], True)


@check("odbc", "SQLColumns: names, types and places")
def columns(server: Server) -> None:
    with connect(server) as connection:
        rows = connection.cursor().columns(table="types", schema="public").fetchall()
        equal([row.column_name for row in rows], [name for name, _, _ in data.COLUMNS])
        equal([row.ordinal_position for row in rows], list(range(1, len(rows) + 1)))
        kinds = {row.column_name: row.type_name for row in rows}
        expected = {"id": "int4", "flag": "bool", "large": "int8", "exact": "numeric", "words": "text", "instant": "timestamptz"}
        equal({name: kinds[name] for name in expected}, expected)
        equal([row.column_name for row in connection.cursor().columns(table="customers", column="n%").fetchall()], ["name"])


@check("odbc", "keys, indexes, procedures, privileges and types")
def others(server: Server) -> None:
    with connect(server) as connection:
        cursor = connection.cursor()
        equal(cursor.primaryKeys("orders").fetchall(), [])
        equal(cursor.foreignKeys("orders").fetchall(), [])
        equal([row for row in cursor.statistics("orders").fetchall() if row.index_name], [])
        cursor.rowIdColumns("orders").fetchall()
        cursor.rowVerColumns("orders").fetchall()
        cursor.procedures(schema="public").fetchall()
        names = {row.type_name for row in cursor.getTypeInfo().fetchall()}
        equal({"int4", "int8", "text", "numeric", "timestamptz"} <= names, True, str(names))


@check("odbc", "parameters, prepared on the server and not")
def parameters(server: Server) -> None:
    for prepare in (0, 1):
        with connect(server, UseServerSidePrepare=prepare) as connection:
            cursor = connection.cursor()
            for sql, values, expected in (
                ("SELECT count(*) FROM orders WHERE order_id <= ? AND tenant = ?", (30, "north"), 10),
                ("SELECT count(*) FROM orders WHERE placed < ?", (dt.datetime(2013, 1, 1, 12),), 11),
                ("SELECT count(*) FROM types WHERE day = ?", (dt.date(2013, 1, 25),), 1),
                ("SELECT count(*) FROM types WHERE words = ?", (data.WORDS,), 1),
                ("SELECT count(*) FROM types WHERE exact = ?", (Decimal("12345.6789"),), 1),
                ("SELECT count(*) FROM types WHERE real8 = ?", (2.25,), 1),
                ("SELECT count(*) FROM types WHERE flag = ?", (True,), 2),
                ("SELECT count(*) FROM types WHERE words = ?", (None,), 0),
            ):
                for _ in range(2):
                    equal(cursor.execute(sql, values).fetchone()[0], expected, f"{sql} {prepare=}")


@check("odbc", "UseDeclareFetch: rows by a cursor, in pieces")
def declare_fetch(server: Server) -> None:
    for autocommit in (True, False):
        with connect(server, autocommit=autocommit, UseDeclareFetch=1, Fetch=500) as connection:
            cursor = connection.cursor()
            rows = cursor.execute("SELECT n, label FROM big WHERE n <= 3000 ORDER BY n").fetchall()
            equal((len(rows), rows[-1][0]), (3000, 3000), f"{autocommit=}")
            one = cursor.execute("SELECT n FROM big ORDER BY n").fetchmany(3)
            equal([row[0] for row in one], [1, 2, 3])
            cursor.close()
            equal(connection.execute("SELECT count(*) FROM orders WHERE tenant = ?", "west").fetchone()[0], 333)


@check("odbc", "transactions, an error in one, and what is written is refused")
def transactions(server: Server) -> None:
    import pyodbc

    for protocol in ("7.4-0", "7.4-1", "7.4-2"):
        with connect(server, autocommit=False, Protocol=protocol) as connection:
            equal(connection.execute("SELECT count(*) FROM orders").fetchone()[0], 999)
            for sql, codes in (("SELECT 1 / 0", ("22012",)), ("DELETE FROM customers", ("25006", "42501"))):
                try:
                    connection.execute(sql).fetchall()
                    raise AssertionError(f"{sql} did not fail")
                except pyodbc.Error as error:
                    one_of(error.args[0], codes, sql)
                # By 7.4-2 the statement alone is undone.
                if protocol != "7.4-2":
                    connection.rollback()
            equal(connection.execute("SELECT count(*) FROM customers").fetchone()[0], 30)
            connection.commit()


@check("odbc", "the tenant's rows alone")
def tenant(server: Server) -> None:
    with connect(server, server.tenant, UseDeclareFetch=1) as connection:
        equal({row[0] for row in connection.execute("SELECT tenant FROM orders").fetchall()}, {"north"})
        if not server.reference:
            names = {row.table_name for row in connection.cursor().tables(schema="public").fetchall()}
            equal("payroll" in names, False)

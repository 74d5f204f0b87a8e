"""ADBC's driver for PostgreSQL: Arrow from rows, with types from the catalogs; by default all rows come by COPY."""

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_postgresql import StatementOptions

import data
from suite import Login, Server, check, equal, one_of

# Apart from a numeric, which is a text, and a span, which has nanoseconds.
ARROW = {
    "id": pa.int32(), "flag": pa.bool_(), "small": pa.int16(), "whole": pa.int32(), "large": pa.int64(), "real4": pa.float32(),
    "real8": pa.float64(), "words": pa.string(), "bytes": pa.binary(), "day": pa.date32(), "moment": pa.timestamp("us"),
    "instant": pa.timestamp("us", "UTC"), "clock": pa.time64("us"), "numbers": pa.list_(pa.int32()), "texts": pa.list_(pa.string()),
}  # fmt: skip


def connect(server: Server, login: Login | None = None):
    return adbc.connect(server.url("postgresql", login), autocommit=True)


def table(server: Server, sql: str, copy: bool, login: Login | None = None) -> pa.Table:
    with connect(server, login) as connection, connection.cursor() as cursor:
        if not copy:
            cursor.adbc_statement.set_options(**{StatementOptions.USE_COPY.value: "false"})
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def same(found: pa.Table) -> None:
    for name, kind in ARROW.items():
        column = found.column(name)
        equal(str(column.type).replace("child 0, ", ""), str(kind), name)
        expected = data.column(name)
        if name in ("real8",):
            equal([str(value) for value in column.to_pylist()], [str(value) for value in expected], name)
        else:
            equal(column.to_pylist(), expected, name)
    equal(found.column("exact").to_pylist(), [None if value is None else str(value) for value in data.column("exact")])
    spans = [None if v is None else (v.months, v.days, v.nanoseconds // 1000) for v in found.column("span").to_pylist()]
    equal(spans, data.column("span"))


@check("adbc", "each type and its null, by COPY, which it does by default")
def types_copy(server: Server) -> None:
    same(table(server, "SELECT * FROM types ORDER BY id", copy=True))


@check("adbc", "each type and its null, without COPY")
def types(server: Server) -> None:
    same(table(server, "SELECT * FROM types ORDER BY id", copy=False))


@check("adbc", "a million rows, by COPY")
def million(server: Server) -> None:
    found = table(server, "SELECT n, half, label FROM big", copy=True)
    equal(found.num_rows, data.BIG)
    equal(pc.sum(found.column("n")).as_py(), data.BIG * (data.BIG + 1) // 2)


@check("adbc", "parameters")
def parameters(server: Server) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        for sql, values, expected in (
            ("SELECT count(*) FROM orders WHERE order_id <= $1 AND tenant = $2", (30, "north"), 10),
            ("SELECT count(*) FROM types WHERE flag = $1", (True,), 2),
            ("SELECT count(*) FROM big WHERE half < $1", (10.5,), 20),
        ):
            cursor.execute(sql, values)
            equal(cursor.fetchone(), (expected,), sql)


@check("adbc", "what a query gives is known without running it")
def schema(server: Server) -> None:
    with connect(server) as connection, connection.cursor() as cursor:
        found = cursor.adbc_execute_schema("SELECT order_id, tenant, placed FROM orders")
        equal([str(field.type) for field in found], ["int64", "string", "timestamp[us, tz=UTC]"])
        equal(str(connection.adbc_get_table_schema("customers").field("name").type), "string")
        found = connection.adbc_get_table_schema("types", db_schema_filter="public")
        equal({field.name for field in found}, {name for name, _, _ in data.COLUMNS})


@check("adbc", "catalogs, schemas, tables and columns, as GetObjects gives them")
def objects(server: Server) -> None:
    with connect(server) as connection:
        found = connection.adbc_get_objects(depth="all", catalog_filter="wasmill").read_all().to_pylist()
        equal([catalog["catalog_name"] for catalog in found], ["wasmill"])
        schemas = {schema["db_schema_name"]: schema["db_schema_tables"] for schema in found[0]["catalog_db_schemas"]}
        tables = {table["table_name"]: table for table in schemas["public"]}
        equal(set(tables) >= {"types", "orders", "customers", "big"}, True, str(set(tables)))
        columns = [column["column_name"] for column in tables["types"]["table_columns"]]
        equal(columns, [name for name, _, _ in data.COLUMNS])
        one_of(tables["orders"]["table_type"], ("table", "view", "BASE TABLE", "VIEW"))
        equal("view" in connection.adbc_get_table_types(), True)
        info = connection.adbc_get_info()
        equal(info["vendor_name"], "PostgreSQL")


@check("adbc", "errors have their SQLSTATEs, writes are refused, and the tenant's rows are the tenant's")
def errors(server: Server) -> None:
    with connect(server) as connection:
        for sql, codes in (
            ("SELECT * FROM nothing", ("42P01",)),
            ("SELECT 1 / 0", ("22012",)),
            ("DELETE FROM customers", ("25006", "42501")),
        ):
            with connection.cursor() as cursor:
                try:
                    cursor.execute(sql)
                    cursor.fetchall()
                    raise AssertionError(f"{sql} did not fail")
                except adbc.Error as error:
                    one_of(error.sqlstate, codes, sql)
        with connection.cursor() as cursor:
            try:
                cursor.adbc_ingest("made", pa.table({"a": [1]}), mode="create")
                raise AssertionError("a table was made")
            except adbc.Error:
                pass
    for copy in (True, False):
        found = table(server, "SELECT tenant FROM orders", copy, server.tenant)
        equal(set(found.column("tenant").to_pylist()), {"north"})

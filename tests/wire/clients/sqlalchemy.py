"""SQLAlchemy 2: what its inspector finds, as Superset and many others ask, through psycopg and asyncpg."""

import asyncio
import datetime as dt
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.automap import automap_base

from suite import Login, Results, Server, Skipped, check, equal, one_of

TABLES = {"types", "orders", "customers", "big", "payroll"}


def engine(server: Server, login: Login | None = None) -> sa.Engine:
    return sa.create_engine(server.url("postgresql+psycopg", login))


@check("sqlalchemy", "connects, and knows the server's version")
def connects(server: Server) -> None:
    with engine(server).connect() as connection:
        equal(connection.dialect.server_version_info >= (12,), True, str(connection.dialect.server_version_info))
        equal(connection.dialect.default_schema_name, "public")
        equal(connection.execute(sa.text("SELECT count(*) FROM orders WHERE tenant = :t"), {"t": "west"}).scalar(), 333)


@check("sqlalchemy", "the inspector")
def inspector(server: Server) -> Results:
    found = sa.inspect(engine(server))

    def schemas() -> None:
        equal("public" in found.get_schema_names(), True, str(found.get_schema_names()))
        equal(found.default_schema_name, "public")

    def tables() -> None:
        for schema in (None, "public"):
            tables, views = set(found.get_table_names(schema)), set(found.get_view_names(schema))
            equal(tables | views, TABLES, f"tables and views of {schema}")
            equal(tables & views, set(), "what is both")
            equal(all(found.has_table(name, schema) for name in TABLES), True)
        equal(found.has_table("nothing"), False)
        for of in (
            found.get_temp_table_names,
            found.get_materialized_view_names,
            found.get_sequence_names,
            found.get_temp_view_names,
        ):
            equal(of(), [], of.__name__)

    def columns() -> None:
        expected = [
            ("id", sa.INTEGER), ("flag", sa.BOOLEAN), ("small", sa.SMALLINT), ("whole", sa.INTEGER), ("large", sa.BIGINT),
            ("real4", sa.REAL), ("real8", sa.DOUBLE_PRECISION), ("exact", sa.NUMERIC), ("words", sa.TEXT),
            ("bytes", sa.dialects.postgresql.BYTEA), ("day", sa.DATE), ("moment", sa.TIMESTAMP), ("instant", sa.TIMESTAMP),
            ("clock", sa.TIME), ("span", sa.dialects.postgresql.INTERVAL), ("numbers", sa.ARRAY), ("texts", sa.ARRAY),
        ]  # fmt: skip
        columns = found.get_columns("types")
        equal([column["name"] for column in columns], [name for name, _ in expected])
        for column, (name, kind) in zip(columns, expected, strict=True):
            equal(isinstance(column["type"], kind), True, f"{name} is {column['type']!r}")
            equal(column["default"], None, name)
        kinds = {column["name"]: column["type"] for column in columns}
        equal((kinds["instant"].timezone, kinds["moment"].timezone), (True, False))
        one_of((kinds["exact"].precision, kinds["exact"].scale), ((20, 4), (None, None)))
        equal(isinstance(kinds["numbers"].item_type, sa.INTEGER), True)
        equal({column["name"] for column in found.get_columns("orders", "public")},
              {"order_id", "tenant", "customer", "amount", "secret", "placed"})  # fmt: skip

    def constraints() -> None:
        for name in TABLES - {"big"}:
            equal(found.get_pk_constraint(name)["constrained_columns"], [], name)
            for of in (found.get_foreign_keys, found.get_indexes, found.get_unique_constraints, found.get_check_constraints):
                equal(of(name), [], f"{of.__name__} of {name}")

    def comments() -> None:
        one_of(found.get_table_comment("orders")["text"], ("Orders of three tenants.", None))
        one_of(found.get_table_comment("types", "public")["text"], ("A column of each type.", None))

    def views() -> None:
        for name in found.get_view_names():
            definition = found.get_view_definition(name)
            equal(definition is None or isinstance(definition, str), True, name)

    def several() -> None:
        both = sa.engine.reflection.ObjectKind.ANY
        columns = found.get_multi_columns(kind=both)
        equal({name for _, name in columns}, TABLES)
        for of in (found.get_multi_pk_constraint, found.get_multi_foreign_keys, found.get_multi_indexes, found.get_multi_table_comment,
                   found.get_multi_table_options, found.get_multi_check_constraints, found.get_multi_unique_constraints):  # fmt: skip
            equal({name for _, name in of(kind=both)} <= TABLES, True, of.__name__)

    def missing() -> None:
        try:
            found.get_columns("nothing")
            raise AssertionError("columns of nothing")
        except sa.exc.NoSuchTableError:
            pass

    for part in (schemas, tables, columns, constraints, comments, views, several, missing):
        try:
            part()
            yield f"the inspector: {part.__name__}", None
        except Exception as wrong:
            yield f"the inspector: {part.__name__}", f"{type(wrong).__name__}: {wrong}"


@check("sqlalchemy", "the inspector finds nothing hidden")
def hidden(server: Server) -> None:
    if server.reference:
        raise Skipped("PostgreSQL shows the names of all tables")
    found = sa.inspect(engine(server, server.tenant))
    equal({*found.get_table_names(), *found.get_view_names()}, TABLES - {"payroll"})
    equal(found.has_table("payroll"), False)


@check("sqlalchemy", "MetaData.reflect, and queries made of it")
def reflect(server: Server) -> None:
    made = sa.MetaData()
    with engine(server).connect() as connection:
        made.reflect(connection, views=True)
        equal(set(made.tables), TABLES)
        orders, customers = made.tables["orders"], made.tables["customers"]
        join = orders.join(customers, (orders.c.tenant == customers.c.tenant) & (orders.c.customer == customers.c.customer))
        query = (
            sa.select(orders.c.tenant, sa.func.count().label("n"), sa.func.sum(orders.c.amount).label("amount"))
            .select_from(join)
            .where(orders.c.order_id.in_([1, 2, 3, 4]), orders.c.placed > dt.datetime(2013, 1, 1, tzinfo=dt.UTC))
            .group_by(orders.c.tenant)
            .order_by(sa.desc("n"), orders.c.tenant)
        )
        rows = [tuple(row) for row in connection.execute(query)]
        equal(rows, [("south", 2, Decimal("5.00")), ("north", 1, Decimal("3.00")), ("west", 1, Decimal("2.00"))])
        types = made.tables["types"]
        equal(connection.execute(sa.select(types.c.numbers, types.c.span).where(types.c.id == 3)).one()[0], [])
        month = sa.func.date_trunc("month", orders.c.placed).label("month")
        rows = connection.execute(sa.select(month, sa.func.count()).group_by(month).order_by(month)).all()
        equal([count for _, count in rows], [743, 256])


@check("sqlalchemy", "automap finds no keys, and says nothing of it")
def automap(server: Server) -> None:
    base = automap_base()
    base.prepare(autoload_with=engine(server))
    equal(list(base.classes), [])


@check("sqlalchemy", "pages, rows by a cursor on the server, transactions, and a pool that asks whether it is well")
def session(server: Server) -> None:
    made = sa.create_engine(server.url("postgresql+psycopg"), pool_pre_ping=True, isolation_level="REPEATABLE READ")
    big = sa.table("big", sa.column("n"), sa.column("label"))
    for _ in range(2):
        with made.connect() as connection:
            rows = connection.execute(sa.select(big.c.n).where(big.c.n <= 2000), execution_options={"yield_per": 500})
            equal(sum(row.n for row in rows), 2000 * 2001 // 2)
            page = connection.execute(sa.select(big.c.n).order_by(big.c.n.desc()).limit(2).offset(1)).scalars().all()
            equal(page, [999_999, 999_998])
            with connection.begin_nested():
                connection.execute(sa.text("SELECT 1"))
            equal(connection.get_isolation_level(), "REPEATABLE READ")


@check("sqlalchemy", "through asyncpg as well")
def asynchronous(server: Server) -> None:
    async def main() -> None:
        made = create_async_engine(server.url("postgresql+asyncpg"))
        async with made.connect() as connection:
            names = await connection.run_sync(
                lambda sync: {*sa.inspect(sync).get_table_names(), *sa.inspect(sync).get_view_names()}
            )
            equal(names, TABLES)
            result = await connection.execute(sa.text("SELECT count(*) FROM orders WHERE order_id < :n"), {"n": 11})
            equal(result.scalar(), 10)
        await made.dispose()

    asyncio.run(main())

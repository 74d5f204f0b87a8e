"""asyncpg: prepared statements and bytes for everything, with types looked up in the catalogs."""

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable
from decimal import Decimal

import asyncpg

import data
from suite import DATABASE, SLOW, Login, Server, Skipped, check, equal, same_value


def session(function: Callable) -> Callable:
    """A check with a connection of its own."""

    def run(server: Server) -> None:
        async def main() -> None:
            connection = await connect(server)
            try:
                await function(server, connection)
            finally:
                await connection.close(timeout=10)

        asyncio.run(main())

    return run


async def connect(server: Server, login: Login | None = None, **options: object) -> asyncpg.Connection:
    options.setdefault("ssl", "prefer" if not server.ca else "require")
    return await asyncpg.connect(**server.parts(login), database=DATABASE, timeout=20, **options)


async def fails(query, code: str) -> asyncpg.PostgresError:
    try:
        await query
    except asyncpg.PostgresError as error:
        equal(error.sqlstate, code, str(error))
        return error
    raise AssertionError(f"nothing failed as {code}")


def span(value: tuple | None) -> dt.timedelta | None:
    """As asyncpg makes one of PostgreSQL's: a year has 365 days, a month 30."""
    if value is None:
        return None
    months, days, micros = value
    return dt.timedelta(days=months // 12 * 365 + months % 12 * 30 + days, microseconds=micros)


@check("asyncpg", "each type and its null")
@session
async def types(server: Server, connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("SELECT * FROM types ORDER BY id")
    for name, _, _ in data.COLUMNS:
        found, expected = [row[name] for row in rows], data.column(name)
        expected = [span(value) for value in expected] if name == "span" else expected
        for a, b in zip(found, expected, strict=True):
            if not same_value(a, b) or type(a) is not type(b):
                raise AssertionError(f"{name}: expected {b!r}, found {a!r}")


PARAMETERS = [
    ("int2", 7), ("int4", -7), ("int8", 2**62), ("float4", 1.5), ("float8", 0.1), ("bool", True), ("text", data.WORDS), ("varchar", ""),
    ("numeric", Decimal("-12.5000")), ("bytea", b"\x00\xff"), ("date", dt.date(2000, 2, 29)), ("time", dt.time(1, 2, 3, 4)),
    ("timestamp", dt.datetime(2013, 1, 1, 1, 2, 3)), ("timestamptz", dt.datetime(2013, 1, 1, tzinfo=dt.UTC)),
    ("interval", dt.timedelta(days=2, seconds=3)), ("int4[]", [1, None, 3]), ("text[]", ["a,b", "", None]), ("int8[]", []),
]  # fmt: skip


@check("asyncpg", "parameters of each type, as bytes, and their nulls")
@session
async def parameters(server: Server, connection: asyncpg.Connection) -> None:
    for kind, value in PARAMETERS:
        statement = await connection.prepare(f"SELECT $1::{kind} AS value")
        equal((await statement.fetchrow(value))["value"], value, kind)
        equal((await statement.fetchrow(None))["value"], None, kind)


@check("asyncpg", "parameters whose types come from where they stand")
@session
async def inferred(server: Server, connection: asyncpg.Connection) -> None:
    equal(await connection.fetchval("SELECT count(*) FROM orders WHERE order_id <= $1 AND tenant = $2", 30, "north"), 10)
    equal(
        await connection.fetchval("SELECT count(*) FROM orders WHERE placed >= $1", dt.datetime(2013, 1, 1, 12, tzinfo=dt.UTC)), 988
    )
    equal(await connection.fetchval("SELECT count(*) FROM orders WHERE amount BETWEEN $1 AND $2", Decimal(1), Decimal("2.5")), 2)
    equal(await connection.fetchval("SELECT count(*) FROM types WHERE day = $1", dt.date(2013, 1, 25)), 1)
    equal(await connection.fetchval("SELECT count(*) FROM types WHERE flag = $1", True), 2)
    equal(await connection.fetchval("SELECT count(*) FROM orders WHERE order_id = ANY($1)", [1, 2, 3]), 3)
    rows = await connection.fetch("SELECT n FROM big ORDER BY n LIMIT $1 OFFSET $2", 2, 3)
    equal([row["n"] for row in rows], [4, 5])


@check("asyncpg", "a prepared statement says its parameters and columns, and is used again")
@session
async def prepared(server: Server, connection: asyncpg.Connection) -> None:
    statement = await connection.prepare("SELECT order_id, tenant, amount FROM orders WHERE order_id = $1")
    equal([parameter.name for parameter in statement.get_parameters()], ["int8"])
    equal(
        [(a.name, a.type.name) for a in statement.get_attributes()],
        [("order_id", "int8"), ("tenant", "text"), ("amount", "numeric")],
    )
    for number in range(1, 50):
        row = await statement.fetchrow(number)
        equal((row["order_id"], row["amount"]), (number, Decimal(number)))
    equal(await statement.fetchrow(5000), None)


@check("asyncpg", "a cursor, in pieces")
@session
async def cursor(server: Server, connection: asyncpg.Connection) -> None:
    total = 0
    async with connection.transaction(readonly=True):
        async for row in connection.cursor("SELECT n FROM big WHERE n <= $1", 5000, prefetch=700):
            total += row["n"]
        one = await connection.cursor("SELECT n FROM big ORDER BY n LIMIT 9")
        equal([row["n"] for row in await one.fetch(4)], [1, 2, 3, 4])
        equal(await one.forward(2), 2)
        equal((await one.fetchrow())["n"], 7)
    equal(total, 5000 * 5001 // 2)


@check("asyncpg", "transactions, one in another, and an error in the inner one")
@session
async def transactions(server: Server, connection: asyncpg.Connection) -> None:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        try:
            async with connection.transaction():
                await connection.fetch("SELECT 1 / (order_id - order_id) FROM orders")
        except asyncpg.DivisionByZeroError:
            pass
        equal(await connection.fetchval("SELECT count(*) FROM orders"), 999)
    equal(connection.is_in_transaction(), False)


@check("asyncpg", "a cancelled task and a time-out end the statement, and the connection goes on")
@session
async def cancel(server: Server, connection: asyncpg.Connection) -> None:
    task = asyncio.create_task(connection.fetch(SLOW))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task], timeout=20)
    equal(task.cancelled(), True)
    equal(await connection.fetchval("SELECT 1"), 1)
    try:
        await connection.fetch(SLOW, timeout=0.5)
        raise AssertionError("no time-out")
    except TimeoutError:
        pass
    equal(await connection.fetchval("SELECT 2"), 2)
    await connection.execute("SET statement_timeout = '300ms'")
    await fails(connection.fetch(SLOW), "57014")


@check("asyncpg", "errors are of their classes, and the connection goes on")
@session
async def errors(server: Server, connection: asyncpg.Connection) -> None:
    for sql, kind in (
        ("SELECT * FROM nothing", asyncpg.UndefinedTableError),
        ("SELECT nothing FROM types", asyncpg.UndefinedColumnError),
        ("SELECT nothing(1)", asyncpg.UndefinedFunctionError),
        ("SELEC 1", asyncpg.PostgresSyntaxError),
        ("SELECT 1 / 0", asyncpg.DivisionByZeroError),
        ("SELECT 1; SELECT 2", asyncpg.PostgresSyntaxError),
    ):
        for run in (connection.fetch, connection.execute) if "; " not in sql else (connection.fetch,):
            try:
                await run(sql)
            except kind:
                continue
            raise AssertionError(f"{sql} did not fail")
    equal(await connection.fetchval("SELECT 'well'"), "well")


@check("asyncpg", "writes and COPY are refused")
@session
async def writes(server: Server, connection: asyncpg.Connection) -> None:
    for sql in ("DELETE FROM orders", "INSERT INTO customers VALUES ('north', $1, $1)"):
        arguments = ["C1"] if "$1" in sql else []
        try:
            await connection.execute(sql, *arguments)
            raise AssertionError(f"{sql} was done")
        except asyncpg.PostgresError as error:
            equal(error.sqlstate in ("25006", "42501"), True, error.sqlstate)
    try:
        await connection.copy_records_to_table("customers", records=[("north", "C1", "New")])
        raise AssertionError("COPY was done")
    except asyncpg.PostgresError:
        pass
    equal(await connection.fetchval("SELECT count(*) FROM customers"), 30)


@check("asyncpg", "a pool: connections are cleaned and used again by many tasks")
def pool(server: Server) -> None:
    async def main() -> None:
        options = {"min_size": 1, "max_size": 4, "ssl": "require" if server.ca else "prefer"}
        async with asyncpg.create_pool(**server.parts(), database=DATABASE, **options) as many:

            async def one(number: int) -> int:
                async with many.acquire() as connection:
                    return await connection.fetchval("SELECT count(*) FROM big WHERE n <= $1", number)

            equal(await asyncio.gather(*(one(number) for number in range(1, 41))), list(range(1, 41)))

    asyncio.run(main())


@check("asyncpg", "TLS, with the certificate checked, and none")
def tls(server: Server) -> None:
    if not server.ca:
        raise Skipped("WIRE_CA is not set")

    async def main() -> None:
        for option in (ssl.create_default_context(cafile=server.ca), "disable"):
            connection = await connect(server, ssl=option)
            equal(await connection.fetchval("SELECT count(*) FROM orders"), 999)
            await connection.close()
        try:
            await connect(server, ssl=ssl.create_default_context())
        except ssl.SSLCertVerificationError:
            return
        raise AssertionError("a certificate of nobody's was accepted")

    asyncio.run(main())


@check("asyncpg", "the tenant's rows alone, prepared and by a cursor")
def tenant(server: Server) -> None:
    async def main() -> None:
        connection = await connect(server, server.tenant)
        equal(await connection.fetchval("SELECT count(*) FROM orders WHERE tenant <> $1 OR tenant = $1", "south"), 333)
        async with connection.transaction():
            found = {row["tenant"] async for row in connection.cursor("SELECT tenant FROM customers")}
        equal(found, {"north"})
        await connection.close()

    asyncio.run(main())

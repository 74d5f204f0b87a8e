"""What others do with the same documents: Microsoft's client of Cosmos DB, asyncpg, and Python's sqlite3, each at its best.

Each writes the batches that it is given, some at the same time, and gives the seconds that each took.
"""

import asyncio
import json
import sqlite3
import time

PARTITIONS = 64


def body(version: int) -> dict:
    """A document of some 300 bytes, as in host/cli/examples/documents_bench.rs."""
    return {
        "carrier": {"code": "UA", "name": "United Air Lines Inc."}, "flight": 1545, "origin": "EWR", "version": version,
        "destination": {"code": "IAH", "name": "George Bush Intercontinental"}, "distance": 1400, "risk": 0.2731,
        "departure": {"scheduled": "2013-01-01T10:15:00Z", "actual": "2013-01-01T10:17:00Z", "delay_minutes": 2},
    }


async def at_once(count: int, batches: int, write) -> tuple[float, list[float]]:
    """Writes batches, so many at once; the seconds of all and of each."""
    numbers, taken = iter(range(batches)), []

    async def worker():
        for batch in numbers:
            began = time.perf_counter()
            await write(batch)
            taken.append(time.perf_counter() - began)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(count)))
    return time.perf_counter() - started, taken


async def cosmos(endpoint: str, key: str, batches: int, size: int, at: int):
    """Transactional batches of upserts, by the asynchronous client."""
    from azure.cosmos import PartitionKey
    from azure.cosmos.aio import CosmosClient

    async with CosmosClient(endpoint, key, enable_endpoint_discovery=False, connection_verify=False) as client:
        database = await client.create_database_if_not_exists("sdk")
        container = await database.create_container_if_not_exists("bench", PartitionKey("/partitionKey"))
        for version in (1, 2):

            async def write(batch: int):
                partition = f"p{batch % PARTITIONS}"
                items = [
                    ("upsert", ({"id": f"{batch}-{n}", "partitionKey": partition, **body(version)},)) for n in range(size)
                ]
                await container.execute_item_batch(items, partition)

            yield await at_once(at, batches, write)


async def postgres(url: str, batches: int, size: int, at: int):
    """One statement of upserts for each batch, prepared, by asyncpg."""
    import asyncpg

    pool = await asyncpg.create_pool(url, min_size=at, max_size=at)
    await pool.execute(
        "CREATE TABLE sdk (partition_key text, id text, version bigint, body jsonb, PRIMARY KEY (partition_key, id))"
    )
    for version in (1, 2):
        text = json.dumps(body(version))

        async def write(batch: int):
            ids = [f"{batch}-{n}" for n in range(size)]
            await pool.execute(
                """INSERT INTO sdk SELECT $1, id, $2, body::jsonb FROM unnest($3::text[], $4::text[]) AS n (id, body)
                ON CONFLICT (partition_key, id) DO UPDATE SET version = excluded.version, body = excluded.body
                WHERE sdk.version < excluded.version""",
                f"p{batch % PARTITIONS}", version, ids, [text] * size,
            )

        yield await at_once(at, batches, write)
    await pool.close()


async def sqlite(file: str, batches: int, size: int, _: int):
    """A transaction of upserts for each batch, by sqlite3, with the same settings."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = wal; PRAGMA synchronous = normal;"
        "CREATE TABLE sdk (partition_key TEXT, id TEXT, version INTEGER, body TEXT, PRIMARY KEY (partition_key, id)) STRICT"
    )
    for version in (1, 2):
        text = json.dumps(body(version))

        async def write(batch: int):
            rows = [(f"p{batch % PARTITIONS}", f"{batch}-{n}", version, text) for n in range(size)]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                """INSERT INTO sdk VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
                SET version = excluded.version, body = excluded.body WHERE version < excluded.version""",
                rows,
            )
            connection.execute("COMMIT")

        yield await at_once(1, batches, write)

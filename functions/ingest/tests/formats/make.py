"""Writes what the tests read: the same rows by Apache Arrow's own writers and by fastavro.

    $(tools/python.sh formats functions/ingest/tests/formats/requirements.txt)/python functions/ingest/tests/formats/make.py

Run again, it writes the same bytes, except for the marks of Avro's blocks.
"""

from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
UTC = timezone.utc

ROWS = [
    {
        "flag": row % 2 == 0,
        "small": row - 50,
        "large": 9_007_199_254_740_993 + row,
        "ratio": row / 4,
        "price": Decimal(row * 101).scaleb(-2),
        "day": date(2026, 1, 1 + row % 28),
        "instant": datetime(2026, 1, 31, 12, 0, row % 60, 123456, tzinfo=UTC),
        "clock": datetime(2026, 7, 1, 8, row % 60, 0),
        "text": f"é{row}",
        "maybe": None if row % 3 == 0 else row,
        "place": None if row % 5 == 0 else {"city": f"city {row}", "zone": {"code": row}},
        "vector": [row / 2, 1.0, -1.0],
        "kind": ["red", "green"][row % 2],
    }
    for row in range(100)
]

SCHEMA = pa.schema(
    [
        ("flag", pa.bool_()),
        ("small", pa.int8()),
        ("large", pa.int64()),
        ("ratio", pa.float32()),
        ("price", pa.decimal128(12, 2)),
        ("day", pa.date32()),
        ("instant", pa.timestamp("us", "UTC")),
        ("clock", pa.timestamp("ms")),
        ("text", pa.large_string()),
        ("maybe", pa.uint16()),
        ("place", pa.struct([("city", pa.string()), ("zone", pa.struct([("code", pa.int32())]))])),
        ("vector", pa.list_(pa.float64())),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
    ]
)

AVRO = {
    "type": "record",
    "name": "wasmill.test.Row",
    "fields": [
        {"name": "flag", "type": "boolean"},
        {"name": "small", "type": "int"},
        {"name": "large", "type": "long"},
        {"name": "ratio", "type": "float"},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "instant", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "clock", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "text", "type": "string"},
        {"name": "maybe", "type": ["null", "int"]},
        {
            "name": "place",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Place",
                    "fields": [
                        {"name": "city", "type": "string"},
                        {"name": "zone", "type": {"type": "record", "name": "Zone", "fields": [{"name": "code", "type": "int"}]}},
                    ],
                },
            ],
        },
        {"name": "vector", "type": {"type": "array", "items": "double"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["red", "green"]}},
        # Not read by the tests, and in their way: maps, and a type that holds itself.
        {"name": "labels", "type": {"type": "map", "values": "string"}},
        {
            "name": "chain",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Link",
                    "fields": [{"name": "value", "type": "int"}, {"name": "next", "type": ["null", "Link"]}],
                },
            ],
        },
    ],
}


def main() -> None:
    table = pa.Table.from_pylist(ROWS, schema=SCHEMA)
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        pq.write_table(table, HERE / f"{codec}.parquet", compression=codec, row_group_size=40, data_page_size=256)
    for codec in [None, "lz4", "zstd"]:
        options = pa.ipc.IpcWriteOptions(compression=codec)
        name = codec or "none"
        with pa.ipc.new_file(HERE / f"{name}.arrow", SCHEMA, options=options) as writer:
            writer.write_table(table, max_chunksize=40)
        with pa.ipc.new_stream(HERE / f"{name}.arrows", SCHEMA, options=options) as writer:
            writer.write_table(table, max_chunksize=40)
    odd = {"user.name": ["x", "y"], "until": [datetime(9999, 12, 31), datetime(1500, 1, 1, 12)]}
    odd = pa.table(odd, schema=pa.schema([("user.name", pa.string()), ("until", pa.timestamp("us"))]))
    # As Spark wrote them for long, without Arrow's schema, which would tell the unit.
    pq.write_table(odd, HERE / "odd.parquet", use_deprecated_int96_timestamps=True, store_schema=False)
    chain = {"value": 1, "next": {"value": 2, "next": None}}
    records = [row | {"labels": {"a": "b"}, "chain": chain} for row in ROWS]
    for codec in ["null", "deflate", "snappy", "zstandard"]:
        with (HERE / f"{codec}.avro").open("wb") as out:
            fastavro.writer(out, AVRO, records, codec=codec, sync_interval=2000)


if __name__ == "__main__":
    main()

"""What the server has that is tested: five tables, and the same rows as Python's values. PostgreSQL and DataFusion get them by SQL
of their own, made here from one list, so that neither can drift.

    python tests/wire/data.py datafusion     # the views of a pipeline, as TOML
    python tests/wire/data.py postgres       # tables, users, grants and policies
"""

import datetime as dt
import sys
from decimal import Decimal

UTC = dt.UTC

# Each column of `types`: its name, PostgreSQL's type, and Arrow's as DataFusion's `arrow_cast` takes it.
COLUMNS = [
    ("id", "int4", "Int32"),
    ("flag", "bool", "Boolean"),
    ("small", "int2", "Int16"),
    ("whole", "int4", "Int32"),
    ("large", "int8", "Int64"),
    ("real4", "float4", "Float32"),
    ("real8", "float8", "Float64"),
    ("exact", "numeric(20,4)", "Decimal128(20, 4)"),
    ("words", "text", "Utf8"),
    ("bytes", "bytea", "Binary"),
    ("day", "date", "Date32"),
    ("moment", "timestamp", "Timestamp(Microsecond, None)"),
    ("instant", "timestamptz", 'Timestamp(Microsecond, Some("UTC"))'),
    ("clock", "time", "Time64(Microsecond)"),
    ("span", "interval", "Interval(MonthDayNano)"),
    ("numbers", "int4[]", "List(Int32)"),
    ("texts", "text[]", "List(Utf8)"),
]

WORDS = "naïve “Ω” 日本 🦀 e\u0301\n\ttab 'one' \"two\" back\\slash, comma;"
NAN = float("nan")

# Its rows. A span is months, days and microseconds. Nothing here is beyond what Arrow's microseconds can say.
ROWS = [
    (1, True, 1, 2, 3, 1.5, 2.25, Decimal("12345.6789"), "plain", b"\x00\xff\x10", dt.date(2013, 1, 25),
     dt.datetime(2013, 1, 25, 4, 5, 6, 789012), dt.datetime(2013, 1, 25, 4, 5, 6, 789012, UTC), dt.time(12, 34, 56, 123456),
     (14, 3, 14_706_500_000), [1, 2, 3], ["a", "b c"]),
    (2, *[None] * 16),
    (3, False, -32768, -2147483648, -9223372036854775808, -3.4028234663852886e38, -1.7976931348623157e308,
     Decimal("-9999999999999999.9999"), "", b"", dt.date(1, 1, 1), dt.datetime(1, 1, 1), dt.datetime(1, 1, 1, tzinfo=UTC),
     dt.time(0), (0, -1, -1_000_000), [], []),
    (4, True, 32767, 2147483647, 9223372036854775807, float("inf"), NAN, Decimal("0.0001"), WORDS, bytes(range(256)),
     dt.date(9999, 12, 31), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
     dt.time(23, 59, 59, 999999), (0, 0, 0), [None, 5], ["", None, "NULL", 'say "hi", \\', "{}"]),
]  # fmt: skip

# The same as PostgreSQL writes them as text, with its own defaults, and UTC as the time zone; what is not here is plain.
TEXTS = {
    "flag": ["t", None, "f", "t"],
    "real4": ["1.5", None, "-3.4028235e+38", "Infinity"],
    "real8": ["2.25", None, "-1.7976931348623157e+308", "NaN"],
    "exact": ["12345.6789", None, "-9999999999999999.9999", "0.0001"],
    "words": ["plain", None, "", WORDS],
    "bytes": ["\\x00ff10", None, "\\x", "\\x" + bytes(range(256)).hex()],
    "day": ["2013-01-25", None, "0001-01-01", "9999-12-31"],
    "moment": ["2013-01-25 04:05:06.789012", None, "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"],
    "instant": ["2013-01-25 04:05:06.789012+00", None, "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"],
    "clock": ["12:34:56.123456", None, "00:00:00", "23:59:59.999999"],
    "span": ["1 year 2 mons 3 days 04:05:06.5", None, "-1 days -00:00:01", "00:00:00"],
    "numbers": ["{1,2,3}", None, "{}", "{NULL,5}"],
    "texts": ['{a,"b c"}', None, "{}", '{"",NULL,"NULL","say \\"hi\\", \\\\","{}"}'],
}

# Rows that are counted, joined and filtered. `north` never has 5 as its secret, so that a filter which is not there, or is
# there too late, divides by zero.
NORTH, ORDERS, CUSTOMERS, BIG = 333, 999, 30, 1_000_000
TENANT = "CASE {0} % 3 WHEN 0 THEN 'north' WHEN 1 THEN 'south' ELSE 'west' END"
SQL = {
    "orders": (
        "Orders of three tenants.",
        f"SELECT CAST(value AS BIGINT) AS order_id, {TENANT.format('value')} AS tenant, concat('C', value % 10) AS customer, "
        "CAST(value AS DECIMAL(12,2)) AS amount, CAST(CASE WHEN value % 3 = 0 THEN 1 ELSE 5 END AS BIGINT) AS secret, PLACED AS placed "
        "FROM range(1, 1000)",
    ),
    "customers": (
        "Customers of three tenants.",
        f"SELECT {TENANT.format('value')} AS tenant, concat('C', value % 10) AS customer, concat('Customer ', value) AS name "
        "FROM range(0, 30)",
    ),
    "payroll": (
        "Nothing for tenants.",
        "SELECT concat('P', value) AS person, CAST(value * 1000 AS BIGINT) AS salary FROM range(1, 6)",
    ),
    "big": (
        "Many rows.",
        "SELECT CAST(value AS BIGINT) AS n, CAST(value AS DOUBLE PRECISION) / 2 AS half, concat('row ', value) AS label "
        "FROM range(1, 1000001)",
    ),
}
PLACED = {  # an hour for each order, from 2013 on
    "datafusion": "arrow_cast(1356998400000000 + value * 3600000000, 'Timestamp(Microsecond, Some(\"UTC\"))')",
    "postgres": "to_timestamp(1356998400 + value * 3600)",
}


def column(name: str) -> list:
    place = [name for name, _, _ in COLUMNS].index(name)
    return [row[place] for row in ROWS]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal(value: object, arrow: str, dialect: str) -> str:
    """An expression without a cast. Text is what both cast from, apart from bytes and arrays."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"decode('{value.hex()}', 'hex')"
    if isinstance(value, list):
        items = ", ".join(literal(item, "", dialect) for item in value)
        return f"ARRAY[{items}]" if dialect == "postgres" else f"make_array({items})"
    if isinstance(value, tuple):
        months, days, micros = value
        return quoted(f"{months} months {days} days {micros / 1e6:.6f} seconds")
    if isinstance(value, dt.datetime):
        return quoted(value.isoformat(sep=" " if value.tzinfo is None else "T"))
    return quoted(str(value)) if not isinstance(value, int) or isinstance(value, bool) else str(value)


def cast(value: object, postgres: str, arrow: str, dialect: str) -> str:
    text = literal(value, arrow, dialect)
    if dialect == "postgres":
        return f"CAST({text} AS {postgres})"
    if postgres == "interval":
        return f"CAST({text} AS INTERVAL)"
    return f"arrow_cast({text}, {quoted(arrow)})"


def types(dialect: str) -> str:
    """One SELECT for each row, so that each value has its own type from the start."""
    selects = []
    for row in ROWS:
        values = [
            f"{cast(value, postgres, arrow, dialect)} AS {name}"
            for value, (name, postgres, arrow) in zip(row, COLUMNS, strict=True)
        ]
        selects.append("SELECT " + ", ".join(values))
    return "\nUNION ALL ".join(selects)


def queries(dialect: str) -> dict[str, tuple[str, str]]:
    """Each table's description and query."""
    result = {"types": ("A column of each type.", types(dialect))}
    for name, (description, sql) in SQL.items():
        sql = sql.replace("PLACED", PLACED[dialect])
        if dialect == "postgres":
            head, _, numbers = sql.partition(" FROM range(")
            start, end = numbers.rstrip(")").split(", ")
            sql = f"{head} FROM generate_series({start}, {int(end) - 1}) AS numbers(value)"
        result[name] = (description, sql)
    return result


def postgres(users: dict[str, str]) -> str:
    """Everything for a PostgreSQL to be what is tested; `users` are the passwords of user, tenant_user and expired_user."""
    lines = ["SET TIME ZONE 'UTC';", "REVOKE ALL ON SCHEMA public FROM PUBLIC;"]
    for name, (description, sql) in queries("postgres").items():
        kind = "VIEW" if name == "big" else "TABLE"
        lines += [f"CREATE {kind} {name} AS {sql};", f"COMMENT ON {kind} {name} IS {quoted(description)};"]
    for name in ("orders", "customers"):
        lines += [
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;",
            f"CREATE POLICY whole ON {name} FOR SELECT TO {users['user']} USING (true);",
            f"CREATE POLICY north ON {name} FOR SELECT TO {users['tenant']} USING (tenant = 'north');",
        ]
    everybody = f"{users['user']}, {users['tenant']}"
    lines += [
        f"GRANT USAGE ON SCHEMA public TO {everybody};",
        f"GRANT SELECT ON types, orders, customers, big TO {everybody};",
        f"GRANT SELECT ON payroll TO {users['user']};",
        "ANALYZE;",
    ]
    return "\n".join(lines)


def main() -> None:
    if sys.argv[1:] == ["postgres"]:
        print(postgres({"user": "analyst", "tenant": "north"}))
        return
    for name, (description, sql) in queries("datafusion").items():
        print(f"[views.{name}]\ndescription = \"{description}\"\nsql = '''\n{sql}\n'''\n")


if __name__ == "__main__":
    main()

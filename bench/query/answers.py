"""Answers as text, and whether two are the same. An answer is the names of its columns, and its rows."""

import decimal
import itertools
from decimal import Decimal

Answer = tuple[list[str], list[list[str]]]

# Numbers may differ by so much of themselves: sums of floats depend on their order.
RELATIVE = Decimal("1e-9")

# From so many digits after the point on a decimal stands for a number that has more. DataFusion's averages and quotients of
# decimals are decimals, cut off after 6 or 8 digits, where DuckDB's are floats.
CUT_OFF = 4


def text(value: object) -> str:
    """A value as CSV has it."""
    match value:
        case None:
            return ""
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def difference(sql: str, found: Answer, expected: Answer) -> str | None:
    """What is not as it should be, if anything. Rows that the query's order does not tell apart may stand in any order."""
    (columns, rows), (other_columns, other_rows) = found, expected
    if columns != other_columns:
        return f"the columns are {columns} and not {other_columns}"
    if len(rows) != len(other_rows):
        return f"there are {len(rows):,} rows and not {len(other_rows):,}"
    keys = [columns.index(name) for name in order(sql)]
    for number, (row, other) in enumerate(zip(sort_ties(rows, keys), sort_ties(other_rows, keys)), 1):
        if not all(map(same, row, other)):
            return f"row {number} is {row} and not {other}"
    return None


def order(sql: str) -> list[str]:
    """The columns that the whole query is ordered by."""
    _, found, names = sql.rpartition("order by")
    return [name.split()[0] for name in names.partition("limit")[0].split(",")] if found else []


def sort_ties(rows: list[list[str]], keys: list[int]) -> list[list[str]]:
    groups = itertools.groupby(rows, key=lambda row: [row[key] for key in keys])
    return [row for _, group in groups for row in sorted(group)]


def same(one: str, other: str) -> bool:
    if one == other:
        return True
    # Whole numbers are the same or not.
    if "." not in one + other:
        return False
    try:
        a, b = Decimal(one), Decimal(other)
    except decimal.InvalidOperation:
        return False
    if abs(a - b) <= RELATIVE * max(abs(a), abs(b)):
        return True
    digits = min(-number.as_tuple().exponent for number in (a, b))
    return digits >= CUT_OFF and abs(a - b) < Decimal(1).scaleb(-digits)
